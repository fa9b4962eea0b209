# `make demo` and `make test` set everything up on first use: Python >= 3.11 is all they ask for.
PYTHON ?= python3
PROFILE ?= quick
VENV := .venv
BIN := $(VENV)/bin
NB ?= $(patsubst nbs/%.ipynb,%,$(sort $(wildcard nbs/*/[0-9]*.ipynb)))

export SYMNB_PROFILE := $(PROFILE)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test readme notebooks stale release lab clean distclean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "Variables: PYTHON=python3.12 (for a new $(VENV)), PROFILE=full, NB=models/30_vae (for notebooks), LAB=--no-browser (for lab)"

demo: $(VENV)/.run ## run the main job and write its report
	@echo "The main job, profile $(PROFILE):"
	@$(BIN)/symnb run

test: $(VENV)/.dev ## run all tests: notebooks clean, exported, executed; then pytest's own
	@echo "Notebooks clean and exported, notebooks executed, then all other tests, profile $(PROFILE):"
	@$(BIN)/python -m pytest -rs --durations=10 --numprocesses auto --maxprocesses 8 --dist loadscope --no-loadscope-reorder tests

readme: $(VENV)/.dev ## execute nbs/index.ipynb and render README.md from it
	@$(call execute,index)
	@$(BIN)/nbdev_clean
	@$(BIN)/python tools/readme.py

notebooks: $(VENV)/.dev ## execute the notebooks and store their outputs
	@for nb in $(NB); do echo "$$nb, profile $(PROFILE)"; ($(call execute,$$nb)) || exit 1; done
	@$(MAKE) --no-print-directory readme

stale: $(VENV)/.dev ## list stored results whose code has changed since
	@$(BIN)/python tools/stale.py

release: $(VENV)/.dev ## set VERSION=0.2.0, date the changelog, build and check the files for the package index
	@$(BIN)/python tools/release.py "$(VERSION)"

lab: $(VENV)/.dev ## open the notebooks in JupyterLab, trusted, so that stored explorers show
	@$(BIN)/nbdev_trust --force_all
	@$(BIN)/jupyter lab nbs $(LAB)

clean: ## remove what tests and documentation leave behind
	rm -rf _proc _docs build dist .pytest_cache .hypothesis _preview nbs/nbdev.yml

distclean: clean ## remove also the environment and all trained models
	rm -rf $(VENV) runs symnb.egg-info

# A stamp is written only after pip has succeeded, so that an interrupted installation starts again.
$(VENV)/.run: settings.ini setup.py
	$(call install,.[e2cnn])
	@touch $@

$(VENV)/.dev: settings.ini setup.py
	$(call install,.[dev])
	@touch $@ $(VENV)/.run

define install
@$(PYTHON) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
  echo "symnb needs Python >= 3.11 with its venv module; '$(PYTHON)' is not one:" \
       "name another, e.g. make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
@test -x $(BIN)/pip || { echo "Creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
@echo "Installing symnb into $(VENV) (first time: about 3 minutes and 6 GB, most of it torch)"
@$(BIN)/python -m pip install -e '$(1)'
endef

execute = cd $(dir nbs/$(1)) && TQDM_DISABLE=1 $(CURDIR)/$(BIN)/exec_nb $(notdir $(1)).ipynb --dest $(notdir $(1)).ipynb --exc_stop
