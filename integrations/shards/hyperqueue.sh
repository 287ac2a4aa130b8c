#!/bin/bash
#HQ --name=peft-sp
#HQ --array=1-250
#HQ --cpus=1
peft-sp shards run plan.json --shard "$HQ_TASK_ID" -o results
