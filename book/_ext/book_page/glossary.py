"""Give each term of the glossary a place of its own, so that links and the search lead to it."""

from docutils import nodes

PAGE = "book/glossary"


def place_terms(app, doctree) -> None:
    """Name each item after the bold words that it begins with: `term-dot-product`."""
    if app.env.docname != PAGE:
        return
    for item in doctree.findall(nodes.list_item):
        term = item.next_node(nodes.strong)
        if term is not None and term.parent is item[0]:
            item["ids"].append(f"term-{nodes.make_id(term.astext())}")


def setup(app) -> None:
    app.connect("doctree-read", place_terms)
