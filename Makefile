# make demo    align the bundled model and say where the report is
# make test    the test suite, but for what takes longest
# make long    that: twenty kills in one run, a hundred thousand rows, every method from recipe to folder
# make check   lint, types, house rules
# make bench   measure speed and memory beside peers (three quarters of an hour); BENCH="--quick" for some minutes
# make bench-compare BEFORE=a.json AFTER=b.json   what a change did to the ratios
# make table    every method on the starter world, over three seeds (half an hour), and their curves in docs/methods
# make mutants  put one fault after another into the formulas and see whether the tests notice (a quarter of an hour); MUTANTS="--all"
# make settings  write docs/settings.md anew
# make pages   build the pages anew, and the types of what the server says

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
NPM = PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix web
PARTS = web/node_modules/.package-lock.json

.PHONY: demo test long fast check bench bench-compare table mutants settings pages clean
.DEFAULT_GOAL := check

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Concord needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group test --group pages --group check --editable .
	touch $(READY)

$(PARTS): $(READY) web/package-lock.json
	$(NPM) ci --ignore-scripts --no-audit --no-fund || echo "npm's registry cannot be reached: the pages are not checked"

demo: $(READY)
	$(BIN)/concord demo

test: $(READY) $(PARTS)
	$(BIN)/python -m pytest -rs -m "not long"

long: $(READY) $(PARTS)
	CONCORD_KILLS=20 $(BIN)/python -m pytest -rs -m "long or kills"

fast: $(READY)
	$(BIN)/python -m pytest -m "not slow"

check: $(READY) $(PARTS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	test ! -e $(PARTS) || $(NPM) run --silent check
	$(BIN)/python -m pytest -q tests/test_house.py tests/test_docs.py

bench: $(READY)
	$(BIN)/python -m benchmarks $(BENCH)

bench-compare: $(READY)
	$(BIN)/python -m benchmarks.compare $(BEFORE) $(AFTER)

table: $(READY)
	$(BIN)/python -m benchmarks.methods $(TABLE)
	$(BIN)/python -m benchmarks.curves

mutants: $(READY)
	$(BIN)/python -m tests.mutants $(MUTANTS)

settings: $(READY)
	$(BIN)/python -m concord.cli.settings_page > docs/settings.md

pages: $(PARTS)
	$(NPM) run --silent api
	$(BIN)/python hatch_build.py

clean:
	rm -rf $(VENV) web/node_modules src/concord/annotation/static .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
