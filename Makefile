# Relink's commands. `make demo` and `make test` need nothing run before them.

SHELL := /bin/sh
BIN := .venv/bin

# Passed on as they are: make demo DEMO_ARGS="--help"; make test TEST_ARGS="tests/project -k locks".
DEMO_ARGS ?=
TEST_ARGS ?=
# Parallel test processes; many tests wait for processes, so one more than two cores. loadfile keeps the tests of one file, and the servers they share, together.
TEST_JOBS ?= 3
# The order of files and tests is drawn and printed; make test TEST_JOBS=0 TEST_SEED=17 repeats one (0 jobs: one process).
TEST_SEED ?=
PYTEST := $(BIN)/python -m pytest --numprocesses=$(TEST_JOBS) --dist=loadfile --no-loadscope-reorder \
	$(if $(TEST_SEED),--randomly-seed=$(TEST_SEED)) --quiet --cov --cov-report=term:skip-covered
# make az-test AZ_TEST_ARGS="-k storage"
AZ_TEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage check lint types imports house locks doctor conformance az-test bench requirements clean

help: ## lists the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 \t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## builds .venv from the pinned requirements, if it is not what they say
	@scripts/setup

demo: setup ## breaks a simulated environment and watches Relink repair it
	@$(BIN)/relink demo $(DEMO_ARGS)

test: setup ## runs every test and reports coverage
	@$(PYTEST) --durations=5 $(TEST_ARGS)

coverage: setup ## runs every test, twice as long, and reports branch coverage
	@COVERAGE_CORE=ctrace $(PYTEST) --cov-branch $(TEST_ARGS)

check: setup lint types imports house locks doctor ## everything a change must pass besides the tests

lint: setup ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: .venv/bin/ruff format ."; exit 1; }

types: setup ## mypy, strict
	@$(BIN)/mypy

imports: setup ## import-linter: which room may import which
	@$(BIN)/lint-imports --no-cache

house: setup ## sizes, machine paths, unfinished marks, tests that cannot fail
	@$(BIN)/python scripts/house_check.py

locks: setup ## requirements*.txt are what requirements/*.in give
	@scripts/lock --check

doctor: setup ## azure-functions-doctor: will the Functions host take this?
	@$(BIN)/azure-functions-doctor doctor --path . --profile minimal \
		--hosting-plan flex-consumption --target-python 3.13

conformance: setup ## judges recorded exchanges by Azure's OpenAPI documents; skips where those are absent
	@$(BIN)/python scripts/conformance.py

az-test: setup ## drives the simulated Azure with the real Azure CLI, installed into build/az
	@$(BIN)/python scripts/az_test.py $(AZ_TEST_ARGS)

bench: setup ## runs the benchmarks and writes benchmarks/results.json
	@$(BIN)/python -m benchmarks

requirements: setup ## renews requirements*.txt from requirements/*.in
	@scripts/lock

clean: ## removes .venv and what the tools leave behind
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		.coverage .coverage.* build dist *.egg-info
	@find . -name __pycache__ -type d -not -path './node_modules/*' -prune -exec rm -rf {} +
