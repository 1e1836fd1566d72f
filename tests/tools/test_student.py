"""Students' notebooks hold no word of a solution, and all of the rest."""

import nbformat
import pytest
import student
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from notebooks import ROOT, read_notebook


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    assert student.main([str(folder)]) == 0
    return folder


CHAPTERS = sorted((ROOT / "book").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_no_line_of_a_solution_is_left(chapter, written):
    whole, cut = read_notebook(chapter), read_notebook(written / chapter.name)
    headings = [cell.source.startswith(student.HEADING) for cell in whole.cells]
    kept, solved = whole.cells[: headings.index(True)], whole.cells[headings.index(True) :]
    before = {line for cell in kept for line in cell.source.splitlines()}
    lines = {line for cell in solved for line in cell.source.splitlines()} - before
    left = {line for cell in cut.cells for line in cell.source.splitlines()}
    assert lines, "a chapter without solutions"
    assert not lines & left
    assert not any("solution" in cell.metadata.get("tags", []) for cell in cut.cells)
    assert not any(cell.get("outputs") for cell in cut.cells)
    assert [c.id for c in cut.cells] == [c.id for c in kept if student.POINTER.sub("", c.source)]


def chapter(*cells: str) -> nbformat.NotebookNode:
    made = [new_markdown_cell(c) if c.startswith("#") else new_code_cell(c) for c in cells]
    return new_notebook(cells=made)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (("# Why?", "1"), "there is no ## Solutions"),
        (("# Why?", "## Solutions", "1", "## More"), "something stands after ## Solutions"),
        (("# Why?", "## Solutions\n\n## More"), "something stands after ## Solutions"),
    ],
)
def test_what_cannot_be_cut_is_refused(cells, says):
    with pytest.raises(student.StudentError, match=says):
        student.without_solutions(chapter(*cells))
