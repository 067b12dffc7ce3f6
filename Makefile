# One command for each job; every one of them makes the virtual environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Two test processes of one thread each; JAX would otherwise start a thread for every core in both.
TEST_ENV = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 XLA_FLAGS="--xla_cpu_multi_thread_eigen=false $(XLA_FLAGS)"
PYTEST = $(TEST_ENV) $(BIN)/python -m pytest -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test slow lint bench docs clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1  \t\2/p' Makefile

# One stamp for each extra; a changed pyproject.toml installs anew.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	$(INSTALL) -e '.[$*]'
	@touch $@

demo: $(VENV)/.installed ## infer a ringdown in under a minute, with figures
	$(BIN)/swansong demo

test: $(VENV)/.installed-dev ## the fast tests
	$(PYTEST)

slow: $(VENV)/.installed-dev ## the long checks
	$(PYTEST) -m slow

lint: $(VENV)/.installed-dev ## style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

bench: $(VENV)/.installed-dev $(VENV)/.installed-bench ## speed, beside that of peers
	$(BIN)/python -m pytest benchmarks --benchmark-only

docs: $(VENV)/.installed-docs ## the documentation, into site/
	$(BIN)/mkdocs build --strict

clean: ## remove what can be made again; results in runs/ stay
	rm -rf build dist site .pytest_cache .ruff_cache .hypothesis .benchmarks .cache
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
