"""A damaged notebook is named in one line, by whichever tool meets it."""

import json
import subprocess
import sys

import execute
import extract
import pytest
from nbformat import v4, writes
from notebooks import NotebookError, read_notebook
from setup_cell import ROOT

CELLS = [v4.new_markdown_cell("# What is half?", id="title"), v4.new_code_cell("1", id="one")]
SOUND = writes(v4.new_notebook(cells=CELLS))


def changed(**fields):
    return json.dumps(json.loads(SOUND) | fields)


DAMAGED = {
    "empty": ("", "the file is empty"),
    "merge": (
        SOUND.replace('    "# What', '<<<<<<< HEAD\n    "# What'),
        "line 8: a merge left its mark <<<<<<<; choose one side",
    ),
    "cut off": (SOUND[:100], "line 8: not JSON: "),
    "nbformat 3": (changed(nbformat=3, nbformat_minor=0), "wanted nbformat 4.5, got 3.0"),
    "something else": ("[]", "no sound notebook: "),
    "without cells": (changed(cells=None), "no sound notebook: "),
    "bad metadata": (changed(metadata=3), "no sound notebook: 3 is not of type 'object'"),
    "one id twice": (SOUND.replace('"title"', '"one"'), "two cells have the id one"),
    "not UTF-8": ("# café".encode("latin1"), "wanted text in UTF-8"),
}


def nbval(*arguments, **settings):
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, **settings)


@pytest.mark.parametrize("damage", DAMAGED)
def test_says_what_is_wrong(tmp_path, damage):
    text, says = DAMAGED[damage]
    path = tmp_path / "01_first.ipynb"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(NotebookError) as caught:
        read_notebook(path)
    assert str(caught.value).startswith(f"01_first.ipynb: {says}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_sound_one_is_read(tmp_path):
    (tmp_path / "01_first.ipynb").write_text(SOUND)
    assert read_notebook(tmp_path / "01_first.ipynb").cells == CELLS


def test_every_tool_says_it(tmp_path, capsys):
    path = tmp_path / "book" / "01_first.ipynb"
    path.parent.mkdir()
    path.write_text("")
    assert extract.main([], tmp_path) == 1
    assert execute.main([str(path)]) == 1
    complaint = "01_first.ipynb: the file is empty\n"
    assert capsys.readouterr().out == f"extract: {complaint}failed     {complaint}"
    chapters = [path, ROOT / "book" / "index.ipynb"]
    ran = nbval("-c", ROOT / "pyproject.toml", *chapters, cwd=tmp_path)
    assert ran.stderr.strip() == f"ERROR: {complaint}".strip(), ran.stdout


def test_nbval_runs_from_any_folder(tmp_path):
    ran = nbval(ROOT / "book" / "index.ipynb::Cell 0", cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout
