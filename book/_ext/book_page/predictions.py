"""Make a box of a prediction, which a notebook holds as a plain quotation.

    > **Predict, then run.** Change "boat" to "loan".
    > Do the weights change?

Jupyter, Colab and GitHub show that well as it stands; a directive they would show raw.
"""

from docutils import nodes
from sphinx.transforms import SphinxTransform

TITLE = "Predict, then run"


def opening(quote: nodes.block_quote) -> nodes.strong | None:
    """Return the bold words that open a prediction, if the quotation is one."""
    for text in quote.findall(nodes.Text):
        if text.astext():  # the parser puts empty ones before bold words
            words = text.parent
            opens = isinstance(words, nodes.strong) and words.parent is quote[0]
            return words if opens and text.astext() == f"{TITLE}." else None
    return None


class Predictions(SphinxTransform):
    """Turn each such quotation into a box with a title."""

    default_priority = 400

    def apply(self, **kwargs) -> None:
        for quote in list(self.document.findall(nodes.block_quote)):
            words = opening(quote)
            if words is None:
                continue
            question = words.parent
            rest = question[question.index(words) + 1 :]
            if rest and isinstance(rest[0], nodes.Text):
                rest[0] = nodes.Text(rest[0].astext().lstrip())
            question[:] = rest
            if not rest:
                quote.remove(question)
            title = nodes.title(TITLE, TITLE)
            classes = ["tip", "prediction"]
            quote.replace_self(nodes.admonition("", title, *quote.children, classes=classes))


def setup(app) -> None:
    app.add_transform(Predictions)
