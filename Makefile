# make demo   set everything up, run the main job, open napari on the result
# make test   set everything up, run the tests
# make check  lint, types, import contracts, manifest
# See docs/developing.md for the rest.

PYTHON ?= python3
VENV ?= .venv
CORE_VENV ?= .venv-core
DEMO ?= demo
# CPU build where pip finds one; `make test TORCH=` does without (its tests are skipped).
TORCH ?= torch==2.13.0 kornia
# Files of tests side by side; `make test PARALLEL=` one after the other.
PARALLEL ?= -n 2 --dist loadfile
PIP_FLAGS ?= --quiet --disable-pip-version-check

BIN := $(VENV)/bin
export PIP_NO_WARN_SCRIPT_LOCATION = 1

.PHONY: demo test test-long test-core check docs-pictures clean

demo: $(VENV)/.window
	$(BIN)/napari-openhcs demo --output $(DEMO)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PARALLEL)

test-long: $(VENV)/.test
	$(BIN)/python -m pytest -m "long or nightly"

# The core works where there is no Qt and no napari.
test-core: $(CORE_VENV)/.test
	$(CORE_VENV)/bin/python -m pytest $(PARALLEL) -m "not window and not long and not nightly"

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari-openhcs
	$(BIN)/python -m build --wheel --outdir $(VENV)/wheel . >/dev/null
	$(BIN)/python scripts/check_wheel.py $(VENV)/wheel

docs-pictures: $(VENV)/.window
	$(BIN)/python docs/make_pictures.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.window: $(VENV)/bin/python pyproject.toml scripts/system_libraries.sh
	bash scripts/system_libraries.sh
	$(BIN)/python -m pip install $(PIP_FLAGS) --editable '.[pyqt6]'
	touch $@

$(VENV)/.test: $(VENV)/.window
	bash scripts/system_libraries.sh opencl
	$(BIN)/python -m pip install $(PIP_FLAGS) --editable '.[pyqt6,test,window-test,dev,jax,pyclesperanto]' $(TORCH)
	touch $@

$(CORE_VENV)/.test: pyproject.toml
	$(PYTHON) -m venv $(CORE_VENV)
	$(CORE_VENV)/bin/python -m pip install $(PIP_FLAGS) --editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) $(CORE_VENV) $(DEMO) build dist
