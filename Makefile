# One checkout, one virtual environment, two commands that need nothing but Python 3.11 or later:
#   make demo    install, then make a page that shows it all
#   make test    install the tools as well, then check everything
# TORCH may be any pip requirement or a wheel file; PYTHON any interpreter.

TORCH ?= torch==2.13.0
VENV ?= .venv
PYTEST_ARGS ?= -n auto
DEMO_ARGS ?=

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs wheel clean

help:
	@echo "make demo | test | lint | format | docs | wheel | clean"

demo: $(VENV)/.core
	$(BIN)/lucida demo $(DEMO_ARGS)

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .

docs: $(VENV)/.docs
	$(BIN)/lucida claims check
	$(BIN)/mkdocs build --strict --quiet --site-dir site
	@echo "site/index.html"

wheel: $(VENV)/.dev
	$(PIP) wheel --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) dist site .pytest_cache .ruff_cache .hypothesis

# Each stamp is newer than what it was installed from, so a second call goes straight to work.
$(VENV)/.torch:
	@test -n "$(PYTHON)" || { echo "lucida wants Python 3.11 or later on the PATH (or: make PYTHON=/path/to/python)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is not Python 3.11 or later (make PYTHON=/path/to/python)" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "installing $(TORCH) into $(VENV) (once)"
	@$(PIP) install "$(TORCH)"
	@touch $@

$(VENV)/.core: $(VENV)/.torch pyproject.toml hatch_build.py
	@echo "installing Lucida into $(VENV) (once)"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml hatch_build.py
	@echo "installing Lucida and the tools of make test into $(VENV) (once)"
	@$(PIP) install --editable '.[dev]'
	@touch $@ $(VENV)/.core

$(VENV)/.docs: $(VENV)/.core
	@echo "installing the tools of make docs into $(VENV) (once)"
	@$(PIP) install --editable '.[docs]'
	@touch $@
