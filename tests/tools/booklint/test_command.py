"""`python tools/booklint`: one line a fault, and an exit code."""

import subprocess
import sys

from booklint.pages import ROOT
from planted import code, stored


def lint(*arguments):
    command = [sys.executable, str(ROOT / "tools" / "booklint"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_names_the_faults_of_the_pages_it_is_given(tmp_path):
    page = tmp_path / "results.ipynb"
    page.write_text(stored(code("1", id="zeros")), "utf8")
    said = lint(page)
    assert said.returncode == 1
    fault, *_ = said.stdout.splitlines()
    assert fault == (
        "results.ipynb, cell zeros, line 1: the first code cell is 'zeros': "
        "it must be the set-up cell, id setup"
    )


def test_is_silent_where_nothing_is_wrong(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A page\n", "utf8")
    said = lint(page)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_refuses_a_page_that_is_not_there():
    assert (said := lint("nowhere.md")).returncode == 2
    assert "no such page" in said.stdout
