# Two commands do all the set-up: `make demo` runs the main job, `make test` passes the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help demo test bench soak lint fmt clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         run spanpulse on a day of traffic and say what happened in it (ONCE=1: then exit)"
	@echo "make test         run the tests"
	@echo "make bench        print the figures of benchmarks/RESULTS.md"
	@echo "make soak         the long runs: kills, fuzzing"
	@echo "make lint, fmt    check or format the code"

$(VENV)/server: pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "spanpulse needs Python 3.11 to 3.13; name one with make PYTHON=python3.11"; exit 1; }
	@echo "Installing into $(VENV) (a minute or two, 1.6 GB) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -c .ci/constraints.txt -e ".[server]"
	@$(BIN)/python -m compileall -q instrumentation sinks stream dashboards  # as pip does with what it does not link
	@touch $@

$(VENV)/dev: $(VENV)/server
	@echo "Installing the tools for development ..."
	@$(PIP) install -c .ci/constraints.txt -e ".[server,dev]"
	@touch $@

demo: $(VENV)/server
	@$(BIN)/spanpulse demo $(if $(ONCE),--once)

test: $(VENV)/dev
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --durations=20

bench: $(VENV)/dev
	$(BIN)/python benchmarks/run.py

soak: $(VENV)/dev
	$(BIN)/python benchmarks/soak.py

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --no-cache .
	$(BIN)/mypy

fmt: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --no-cache --fix .

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
