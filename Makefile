# Everything happens in a virtual environment of the project's own; nothing needs root.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
PYTEST ?= $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadgroup

.PHONY: help demo test test-fast lint bench clean

help:
	@echo "make demo       set up, then compile, verify and build the digits network"
	@echo "make test       set up, then run every test"
	@echo "make test-fast  the tests that take seconds"
	@echo "make lint       ruff and pyright"
	@echo "make bench      the measurements in bench/ (long); SECTIONS='demo mnist' for some"

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "spikeloom needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 2; }
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --upgrade pip
	@touch $@

$(VENV)/ready: $(VENV)/python pyproject.toml
	@echo "installing spikeloom and the tools that it runs (downloads about 215 MB the first time)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/ready-test: $(VENV)/python pyproject.toml
	@echo "installing spikeloom, its tools and what the tests need (downloads about 300 MB the first time)"
	@$(INSTALL) -e '.[sim,test,dev]'
	@touch $@ $(VENV)/ready

demo: $(VENV)/ready
	@$(BIN)/spikeloom demo

test: $(VENV)/ready-test
	$(PYTEST)

test-fast: $(VENV)/ready-test
	$(PYTEST) -m "not slow and not build and not icarus and not verilator"

lint: $(VENV)/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p .types && ln -sfn .. .types/spikeloom
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/ready-test
	$(BIN)/python bench/run.py $(SECTIONS)

clean:
	rm -rf $(VENV) .types demo *.egg-info
