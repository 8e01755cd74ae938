# Every target sets the environment up by itself: Python >= 3.11, git and make are enough.
# Another interpreter: make PYTHON=python3.12 test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What a user needs, and what developers need besides.
USER := $(VENV)/.user
READY := $(VENV)/.ready
WHEEL := build/wheel

# Versions hold for what builds the package, too (older and newer pip read different variables).
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Cohorts run in processes of one thread each; threads inside them only get in each other's way.
test: export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: site help study test lint bench bench-gpu faults service-checks scale wheel-check docs clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

$(USER): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("qsched needs Python >= 3.11, but $(PYTHON) is %d.%d; run make with PYTHON=<a newer one>" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[native]'
	@touch $@

$(READY): $(USER)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

study: $(USER) ## Run the default study: verdict, report, schedule file
	$(BIN)/qsched run digits-ana

test: $(READY) ## Run all tests and doctests
	$(BIN)/pytest -n 2 --dist worksteal

lint: $(READY) ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## Measure throughput against its peers and the machine (BENCH=--quick: a first look)
	$(BIN)/python -m benchmarks.throughput $(BENCH)

bench-gpu: $(USER) ## Measure throughput on a GPU, where there is one
	$(BIN)/python -m benchmarks.throughput.gpu $(BENCH)

faults: $(READY) ## Inject eleven faults into a real study and count what is lost (FAULTS='--times 1': a first look)
	$(BIN)/python -m benchmarks.faults $(FAULTS)

service-checks: $(READY) ## Send a server thousands of requests of strangers, viewers and machines (CHECKS='--cases 500 --files 100': a first look)
	$(BIN)/python -m benchmarks.service_checks $(CHECKS)

scale: $(READY) ## Drive a study on PostgreSQL with up to 256 simulated workers (SCALE=--trials=1000: a first look)
	$(BIN)/python -m benchmarks.scale $(SCALE)

wheel-check: $(READY) ## Install the wheel into an empty environment and use it from another folder
	rm -rf $(WHEEL)
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir $(WHEEL) .
	$(PYTHON) -m venv $(WHEEL)/venv
	$(WHEEL)/venv/bin/python -m pip install --quiet --no-compile -c constraints.txt $(WHEEL)/*.whl
	cd / && '$(CURDIR)/$(WHEEL)/venv/bin/qsched' ls
	cd / && '$(CURDIR)/$(WHEEL)/venv/bin/qsched' validate --all
	rm -rf $(WHEEL)

docs: $(READY) ## Write docs/cli.md from the commands
	$(BIN)/qsched reference > docs/cli.md.new && mv docs/cli.md.new docs/cli.md

site: $(READY) ## Build the documentation site into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
