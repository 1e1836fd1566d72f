"""A new chapter: the template's headings, a skeleton that keeps every rule, its place."""

import re

import nbformat
import new_chapter
import pytest
import yaml
from booklint.pages import read
from booklint.rules import complaints
from execute import execute, prepare
from notebooks import read_notebook
from setup_cell import CELL_TAGS, ROOT, SETUP_CELL

QUESTION = "How do we hide the future, and the padding?"
TOC = """\
# kept
format: jb-book
root: book/index
parts:
  - caption: Part I · One head, by hand
    chapters:
      - file: book/01_parameters
      - file: book/03_queries_keys_values # kept too
  # - caption: Part II · From a head to a block
  #   chapters:
  - caption: Reference
    chapters:
      - file: book/notation
"""


ROWS = [
    "| 1 | [How big?](01_parameters.ipynb) | 25 min |\n",
    "| 3 | [Who asks?](03_queries_keys_values.ipynb) | 40 min |\n",
    "\n",
    "| 8 | [Where?](08_positions.ipynb) | 45 min |\n",
]


@pytest.fixture
def tree(tmp_path):
    """An empty house with a table of contents and a front page."""
    (tmp_path / "book").mkdir()
    front = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("".join(ROWS))])
    nbformat.write(front, tmp_path / "book" / "index.ipynb")
    (tmp_path / "_toc.yml").write_text(TOC, "utf8")
    return tmp_path


def files(toc: str) -> list[tuple[str, list[str]]]:
    """Caption and pages of each part, in order."""
    parts = yaml.safe_load(toc)["parts"]
    return [(part["caption"], [entry["file"] for entry in part["chapters"]]) for part in parts]


def test_notebook_follows_the_template(tree):
    assert new_chapter.main(["07", "masks", QUESTION], tree) == 0
    notebook = read_notebook(tree / "book" / "07_masks.ipynb")
    headings = [c.source.splitlines()[0] for c in notebook.cells if c.cell_type == "markdown"]
    assert headings[:2] == [f"# {QUESTION}", "## You will be able to"]
    assert headings[-2:] == ["## Sources", "## Solutions"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert (code[0].id, code[0].source, code[0].metadata.tags) == ("setup", SETUP_CELL, CELL_TAGS)


def test_executed_it_keeps_every_rule(tree):
    """At the end of the real book, where a question is not answered by anything yet."""
    number = 1 + max(int(path.name[:2]) for path in (ROOT / "book").glob("[0-9]*.ipynb"))
    new_chapter.main([str(number), "whatever", QUESTION], tree)
    path = tree / "book" / f"{number:02}_whatever.ipynb"
    prepare()
    assert execute(path).startswith("changed")
    assert [str(complaint) for complaint in complaints(read(path))] == []


def test_tests_are_skipped_until_they_are_written(tree):
    new_chapter.main(["07", "masks", QUESTION], tree)
    scope = {}
    exec((tree / "tests" / "chapters" / "test_masks.py").read_text("utf8"), scope)
    assert scope["__doc__"] == f"Chapter 7: {QUESTION}"
    with pytest.raises(pytest.skip.Exception, match="put the tests of this chapter here"):
        scope["test_masks"]()


@pytest.mark.parametrize(
    ("number", "name", "part", "pages"),
    [
        (2, "embeddings", 0, ["01_parameters", "02_embeddings", "03_queries_keys_values"]),
        (4, "scores", 0, ["01_parameters", "03_queries_keys_values", "04_scores"]),
        (7, "masks", 1, ["07_masks"]),
        (18, "cost", 1, ["18_cost"]),
    ],
)
def test_finds_its_place_in_the_contents(number, name, part, pages, tree):
    assert new_chapter.main([str(number), name, QUESTION], tree) == 0
    toc = (tree / "_toc.yml").read_text("utf8")
    caption, found = files(toc)[part]
    assert caption == new_chapter.part_of(number)
    assert found == [f"book/{page}" for page in pages]
    assert files(toc)[-1] == ("Reference", ["book/notation"])
    assert toc.startswith("# kept\n")
    assert "# kept too" in toc


@pytest.mark.parametrize(("number", "place"), [(2, 1), (4, 2), (7, 3), (9, 4), (18, 4)])
def test_finds_its_place_on_the_front_page(number, place, tree):
    new_chapter.main([str(number), "masks", QUESTION], tree)
    (cell,) = read_notebook(tree / "book" / "index.ipynb").cells
    found = cell.source.splitlines()
    assert found.pop(place) == f"| {number} | [{QUESTION}]({number:02}_masks.ipynb) | 30 min |"
    assert "\n".join(found) == "".join(ROWS).rstrip("\n")


def test_opens_the_parts_in_their_order(tree):
    for number, name in ((18, "cost"), (7, "masks"), (11, "digits")):
        assert new_chapter.main([str(number), name, QUESTION], tree) == 0
    found = files((tree / "_toc.yml").read_text("utf8"))
    assert [caption for caption, _ in found] == [*new_chapter.PARTS.values(), "Reference"]
    assert [pages for _, pages in found[1:3]] == [
        ["book/07_masks"],
        ["book/11_digits", "book/18_cost"],
    ]


def test_the_parts_are_those_of_the_book():
    """Every chapter of the real contents stands in the part that this tool would put it in."""
    entries = new_chapter.pages((ROOT / "_toc.yml").read_text("utf8"))
    chapters = {page: caption for caption, page in entries if page[5:7].isdecimal()}
    assert chapters
    for page, caption in chapters.items():
        assert new_chapter.part_of(int(page[5:7])) == caption


def test_takes_the_real_contents(tree):
    """With the last chapter taken out of them, since the book has all of its chapters."""
    contents = (ROOT / "_toc.yml").read_text("utf8")
    shorter = re.sub(r" +- file: book/20_\w+\n", "", contents)
    (tree / "_toc.yml").write_text(shorter, "utf8")
    assert new_chapter.main(["20", "language", QUESTION], tree) == 0
    assert (tree / "_toc.yml").read_text("utf8") == contents != shorter


@pytest.mark.parametrize(
    "taken",
    [
        "book/07_masks.ipynb",
        "book/07_others.ipynb",
        "book/09_masks.ipynb",
        "tests/chapters/test_masks.py",
    ],
)
def test_overwrites_nothing(taken, tree, capsys):
    path = tree / taken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    assert new_chapter.main(["07", "masks", QUESTION], tree) == 1
    assert f"{taken} is there already" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert (tree / "_toc.yml").read_text("utf8") == TOC
    untouched = {tree / "_toc.yml", tree / "book" / "index.ipynb"}
    assert {p for p in tree.rglob("*") if p.is_file()} == {path, *untouched}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["00", "masks", QUESTION], "number: wanted 01 to 99, got 00"),
        (["07", "Masks-1", QUESTION], "name: wanted a module's name"),
        (["07", "masks", "Masks"], "question: wanted one line ending in a question mark"),
        (["seven", "masks", QUESTION], "wanted: NUMBER NAME QUESTION"),
        (["07", "masks"], "wanted: NUMBER NAME QUESTION"),
    ],
)
def test_refuses_bad_arguments(arguments, message, tree, capsys):
    assert new_chapter.main(arguments, tree) != 0
    assert message in "".join(capsys.readouterr())
    assert list((tree / "book").iterdir()) == [tree / "book" / "index.ipynb"]


def test_contents_it_does_not_understand_are_left_alone(tree, capsys):
    odd = TOC.replace("    chapters:\n      - file", "    chapters:\n    - file")
    (tree / "_toc.yml").write_text(odd, "utf8")
    assert new_chapter.main(["02", "embeddings", QUESTION], tree) == 1
    assert "write its line by hand" in capsys.readouterr().err
    assert (tree / "_toc.yml").read_text("utf8") == odd
