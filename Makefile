# Every habit has a name. Each first gets what it lacks, says what it does, and does nothing twice.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON_FILES := $(wildcard app benchmarks deployer pipelines scripts/*.py tests)
SHELL_FILES := .ci/run $(filter-out %.py %.md %/__pycache__,$(wildcard scripts/*))

# Half as many again as there are processors: much of a test is waiting. `make test WORKERS=1` to see one at a time.
WORKERS ?= $(shell n=$$(nproc); echo $$((n + (n + 1) / 2)))
# A test, a file, an option: `make test ARGS='tests/unit -k config'`.
ARGS ?=

# Commands that a config.yaml names (python3, pip) are the project's.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

STAMP := .venv/installed

# Where Python is told to keep no bytecode, each of the many deployers that tests start would compile itself anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test soak bench lint docs pictures clean packages engine base-image tests

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) base-image ## the API is rolled out twice under load: lost = 0, and what to open
	@python scripts/demo.py

# The engine and its base image come up while the code is looked at: that takes one processor, and they wait mostly.
test: ## lint and all tests; ten minutes to a quarter of an hour on two processors
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint base-image
	@$(MAKE) --no-print-directory tests

soak: $(STAMP) base-image ## the tests again with the full counts and random instants; an hour or so
	@DEPLOYER_SOAK=1 $(MAKE) --no-print-directory tests ARGS="-o timeout=7200 $(ARGS)"

# Tests that start an engine of their own are for root alone: said aloud here rather than skipped there.
tests:
	@echo "make: pytest with $(WORKERS) workers"
	@if [ "$$(id -u)" = 0 ]; then only=(); else \
	    echo "make: you are not root, so the tests marked 'root' are left out (sudo make test runs them)"; \
	    only=(-m 'not root'); fi; \
	python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=15 "$${only[@]}" $(ARGS)

bench: $(STAMP) base-image ## measures against the peers, side by side in one run
	@python -m benchmarks $(ARGS)

lint: $(STAMP) ## ruff, mypy, the layers (import-linter), shellcheck
	ruff check .
	mypy $(PYTHON_FILES)
	lint-imports
	shellcheck --external-sources $(SHELL_FILES)

docs: $(STAMP) ## writes docs/configuration.md from the schema, docs/commands.md from the commands
	python -m deployer config docs > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md
	python scripts/commands_reference.py > docs/commands.md.new
	mv docs/commands.md.new docs/commands.md

pictures: $(STAMP) base-image ## makes the README's pictures, from a rollout under load and the front end on it
	@python scripts/pictures.py

clean: ## removes what was built here, not the engine's images, nor the base image in the cache
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- what they need -------------------------------------------------------------------------------

packages:
	@scripts/system-packages

engine: packages
	@scripts/engine up

base-image: engine
	@scripts/base-image

# `make` runs both of these only when what they depend on has changed.
$(STAMP): setup.py | packages
	@scripts/venv
	@touch $@
