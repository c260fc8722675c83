# Two commands do all the set-up: `make app` and `make test`. Without make, see the README for the same steps.
PYTHON ?= python3
PORT ?= 8501
BIN := .venv/bin
BENCH := .venv-bench/bin

.PHONY: app test test-all lint bench demo-run clean

app: .venv/app.stamp
	$(BIN)/python -m streamlit run app.py --server.port $(PORT)

test: .venv/test.stamp lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow" --durations 8

test-all: .venv/test.stamp lint
	$(BIN)/python -m pytest

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: .venv-bench/bench.stamp
	PYTHONPATH=. $(BENCH)/python benchmarks/augment.py

# the run that ships in checkpoints/demo: trained on the demo data, without last.pt
demo-run: .venv/app.stamp
	PYTHONPATH=. $(BIN)/python scripts/demo_run.py

.venv/app.stamp: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	touch $@

.venv/test.stamp: requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-dev.txt
	touch $@ .venv/app.stamp

# the libraries we measure against bring an OpenCV of their own, so they live apart
.venv-bench/bench.stamp: requirements-bench.txt
	test -x $(BENCH)/python || $(PYTHON) -m venv .venv-bench
	$(BENCH)/python -m pip install --disable-pip-version-check -r requirements-bench.txt
	touch $@

clean:
	rm -rf cache .pytest_cache .ruff_cache .import_linter_cache
