# Two commands matter: `make lab` opens the course, `make test` checks everything. `make help` lists the rest.
# Only relative paths below, so that a checkout in a folder with spaces or umlauts works too.

PYTHON ?= python3
TORCH  ?= default
PY     := .venv/bin/python
ONLY   ?=

# Jupyter refuses to run as root (in a container, say) unless told that this is meant.
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

# Jupyter, matplotlib and our cache write into the home folder. Where that cannot be, a folder of this user stands in.
ifneq ($(shell [ -w "$$HOME" ] && echo yes),yes)
STAND_IN := $(shell d="$${TMPDIR:-/tmp}/smis-home-$$(id -u)"; mkdir -m 700 "$$d" 2>/dev/null; [ -O "$$d" ] && [ ! -L "$$d" ] && echo "$$d")
$(if $(STAND_IN),,$(error your home folder cannot be written, nor can one be made in /tmp: set HOME to a folder of yours))
$(info [home] your home folder cannot be written: settings and caches go to $(STAND_IN), pip's downloads are not kept)
export HOME := $(STAND_IN)
export PIP_NO_CACHE_DIR := 1
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install lab studio test lint unit widgets test-notebooks browser notebooks check-notebooks site lock upgrade licences sbom audit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PYTHON=python3.12  make .venv with this Python (3.10 to 3.13)"
	@echo "  TORCH=cpu          take PyTorch's CPU build from its own index: a much smaller download on Linux"

install: ## make .venv with the locked packages and this project (seconds when nothing changed)
	@command -v "$(PYTHON)" >/dev/null || { echo "no '$(PYTHON)' here: install Python 3.11 (Debian: apt install python3 python3-venv) or name another, as in: make lab PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" tools/install.py --torch "$(TORCH)"

lab: install ## open the course in JupyterLab, at its first notebook
	@$(PY) -m jupyterlab --ServerApp.root_dir=. --ServerApp.ip=127.0.0.1 --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ROOT_FLAG)

studio: install ## open the widgets as pages in a browser, without a notebook
	@$(PY) -m smis_widgets.studio

test: install ## every check and test, quick ones first (some minutes)
	@$(PY) tools/test.py

lint: install ## ruff and mypy
	@$(PY) tools/test.py lint

unit: install ## the unit tests and the examples in docstrings
	@$(PY) tools/test.py unit

widgets: install ## the widgets' tests, without a browser
	@$(PY) tools/test.py widgets

test-notebooks: install ## run the notebooks and compare with their stored outputs
	@$(PY) tools/test.py notebooks

browser: install ## the tests in a real browser (Chromium)
	@$(PY) tools/test.py browser

notebooks: install ## build notebooks/*.ipynb from notebooks/src/*.py (ONLY=00 builds one)
	@$(PY) tools/notebooks.py build $(ONLY)

check-notebooks: install ## say whether the notebooks agree with their text
	@$(PY) tools/notebooks.py check

site: install ## write the course as a static site into build/site
	@$(PY) tools/site.py

lock: install ## write the locks anew for pyproject.toml; versions that still fit stay
	@$(PY) -m tools.supply lock

upgrade: install ## write the locks anew with the newest versions that fit
	@$(PY) -m tools.supply upgrade

licences: install ## list the licences of all that is installed in docs/licences.md
	@$(PY) -m tools.supply licences

sbom: install ## write what is installed as build/sbom.json (CycloneDX)
	@$(PY) -m tools.supply sbom

audit: install ## look up known weaknesses of the pins, search files and history for secrets (network; some minutes)
	@$(PY) -m tools.supply audit

clean: ## remove .venv and what the tools left behind
	rm -rf .venv build dist reports *.egg-info .pytest_cache .mypy_cache .ruff_cache
