# What one does with this repository. `make help` lists it.
# Written for GNU make 3.81 and POSIX sh, which macOS has too.

.DEFAULT_GOAL := help
SHELL := /bin/sh

DATA ?= data/demo
PORT ?= 8000
# A worker more than cores, as they wait for servers at times; eight are what the test server bears.
WORKERS ?= $(shell n=$$(($$(getconf _NPROCESSORS_ONLN) + 1)); [ $$n -le 8 ] && echo $$n || echo 8)
BIN := .venv/bin
INSTALLED := .venv/.installed

export PYTHON

.PHONY: help install demo test interop faults bench audit lint format schema lock

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

install: $(INSTALLED) ## make .venv and install from the lock

$(INSTALLED): requirements.lock uv.lock tools/install.sh tools/venv.sh
	@sh tools/install.sh
	@touch $@

demo: install ## serve the demo ledger (PORT=8000 DATA=data/demo)
	@# Compiled code may be kept, whatever the environment says: a start takes half as long.
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/corrigenda demo --port $(PORT) --data $(DATA)

test: install ## run the tests, on SQLite and on PostgreSQL
	@# A file's tests share what they set up; many start our commands, so compiled code is kept.
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

interop: install ## run clients, a browser, servers and verifiers that others wrote
	sh tests/interop/install.sh
	$(BIN)/pytest -m interop tests/interop

faults: install ## many writers and hard stops, at length; prints figures
	$(BIN)/pytest -m faults -s tests/faults

bench: install ## measure; prints figures
	$(BIN)/python -m tests.bench

audit: install ## look for advisories against the lock files; write build/sbom.json
	sh tools/audit.sh

lint: install ## style, types and floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## set the code in the common style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schema: install ## print the contract into schema/
	$(BIN)/corrigenda schema --output schema/schema.graphql

lock: ## lock the dependencies anew (needs uv)
	uv lock
	uv export --quiet --locked --all-groups --no-emit-project --no-header --output-file requirements.lock
