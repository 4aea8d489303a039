# Each target does its own set-up; only python3 (3.11 or newer, with venv) and make are needed. `make` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
FUZZ_STAMP := $(VENV)/.fuzz-stamp
MUTATION_STAMP := $(VENV)/.mutation-stamp
COMPILED := build/compiled
COMPILED_STAMP := $(COMPILED)/.stamp
PYTEST := $(BIN)/python -m pytest
CORE := crypto keys session wire

# What a run may be given: `make test ARGS="-k frames"`, `make fuzz FUZZ_SECONDS=7200`, `make soak SOAK_SECONDS=3600`.
# With WORKERS=0, `make test` runs one test after the other.
ARGS ?=
WORKERS ?= 4
FUZZ_EXAMPLES ?= 2000
FUZZ_SECONDS ?= 300
SOAK_SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help venv demo test compiled check fmt e2e container fuzz mutation soak bench coverage core dist lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Installing with hashes leaves no package unpinned, and building without isolation uses the pinned build back end.
$(STAMP): requirements/dev.txt pyproject.toml
	@PYTHON=$(PYTHON) tools/make_venv.sh $(VENV)
	@echo "installing into $(VENV) what requirements/dev.txt pins"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

venv: $(STAMP) ## Make .venv with the project and all its tools

demo: $(STAMP) ## Run the tunnel on this machine and show what it does
	@$(BIN)/wormhole demo $(ARGS)

test: $(STAMP) ## Run the tests that need nothing else installed
	@$(PYTEST) -n $(WORKERS) --dist=worksteal $(ARGS)

# The compiled build, which the container's image and `make dist` have as well, in an environment of its own.
$(COMPILED_STAMP): requirements/dev.txt pyproject.toml hatch_build.py $(shell find src -name '*.py')
	@PYTHON=$(PYTHON) tools/make_venv.sh $(COMPILED)
	@echo "compiling into $(COMPILED)"
	@$(COMPILED)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@WORMHOLE_COMPILE=1 $(COMPILED)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --force-reinstall .
	@touch $@

compiled: $(COMPILED_STAMP) ## Run the tests of `make test` on the compiled build (with a C compiler)
	@$(COMPILED)/bin/python -m pytest -n $(WORKERS) --dist=worksteal -m "not alters_engine" $(ARGS)

check: $(STAMP) ## Check format, lint, types, import layers and locks
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python tools/check_locks.py

fmt: $(STAMP) ## Format, and mend what lint can mend by itself
	@$(BIN)/ruff check --quiet --fix-only
	@$(BIN)/ruff format

e2e: $(STAMP) ## Run the tests beside real servers (tools/ci-packages.txt names them)
	@$(PYTEST) tests/e2e $(ARGS)

container: $(STAMP) ## Build the container's image on an engine of its own, and test it (Debian, as root)
	@$(BIN)/python tools/container_stage.py $(ARGS)

# The fuzzer is not there for every machine that runs the tests, so it is installed only where it is used.
$(FUZZ_STAMP): $(STAMP) requirements/fuzz.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@touch $@

fuzz: $(FUZZ_STAMP) ## Run the property tests with FUZZ_EXAMPLES examples, and the fuzzer for FUZZ_SECONDS (Linux)
	@HYPOTHESIS_PROFILE=fuzz FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PYTEST) -m fuzz --timeout=1800 $(ARGS)
	@if [ "$$(uname)" = Linux ]; then $(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS); fi

$(MUTATION_STAMP): $(STAMP) requirements/mutation.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/mutation.txt
	@touch $@

mutation: $(MUTATION_STAMP) ## Change the core's code in one place at a time, and see whether a test notices (an hour)
	@$(BIN)/python tools/mutate.py $(ARGS)

soak: $(STAMP) ## Keep a tunnel busy and watch its memory and descriptors (SOAK_SECONDS)
	@SOAK_SECONDS=$(SOAK_SECONDS) $(PYTEST) tests/soak --timeout=0 $(ARGS)

bench: $(COMPILED_STAMP) ## Measure the compiled build against other tunnels, side by side
	@$(COMPILED)/bin/python -m benchmarks $(ARGS)

coverage: $(STAMP) ## Run the tests and show which branches they miss, processes included
	@$(PYTEST) --cov --cov-report=term $(ARGS)

# The core decides everything that an attacker can reach, so no branch of it may go untested.
core: $(STAMP) ## Run the tests of the sans-I/O core, and fail if they miss one of its branches
	@$(PYTEST) $(CORE:%=tests/unit/%) tests/engine --ignore=tests/engine/resume/test_explorer.py \
		$(CORE:%=--cov=wormhole_tunnel.%) --cov-branch --cov-report=term --cov-fail-under=100 $(ARGS)

dist: $(STAMP) ## Build wheel and sdist twice, compare, and put them in dist/
	@$(BIN)/python tools/build_dist.py

lock: $(STAMP) ## Resolve the dependencies anew and write requirements/*.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lock.txt
	@$(BIN)/python tools/lock.py

clean: ## Remove .venv and everything that was built or cached
	@rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
