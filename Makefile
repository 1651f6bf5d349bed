# Everything a person or a machine does with this repository. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TESTS ?= tests
ALL = $(filter tests,$(TESTS))

.PHONY: help setup demo up test check lint types walls contracts gen fmt clean lock cluster cluster-stop test-cluster bench simulate chaos

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: $(READY) ## Make the virtual environment with everything that is pinned

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is older. Say which: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what requirements/dev.lock pins (a minute on a new machine)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Start the embedded stack, play the stories, show them, stop
	@$(BIN)/python -m deploy.sandbox demo

up: $(READY) ## Start the embedded stack and leave it running until Ctrl-C
	@exec $(BIN)/python -m deploy.sandbox up

# The stack's stories have the machine for themselves: some of them say how fast it is.
test: $(READY) ## Run all tests; TESTS=tests/unit for some
	@$(BIN)/python -m pytest -q $(if $(ALL),-n 2 --dist loadfile --ignore=tests/e2e) $(TESTS)
	@$(if $(ALL),$(BIN)/python -m pytest -q tests/e2e)

cluster: $(READY) ## Start a real control plane for tests (needs Go; builds it the first time, about 16 minutes)
	@$(BIN)/python -m tests.cluster up

cluster-stop: $(READY) ## Stop it and forget what was in it
	@$(BIN)/python -m tests.cluster stop

test-cluster: $(READY) ## Hold the sandbox cluster and the real control plane to one suite
	@$(BIN)/python -m tests.cluster test

SEEDS ?= 200
PAYMENTS ?= 300

simulate: $(READY) ## Play seeded worlds of all services on virtual time (tests/simulation); SEEDS=200
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --payments 25

chaos: $(READY) ## Kill and break the real processes while people pay (docs/chaos.md); PAYMENTS=300
	@$(BIN)/python -m tests.chaos --payments $(PAYMENTS)

bench: $(READY) ## Measure against stated floors (docs/benchmarks.md); BENCH="rpc --size 500" for less, JSON=file
	@$(BIN)/python -m tests.bench $(BENCH) $(if $(JSON),--json $(JSON))

check: lint types walls contracts ## Run every check of the code that is not a test

lint: $(READY) ## ruff: style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: $(READY) ## mypy --strict over everything
	@$(BIN)/mypy

walls: $(READY) ## import-linter: who may import whom
	@$(BIN)/lint-imports

contracts: $(READY) ## buf lint, format, breaking; generated code up to date
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code
	@$(BIN)/buf breaking --against protos/baseline.binpb
	@protos/check-generated

gen: $(READY) ## Generate the Python code of the contracts
	@protos/generate

fmt: $(READY) ## Format Python and protos
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet . && $(BIN)/buf format -w

lock: ## Pin the newest versions that pyproject.toml allows (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --all-extras --group sandbox --group dev pyproject.toml -o requirements/dev.lock

clean: ## Remove the embedded stack's data and every cache (the stack must be stopped)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m deploy.sandbox clean; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
