# make: the two demo mosaics; make test: the tests. Everything needed goes into .venv.
PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN 2> /dev/null || echo 1)
BIN = .venv/bin

all: .venv/workflow
	$(BIN)/snakemake --cores $(CORES) --quiet rules

# make test takes two minutes; make test-all has also those that run all cells of all documents,
# look at the site in a browser, or kill workflows
test: .venv/test
	$(BIN)/python -m pytest --numprocesses $(CORES) -m "not long and not attack"

test-all: .venv/test
	$(BIN)/python -m pytest --numprocesses $(CORES)

# the lines and branches of the program that no test runs, in ten minutes on two cores; what is
# compiled is traced as Python, whose squares of fractions may differ in the last bit; processes
# that tests kill leave data that cannot be read
COMPILED = auction fast simplex
coverage: export COVERAGE_FILE = $(CURDIR)/_build/coverage/data
coverage: .venv/test
	rm -rf _build/coverage && mkdir -p _build/coverage
	$(BIN)/coverage run -m pytest --numprocesses $(CORES) -m "not long and not attack"
	$(BIN)/coverage run -m pytest --numprocesses $(CORES) -m long tests/test_exercises.py
	NUMBA_DISABLE_JIT=1 $(BIN)/coverage run -m pytest $(COMPILED:%=tests/test_%.py) \
	  -k "not three_thousand and not small_problems and not true_optimum and not each_sale and not needs_no_pot and not fractions"
	$(BIN)/coverage combine --quiet
	rm -f _build/coverage/data.*
	$(BIN)/coverage report

# what is promised in docs/promises.md, attacked for a quarter of an hour
attack: .venv/test
	$(BIN)/python -m pytest --numprocesses $(CORES) -m attack

# the workflow on two nodes of Debian's Slurm, all on this machine; wants root and apt
test-cluster: .venv/test .venv/cluster
	tests/cluster/run.sh

check: .venv/test
	$(BIN)/python docs/check.py
	$(BIN)/ruff check
	$(BIN)/oxlint --deny-warnings smalti
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile smalti/further.smk
	$(BIN)/python -m pytest tests/test_layers.py

lab: .venv/book
	mkdir -p .venv/share/jupyter/lab/settings
	cp docs/lab/overrides.json .venv/share/jupyter/lab/settings/
	$(BIN)/jupyter lab mosaic.md

site: .venv/site
	$(BIN)/python docs/weave.py
	rm -rf _build/site
	$(BIN)/python -m sphinx -q -E -W --keep-going -c docs -d _build/doctrees _build/pages _build/site
	@echo "the book is in _build/site/index.html"

# make tangle FORCE=1 overwrites programs that were edited by hand
tangle: .venv/book
	$(BIN)/python docs/tangle.py $(if $(FORCE),--force)

# moves edits of the programs into the documents
stitch: .venv/book
	$(BIN)/python docs/stitch.py

bench: .venv/bench all
	$(BIN)/python bench/thumbnails.py
	$(BIN)/python bench/placement.py
	$(BIN)/python bench/looks.py
	$(BIN)/python bench/output.py
	$(BIN)/python bench/printing.py
	$(BIN)/mosaic view mosaic_unique.jpg
	$(BIN)/python bench/viewing.py mosaic_unique_view/index.html

figures: .venv/book all
	$(BIN)/python fig/figures.py

# make exercise WAY="90 minutes" writes four; a workbook that is there stays as it is
exercise: .venv/book
	$(BIN)/python -m course.workbook $(if $(WAY),--way "$(WAY)")

# looks at this machine before a course, in 10 s; installs nothing
ready:
	@python=$$(test -x $(BIN)/python && echo $(BIN)/python || echo $(PYTHON)); \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 6))' 2> /dev/null \
	  || { echo "mend  Python 3.11 or newer is needed; say make ready PYTHON=python3.12"; exit 2; }; \
	$$python course/ready.py

# the 90-minute way as an episode of the Carpentries Workbench
episode:
	@$(PYTHON) course/episode.py

clean:
	rm -rf _build .venv .snakemake data/*.h5 data/*.tab data/*.json data/lists data/parts data/benchmarks

# one environment; each set of packages is installed when it is first wanted, and notebooks
# find its Python without asking
.venv/%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; say make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@test ! -d .venv/share/jupyter/kernels || $(BIN)/python -m ipykernel install --sys-prefix 2> /dev/null
	@touch $@

.PHONY: all test test-all coverage attack test-cluster check lab exercise site tangle stitch bench figures ready episode clean
