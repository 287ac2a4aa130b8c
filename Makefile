# Each target sets up what it needs: Python 3.11 or newer with pip is enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Python compiles what it imports; compiling all of every package takes as long as fetching them.
PIP_OPTIONS := --quiet --no-compile
# What it compiled it keeps, whatever is usual here: torch takes three times as long without.
unexport PYTHONDONTWRITEBYTECODE
SHARED := $(abspath ../shared)

# The full data sets and the real backbone are used where they are at hand.
ifneq ($(wildcard $(SHARED)/data/train_set.fasta),)
export PEFT_SP_SHARED ?= $(SHARED)
endif

.PHONY: help demo test test-slow lint lint-integrations format few-samples bench site teacher pack-esm2-8m distill docs lock release-check clean

help:  ## Show this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.core  ## Predict a sample of a real proteome with the bundled model
	$(BIN)/peft-sp predict examples/ecoli_300.faa -o demo-output
	@head -n 6 demo-output/predictions.tsv | cut -f 1,4,5,12-20

test: $(VENV)/.dev  ## Run the tests, a file of them on each processor
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

test-slow: $(VENV)/.dev  ## Run the tests that train real models, or need a large library (minutes)
	$(BIN)/python -m pip install $(PIP_OPTIONS) --constraint constraints.txt --editable '.[quantized]'
	$(BIN)/python -m pytest -m 'slow or quantized'

lint: $(VENV)/.dev  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lint-integrations: $(VENV)/.core  ## Lint and try what integrations/ has for other programs, by their linters
	$(BIN)/python -m pip install $(PIP_OPTIONS) --constraint constraints.txt --editable '.[shards]'
	PATH="$(abspath $(BIN)):$$PATH" integrations/lint.sh

format: $(VENV)/.dev  ## Put the code into its style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

site: $(VENV)/.core  ## Write the page that predicts inside the browser, for any web server
	$(BIN)/python scripts/site.py site

docs: $(VENV)/.dev  ## Build the documentation as a site, strictly, into docs-site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

FEW_SAMPLES := lora-8M rslora-8M dora-8M ia3-8M adapter-8M prompt-8M frozen-8M full-8M
few-samples: $(VENV)/.dev  ## Compare all methods on small_dataset_30, published protocol (hours)
	$(BIN)/peft-sp crossval $(FEW_SAMPLES) --protocol published \
	  --set data=$(PEFT_SP_SHARED)/data/small_dataset_30.fasta --set backbone=$(PEFT_SP_SHARED)/backbones/esm2_t6_8M \
	  --set optimisation.epochs=6 --set optimisation.batch_size=16 --set optimisation.ema_decay=0.95 \
	  --set optimisation.truncation_probability=0 --set optimisation.chimera_probability=0 \
	  -o few-samples

LORA_8M := docs/results/lora-8M/models/test-0
bench: $(VENV)/.dev  ## Measure speed and memory beside what is aimed at (a quarter of an hour)
	$(BIN)/python benchmarks/targets.py $(if $(PEFT_SP_SHARED),--fasta $(PEFT_SP_SHARED)/data/proteomes/*.faa \
	  --backbone $(PEFT_SP_SHARED)/backbones/esm2_t6_8M --model $(LORA_8M))

# Where the teacher and its two students learn. The windows are FASTA files that the package does not hold.
WINDOWS = $(PEFT_SP_SHARED)/data/unlabelled
LABELS = --set licence=MIT --set data=$(PEFT_SP_SHARED)/data/train_set.fasta \
  --set remainder.data=$(PEFT_SP_SHARED)/data/remainder.fasta --set remainder.homology=$(PEFT_SP_SHARED)/data/remainder_homology.tsv
BACKBONE = --set backbone=packs/esm2_t6_8M_windows
UNLABELLED = --set distillation.teacher_backbone=packs/esm2_t6_8M_windows \
  --set 'distillation.unlabelled=["runs/swissprot_windows.fasta","runs/eukaryote_windows.fasta"]'
runs/%_windows.fasta:
	mkdir -p runs && gzip -dc $(WINDOWS)/$*_windows.fasta.gz > $@.part && mv $@.part $@

teacher: $(VENV)/.dev  ## Cross-validate and train the teacher of `esm2-8m` and `fast` (five hours, or minutes on a GPU)
	$(BIN)/peft-sp crossval esm2-8m-teacher $(LABELS) $(BACKBONE) -o runs/teacher
	$(BIN)/peft-sp train esm2-8m-teacher $(LABELS) $(BACKBONE) --crossval runs/teacher -o runs/teacher-final

pack-esm2-8m: $(VENV)/.dev runs/swissprot_windows.fasta runs/eukaryote_windows.fasta  ## Cross-validate, train, export and pack `esm2-8m` (a day, or minutes on a GPU)
	$(BIN)/peft-sp crossval esm2-8m $(LABELS) $(BACKBONE) $(UNLABELLED) -o runs/esm2-8m
	$(BIN)/peft-sp train esm2-8m $(LABELS) $(BACKBONE) $(UNLABELLED) --crossval runs/esm2-8m -o runs/esm2-8m-final
	$(BIN)/peft-sp export runs/esm2-8m-final -o runs/esm2-8m-exported --precision float16
	$(BIN)/python packs/build.py runs/esm2-8m-exported packs/esm2-8m

distill: $(VENV)/.dev runs/swissprot_windows.fasta runs/eukaryote_windows.fasta  ## Cross-validate, train and export `fast` (a day, or minutes on a GPU)
	$(BIN)/peft-sp crossval fast $(LABELS) $(UNLABELLED) -o runs/fast
	$(BIN)/peft-sp train fast $(LABELS) $(UNLABELLED) --crossval runs/fast -o runs/fast-final
	$(BIN)/peft-sp export runs/fast-final -o runs/fast-exported --precision int8 --check $(PEFT_SP_SHARED)/data/train_set.fasta

release-check: $(VENV)/.dev  ## Build the distributions, install and try them in clean environments (minutes)
	$(BIN)/python scripts/release_check.py --output dist

lock: $(VENV)/.dev  ## Pin what the server and all below it need, with hashes
	$(BIN)/python -m pip install $(PIP_OPTIONS) uv
	$(BIN)/uv pip compile pyproject.toml --extra web --universal --generate-hashes --upgrade --quiet \
	  --no-emit-index-url --custom-compile-command "make lock" --output-file requirements.txt

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml src/peft_sp/version.py | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_OPTIONS) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt src/peft_sp/version.py | $(BIN)/python
	$(BIN)/python -m pip install $(PIP_OPTIONS) --constraint constraints.txt --editable '.[train,plot,web,dev]'
	@touch $@ $(VENV)/.core

clean:  ## Remove the environment and what was made in it
	rm -rf $(VENV) demo-output site docs-site .cache .pytest_cache .ruff_cache .mypy_cache .hypothesis
