# Two commands need nothing but Python 3.11+, make and a C++ compiler: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
RUN := $(VENV)/.run-ready
DEV := $(VENV)/.dev-ready
PYTEST := $(BIN)/python -m pytest
PARALLEL := --numprocesses auto --dist loadfile  # test files side by side, one process a core

# uv brings certificates of its own; behind a proxy that pip is told of, it must know them too.
ifdef PIP_CERT
export SSL_CERT_FILE ?= $(PIP_CERT)
endif

.PHONY: demo test test-full prove mutate lint types schemas docs notebooks kills benchmarks lock clean help

help:
	@echo "make demo       set up, run the quickstart, print the table and where the report lies"
	@echo "make test       set up, then lint, types and the tests"
	@echo "make test-full  everything, slow exhaustive runs included; goes on where it was stopped"
	@echo "                (SHARD=2/8: every eighth shard; MINUTES=30: begin none after half an hour)"
	@echo "make benchmarks the tables of docs/benchmarks again, peers included (20 to 60 minutes)"
	@echo "make prove      prove the stream components (docs/proofs.md)"
	@echo "make mutate     score the hardware tests by mutation (docs/mutation.md)"
	@echo "make schemas    write the JSON Schemas of configuration files again (docs/editor.md)"
	@echo "make docs       build the documentation site in build/site"
	@echo "make kills      kill workers, drivers and schedulers 100 times each (docs/benchmarks/sweep.md)"
	@echo "make lock       refresh the pinned dependencies"

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "archsim needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(RUN): $(BIN)/uv requirements/run.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements/run.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(DEV): $(BIN)/uv requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@ $(RUN)

demo: $(RUN)
	@sh scripts/system-packages perl
	@$(BIN)/archsim run configs/quickstart.yaml
	@$(BIN)/archsim loop configs/array/os_8x8_int8.yaml

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy

test: $(DEV) lint types
	sh scripts/system-packages
	$(PYTEST) $(PARALLEL) -m "not slow and not gpu"

test-full: $(DEV) lint types
	sh scripts/system-packages
	$(BIN)/python scripts/test_full.py $(if $(SHARD),--shard $(SHARD)) $(if $(MINUTES),--minutes $(MINUTES))

prove: $(DEV)
	$(BIN)/python scripts/prove.py

mutate: $(DEV)
	$(BIN)/python scripts/mutate.py --prove

docs: $(DEV)
	$(BIN)/mkdocs build --strict --quiet
	@echo "build/site/index.html"

notebooks: $(DEV)
	$(BIN)/python scripts/run_notebooks.py --write

kills: $(DEV)  # hours on a busy machine; KILLS=5 for a look
	$(BIN)/python benchmarks/kill9.py --kills $(or $(KILLS),100)
	$(BIN)/python benchmarks/kill_cluster.py --kills $(or $(KILLS),100)

benchmarks: $(DEV)  # the tables of docs/benchmarks, peers included; 20 to 60 minutes
	$(BIN)/python benchmarks/bench_array.py --write --repeat 5
	$(BIN)/python benchmarks/bench_faults.py --write
	$(BIN)/python benchmarks/bench_sweep.py --write
	$(BIN)/python benchmarks/bench_report.py --write
	$(BIN)/python benchmarks/bench_cluster.py --write

schemas: $(RUN)
	$(BIN)/archsim schema --output configs/schemas

lock: $(BIN)/uv
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 pyproject.toml --extra rtl -o requirements/run.lock
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 pyproject.toml --extra rtl --extra synth --extra gpu --extra sm --extra calibrate --extra cluster --extra notebook --extra docs --extra dev -o requirements/dev.lock

clean:
	rm -rf $(VENV) build archsim-out
