# Attention, Laid Bare.  `make help` lists what can be done.

# A Python to make .venv with: PYTHON=/path/to/python3.12 make book.  By default it is looked for.
PYTHON ?=
PORT ?= 8000

# What people hand over goes through the environment as it stands: make does not expand it, and no
# shell reads it as a command.
URL_FROM := $(origin URL)
BRANCH_FROM := $(origin BRANCH)
override BRANCH := $(value BRANCH)
override M := $(value M)
override N := $(value N)
override PORT := $(value PORT)
override PYTHON := $(value PYTHON)
override Q := $(value Q)
override URL := $(value URL)
export BRANCH M N PORT PYTHON Q URL

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install book serve pdf offline test check count mutants format chapters chapter chapters-full new-chapter student repository wheel links lock clean

help: ## say what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: ## make .venv and install; the others do it when needed
	@sh tools/install.sh

book: install ## build the pages and say where they are
	@sh tools/build.sh

serve: book ## build the pages and serve them on this computer (PORT=8000)
	@echo "Open http://127.0.0.1:$$PORT/  (stop with Ctrl-C)"
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html "$$PORT" || \
		{ echo 'If the port is taken, choose another:  make serve PORT=8001' >&2; exit 1; }

pdf: book ## print the whole book into _build/attention-laid-bare.pdf (asks for a Chromium)
	@$(BIN)/python tools/pdf.py

offline: book ## pack the pages into _build/attention-laid-bare.zip, to read without a network
	@$(BIN)/python tools/offline.py

test: install ## prove everything: the checks, the tests, every chapter
	@sh tools/test.sh

check: install ## the checks that take seconds
	@sh tools/check.sh

count: install ## count lines per chapter and per room, beside their limits
	@$(BIN)/python tools/count.py

# cosmic-ray is there only for those who ask; nothing else needs it.
mutants: install ## plant mistakes and count what the tests notice: an hour, or one module: M=softmax
	@$(BIN)/python -m pip install --quiet cosmic-ray==8.7.0
	@$(BIN)/python tools/mutants.py $${M:+"$$M"}

format: install ## lay the Python code out
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

chapters: install ## write the modules and execute all chapters again
	@$(BIN)/python tools/extract.py
	@$(BIN)/python tools/execute.py
	@$(BIN)/python tools/extract.py

chapter: install ## the same for one chapter: make chapter N=05
	@case "$$N" in [0-9][0-9]) test -f book/"$$N"_*.ipynb ;; *) false ;; esac || \
		{ echo 'Which one?  make chapter N=05' >&2; exit 2; }
	@$(BIN)/python tools/extract.py
	@$(BIN)/python tools/execute.py book/"$$N"_*.ipynb

chapters-full: install ## run the chapters on digits with all of MNIST, beside the book: ten minutes
	@$(BIN)/python tools/full.py

# What the tool does not get, it asks for.
new-chapter: install ## start a chapter: make new-chapter N=21 M=masks Q='How do we hide the future?'
	@$(BIN)/python tools/new_chapter.py "$$N" "$$M" "$$Q"

student: install ## write the chapters without solutions, for a class, into _build/student
	@$(BIN)/python tools/student.py

# An address from the environment does not count: this writes into many files.  Any Python does.
repository: ## write the repository's address everywhere: git's origin, or URL=https://github.com/OWNER/REPO
	@"$${PYTHON:-python3}" tools/repository.py \
		$(if $(findstring command line,$(BRANCH_FROM)),--branch="$$BRANCH") \
		$(if $(findstring command line,$(URL_FROM)),--url="$$URL")

# What setuptools leaves behind would be in the next wheel, too.
wheel: install ## build the package alone: _build/bareattention-*.whl
	@rm -rf build _build/bareattention-*.whl
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir _build .
	@rm -rf build

links: install ## ask every link that leads out of the book whether it still does
	@mkdir -p _build
	@$(BIN)/jupyter-book build . --all --builder linkcheck --path-output _build/links \
		>_build/links.log 2>&1 || { grep broken _build/links.log; exit 1; }

# Without torch's own GPU packages: the CPU wheels do not need them, and pip finds them for the others.
lock: ## pin in requirements.txt what requirements.in names, with all that it needs (asks for uv)
	@uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 \
		--annotation-style line requirements.in --output-file requirements.txt
	@grep -vE '^(nvidia|cuda|triton)' requirements.txt >requirements.new
	@mv requirements.new requirements.txt

clean: ## take away what building and testing wrote; .venv stays
	@rm -rf _build .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find book code tests tools -name __pycache__ -prune -exec rm -rf {} +
