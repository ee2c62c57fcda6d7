# On a fresh Debian 12 as root, `make demo` and `make test` do everything; `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The Python that has QGIS' modules: the system's, which need not be the first one on PATH.
SYSTEM_PYTHON ?= /usr/bin/python3
PROFILE ?= $(HOME)/.local/share/QGIS/QGIS3/profiles/default
PYTEST_ARGS ?=
# How long `make fuzz` goes on.
FUZZ_SECONDS ?= 300

APT_PACKAGES := qgis python3-qgis qgis-providers python3-gdal gdal-bin python3-venv python3-pip xvfb xauth fonts-dejavu-core
LISTS := sr_plugin/runtime/requirements
DEVICE ?= cpu
CPU_INDEX := https://download.pytorch.org/whl/cpu
VENV := .venv
PYTHON := $(VENV)/bin/python
PLAIN := .venv-plain
PIP_FLAGS := --disable-pip-version-check --no-input --quiet --progress-bar off

# Tests leave the user's own models, environments and caches alone, and need no display.
TEST_ENVIRONMENT := QT_QPA_PLATFORM=offscreen XDG_RUNTIME_DIR="$(CURDIR)/build/run" PYTHONDONTWRITEBYTECODE=1 \
  SR_PLUGIN_DATA="$(CURDIR)/build/test/data" SR_PLUGIN_CACHE="$(CURDIR)/build/test/cache"

# $(call install,PYTHON,REQUIREMENTS): PyTorch only in a build without CUDA, from wherever pip looks already, else
# from PyTorch's own index.
define install
	$(1) -m pip install $(PIP_FLAGS) $(2) -c $(LISTS)/cpu.txt \
	  || $(1) -m pip install $(PIP_FLAGS) $(2) -c $(LISTS)/cpu.txt --extra-index-url $(CPU_INDEX)
endef

.PHONY: help system setup demo test test-all test-plain stage lint fuzz bench screenshots package deploy clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

system: ## install what is missing from the system's packages (as root), or say what is missing
	@missing=""; \
	if command -v dpkg-query >/dev/null; then \
	  for name in $(APT_PACKAGES); do \
	    [ "$$(dpkg-query -W -f='$${db:Status-Status}' $$name 2>/dev/null || true)" = installed ] || missing="$$missing $$name"; \
	  done; \
	  if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then \
	    echo "Installing:$$missing"; \
	    apt-get update -qq; \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	  elif [ -n "$$missing" ]; then \
	    echo "Missing packages, install them as root with: apt-get install$$missing" >&2; exit 1; \
	  fi; \
	elif ! $(SYSTEM_PYTHON) -c 'import qgis.core, osgeo.gdal' 2>/dev/null; then \
	  echo "$(SYSTEM_PYTHON) has no QGIS: install QGIS, or give its Python with make SYSTEM_PYTHON=..." >&2; exit 1; \
	fi

$(VENV)/.made: | system
	$(SYSTEM_PYTHON) -m venv --system-site-packages $(VENV)
	@touch $@

$(VENV)/.light: $(VENV)/.made $(LISTS)/light.txt requirements/constraints-qgis.txt
	$(PYTHON) -m pip install $(PIP_FLAGS) -r $(LISTS)/light.txt -c requirements/constraints-qgis.txt
	@touch $@

$(VENV)/.full: $(VENV)/.light $(LISTS)/full.txt $(LISTS)/cpu.txt requirements/dev.txt
	$(call install,$(PYTHON),-r $(LISTS)/full.txt -r requirements/dev.txt -c requirements/constraints-qgis.txt)
	@touch $@

$(PLAIN)/.full: $(LISTS)/light.txt $(LISTS)/full.txt $(LISTS)/cpu.txt requirements/dev.txt | system
	$(SYSTEM_PYTHON) -m venv $(PLAIN)
	$(call install,$(PLAIN)/bin/python,'numpy>=2' -r $(LISTS)/full.txt -r requirements/dev.txt)
	@touch $@

setup: $(VENV)/.full ## make .venv with QGIS' modules, the worker's packages (full) and the tools for tests

stage: ## lay the plugin out in build/sr_plugin as QGIS loads it
	@python=$(SYSTEM_PYTHON); [ -x "$$python" ] || python=python3; "$$python" tools/stage.py

demo: $(VENV)/.light stage ## super-resolve the sample raster through qgis_process; GeoTIFF and picture in build/demo
	@mkdir -p build/run && chmod 700 build/run
	$(PYTHON) tools/demo.py

test: $(VENV)/.full stage ## the tests but the slow ones
	@mkdir -p build/run && chmod 700 build/run
	$(TEST_ENVIRONMENT) $(PYTHON) -m pytest -m "not slow" $(PYTEST_ARGS)

test-all: $(VENV)/.full stage test-plain ## all tests, and the engine's with NumPy 2 in a plain environment
	@mkdir -p build/run && chmod 700 build/run
	$(TEST_ENVIRONMENT) $(PYTHON) -m pytest $(PYTEST_ARGS)

test-plain: $(PLAIN)/.full ## the engine's tests without QGIS and GDAL, with NumPy 2
	$(TEST_ENVIRONMENT) $(PLAIN)/bin/python -m pytest -m "not slow and not gdal and not qgis and not gui" \
	  tests $(patsubst %,--ignore=tests/%,raster processing gui benchmarks) $(PYTEST_ARGS)

fuzz: $(VENV)/.full ## damaged and hostile inputs, other ones each time, for FUZZ_SECONDS (300)
	@mkdir -p build/run && chmod 700 build/run
	@while [ $$SECONDS -lt $(FUZZ_SECONDS) ]; do \
	  SR_FUZZ_PROFILE=long $(TEST_ENVIRONMENT) $(PYTHON) -m pytest tests/fuzz -x -q $(PYTEST_ARGS); \
	done

lint: $(VENV)/.full ## style, grammar of Python 3.9 outside the worker, security scan
	$(PYTHON) -m ruff check --exclude sr_plugin/worker --exclude tests/worker .
	$(PYTHON) -m ruff check --target-version py310 sr_plugin/worker tests/worker
	$(PYTHON) tools/check_grammar.py sr_plugin tools --except sr_plugin/worker
	@# Bandit takes the reasons behind "nosec" for names of tests and warns of each word.
	$(PYTHON) -m bandit -q -c pyproject.toml -r sr_plugin 2>&1 | sed '/Test in comment/d'

screenshots: $(VENV)/.light stage ## pictures of the real desktop in build/screenshots
	$(PYTHON) tools/screenshots.py build/screenshots

bench: $(VENV)/.full ## time the engine, then all runtimes and precisions side by side (DEVICE=cuda for a GPU)
	$(TEST_ENVIRONMENT) $(PYTHON) -m tests.benchmarks.bench_engine $(BENCH_ARGS)
	$(TEST_ENVIRONMENT) $(PYTHON) -m tests.benchmarks.bench_backends --device $(DEVICE) --worker $(PYTHON) $(BACKEND_ARGS)

package: stage ## zip for QGIS' plugin repository, checked against its rules
	@python=$(SYSTEM_PYTHON); [ -x "$$python" ] || python=python3; "$$python" tools/package.py

deploy: stage ## copy the plugin into a QGIS profile (PROFILE=folder)
	@[ -n "$(PROFILE)" ] || { echo "Give the profile's folder: make deploy PROFILE=..." >&2; exit 1; }
	mkdir -p "$(PROFILE)/python/plugins"
	rm -rf "$(PROFILE)/python/plugins/sr_plugin"
	cp -r build/sr_plugin "$(PROFILE)/python/plugins/sr_plugin"
	@echo "Deployed to $(PROFILE)/python/plugins/sr_plugin; enable it in QGIS under Plugins."

clean: ## remove build and the environments of this checkout
	rm -rf build $(VENV) $(PLAIN) .pytest_cache .hypothesis .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
