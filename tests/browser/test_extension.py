"""What book/_ext makes of a notebook, on one that has everything and says nothing itself."""

import json
import shutil
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from book_page.sheets import prune
from book_site import ROOT, build
from bs4 import BeautifulSoup
from chapter import METADATA
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bareattention.touch.script import script

DATA = {"weights": [[0.25, 0.75]], "text": "</script> & <b>"}
ELEMENT = (
    '<touch-dial class="touch"><script type="application/json">'
    + json.dumps(DATA).replace("</", "<\\/")
    + '</script><img alt="a pixel" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
    + "</touch-dial>"
)


QUESTION = """> **Predict, then run.** Does it *rise*?
> Or `fall`?
>
> - A list, too.

> **Predict** is a word of this quotation.
"""
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"
    "Jggg=="
)

SENTENCE = "six, with so many words that they are a sentence"
TABLE = pd.DataFrame(
    {"loss": [0.25, 1e-7, 2.0], "how": ["by hand", "3", "4"], "count": ["–", "7 %", "8 %"]},
    index=pd.Index(["four", "five, with many words", SENTENCE], name="chapter"),
)


def cell(
    number: int,
    *tags: str,
    prompt: str | None = None,
    html: str | None = None,
    caption: str | None = None,
):
    """Return an executed cell: it prints its number, or shows some HTML or a picture."""
    if caption is not None:
        output = new_output("display_data", data={"image/png": PIXEL, "text/plain": "a figure"})
    elif html is None:
        output = new_output("stream", name="stdout", text=f"{number}\n")
    else:
        output = new_output("display_data", data={"text/html": html, "text/plain": "a figure"})
    metadata = {"tags": list(tags)}
    if prompt is not None:
        metadata["mystnb"] = {"code_prompt_show": prompt}
    if caption is not None:
        metadata["mystnb"] = {"figure": {"caption": caption}, "image": {"alt": "a dot"}}
    return new_code_cell(
        f"print({number})",
        id=f"cell-{number}",
        execution_count=number,
        outputs=[output],
        metadata=metadata,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The pages of a book that has nothing but a chapter 7."""
    root = tmp_path_factory.mktemp("planted")
    (root / "book").mkdir()
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name)
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    shutil.copy(ROOT / "_config.yml", root)
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n- file: book/07_planted\n", "utf8"
    )
    (root / "book" / "index.md").write_text("# The book\n", "utf8")
    cells = [
        new_markdown_cell("# Is it so?\n\nA formula: $x$.", id="title"),
        cell(1, "predict", "hide-output"),
        cell(2, "solution", "hide-cell"),
        cell(3, "hide-input"),
        cell(4, "hide-cell"),
        cell(5, "hide-output", prompt="Show five"),
        cell(6, html=ELEMENT),
        cell(10, html=TABLE.to_html(notebook=True)),
        cell(11, html=TABLE.reset_index(drop=True).to_html(notebook=True)),
        new_markdown_cell(QUESTION, id="question"),
        cell(7, "predict", "hide-output", caption="It rises."),
        cell(8, "remove-cell"),
        cell(12, "hide-output"),  # a check of the prediction
        new_markdown_cell("It rises, and this says why.", id="answer"),
        cell(9),
        new_markdown_cell("This is for everybody.", id="after"),
    ]
    notebook = new_notebook(cells=cells, metadata=METADATA)
    nbformat.write(notebook, root / "book" / "07_planted.ipynb")
    return build(root, root / "out") / "book"


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf8"), "html.parser")


@pytest.fixture(scope="module")
def page(built) -> BeautifulSoup:
    """The page of that chapter."""
    return soup(built / "07_planted.html")


def test_folded_cells_say_what_they_show(page):
    said = [prompt.text.strip() for prompt in page.select("article summary .collapsed")]
    assert said == [
        "Show what happens",
        "Show the solution",
        "Show the code",
        "Show the code and what happens",
        "Show five",
        "Show what happens",
        "Show what happens",
    ]
    hidden = [prompt.text.strip() for prompt in page.select("article summary .expanded")]
    assert [words.replace("Hide", "Show") for words in hidden[:4]] == said[:4]


def test_a_prediction_is_a_box_and_another_quotation_is_none(page):
    (box,) = page.select("article div.admonition.tip")
    assert box.select_one(".admonition-title").text == "Predict, then run"
    assert box.select_one("p:not(.admonition-title)").text == "Does it rise?\nOr fall?"
    assert box.select_one("li").text.strip() == "A list, too."
    (quotation,) = page.select("article blockquote")
    assert quotation.text.strip() == "Predict is a word of this quotation."


def test_a_prediction_hides_its_picture_with_the_caption_and_the_answer_alone(page):
    caption = page.find(string="It rises.")
    assert caption.find_parent("figcaption").find_parent("details")
    assert page.find("img", alt="a dot").find_parent("details")
    answers = [answer.text.strip() for answer in page.select("article .answer")]
    assert answers == ["It rises, and this says why."]


def test_a_cell_for_the_tests_alone_is_not_on_the_page(page):
    assert page.find(string="print(8)") is None and "print(8)" not in page.text
    assert "print(9)" in page.text


def test_the_chapter_is_numbered_by_its_file(page):
    assert page.title.text.startswith("7 · Is it so?")
    assert page.select_one("nav.bd-links li a").text.strip() == "7 · Is it so?"
    assert page.select_one("article .chapter-number").text == "Chapter 7"
    assert page.select_one("article h1").text.startswith("Is it so?")


def test_data_of_a_figure_arrives_as_it_was(page):
    (data,) = page.select('.touch script[type="application/json"]')
    assert json.loads(data.string) == DATA


def test_the_script_of_elements_is_loaded_once_where_there_is_one(page, built):
    (loaded,) = page.select('script[src*="touch.js"]')
    assert loaded.has_attr("defer") and not loaded.has_attr("type")  # or a file would not run it
    assert (built / loaded["src"].partition("?")[0]).read_text("utf8") == script()
    assert not soup(built / "index.html").select('script[src*="touch.js"]')


def test_a_table_has_one_row_of_headings_words_left_and_no_style_of_its_own(page):
    named, counted = page.select("table.dataframe")
    (heading,) = named.select("thead tr")
    assert [th.text for th in heading.select("th")] == ["chapter", "loss", "how", "count"]
    assert [cell.get("class") == ["words"] for cell in heading.select("th")] == [1, 0, 1, 0]
    assert [th.text for th in counted.select("thead th")] == ["loss", "how", "count"]
    assert [cell.text for cell in named.select(".long")] == ["five, with many words", SENTENCE]
    assert [cell.text for cell in named.select(".sentence")] == [SENTENCE]
    assert not page.select("article style, table[border], tr[style]")


def test_formulas_are_set_without_a_script(page):
    (formula,) = page.select("article math")
    assert str(formula) == '<math display="inline"><mrow><mi>x</mi></mrow></math>'
    # Sphinx has a class for places that MathJax is to leave alone.
    assert "mathjax" not in str(page).lower().replace("mathjax_ignore", "")


def test_rules_for_what_no_page_has_are_left_out():
    sheet = """
      p > a, .used p, .gone, #gone p { color: red }
      .used.gone { color: red } :is(.gone, p) a:not(.gone) { color: red }
      @media print { .gone { color: red } } @media print { .used { color: red } }
      @font-face { font-family: gone }
    """
    kept = prune(sheet, {"used"})
    assert [line.partition("{")[0].strip() for line in kept.splitlines()] == [
        "p > a, .used p",
        ":is(.gone, p) a:not(.gone)",
        "@media print",
        "@font-face",
    ]
