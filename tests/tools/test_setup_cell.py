"""The set-up cell: silent at home, an installer on Colab, and helpful where neither can be."""

import subprocess
import sys

import pytest
from setup_cell import SETUP_CELL, read_address, setup_cell

ADDRESS = "https://github.com/someone/some-book"

# Runs a cell as a kernel does, with a %pip that only says what it was asked for.
SHELL = """
import importlib.util, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
shell.register_magic_function(lambda line: print("PIP", line), "line", "pip")
if {missing}:
    importlib.util.find_spec = lambda name, package=None: None
result = shell.run_cell({cell!r})
error = result.error_before_exec or result.error_in_exec
sys.exit(0 if error is None else f"{{type(error).__name__}}: {{error}}")
"""


def run(cell: str, missing: bool) -> subprocess.CompletedProcess:
    """Run a cell in a process of its own, where the package is there or missing."""
    program = SHELL.format(cell=cell, missing=missing)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_does_nothing_where_the_package_is_installed(address):
    ran = run(setup_cell(address), missing=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_installs_the_package_where_it_is_missing():
    ran = run(setup_cell(ADDRESS), missing=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f'PIP install --quiet "bareattention @ git+{ADDRESS}"\n'


def test_says_what_to_do_where_there_is_no_address():
    ran = run(setup_cell(""), missing=True)
    assert ran.returncode == 1
    assert "PIP" not in ran.stdout
    assert "ModuleNotFoundError" in ran.stderr
    assert "make book" in ran.stderr


@pytest.mark.parametrize("address", ["", ADDRESS])
def test_is_short(address):
    lines = setup_cell(address).splitlines()
    assert len([line for line in lines if line.strip()]) <= 10
    assert max(map(len, lines)) <= 80


def test_the_address_stands_in_pyproject(tmp_path):
    assert setup_cell(read_address()) == SETUP_CELL
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text('[project]\nname = "x"\n')
    assert read_address(tmp_path) == ""
    pyproject.write_text(f'[project]\nname = "x"\n[project.urls]\nRepository = "{ADDRESS}"\n')
    assert read_address(tmp_path) == ADDRESS
