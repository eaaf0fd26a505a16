# Commands of the project. `make demo` and `make test` work on a fresh machine with Python 3.11 or newer and nothing else.
PYTHON ?= python3
BIN := .venv/bin
SEARCHITECT_DATA ?= $(if $(wildcard ../shared/data),$(abspath ../shared/data),)
export SEARCHITECT_DATA
# one thread per process is fastest, and two test processes share the machine
export OMP_NUM_THREADS := 1

.PHONY: demo test check proofs format clean

demo: .venv/installed
	$(BIN)/searchitect search digits --budget 2m
	@echo "open $(CURDIR)/runs/digits/report.html"

test: .venv/developed check

check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2

proofs: .venv/developed
	$(BIN)/pytest -m slow --timeout 3600

format: .venv/developed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# torch comes first and pinned, so that a plain range does not fetch another build
.venv/installed: pyproject.toml constraints/dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q torch -c constraints/dev.txt
	$(BIN)/pip install -q -c constraints/dev.txt -e ".[all]"
	@touch $@

.venv/developed: .venv/installed constraints/dev-tools.txt
	$(BIN)/pip install -q -c constraints/dev.txt -r constraints/dev-tools.txt
	@touch $@

clean:
	rm -rf .venv runs dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
