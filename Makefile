# Milepost's front door for people who build it. Needs Python 3.11 or newer with venv, and make; nothing else.
# `make run PYTHON=python3.13` chooses a Python; `make test ARGS=tests/core` narrows the suite.

.DEFAULT_GOAL := help
.SUFFIXES:
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
MEMBERS := shared/core shared/contracts shared/runtime services/ingest-webhooks services/scoring-api services/playbook-runner infra/devstack
SOURCES := $(addsuffix /src,$(MEMBERS))

# An environment knows the folder it was made in: after a move it is made again.
$(shell [ -f $(STAMP) ] && [ "$$(cat $(STAMP))" != "$$(pwd)" ] && rm -f $(STAMP))

$(STAMP): requirements.lock pyproject.toml $(addsuffix /pyproject.toml,$(MEMBERS))
	@PYTHON="$(PYTHON)" MEMBERS="$(MEMBERS)" sh infra/devstack/install.sh

.PHONY: help install run demo test test-fast check contract floors lint types lock migrate revision psql logs doctor clean distclean

help: ## Show this list
	@echo 'make <target>:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' Makefile

install: $(STAMP) ## Make .venv from the hash-pinned lock (the others do it by themselves)

run: $(STAMP) ## Start everything; on an empty state folder with the demo company; Ctrl-C stops in order
	@$(BIN)/milepost up

demo: $(STAMP) ## As run, and play the demo company in whatever the state
	@$(BIN)/milepost demo

test: $(STAMP) ## Run the whole suite, a process a core, each on PostgreSQL and Valkey of its own
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-fast: $(STAMP) ## Run what takes no killing, no browser and no patience
	@$(BIN)/python -m pytest -m 'not chaos and not browser and not slow' $(ARGS)

check: floors lint types ## Check the floors, the style and the types

floors: $(STAMP) ## Check that imports point downwards only
	@$(BIN)/lint-imports

lint: $(STAMP) ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP) ## Check types, strictly
	@$(BIN)/mypy $(SOURCES)

contract: $(STAMP) ## Write the scoring API's contract into services/scoring-api/openapi.json
	@$(BIN)/python -m scoring_api.contract > services/scoring-api/openapi.draft && mv services/scoring-api/openapi.draft services/scoring-api/openapi.json

lock: ## Resolve anew and rewrite requirements.lock: hashes, no address
	@PYTHON="$(PYTHON)" sh infra/devstack/lock.sh

migrate: $(STAMP) ## Bring the schemas of the running house (or of MILEPOST_DATABASE_URL) to head
	@$(BIN)/milepost migrate

revision: $(STAMP) ## Draft a migration from changed tables: make revision service=scoring-api m='what it does'
	@$(BIN)/milepost revision "$(service)" "$(m)"

psql: $(STAMP) ## Open psql on the running house
	@$(BIN)/milepost psql

logs: $(STAMP) ## Follow the logs of the running house
	@$(BIN)/milepost logs --follow

doctor: $(STAMP) ## Check machine, settings, stores and services
	@$(BIN)/milepost doctor

clean: ## Throw the state folder and all caches away
	@if [ -x $(BIN)/milepost ] && [ -f $(STAMP) ]; then $(BIN)/milepost reset --yes; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find shared services infra tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## As clean, and the environment too
	@rm -rf .venv .tools
