"""Make of pandas' tables such as the page's: one row of headings, words left, numbers right."""

import re

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

LONG, SENTENCE = 16, 45  # letters: about a third of a phone, and of the page
EMPTY = re.compile(r"<th([^>]*)>(?:<p></p>)?</th>")
NUMBER = re.compile(r"[-−+]?[\d.,]+(e[-+]?\d+)?( ?%)?|[-−]?(inf|∞)|NaN|nan|–|-|None|")


def page_table(html: str) -> str:
    """Return the table that pandas wrote, as the page shows it."""
    page = BeautifulSoup(html, "html.parser")
    for style in page.find_all("style"):
        style.decompose()
    for table in page.select("table.dataframe"):
        table.attrs = {"class": "dataframe"}
        name_rows(table)
        for row in table.find_all("tr"):
            row.attrs = {}
        for cell in table.select("thead th"):
            if not cell.text.strip():
                cell.name = "td"  # what heads nothing is no heading
        place_words(table)
        break_long(table)
    return str(page)


def name_rows(table) -> None:
    """Put the name of the rows, which pandas gives a line of its own, before the other headings."""
    lines = table.select("thead tr")
    if len(lines) != 2 or table.select("thead [colspan]"):
        return
    columns, rows = (line.find_all("th") for line in lines)
    names = [cell for cell in rows if cell.text.strip()]
    if rows[: len(names)] == names and not any(c.text.strip() for c in columns[: len(names)]):
        for empty, name in zip(columns, names, strict=False):
            empty.string = name.text
        lines[1].decompose()


def place_words(table) -> None:
    """Mark the columns that hold words."""
    lines = [line.find_all(["th", "td"]) for line in table.select("tr")]
    body = [line.find_all(["th", "td"]) for line in table.select("tbody tr")]
    for place in range(max(map(len, lines), default=0)):
        column = [line[place].text.strip() for line in body if place < len(line)]
        if not all(map(NUMBER.fullmatch, column)):
            for line in lines:
                if place < len(line):
                    line[place]["class"] = "words"


def break_long(table) -> None:
    """Mark what may break, since it says what a row is about: long words, and sentences."""
    for first in table.select("tr > :first-child"):
        kinds = {"long": LONG, "sentence": SENTENCE}
        marks = [kind for kind, most in kinds.items() if len(first.text.strip()) > most]
        if marks:
            first["class"] = " ".join([first.get("class", ""), *marks]).strip()


class Tables(SphinxPostTransform):
    """Rewrite the tables among the outputs."""

    default_priority = 190
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for output in list(self.document.findall(nodes.raw)):
            if output.get("format") == "html" and 'class="dataframe"' in output.astext():
                table = nodes.raw("", page_table(output.astext()), **output.attributes)
                output.replace_self(table)


def unname(app, pagename, templatename, context, doctree) -> None:
    """Make a plain cell of what heads nothing in a table of the text, too."""
    if "body" in context:
        context["body"] = EMPTY.sub(r"<td\1></td>", context["body"])


def setup(app) -> None:
    app.add_post_transform(Tables)
    app.connect("html-page-context", unname)
