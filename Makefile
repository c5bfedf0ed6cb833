# Two commands do everything on a fresh machine with Python 3.11 and make:
#   make demo   installs, draws synthetic radiographs, audits the shipped model, writes demo/report.html
#   make test   installs, passes all checks and tests (make test-all adds the slow ones)
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-all check fix docs bench fuzz simulations conclusions clean

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python ..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip==26.3"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[models]" --group dev
	touch $@

demo: $(INSTALLED)
	$(BIN)/cxraudit demo demo

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-all: check
	$(BIN)/python -m pytest -n 2 --dist loadfile

fix: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED)
	$(BIN)/zensical build --clean

bench: $(INSTALLED)
	$(BIN)/python benchmarks/bootstrap.py
	$(BIN)/python benchmarks/whole_audit.py

# Mutated inputs of every kind: N of each (2,000), or as many as fit into BUDGET seconds; SEED makes them again.
fuzz: $(INSTALLED)
	$(BIN)/python -m fuzz $(if $(N),--n $(N)) $(if $(BUDGET),--budget $(BUDGET)) $(if $(SEED),--seed $(SEED))

# Coverage, errors and power of the statistics in cohorts whose truth is known, by design.
simulations: $(INSTALLED)
	$(BIN)/python -m simulations $(if $(N),--cohorts $(N))
	$(BIN)/python -m simulations.reports $(if $(N),--cohorts $(N))
	$(BIN)/python -m simulations.reliability $(if $(N),--cohorts $(N))
	$(BIN)/python -m simulations.planning $(if $(N),--cohorts $(N))
	$(BIN)/python -m simulations.training_runs $(if $(N),--cohorts $(N))
	$(BIN)/python -m simulations.pairs $(if $(N),--cohorts $(N))

conclusions: $(INSTALLED)
	$(BIN)/python -m simulations.conclusions $(if $(N),--cohorts $(N))

clean:
	rm -rf $(VENV) demo site fuzz-faults
