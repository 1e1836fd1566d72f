"""The front page agrees with the chapters and with the contents."""

import re

import pytest
import yaml
from booklint.pages import BOOK, ROOT, read

CHAPTERS = [
    chapter["file"].removeprefix("book/")
    for part in yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))["parts"]
    for chapter in part["chapters"]
]
INDEX = "\n".join(cell.source for cell in read(BOOK / "index.ipynb").markdown_cells)
ROWS = dict(re.findall(r"^\| (\d+) \| (\[.+?\]\(.+?\) \| \d+ min) \|$", INDEX, re.MULTILINE))
NUMBERED = [name for name in CHAPTERS if name[0].isdigit()]


@pytest.mark.parametrize("name", NUMBERED)
def test_the_route_says_each_chapters_question_and_time(name):
    page = read(BOOK / f"{name}.ipynb")
    title, _, line = page.markdown_cells[0].source.partition("\n\n")
    minutes = re.search(r"about (\d+) minutes", line)[1]
    question = title.removeprefix("# ")
    assert ROWS[str(page.number)] == f"[{question}]({name}.ipynb) | {minutes} min"


def test_the_route_has_no_other_chapters_and_names_every_other_page():
    assert len(ROWS) == len(NUMBERED)
    for name in set(CHAPTERS) - set(NUMBERED):
        assert re.search(rf"\]\({name}\.(?:ipynb|md)\)", INDEX), name


def test_the_front_page_says_how_long_the_chapters_take():
    minutes = [int(re.search(r"(\d+) min$", row)[1]) for row in ROWS.values()]
    assert int(re.search(r"about (\d+) hours", INDEX)[1]) == round(sum(minutes) / 60)
