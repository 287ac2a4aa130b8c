process PEFTSP_PREDICT {
    tag "$meta.id"
    label 'process_low'

    conda "${moduleDir}/environment.yml"
    container "${ workflow.containerEngine in ['singularity', 'apptainer'] && !task.ext.singularity_pull_docker_container ?
        'https://depot.galaxyproject.org/singularity/peft-sp:0.2.0--pyhdfd78af_0':
        'quay.io/biocontainers/peft-sp:0.2.0--pyhdfd78af_0' }"

    input:
    tuple val(meta), path(fasta)
    val organism

    output:
    tuple val(meta), path("${prefix}.tsv")          , emit: tsv
    tuple val(meta), path("${prefix}.gff3")         , emit: gff3
    tuple val(meta), path("${prefix}.mature.fasta") , emit: mature
    tuple val(meta), path("${prefix}.html")         , emit: html, optional: true
    tuple val("${task.process}"), val('peft-sp'), eval("peft-sp --version | sed 's/peft-sp //'"), topic: versions, emit: versions_peftsp

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix   = task.ext.prefix ?: "${meta.id}"
    """
    peft-sp predict \\
        $args \\
        --organism $organism \\
        --threads $task.cpus \\
        --output results \\
        $fasta

    mv results/predictions.tsv ${prefix}.tsv
    mv results/predictions.gff3 ${prefix}.gff3
    mv results/processed_entries.fasta ${prefix}.mature.fasta
    if [ -e results/summary.html ]; then mv results/summary.html ${prefix}.html; fi
    """

    stub:
    def args = task.ext.args ?: ''
    prefix   = task.ext.prefix ?: "${meta.id}"
    """
    echo $args
    touch ${prefix}.tsv
    touch ${prefix}.gff3
    touch ${prefix}.mature.fasta
    """
}
