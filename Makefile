# Everything a person types. `make` alone prints this file's ## comments.
#
# What stands behind a target is set up once and remembered by one empty file under .setup/, newer than what it was
# made from; delete .setup/ to set everything up again:
#   .setup/python  the packages of requirements.lock are installed in .venv
#   .setup/web     GraphiQL's own files are built into web/dist from web/package-lock.json
#   .setup/fonts   the fonts of the mailed and printed documents are in texts/fonts
#   .setup/duckdb-… a DuckDB with its own reader of Iceberg, which only a test asks; the first that needs it fetches it
#   .setup/spark   Spark with Iceberg's own library, for a long test; the test fetches it
#   .setup/broker  Kafka's own programs are in .setup/kafka, or it was said why they cannot be had; only for who uses a broker
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := domain ledger projections housekeeping gateways consumers api sarkmeli sandbox texts
WORKERS ?= auto
# Each worker begins with a part of its own, so that what a folder's tests share is made once; who is done takes over
# from another. By turns, as it comes, every worker would start an office, a broker and a browser.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
# Maven fetches it for a minute; a plain `make run` has no use for it.
BROKER := $(if $(filter setup test test-long bench bench-long,$(MAKECMDGOALS))$(filter-out 0,$(KAFKA)),.setup/broker)

.PHONY: help run demo test test-long lint fmt schema bench bench-long setup steps
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Start the whole office on this machine, with sandbox neighbours; RESET=1 begins anew, KAFKA=1 brings a broker too
	@exec $(BIN)/python -m sarkmeli run $(if $(filter-out 0,$(RESET)),--reset) $(if $(filter-out 0,$(KAFKA)),--kafka)

demo: setup ## Tell one person's whole story, to the running office or a throw-away one; STORY=taxpayer the other service's
	@exec $(BIN)/python -m sarkmeli demo $(if $(STORY),--story $(STORY))

test: setup ## Run the tests
	@exec $(PYTEST) -m "not long"

test-long: setup ## Run the long tests too: crash loops and big sizes
	@exec $(PYTEST)

lint: setup ## Check style, types, the order of the folders, and that schema.graphql and asyncapi.json are current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m sarkmeli schema --check

fmt: setup ## Format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: setup ## Write schema.graphql and asyncapi.json from the code
	$(BIN)/python -m sarkmeli schema

bench: setup ## Measure look-ups, commands, appends, read models, the relay, the warehouse, held transactions against peers, and what times tell
	$(BIN)/python -m bench.lookup
	$(BIN)/python -m bench.register
	$(BIN)/python -m bench.commands
	$(BIN)/python -m bench.append
	$(BIN)/python -m bench.rebuild
	$(BIN)/python -m bench.tail
	$(BIN)/python -m bench.relay
	$(BIN)/python -m bench.mirror
	$(BIN)/python -m bench.held
	$(BIN)/python -m bench.warehouse
	$(BIN)/python -m bench.timing

bench-long: bench ## Measure also what takes long: appends to 10^7 events, the signed tree
	$(BIN)/python -m bench.decay
	$(BIN)/python -m bench.seal

# One at a time: `make run` in one window and `make demo` in another would ruin each other's installation.
ONE_AT_A_TIME := import fcntl, subprocess, sys; lock = open(".setup/lock", "w"); fcntl.flock(lock, fcntl.LOCK_EX); \
  sys.exit(subprocess.call(sys.argv[1:]))

setup: ## Install and build what the other targets need
	@mkdir -p .setup
	@$(PYTHON) -c '$(ONE_AT_A_TIME)' $(MAKE) --no-print-directory steps PYTHON='$(PYTHON)' BROKER='$(BROKER)'

steps: .setup/python .setup/web .setup/fonts $(BROKER)
	@:

.setup/python: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || { \
	  echo "Python 3.11 to 3.14 is needed; '$(PYTHON)' is not one. Say which: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	  echo "This Python cannot make an environment. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing Python packages into $(VENV); a few minutes the first time"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@mkdir -p .setup && touch $@

.setup/web: .setup/python web/package-lock.json web/build.mjs $(wildcard web/graphiql/*)
	@echo "Fetching the pages' packages from npm and building them; a minute the first time"
	@cd web && PATH="$(CURDIR)/$(BIN):$$PATH" ../$(BIN)/npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null
	@cd web && ../$(BIN)/node build.mjs
	@touch $@

.setup/fonts: .setup/python texts/fonts.py
	@echo "Fetching the fonts of mails and papers from npm"
	@$(BIN)/python -m texts.fonts
	@touch $@

.setup/broker: .setup/python sandbox/kafka/pom.xml
	@echo "Fetching a Kafka broker by Maven; a minute the first time"
	@$(BIN)/python -m sandbox.kafka.jars
	@touch $@
