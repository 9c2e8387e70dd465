# Every command a contributor needs; `make` alone lists them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS   ?=
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
           --no-emit-index-url --no-header --no-annotate --quiet pyproject.toml --extra build

.PHONY: help demo check test test-mail crash crash-sends simulation fuzz fuzz-routes bench pictures format settings blocks lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The stamp files make set-up happen once, and again only when a requirements file changes.
$(VENV)/.run: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Broadsheet runs on (once) ..."
	@$(PIP) install --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "Installing what the tests need (once) ..."
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

demo: $(VENV)/.run ## send the sample issue to 5,000 invented readers, all on this machine
	@$(BIN)/broadsheet demo $(ARGS)

check: $(VENV)/.dev ## ruff, mypy, import contracts, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/house

test: $(VENV)/.dev ## everything that needs only what the package index gives
	$(BIN)/pytest -q -n 3 --dist worksteal tests/unit tests/store tests/integration tests/contract tests/crash tests/simulation $(ARGS)

test-mail: $(VENV)/.dev ## the rendered mail and the pages in Chromium
	$(BIN)/pytest -q -n 2 --dist worksteal tests/e2e $(ARGS)

crash: $(VENV)/.dev ## every crash point on both databases, and one table; ARGS=--short for a sample
	$(BIN)/python -m tests.support.crash_run $(ARGS)

crash-sends: $(VENV)/.dev ## 200 sends of 5,000 under random kills; ARGS="--sends 20 --seed abc"
	$(BIN)/python -m tests.support.crash_sends $(ARGS)

simulation: $(VENV)/.dev ## 90 days of 20,000 invented readers, held against a model; ARGS="--subscribers 2000 --seed abc"
	$(BIN)/python -m tests.support.simulation $(ARGS)

fuzz: $(VENV)/.dev ## 100,000 hostile letters and names; ARGS="--inputs 2000 --seed abc", --properties for Hypothesis at length
	$(BIN)/python -m tests.support.fuzz $(ARGS)

fuzz-routes: $(VENV)/.dev ## 50,000 hostile requests to every route; ARGS="--requests 2000 --seed abc"
	$(BIN)/python -m tests.support.fuzz_routes $(ARGS)

bench: $(VENV)/.dev ## benchmarks beside their yardsticks, as ratios
	$(BIN)/python -m benchmarks $(ARGS)

pictures: $(VENV)/.dev ## draw the sample issue as readers see it again, for docs/pictures/
	$(BIN)/python -m tests.support.pictures

format: $(VENV)/.dev ## format and fix what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

settings: $(VENV)/.dev ## write .env.example and docs/configuration.md again from Settings
	$(BIN)/python -m tests.support.settings_pages

blocks: $(VENV)/.dev ## write the list of blocks in docs/authoring.md again from the registry
	$(BIN)/python -m tests.support.block_pages

lock: $(VENV)/.dev ## pin every dependency again, with hashes and without an index address
	$(PIP) install uv
	$(COMPILE) -o requirements.txt
	$(COMPILE) --extra dev -o requirements-dev.txt

clean: ## remove what the commands made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache *.egg-info
