"""Chapters with all of MNIST: run beside the book, and what they needed is kept."""

import json

import full
import pytest
from nbformat import v4, writes
from notebooks import ROOT, read_notebook


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Two chapters, of which the second fails; where results are kept."""
    asked = "import os\nassert os.environ['BAREATTENTION_DATA'] == 'mnist'\nprint('it is')"
    for name, source in (("11_sound", asked), ("12_broken", "1 / 0")):
        notebook = v4.new_notebook(cells=[v4.new_code_cell(source)])
        (tmp_path / f"{name}.ipynb").write_text(writes(notebook), "utf8")
    monkeypatch.setattr(full, "SHOWN", tmp_path / "full")
    for name in full.os.environ.keys() | {"BAREATTENTION_DATA"}:
        monkeypatch.setenv(name, full.os.environ.get(name, ""))  # and as it was afterwards
    return tmp_path


def test_a_chapter_is_run_beside_the_book_and_what_it_needed_is_kept(book, capsys):
    kept = book / "kept.json"
    kept.write_text('{"13_older": {}}')
    chapters = [str(book / "12_broken.ipynb"), str(book / "11_sound.ipynb")]
    before = [(book / name).read_bytes() for name in ("11_sound.ipynb", "12_broken.ipynb")]
    assert full.main(chapters, kept) == 1
    assert [(book / name).read_bytes() for name in ("11_sound.ipynb", "12_broken.ipynb")] == before
    said = capsys.readouterr().out
    assert "failed  12_broken.ipynb" in said and "ZeroDivisionError" in said
    table = json.loads(kept.read_text())
    assert [*table] == ["11_sound", "13_older"] and table["11_sound"]["megabytes"] > 10
    shown = read_notebook(book / "full" / "11_sound.ipynb")
    assert shown.cells[0].outputs[0].text == "it is\n"


def test_every_chapter_on_digits_was_run_to_its_end():
    every = {path.stem for path in (ROOT / "book").glob("[0-9][0-9]_*.ipynb")}
    wanted = {name for name in every if int(name[:2]) >= full.FIRST}
    assert {*json.loads(full.KEPT.read_text("utf8"))} == wanted


def test_a_chapter_that_is_not_there_is_named(capsys):
    assert full.main(["book/99_none.ipynb"]) == 2
    assert "99_none.ipynb" in capsys.readouterr().out
