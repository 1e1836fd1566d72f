"""Mark the text that answers a prediction, so that it can wait from the first paint on.

The answer is what follows a cell with the tag `predict`, up to the next section, box or open cell.
The page hides it until the cell's output has been opened (book.css and book.js).
"""

from itertools import groupby, takewhile

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform


def is_cell(node) -> bool:
    return node.get("nb_element") == "cell_code" if isinstance(node, nodes.container) else False


def goes_on(node) -> bool:
    """Tell whether the answer goes on with a node: a folded check of the prediction may."""
    if is_cell(node):
        return "tag_hide-output" in node["classes"] and "tag_predict" not in node["classes"]
    return not isinstance(node, nodes.section | nodes.Admonition)


class Answers(SphinxPostTransform):
    """Wrap each answer, and mark the cells that one waits for."""

    default_priority = 190  # before MyST-NB folds the cells, at 199
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for cell in list(self.document.findall(is_cell)):
            if "tag_predict" not in cell["classes"]:
                continue
            after = cell.parent[cell.parent.index(cell) + 1 :]
            for check, run in groupby(takewhile(goes_on, after), is_cell):
                if not check:
                    self.wrap(list(run))
                    cell["classes"].append("waits")

    def wrap(self, answer: list) -> None:
        parent, place = answer[0].parent, answer[0].parent.index(answer[0])
        for node in answer:
            parent.remove(node)
        parent.insert(place, nodes.container("", *answer, classes=["answer"], is_div=True))


def setup(app) -> None:
    app.add_post_transform(Answers)
