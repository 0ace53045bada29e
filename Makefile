# `make run` and `make test` are all that a fresh machine needs: Python 3.11+, make and a package index.

PYTHON ?= python3
DB ?=
BIND ?= 127.0.0.1
PORT ?= 8000
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q

.DEFAULT_GOAL := help
.PHONY: help venv dev-venv run shell test test-quick test-sqlite test-postgres ccxt-suite api-fuzz chaos soak lint format clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'

venv:
	@$(PYTHON) config/embedded/venv.py requirements.txt

dev-venv:
	@$(PYTHON) config/embedded/venv.py requirements.txt tests/requirements.txt

# exec: the supervisor takes the shell's place, its parent is make, and with --parent it ends when make does.
run: venv ## everything on this machine: make run [PORT=8000] [DB=postgres] [BIND=0.0.0.0]
	@exec $(BIN)/python -m config.embedded $(if $(DB),--db "$(DB)") --host "$(BIND)" --port "$(PORT)" --parent $$PPID

shell: venv ## Django's shell on the running system's data
	@exec $(BIN)/python manage.py shell

test: dev-venv test-sqlite test-postgres ccxt-suite ## all tests: SQLite, PostgreSQL, ccxt's own suite

test-quick: dev-venv ## the tests that take seconds, on SQLite
	$(PYTEST) -n 2 -m "not slow"

# Two at a time; those that start whole systems, and measure them, one after the other.
test-sqlite: dev-venv
	$(PYTEST) -n 2 -m "not e2e"
	$(PYTEST) -m e2e

test-postgres: dev-venv ## storage, sync and API tests on PostgreSQL (from the wheel, or TEST_DATABASE_URL)
	$(BIN)/python -m tests.postgres $(PYTEST) -n 2 -m postgres

ccxt-suite: dev-venv ## ccxt's own exchange tests against the sandbox exchange
	$(BIN)/python -m tests.ccxt_suite

api-fuzz: dev-venv ## schemathesis on the served schema, as each role, and a table [EXAMPLES=20] [SEED=N]
	$(BIN)/python -m tests.api_fuzz --examples $(or $(EXAMPLES),20) $(if $(SEED),--seed $(SEED))

chaos: dev-venv ## faults caused for real against a whole system, and a table of what they cost [NAMES="kill_*"]
	$(BIN)/python -m tests.chaos $(NAMES)

soak: dev-venv ## random faults for minutes, then the truth must be in the database [MINUTES=10] [SEED=N] [DB=postgres]
	$(BIN)/python -m tests.chaos.soak --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(if $(DB),--db $(DB))

lint: dev-venv ## ruff, mypy, import contracts, Django's checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python -m tests.production check --deploy --fail-level WARNING
	@$(BIN)/python -m tests.production makemigrations --check --dry-run

format: dev-venv ## what ruff can put right by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## caches and the virtual environment; data (var/) stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
