#!/bin/bash
#SBATCH --job-name=peft-sp
#SBATCH --array=1-250
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH --time=02:00:00
#SBATCH --requeue
peft-sp shards run plan.json --shard "$((SLURM_ARRAY_TASK_ID + ${OFFSET:-0}))" -o results
