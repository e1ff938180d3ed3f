# Everything a user or a developer runs. `make sweep` and `make test` need only Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: sweep test test-slow check bench speed speed-tasks speed-rodflow published rodflow audit readme clean

sweep: $(READY)
	$(BIN)/flowadam sweep studies/quickstart.toml --out results/quickstart

test: $(READY)
	$(BIN)/python -m pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder

test-slow: $(READY)
	$(BIN)/python -m pytest -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: $(READY)
	$(BIN)/python benchmarks/optimizer_step.py
	$(BIN)/python benchmarks/moments_step.py
	$(BIN)/python benchmarks/gradients.py
	$(BIN)/python benchmarks/replica_steps.py
	$(BIN)/python benchmarks/replicas.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/rodflow.py

# torch first and alone: a plain `torch` with its CUDA libraries is several GB larger.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flowadam needs Python 3.11 or newer.")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

# Takes two minutes of a machine that does nothing else.
speed: $(READY)
	$(BIN)/python benchmarks/optimizer_step.py > studies/recorded/speed.txt
	$(BIN)/python benchmarks/moments_step.py >> studies/recorded/speed.txt
	$(BIN)/python studies/render_readme.py

# Takes a quarter of an hour of two cores; goes on where it was stopped.
published: $(READY)
	$(BIN)/flowadam published --out studies/published > /dev/null
	$(BIN)/flowadam published --out studies/published --table --claimed > studies/recorded/published.txt
	$(BIN)/python studies/render_readme.py

# Takes an hour of two cores; goes on where it was stopped.
RODFLOW := --problem mlp --problem cnn --problem transformer --out studies/recorded/rodflow
rodflow: $(READY)
	$(BIN)/flowadam rodflow --seeds 5 --steps 200 $(RODFLOW) > /dev/null
	for scale in 0.5 1.5; do \
	    $(BIN)/flowadam rodflow --problem mlp --seeds 3 --steps 200 --scale $$scale \
	        --out studies/recorded/rodflow > /dev/null || exit 1; done
	$(BIN)/flowadam rodflow --optimizer hb --seeds 10 --steps 200 --scale 0.7 $(RODFLOW) > /dev/null
	$(BIN)/flowadam rodflow --trace --seeds 5 $(RODFLOW) > /dev/null
	$(BIN)/python studies/render_readme.py

# Takes half a day of two cores; goes on where it was stopped. Claims on data that are not here are left out.
AUDITS := flowadam ablations dial vradam dualadam
audit: $(READY)
	mkdir -p studies/audits results/audit/flowadam/published
	cp -n studies/published/published.parquet results/audit/flowadam/published/
	for name in $(AUDITS); do \
	    $(BIN)/flowadam audit $$name --engine ray --out results/audit/$$name > /dev/null && \
	    cp results/audit/$$name/audit.parquet studies/audits/$$name.parquet || exit 1; done
	$(BIN)/python studies/render_readme.py

# Takes some minutes of a machine that does nothing else.
speed-tasks: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/gradients.py > studies/recorded/tasks_speed.txt
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/replica_steps.py >> studies/recorded/tasks_speed.txt
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/replicas.py >> studies/recorded/tasks_speed.txt
	$(BIN)/python studies/render_readme.py

# Takes some minutes of a machine that does nothing else.
speed-rodflow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/rodflow.py > studies/recorded/rodflow_speed.txt
	$(BIN)/python studies/render_readme.py

readme: $(READY)
	$(BIN)/python studies/render_readme.py

clean:
	rm -rf $(VENV) results .pytest_cache .ruff_cache
