# make demo, make test; see README.md. Everything lives in .venv, made with uv where it is there and with pip where it is not.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
DEV := .venv/.installed-dev
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
VENV := $(UV) venv --quiet --python $(PYTHON) .venv
PIP := VIRTUAL_ENV=.venv $(UV) pip install --quiet
else
VENV := $(PYTHON) -m venv .venv
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.PHONY: install demo test double check bench prove clean

install: $(STAMP)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; name one with PYTHON=..." if sys.version_info < (3, 11) else 0)'
	@echo "making .venv"
	@$(VENV)

$(STAMP): $(BIN)/python pyproject.toml constraints.txt
	@echo "installing restaurant-os into .venv"
	@$(PIP) --constraint constraints.txt --editable .
	@touch $@

$(DEV): $(STAMP)
	@echo "installing what the tests need into .venv"
	@$(BIN)/python scripts/group.py dev > .venv/dev.txt
	@$(PIP) --constraint constraints.txt --requirement .venv/dev.txt
	@touch $@

demo: $(STAMP)
	@$(BIN)/restaurant-os demo

check: $(DEV)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/lint-imports > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }

# What stands in for BigQuery in the tests: an environment of its own on Python 3.13. Fails where it cannot be made.
double: $(DEV)
	@$(BIN)/python tests/bigquery_double.py

# One process more than there are cores: many tests wait for processes of their own. Those stand together, so whoever is idle takes some of them over.
test: check
	@$(BIN)/python tests/bigquery_double.py || echo "SKIPPED: every test on BigQuery. It needs Python 3.13: \`make double\` makes what stands in for it." >&2
	@$(BIN)/python -m pytest --dist worksteal -n $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')

bench: $(DEV)
	@$(BIN)/python scripts/group.py bench > .venv/bench.txt
	@$(PIP) --constraint constraints.txt --requirement .venv/bench.txt
	@$(BIN)/python -m benchmarks

prove: $(DEV)
	@$(BIN)/python -m proofs

clean:
	rm -rf .venv .venv-bigquery .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-data
