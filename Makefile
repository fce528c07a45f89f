# Millésime: everything from a fresh clone, with nothing but make and Python 3.11 or newer.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9

# The stamp names what is installed and where: another lock file or another folder, another stamp.
INSTALLED_FROM := requirements/dev.lock pyproject.toml tools/find-python
STAMP := $(VENV)/.installed-$(shell { cat $(INSTALLED_FROM); echo "$(CURDIR)"; } | cksum | tr -c '0-9\n' '-')

# A virtual environment whose Python has gone is as good as none.
ifneq ($(shell $(BIN)/python -c 'print(1)' 2>/dev/null),1)
.PHONY: $(STAMP)
endif

# Files of tests side by side, in their order; each worker has a PostgreSQL of its own.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# The tests start hundreds of processes of ours: none shall compile all sources again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test check bench plots bank-faults fuzz fmt lock hook clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## Start everything and show a day of meal vouchers
	@$(BIN)/millesime demo

test: $(STAMP) ## Run every test, with a PostgreSQL of its own
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

check: $(STAMP) ## Format, lint, types, import directions, tests without a database: about a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) tests/rules tests/ledger tests/authz tests/road tests/test_*.py

bench: $(STAMP) ## Measure each stage, and the whole beside pgbench
	$(BIN)/python -m benchmarks

plots: $(STAMP) ## Draw the kept results for docs/PERFORMANCE.md
	$(BIN)/python -m benchmarks.plots

bank-faults: $(STAMP) ## Ten thousand payments with a bad bank; both books must agree to the cent
	BANK_PAYMENTS=$${BANK_PAYMENTS:-10000} $(BIN)/python -m pytest -q -s tests/e2e/test_bank_faults.py -k bad_bank

fuzz: $(STAMP) ## Ask everything that the OpenAPI document allows, for some minutes
	MILLESIME_SCHEMA_EXAMPLES=300 $(BIN)/python -m pytest -q tests/database/test_gateway_schema.py

fmt: $(STAMP) ## Format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

hook: ## Run `make check` before each commit of this clone
	git config core.hooksPath tools/hooks

lock: $(STAMP) ## Pin the newest allowed versions again, with hashes, for every Python we support
	tools/lock $(UV_VERSION)

clean: ## Remove what was built here; data in .data stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP):
	@echo "Installing into $(VENV): once, about a minute"
	@python=$$(PYTHON="$(PYTHON)" sh tools/find-python) || exit 1; \
	$(BIN)/python -c '' 2>/dev/null || { rm -rf $(VENV) && "$$python" -m venv $(VENV); }
	@$(BIN)/python -m pip install -q --disable-pip-version-check \
		--require-hashes --only-binary :all: -r requirements/dev.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@
