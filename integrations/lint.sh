#!/usr/bin/env bash
# Lint every integration by its own linter, each in an environment of its own, and run those that run
# without a workflow engine's server: integrations/lint.sh [bioconda|nfcore|nextflow|galaxy|snakemake]...
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
  else
    echo "nextflow: Nextflow is not installed, the example was not run"
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
}

for one in "${@:-all}"; do
  case $one in
    bioconda | nfcore | galaxy) (set -e; "$one") ;;
    nextflow) (set -e; nextflow_example) ;;
    snakemake) (set -e; snakemake_wrapper) ;;
    all) exec "$0" bioconda nfcore nextflow galaxy snakemake ;;
    *) echo "integrations/lint.sh: there is no integration $one" >&2; exit 2 ;;
  esac
done
