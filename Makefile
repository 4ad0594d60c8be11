# Everything a newcomer needs: `make demo` shows Docward at work, `make test` runs its tests, `make help` lists the rest.
# Needs Python 3.11 or later with its venv module; the rest (JRE, Kafka, Postgres, libraries) comes as packages.

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help

VENV := .venv
PYTHON := $(VENV)/bin/python
DOCWARD := $(VENV)/bin/docward
MEMBERS := $(patsubst %/pyproject.toml,%,$(wildcard libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml))
NATIVE := services/converter/hatch_build.py $(shell find services -name '*.c')
PATHS := libs services cli tests samples

.PHONY: help setup demo up down example status test check format bench bench-conversion eval chaos soak clean lock

help: ## Show this list
	sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

demo: setup ## Start everything and review three sample documents; Ctrl-C stops it (ONCE=1: stop after the results)
	$(DOCWARD) demo $(if $(ONCE),--once)

up: setup ## Start Kafka, Postgres and the services in the background
	$(DOCWARD) up

down: setup ## Stop them; their data stay
	$(DOCWARD) down

example: setup ## Publish a signed command to the running stack, as another system would
	variables=$$($(DOCWARD) environment example)
	set -a; eval "$$variables"; set +a
	$(PYTHON) docs/contracts/publish_a_command.py

status: setup ## Show what runs
	$(DOCWARD) status

test: setup ## Run every test on real Kafka and Postgres (ARGS="-k name" for some)
	if [ -n "$(ARGS)" ]; then exec $(VENV)/bin/pytest $(ARGS); fi
	$(VENV)/bin/pytest -q -n 2 tests/unit tests/contracts
	$(VENV)/bin/pytest -q -n 2 --dist loadfile tests/integration tests/e2e tests/chaos

check: setup ## Check style, types, layers and files, as continuous integration does
	$(VENV)/bin/ruff check -q .
	$(VENV)/bin/ruff format -q --check .
	$(VENV)/bin/mypy --no-error-summary $(PATHS)
	layers=$$($(VENV)/bin/lint-imports 2>&1) || { echo "$$layers"; exit 1; }
	$(VENV)/bin/hadolint Dockerfile
	echo "check: all clean"

format: setup ## Format the code and fix what can be fixed safely
	$(VENV)/bin/ruff check -q --fix .
	$(VENV)/bin/ruff format -q .

bench: setup ## Measure latency, deciders, rebuilds and a burst, each beside its bound or goal (ARGS="--only burst" for one)
	PYTHONPATH=tests $(PYTHON) -m bench $(ARGS)

bench-conversion: setup ## Measure conversion beside other converters: speed, scores, memory (TOOLS=folder with a corpus generator)
	PYTHONPATH=tests $(PYTHON) -m bench.conversion $(if $(TOOLS),--tools "$(TOOLS)") $(ARGS)

eval: setup ## Measure the offline engine: recall, precision, mutants, speed (CORPUS=folder of labelled documents)
	PYTHONPATH=tests $(PYTHON) -m eval $(if $(CORPUS),--corpus "$(CORPUS)")

chaos: setup ## Break everything on purpose and count what was lost: nothing (ONLY="names" SEED=… KILLS=… SECONDS=…)
	PYTHONPATH=tests ONLY="$(ONLY)" $(PYTHON) -W ignore:resource_tracker -m chaos $(ARGS)

soak: setup ## The same for hours (ONLY=endurance SECONDS=900: a quarter of one)
	PYTHONPATH=tests ONLY="$(ONLY)" $(PYTHON) -W ignore:resource_tracker -m chaos --form long $(ARGS)

clean: ## Stop the stack and remove its data (the caches and the virtual environment stay)
	if [ -x $(DOCWARD) ]; then $(DOCWARD) down --purge; else rm -rf .docward; fi

lock: $(VENV)/.made ## Write requirements.lock anew from the pyproject files
	$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --group dev pyproject.toml \
	  $(foreach member,$(MEMBERS),--no-emit-package docward-$(notdir $(member))) \
	  --no-header --no-annotate -o requirements.lock
	if grep -nE '://|^-e|file:' requirements.lock; then echo "requirements.lock names an address or a path" >&2; exit 1; fi

setup: $(VENV)/.installed $(VENV)/.jars ## Install everything (done by the others when needed; later runs need no network)

# --- how setup works: a stamp a step, so that what is done is not done again -----------------------------------------

# uv installs. It is taken from PATH, else from the virtual environment, where `.made` puts it.
UV = $(shell command -v uv || echo $(VENV)/bin/uv)

# The interpreter: PYTHON3=… on the command line, else the first on PATH that is recent enough.
CANDIDATES := $(or $(PYTHON3),python3 python3.14 python3.13 python3.12 python3.11)

$(VENV)/.made:
	for candidate in $(CANDIDATES); do
	  if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi
	done
	if [ -z "$${found:-}" ]; then
	  echo "Docward needs Python 3.11 or later, and none of these is: $(CANDIDATES)." >&2
	  echo "Install it (Debian 12 or later: apt-get install python3 python3-venv) or name it: make PYTHON3=/path/to/python3" >&2
	  exit 1
	fi
	if [ ! -x $(PYTHON) ]; then
	  echo "setup: making $(VENV) with $$($$found --version)"
	  if command -v uv >/dev/null; then
	    uv venv -q --no-python-downloads --python "$$(command -v $$found)" $(VENV)
	  elif $$found -c 'import venv, ensurepip' 2>/dev/null; then
	    $$found -m venv $(VENV)
	  else
	    version=$$($$found -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	    echo "Python's venv module is missing. Install it: apt-get install python$$version-venv (or python3-venv)" >&2
	    exit 1
	  fi
	fi
	if [ ! -x "$(UV)" ]; then $(VENV)/bin/pip install -q --disable-pip-version-check uv; fi
	touch $@

$(VENV)/.installed: $(VENV)/.made requirements.lock $(addsuffix /pyproject.toml,$(MEMBERS)) $(NATIVE)
	echo "setup: installing the locked libraries and $(words $(MEMBERS)) packages of our own"
	$(UV) pip install -q --python $(PYTHON) --require-hashes -r requirements.lock
	$(UV) pip install -q --python $(PYTHON) --no-deps $(addprefix -e ,$(MEMBERS))
	touch $@

$(VENV)/.jars: $(VENV)/.installed libs/localstack/src/docward/localstack/kafka.lock
	$(PYTHON) -m docward.localstack
	touch $@
