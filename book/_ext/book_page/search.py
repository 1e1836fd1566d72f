"""Write down what the pages say, section by section, for the search (book/_static/search.js).

Sphinx's index knows on which pages a word is, but not how often, nor what is said there: it answers
in the order of the alphabet, and reads excerpts from the page itself, which a browser refuses on a
disk.
"""

import json
from pathlib import Path

from bs4 import BeautifulSoup

from .glossary import PAGE as GLOSSARY

# Outputs are numbers, and long tables of them; the prose says what they mean.
NOT_READ = ".headerlink, .chapter-number, summary, script, style, button, annotation, .cell_output"
CODE = ".cell_input, div[class*=highlight-]"


def spaced(element) -> str:
    """Return an element's text in one line."""
    return " ".join(element.get_text(" " if element.name == "table" else "").split())


def section_of(body, heading: str) -> list[str]:
    """Return what the search knows of a section: its place, its heading, its prose, its code."""
    code = []
    for block in body.select(CODE):
        if not block.decomposed:
            code.append(spaced(block))
            block.decompose()
    return [body.get("id", ""), heading, spaced(body), " ".join(code)]


def sections(page, is_glossary: bool) -> list[list[str]]:
    """Return the sections of a page; in the glossary, each term is one."""
    for useless in page.select(NOT_READ):
        useless.decompose()
    found = []
    for term in page.select("li[id^=term-]") if is_glossary else []:
        found.append(section_of(term.extract(), term.strong.get_text()))
    # The inner ones first, so that each sentence is in one section.
    for section in reversed(page.select("section[id]")):
        heading = section.find(["h1", "h2", "h3", "h4"])
        title = spaced(heading.extract()) if heading else ""
        found.append(section_of(section.extract(), title))
    return found[::-1]


def write_texts(app, exception) -> None:
    """Write searchtexts.js beside the built pages: title and sections of each, in their order."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    texts = {}
    for name in ordered(app.env):
        html = BeautifulSoup((out / f"{name}.html").read_text("utf8"), "html.parser")
        page = html.select_one("article.bd-article")
        texts[name] = [app.env.titles[name].astext(), sections(page, name == GLOSSARY)]
    text = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    (out / "searchtexts.js").write_text(f"const TEXTS = {text};\n", "utf8")
    (out / "searchindex.js").unlink(missing_ok=True)  # Sphinx's own, which nobody asks


def ordered(env) -> list[str]:
    """Return the names of all pages, in the order in which the book is read."""
    names = [env.config.root_doc]
    for name in names:
        names.extend(env.toctree_includes.get(name, []))
    return names


def setup(app) -> None:
    app.connect("build-finished", write_texts)
