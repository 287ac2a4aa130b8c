#!/usr/bin/env nextflow

/*
 * A very large input in shards, each a task:
 *
 *     nextflow run integrations/shards --input '/data/proteins/*.faa' --outdir results
 *
 * The input is a whole path, a pattern or an address: tasks read it from where it lies.
 */

params.input    = null
params.shard    = 1000000
params.organism = 'other'
params.outdir   = 'results'

process PLAN {
    output:
    path 'plan.json'

    script:
    """
    peft-sp shards plan '${params.input}' --proteins ${params.shard} --organism ${params.organism} -o plan.json
    """
}

process SHARD {
    tag "$number"
    cpus 1
    memory 1.GB
    time 2.h
    errorStrategy 'retry'
    maxRetries 3

    input:
    tuple path(plan), val(number)

    output:
    path 'results/shard-*'

    script:
    """
    peft-sp shards run $plan --shard $number -o results
    """
}

process TABLE {
    publishDir params.outdir, mode: 'copy'

    input:
    path plan
    path 'results/*'

    output:
    path 'predictions.parquet'

    script:
    """
    peft-sp shards verify $plan -o results
    peft-sp shards merge $plan -o results --to predictions.parquet
    """
}

workflow {
    PLAN()
    shards = PLAN.out.flatMap { plan ->
        def count = new groovy.json.JsonSlurper().parseText(plan.text).shards.size()
        (1..count).collect { number -> tuple(plan, number) }
    }
    SHARD(shards)
    TABLE(PLAN.out, SHARD.out.collect())
}
