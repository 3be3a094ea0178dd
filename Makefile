# imo360: `make demo` runs the main job, `make test` proves it. Both set up .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
export DO_NOT_TRACK := 1
# Some machines forbid Python to keep what it compiled: each of the tests' processes then compiles
# all it imports, which takes longer than most tests.
export PYTHONDONTWRITEBYTECODE :=
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.PHONY: help setup demo test test-fast test-postgresql check contract bench soak soak-short lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## make .venv from the hashed locks

$(STAMP): pyproject.toml requirements.lock bootstrap.lock
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r bootstrap.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: setup  ## post a synthetic market over HTTP, refresh it through Prefect, print what came out
	$(BIN)/imo360 demo

check: setup  ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-fast: setup  ## the fast part of the tests
	$(BIN)/pytest -n 2 -m "not slow and not soak"

test: check  ## everything CI runs: check, the fast tests, then the slow ones
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow and not soak"
	$(BIN)/pytest -n 3 --dist loadfile -m "slow and not soak"

test-postgresql: setup  ## store, flows and API on a PostgreSQL server that the tests start
	IMO360_TEST_ENGINE=postgresql $(BIN)/pytest -n 2 --dist worksteal -m "not soak" tests/store tests/flows tests/ingest_api

# Tools of the contract, apart from .venv: they bring versions of their own of what we use.
.venv-contract/.installed: tests/contract/requirements.lock $(STAMP)
	$(PYTHON) -m venv --clear .venv-contract
	$(BIN)/uv pip install --quiet --python .venv-contract/bin/python --require-hashes -r tests/contract/requirements.lock
	@touch $@

.node-contract/.installed: tests/contract/package.json tests/contract/package-lock.json
	rm -rf .node-contract && mkdir .node-contract
	if command -v npm >/dev/null; then cp $^ .node-contract && cd .node-contract && npm ci --ignore-scripts --no-audit --no-fund && touch .installed; fi

contract: setup .venv-contract/.installed .node-contract/.installed  ## hold the OpenAPI document, generated clients and the API against each other
	$(BIN)/python -m tests.contract

bench: setup  ## measure; prints tables, asserts no time (docs/performance.md)
	$(BIN)/python -m tests.bench

soak: setup  ## the long loops: kills, kills under bulks, power cuts, the longest fits
	IMO360_TEST_KILLS=200 IMO360_TEST_KILLS_LISTINGS=41000 $(BIN)/pytest -s tests/journeys/test_kills.py
	IMO360_TEST_BULK_KILLS=60 IMO360_TEST_BULK_KILLS_POSTS=30000 $(BIN)/pytest -s tests/journeys/test_bulk_kills.py
	IMO360_TEST_CUTS=20 IMO360_TEST_CUT_POSTS=20000 $(BIN)/pytest -s tests/journeys/test_power_cut.py
	$(BIN)/pytest -m soak -s

soak-short: setup  ## what CI runs of the long loops
	IMO360_TEST_BULK_KILLS=10 IMO360_TEST_BULK_KILLS_POSTS=20000 $(BIN)/pytest -s tests/journeys/test_bulk_kills.py
	IMO360_TEST_CUTS=6 IMO360_TEST_CUT_POSTS=8000 $(BIN)/pytest -s tests/journeys/test_power_cut.py
	$(BIN)/pytest -n 2 -m soak tests/journeys/test_crash_points.py tests/journeys/test_replay_digests.py tests/journeys/test_kills.py

lock: setup  ## resolve the locks anew; records no registry address
	echo uv | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --python-version 3.11 - -o bootstrap.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --extra dev --python-version 3.11 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --python-version 3.11 tests/contract/requirements.in -o tests/contract/requirements.lock
	if command -v npm >/dev/null; then cd tests/contract && npm install --package-lock-only --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved; fi

clean:  ## remove the environment and caches, never the home
	rm -rf $(VENV) .venv-contract .node-contract .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
