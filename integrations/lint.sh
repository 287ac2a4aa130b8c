#!/usr/bin/env bash
# Lint every integration by its own linter, each in an environment of its own, and run those that run
# on one machine: integrations/lint.sh [bioconda|nfcore|nextflow|galaxy|snakemake|slurm|hyperqueue|kubernetes]...
# `peft-sp` must be on PATH. Environments are kept in .cache/integrations (2 GB).
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD HERE=$PWD/integrations CACHE=$PWD/.cache/integrations
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# environment NAME PACKAGE... : the folder of its commands.
environment() {
  local folder=$CACHE/$1
  shift
  if [ "$(cat "$folder/made-of" 2>/dev/null)" != "$*" ]; then
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --no-compile "$@" >&2
    echo "$*" >"$folder/made-of"
  fi
  echo "$folder/bin"
}

bioconda() {
  local bin
  bin=$(environment bioconda grayskull==3.2.0 build==1.6.1 hatchling==1.33.0)
  "$bin/python" -m build --sdist --no-isolation --outdir "$WORK/sdist" "$ROOT" >"$WORK/build.log"
  (cd "$WORK/sdist" && "$bin/grayskull" pypi --no-use-v1-format ./peft_sp-*.tar.gz >"$WORK/grayskull.log")
  requirements() { sed -n '/^  run:/,/^$/p' "$1"; }
  diff <(requirements "$HERE/bioconda/peft-sp/meta.yaml") <(requirements "$WORK/sdist/peft-sp/meta.yaml")
  echo "bioconda: what it requires is what grayskull finds in the source distribution"
}

# nf-core's linter wants a clone of nf-core/modules and Nextflow. Where there is none, a repository of
# our module alone stands for the first, and for the second a command that knows nothing, so that what
# needs them is not looked at: containers and the two schemas.
nfcore() {
  local bin clone=$WORK/repository nextflow
  bin=$(environment nfcore nf-core==4.2.1)
  mkdir -p "$clone/modules/nf-core" "$clone/subworkflows/nf-core" "$WORK/config/nfcore/nf-core" "$WORK/bin"
  touch "$clone/subworkflows/nf-core/.keep"
  cp -r "$HERE/nf-core/modules/nf-core/peftsp" "$clone/modules/nf-core/"
  printf 'repository_type: modules\norg_path: nf-core\n' >"$clone/.nf-core.yml"
  for schema in meta environment; do
    cp "${NFCORE_MODULES:-/nowhere}/modules/$schema-schema.json" "$clone/modules/" 2>/dev/null || echo '{}' >"$clone/modules/$schema-schema.json"
  done
  if nextflow -v >/dev/null 2>&1; then nextflow=yes; else
    nextflow=no
    # shellcheck disable=SC2016
    printf '#!/bin/sh\ncase "$1" in -v) echo "nextflow version 26.10.3";; config) echo "{}";; *) exit 1;; esac\n' >"$WORK/bin/nextflow"
    chmod +x "$WORK/bin/nextflow"
  fi
  (
    cd "$clone"
    git init --quiet --initial-branch master .
    git add --all
    git -c user.name=lint -c user.email=lint@localhost commit --quiet --message "the module"
    git remote add origin https://github.com/nf-core/modules.git
    git clone --quiet --bare . "$WORK/origin.git"
    git clone --quiet "$WORK/origin.git" "$WORK/config/nfcore/nf-core/modules"
    PATH=$WORK/bin:$PATH XDG_CONFIG_HOME=$WORK/config XDG_CACHE_HOME=$WORK/cache NFCORE_NO_VERSION_CHECK=1 HIDE_PROGRESS=1 \
      "$bin/nf-core" modules lint peftsp/predict --plain-text
  ) >"$WORK/nfcore.log" 2>&1 || true
  sed -n '/Module Test/,$p' "$WORK/nfcore.log"
  grep -q "Tests Passed" "$WORK/nfcore.log"
  # Each finding begins with the module's name and the test's.
  if grep "^peftsp/predict " "$WORK/nfcore.log" | grep -vE " (bioconda_version|$([ $nextflow = no ] && echo 'docker_tag|singularity_tag'))$"; then
    echo "nfcore: the findings above are new"
    return 1
  fi
  echo "nfcore: nothing else is found (Nextflow: $nextflow; schemas of a clone: ${NFCORE_MODULES:-no})"
}

nextflow_example() {
  local bin
  bin=$(environment nextflow groovy-parser==0.2.2)
  find "$HERE" \( -name '*.nf' -o -name '*.config' -o -name '*.nf.test' \) -print0 | xargs -0 "$bin/python" -c '
import sys
from groovy_parser.parser import parse_groovy_content
for path in sys.argv[1:]:
    parse_groovy_content(open(path).read())
    print(f"nextflow: {path} is Groovy")
'
  if command -v nextflow >/dev/null; then
    (cd "$WORK" && nextflow -q run "$HERE/nextflow" --input "$ROOT/examples/*.faa" --outdir "$WORK/results")
    test "$(head -n 1 "$WORK/results/types.tsv")" = "$(printf 'proteome\ttype\tproteins')"
    echo "nextflow: the example ran"
    (cd "$WORK" && nextflow -q run "$HERE/shards/main.nf" --input "$ROOT/examples/ecoli_300.faa" --shard 150 --outdir "$WORK/shards")
    test -s "$WORK/shards/predictions.parquet"
    echo "nextflow: the shards ran"
  else
    echo "nextflow: Nextflow is not installed, the examples were not run"
  fi
}

galaxy() {
  local bin
  bin=$(environment galaxy planemo==0.75.47)
  "$bin/planemo" lint --fail_level warn "$HERE/galaxy/peft_sp"
  # In the place that it has in tools-iuc. Whether its version is new only the Tool Shed knows.
  mkdir "$WORK/tools"
  cp -r "$HERE/galaxy/peft_sp" "$WORK/tools/"
  "$bin/planemo" shed_lint --skip version_bumped --fail_level warn "$WORK/tools/peft_sp"
}

snakemake_wrapper() {
  local bin rule=bio/peft-sp/predict
  bin=$(environment snakemake snakemake==9.27.1 snakefmt==2.1.0)
  "$bin/snakefmt" --check "$HERE/snakemake/$rule/test/Snakefile"
  mkdir -p "$WORK/wrappers/master"
  cp -r "$HERE/snakemake/bio" "$WORK/wrappers/master/"
  cd "$WORK/wrappers/master/$rule/test"
  "$bin/snakemake" --quiet --cores 2 --wrapper-prefix "file://$WORK/wrappers/" results/proteins.tsv
  peft-sp predict proteins.faa --organism auto --output expected >/dev/null
  cmp results/proteins.tsv expected/predictions.tsv
  echo "snakemake: the rule ran, and gives the table of the command"
  "$bin/snakefmt" --check "$HERE/shards/Snakefile"
  in_shards snakemake "$bin/snakemake" --quiet --cores 2 --snakefile "$HERE/shards/Snakefile" \
    --config proteins="$ROOT/examples/ecoli_300.faa" shard=150 # it finds the plan there
}

# in_shards NAME COMMAND... : run it in a folder of its own that has a plan of two shards; the results
# together are what peft-sp predict gives.
in_shards() {
  local name=$1 folder=$WORK/shards-$1 input=$ROOT/examples/ecoli_300.faa
  shift
  mkdir "$folder"
  cd "$folder"
  peft-sp shards plan "$input" --proteins 150 -o plan.json >/dev/null
  "$@" >log 2>&1 || { cat log; return 1; }
  peft-sp shards verify plan.json -o results >/dev/null
  peft-sp shards merge plan.json -o results --to merged.tsv >/dev/null
  peft-sp predict "$input" -o alone >/dev/null 2>&1
  cmp merged.tsv alone/predictions.tsv
  echo "$name: the shards ran, and give the table of the command"
}

# A cluster of this machine: munge, a controller and a node, which end with the script.
slurm() {
  if ! command -v slurmctld slurmd munged sbatch >/dev/null; then
    echo "slurm: is not installed (apt-get install slurmctld slurmd slurm-client munge), the example was not run"
    return
  fi
  local own=$WORK/slurm host port=$((20000 + RANDOM % 20000))
  host=$(hostname -s)
  mkdir -p "$own/state" "$own/spool" "$own/munge"
  chmod 0755 "$WORK" "$own" "$own/munge"
  head -c 1024 /dev/urandom >"$own/munge/key"
  chmod 0400 "$own/munge/key"
  cat >"$own/slurm.conf" <<END
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$(id -un)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$own/munge/socket
CredType=cred/munge
StateSaveLocation=$own/state
SlurmdSpoolDir=$own/spool
SlurmctldPidFile=$own/slurmctld.pid
SlurmdPidFile=$own/slurmd.pid
SlurmctldLogFile=$own/slurmctld.log
SlurmdLogFile=$own/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=3000
PartitionName=all Nodes=ALL Default=YES State=UP
END
  export SLURM_CONF=$own/slurm.conf
  trap 'kill $(cat "$WORK"/slurm/*.pid "$WORK"/slurm/munge/pid) 2>/dev/null; sleep 1; rm -rf "$WORK"' EXIT
  munged --force --socket="$own/munge/socket" --key-file="$own/munge/key" --pid-file="$own/munge/pid" \
    --log-file="$own/munge/log" --seed-file="$own/munge/seed"
  slurmctld
  slurmd
  slurm_twice() { # one shard, then what is missing, as status names it
    sbatch --wait --array=1 "$HERE/shards/slurm.sh"
    sbatch --wait --array="$(peft-sp shards status plan.json -o results | sed -n 's/^missing: //p')" "$HERE/shards/slurm.sh"
  }
  in_shards slurm slurm_twice
}

# HyperQueue comes from PyPI without its command hq, so that its Python interface submits the script.
hyperqueue() {
  local bin
  bin=$(environment hyperqueue hyperqueue==0.27.0 cloudpickle==3.1.2)
  in_shards hyperqueue "$bin/python" -c '
import sys
from pathlib import Path
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
with LocalCluster(worker_config=WorkerConfig(cores=2)) as cluster:
    job = Job(default_workdir=Path.cwd(), max_fails=None)
    job.program(["true"])  # task 0
    for _ in range(2):
        job.program(["bash", sys.argv[1]])
    client = cluster.client()
    client.wait_for_jobs([client.submit(job)])
' "$HERE/shards/hyperqueue.sh"
}

kubernetes() {
  local bin
  bin=$(environment kubernetes kubernetes-validate==1.37.0)
  "$bin/kubernetes-validate" --strict "$HERE/shards/kubernetes.yaml"
}

for one in "${@:-all}"; do
  case $one in
    bioconda | nfcore | galaxy | slurm | hyperqueue | kubernetes) (set -e; "$one") ;;
    nextflow) (set -e; nextflow_example) ;;
    snakemake) (set -e; snakemake_wrapper) ;;
    all) exec "$0" bioconda nfcore nextflow galaxy snakemake slurm hyperqueue kubernetes ;;
    *) echo "integrations/lint.sh: there is no integration $one" >&2; exit 2 ;;
  esac
done
