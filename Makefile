.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
# An installed uv serves; otherwise one is put beside the project, touching nothing else.
UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
BIN := .venv/bin
CORES := $(shell $(PYTHON) -c 'import os; print(os.cpu_count() or 1)')
# Tests that wait (for a process, a browser, a broker) leave their core to others.
WORKERS ?= $(shell expr 2 \* $(CORES))
# Those of one process wait seldom: for a thread, or a command. One more is enough.
TESTERS ?= $(shell expr 1 + $(CORES))

# Plugins that are distributions of their own, in packages/.
PLUGINS := streams remote_amazon out_of_core

.PHONY: help setup run test test-all nightly check bench figures docs image push synth up lock clean acceptance

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready ## Make .venv with everything, locked; .venv/bin/pawsonalize works afterwards

# What running needs, or, after `make setup`, that and more. So `make run` never installs anew what
# `make test` has installed, nor takes it away.
.venv/runs: requirements/base.txt pyproject.toml
	@$(FIRST)
	@$(UV) pip install --quiet --python $(BIN)/python --requirement requirements/base.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.venv/ready: requirements/dev.txt requirements/base.txt pyproject.toml deploy/aws/pyproject.toml $(PLUGINS:%=packages/%/pyproject.toml)
	@$(FIRST)
	@$(UV) pip sync --quiet --python $(BIN)/python requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . --editable deploy/aws $(PLUGINS:%=--editable packages/%)
	@touch .venv/runs $@

define FIRST
{ $(UV) --version >/dev/null 2>&1 || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv; }; } \
&& { test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) .venv; }
endef

run: .venv/runs ## Run the demo adoption site on http://127.0.0.1:8080
	$(BIN)/pawsonalize demo

test: check ## Run the checks and the tests that need no other process: after each change
	$(BIN)/pytest -n $(TESTERS) -m "not real and not nightly"

test-all: setup ## Run the rest: processes, servers, browsers, images, small benchmarks
	$(BIN)/pytest -n $(WORKERS) -m "real and not nightly"

nightly: check ## Run every test, those that take hours too, and record what came of these
	$(BIN)/pytest -n $(WORKERS) -m "" --hypothesis-profile nightly --record-nightly

check: setup ## Format, lint, types and the floor plan
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers $(CORES)
	$(BIN)/lint-imports

bench: setup ## Run the benchmarks (minutes; the machine should be idle)
	$(BIN)/python -m benchmarks

figures: setup ## Run the benchmarks in full (hours) and write docs/reference/figures.md
	$(BIN)/python -m benchmarks --form full --record

docs: setup ## Make the reference pages, the pictures and the site (dist/site) from code and text
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/screenshots.py
	$(BIN)/python docs/website.py

IMAGE ?= pawsonalize
BASE ?= debian:trixie-slim
image: ## Build the container's image IMAGE with Docker, on BASE as it is now, by its digest
	docker pull --quiet $(BASE)
	docker build --file deploy/container/Dockerfile --tag $(IMAGE) \
	  --build-arg BASE="$$(docker image inspect --format '{{index .RepoDigests 0}}' $(BASE))" \
	  --build-arg VERSION="$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' src/pawsonalize/__init__.py)" \
	  --build-arg REVISION="$$(git rev-parse HEAD)" .

push: ## Push IMAGE; its name with its digest goes to dist/image-name
	docker push --quiet $(IMAGE)
	mkdir -p dist
	docker image inspect --format '{{index .RepoDigests 0}}' $(IMAGE) > dist/image-name

acceptance: setup ## Try the whole deployed system on this machine: up, events, retraining, down
	$(BIN)/pawsonalize-deploy accept

ENV ?= dev
synth: setup ## Write the AWS templates of ENV (dev, prod) to dist/aws/ENV, offline
	$(BIN)/pawsonalize-deploy synth $(ENV)

up: setup ## Bring ENV up to date on AWS (dev, prod), with the container's image IMAGE
	$(BIN)/pawsonalize-deploy diff $(ENV) --set image=$(IMAGE)
	$(BIN)/pawsonalize-deploy up $(ENV) --set image=$(IMAGE)

# The extras of a container's image.
CONTAINER := postgres aws kinesis nats otel xlsx
# What lies here is installed from here, and is no line of what is downloaded.
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-header \
  --no-emit-package pawsonalize $(patsubst %,--no-emit-package pawsonalize-%,$(subst _,-,$(PLUGINS)))

lock: ## Resolve the dependencies anew and write the hashed requirements
	$(COMPILE) --upgrade pyproject.toml --all-extras --group dev --group deploy -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra postgres --constraints requirements/dev.txt -o requirements/base.txt
	$(COMPILE) pyproject.toml $(addprefix --extra ,$(CONTAINER)) --constraints requirements/dev.txt -o requirements/container.txt
	$(COMPILE) --group build --constraints requirements/dev.txt -o requirements/build.txt

clean: ## Remove the environment and caches; your data folder stays
	rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
