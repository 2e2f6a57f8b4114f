# Every target works in a fresh clone: it makes .venv from the pinned versions of constraints.txt first.
# Nothing outside this folder is touched; `make clean` takes it all away again.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo setup test test-slow test-browser check format notebooks lab lock clean

VENV := .venv
BIN := $(VENV)/bin
TOOLS := .tools
UV := $(TOOLS)/bin/uv
INSTALLED := $(VENV)/.installed

# The first interpreter that is new enough and can make a virtual environment; `make PYTHON=… setup` chooses another.
PROBE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	"$$p" -c '$(PROBE)' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
NO_PYTHON := Python 3.11 or newer with its venv module must be on PATH, got none; \
	install it, or name it: make PYTHON=/path/to/python3.11 setup

# Tests work on small arrays: threads of several libraries fighting for the cores only slow them down.
TEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
# A file of tests stays in one process: what it sets up once is set up once.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1 @\2/p' Makefile | while IFS=@ read -r name text; do \
		printf '%-20s%s\n' "$$name" "$$text"; done

demo: $(INSTALLED) ## network, stabilizer and notebook on the sample scene; prints raw against stable
	$(BIN)/vidlab demo

setup: $(INSTALLED) ## make .venv and install the package, editable, with everything it can use

test: $(INSTALLED) ## all tests but the slow ones and those in a browser
	$(TEST) $(PARALLEL) -m "not slow and not browser"

test-slow: $(INSTALLED) ## the slow tests: long properties, killed runs, memory
	$(TEST) -m slow

test-browser: $(INSTALLED) ## the web page, and sliders in JupyterLab, in headless Chromium, if that is installed
	$(TEST) -m browser tests/browser

check: $(INSTALLED) ## format, lint, types, tests: what a change must pass
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(TEST) $(PARALLEL) -m "not slow and not browser"

format: $(INSTALLED) ## rewrite the code in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

notebooks: $(INSTALLED) ## run every notebook in full and keep its outputs: the only way they get committed
	$(BIN)/python scripts/make_notebooks.py
	$(BIN)/python scripts/make_start.py

lab: $(INSTALLED) ## open JupyterLab on a page that lists the notebooks
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/start.md --LabApp.app_settings_dir=scripts/lab_settings

lock: $(INSTALLED) ## resolve constraints.txt anew after pyproject.toml changed; pins that still fit stay
	printf 'hatchling\nuv\n' | $(UV) pip compile pyproject.toml - --extra all --python $(BIN)/python \
		--no-header --no-annotate --no-emit-index-url --quiet --output-file constraints.txt

clean: ## remove the environment and all caches; results in runs/ stay
	rm -rf $(VENV) $(TOOLS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv installs in seconds what takes pip minutes, and never prefers a stray local wheel of torch.
$(UV):
	@"$(PYTHON)" -c '$(PROBE)' 2>/dev/null || { echo "$(NO_PYTHON)" >&2; exit 1; }
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv

$(BIN)/python: | $(UV)
	$(UV) venv --quiet --clear --python $(TOOLS)/bin/python $(VENV)

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing vidlab and its pinned dependencies into $(VENV) (about 6 GB the first time)"
	$(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--build-constraint constraints.txt --editable '.[all]'
	@touch $@
