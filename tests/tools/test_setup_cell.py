"""The set-up cell: silent at home, an installer on Colab, and helpful where neither can be."""

import subprocess
import sys
import tomllib

import pytest
from address import Repository, read_address
from packaging.requirements import Requirement
from setup_cell import ROOT, SETUP_CELL, setup_cell

BOOK = Repository("someone", "some-book", "trunk")
SOURCE = f"git+{BOOK.url}@trunk"

# Runs a cell as a kernel does, with a %pip that only says what it was asked for.  The package is
# missing as often as `missing` says; of all others, those in `versions` are there.
SHELL = """
import sys
from importlib import metadata, util
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
shell.register_magic_function(lambda line: print("PIP", line), "line", "pip")
answers, versions = [None] * {missing}, {versions}
util.find_spec = lambda name: answers.pop() if "bare" in name and answers else versions.get(name)
metadata.version = versions.get
result = shell.run_cell({cell!r})
error = result.error_before_exec or result.error_in_exec
sys.exit(0 if error is None else f"{{type(error).__name__}}: {{error}}")
"""


def run(cell: str, missing: int, **versions: str) -> subprocess.CompletedProcess:
    """Run a cell in a process of its own."""
    versions["bareattention"] = "0.2"
    program = SHELL.format(cell=cell, missing=missing, versions=versions)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize("repository", [None, BOOK])
def test_does_nothing_where_the_package_is_installed(repository):
    ran = run(setup_cell(repository), missing=0)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("versions", [{}, {"pandas": "2.2.2", "torch": "2.9.0+cu126"}])
def test_installs_the_package_and_leaves_the_others_as_they_are(versions):
    ran = run(setup_cell(BOOK), 1, **versions)
    assert ran.returncode == 0, ran.stderr
    kept = "".join(f" {name}=={version}" for name, version in versions.items())
    assert ran.stdout.rstrip() == f'PIP install --quiet "bareattention @ {SOURCE}"{kept}'


def test_stops_where_pip_could_not_install():
    ran = run(setup_cell(BOOK), 2, torch="2.0.0")
    assert ran.returncode == 1
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["dependencies"]
    (torch,) = [r for r in map(Requirement, stated) if r.name == "torch"]
    (oldest,) = torch.specifier
    assert f"PyTorch {oldest.version} or newer is needed" in ran.stderr


def test_says_what_to_do_where_there_is_no_address():
    ran = run(setup_cell(None), missing=1)
    assert ran.returncode == 1
    assert "PIP" not in ran.stdout
    assert "ModuleNotFoundError" in ran.stderr
    assert "make book" in ran.stderr


@pytest.mark.parametrize("repository", [None, BOOK])
def test_is_short(repository):
    lines = setup_cell(repository).splitlines()
    assert len([line for line in lines if line.strip()]) <= 10
    assert max(map(len, lines)) <= 80


def test_the_cell_of_the_notebooks_has_the_books_address():
    assert setup_cell(read_address(ROOT)) == SETUP_CELL
