# The commands of APG. `make run` and `make test` prepare the checkout first (tools/bootstrap.py);
# a prepared one costs them a fraction of a second. Paths are relative: a checkout may have spaces.

PYTHON ?= python3
# More words for pytest, such as: make test ARGS="tests/kernel -x"
ARGS ?=
# What Python compiles is kept: several processes load the same modules, and tests start many more.
PYTEST = env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help run worker migrate doctor test soak test-pg16 lint check bench format lock clean prepare prepare-dev

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

run: prepare ## start everything: database, web, worker; APG_HOST, APG_PORT, APG_HOME are honoured
	@exec .venv/bin/apg run

worker: prepare ## start a worker only
	@exec .venv/bin/apg worker

migrate: prepare ## bring the database to this version
	@exec .venv/bin/apg migrate

doctor: prepare ## say what is wrong with this installation
	@exec .venv/bin/apg doctor

test: prepare-dev ## install what the tests need and run them all, but for the soak
	@$(PYTHON) tools/bootstrap.py browser
	$(PYTEST) -n 2 --dist loadfile $(ARGS)

soak: prepare-dev ## the proofs that take minutes; APG_SEED=… repeats one
	@$(PYTHON) tools/bootstrap.py browser
	$(PYTEST) -m soak $(ARGS)

test-pg16: prepare-dev ## kernel, tables and migrations on PostgreSQL 16, the oldest that is served
	APG_TEST_POSTGRES="$${APG_TEST_POSTGRES:-$$($(PYTHON) tools/older_postgres.py)}" \
		$(PYTEST) -n 2 --dist loadfile tests/kernel tests/every_table $(ARGS)

lint: prepare-dev ## format, lint, types and imports, without tests
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/python -m tools.lint
	.venv/bin/pyright
	.venv/bin/lint-imports

check: lint ## everything that must hold before a change goes in
	.venv/bin/apg migrate --check
	@$(MAKE) --no-print-directory test

bench: prepare-dev ## measure speed against the references
	.venv/bin/python -m benchmarks

format: prepare-dev ## format and mend what can be mended
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(UPGRADE)

lock: ## resolve the packages anew within pyproject.toml; UPGRADE=--upgrade takes newer ones
	@command -v uv > /dev/null || { echo "uv is missing. Install it with: pip install uv" >&2; exit 1; }
	$(LOCK) pyproject.toml requirements/build.in -o requirements/run.txt
	$(LOCK) pyproject.toml requirements/build.in --extra dev -c requirements/run.txt -o requirements/dev.txt
	@! grep -nE '://|^--(index|extra|find|trusted)' requirements/run.txt requirements/dev.txt

clean: ## remove what was installed and built; data in .apg stays
	rm -rf .venv frontend/node_modules src/apg/ui/static/dist build dist
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

prepare:
	@$(PYTHON) tools/bootstrap.py run

prepare-dev:
	@$(PYTHON) tools/bootstrap.py dev
