"""Chapters run alone: what they print differently, what they need, what fails."""

import elsewhere
import nbformat
import pytest
from chapter import METADATA

V4 = nbformat.v4
TRAINING = ["nbval-ignore-output"]


@pytest.fixture
def said(tmp_path, capfd):
    """Run a chapter of cells (id, code, what it printed when it was stored, tags)."""

    def run(*cells: tuple[str, str, str, list[str]]) -> tuple[int, str]:
        made = []
        for name, code, printed, tags in cells:
            output = V4.new_output("stream", text=printed)
            made.append(V4.new_code_cell(code, id=name, outputs=[output], metadata={"tags": tags}))
        path = tmp_path / "01_some.ipynb"
        nbformat.write(V4.new_notebook(cells=made, metadata=METADATA), path)
        before = path.read_bytes()
        status = elsewhere.main([str(path)])
        assert path.read_bytes() == before
        return status, capfd.readouterr().out

    return run


def test_says_which_cells_print_something_else(said):
    status, line = said(
        ("alone", "import os; print(os.listdir())", "[]\n", []),
        ("other", "print(2)", "3\n", []),
        ("train", "print(2)", "3\n", TRAINING),
    )
    assert status == 0
    assert line.endswith("MB  other output: other\n")


def test_fails_where_a_cell_does(said):
    status, text = said(("wrong", "1 / 0", "", []))
    assert status == 1
    assert "ZeroDivisionError" in text


def test_fails_where_a_chapter_needs_too_much_memory(said, monkeypatch):
    monkeypatch.setattr(elsewhere, "MOST_MEMORY", 1)
    status, line = said(("same", "print(1)", "1\n", []))
    assert status == 1
    assert line.endswith(" MB  same output: more than 1 MB\n")
