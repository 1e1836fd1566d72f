"""Number the chapters by their files' names: `book/11_digits` is chapter 11.

Counting would be wrong while chapters are missing, and a number in the notebook's title would be
written twice.  So the sidebar, the links to the neighbours and the browser's tab say
"11 · How does an image become a sequence?", and the page says "Chapter 11" above its title.
"""

import re

from docutils import nodes

NUMBERED = re.compile(r"(?:.*/)?(\d+)_[^/]*")


def chapter_number(docname: str) -> int | None:
    """Return the number that a page's name begins with, or None."""
    match = NUMBERED.fullmatch(docname)
    return int(match[1]) if match else None


def number_title(app, doctree) -> None:
    """Put the chapter's number before its title where other pages name it."""
    docname = app.env.docname
    number = chapter_number(docname)
    if number is None or docname not in app.env.titles:
        return
    label = f"{number} · "
    app.env.titles[docname].insert(0, nodes.Text(label))
    for reference in app.env.tocs[docname].findall(nodes.reference):
        reference.insert(0, nodes.Text(label))
        break


def say_number(app, doctree, docname) -> None:
    """Put the chapter's number above the page's title."""
    number = chapter_number(docname)
    section = doctree.next_node(nodes.section)
    if number is not None and section is not None:
        text = f"Chapter {number}"
        section.insert(0, nodes.paragraph("", text, classes=["chapter-number"]))


def setup(app) -> None:
    # Sphinx's own collectors write the titles at the same event, with the priority 500.
    app.connect("doctree-read", number_title, priority=900)
    app.connect("doctree-resolved", say_number)
