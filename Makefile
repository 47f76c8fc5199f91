# Two commands: `make demo` shows what this is, `make test` proves it. Both install what they need into .venv, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test unit lint clean

demo: $(VENV)/installed
	$(BIN)/lmmrec run demo
	@echo
	@echo "The command is $(BIN)/lmmrec; everything it wrote is in .lmmrec. Your own data: README.md."

test: $(VENV)/installed-for-tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

unit: $(VENV)/installed-for-tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m unit

lint: $(VENV)/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) install -e .
	@touch $@

$(VENV)/installed-for-tests: pyproject.toml | $(VENV)/bin/python
	$(PIP) install -e '.[test]'
	@touch $@ $(VENV)/installed
