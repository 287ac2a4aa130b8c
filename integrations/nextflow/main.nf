#!/usr/bin/env nextflow

/*
 * Signal peptides of several proteomes: one table of all, and of each its features and a page.
 *
 *     nextflow run integrations/nextflow --input 'proteomes/*.faa' --outdir results
 */

include { PEFTSP_PREDICT } from '../nf-core/modules/nf-core/peftsp/predict/main'

process COUNT_TYPES {
    label 'process_single'

    input:
    path table

    output:
    path 'types.tsv', emit: types

    script:
    """
    awk -F '\\t' '
        NR == 1 { for (column = 1; column <= NF; column++) if (\$column == "type") type = column; next }
        { proteins[\$1 FS \$type]++ }
        END { for (name in proteins) print name FS proteins[name] }
    ' $table | sort > sorted.tsv
    printf 'proteome\\ttype\\tproteins\\n' | cat - sorted.tsv > types.tsv
    """

    stub:
    """
    printf 'proteome\\ttype\\tproteins\\n' > types.tsv
    """
}

process ADD_NAME {
    tag "$meta.id"
    label 'process_single'

    input:
    tuple val(meta), path(table)

    output:
    path "${meta.id}.named.tsv", emit: named

    script:
    """
    awk -v name='${meta.id}' 'BEGIN { OFS = "\\t" } { print (NR == 1 ? "proteome" : name), \$0 }' $table > ${meta.id}.named.tsv
    """

    stub:
    """
    touch ${meta.id}.named.tsv
    """
}

workflow {
    proteomes = channel.fromPath(params.input, checkIfExists: true)
        .map { file -> tuple([id: file.name.replaceFirst(/\.(fasta|faa|fa)(\.gz)?$/, '')], file) }

    PEFTSP_PREDICT(proteomes, params.organism)
    ADD_NAME(PEFTSP_PREDICT.out.tsv)

    all_tables = ADD_NAME.out.named
        .collectFile(name: 'predictions.tsv', keepHeader: true, skip: 1, sort: { file -> file.name }, storeDir: params.outdir)
    COUNT_TYPES(all_tables)
}
