"""Let the first page's link to the first chapter be seen, and its notebook be run in Colab.

The notebook holds a plain link in a paragraph of its own.  Colab needs the repository's address.
"""

from docutils import nodes

from .buttons import has_address
from .head import GITHUB, ROOT

FIRST_CHAPTER = "book/01_parameters.ipynb"


def colab(options: dict) -> str | None:
    """Return where Colab opens the first chapter, or None while the book has no address."""
    match = GITHUB.fullmatch(options.get("repository_url") or "")
    host = (options.get("launch_buttons") or {}).get("colab_url")
    if not (match and host and has_address(options)):
        return None
    branch = options.get("repository_branch") or "main"
    return f"{host}/github/{match[1]}/{match[2]}/blob/{branch}/{FIRST_CHAPTER}"


def is_link(paragraph: nodes.paragraph) -> bool:
    return len(paragraph) == 1 and isinstance(paragraph[0], nodes.reference)


def show_start(app, doctree, docname) -> None:
    """Mark the first paragraph that is a link and nothing else, and add the link to Colab."""
    if docname != ROOT:
        return
    start = next(filter(is_link, doctree.findall(nodes.paragraph)), None)
    if start is None:
        return
    start["classes"].append("start")
    if address := colab(app.config.html_theme_options):
        start += [nodes.Text(" "), nodes.reference("", "Run in Colab", refuri=address)]


def setup(app) -> None:
    app.connect("doctree-resolved", show_start)
