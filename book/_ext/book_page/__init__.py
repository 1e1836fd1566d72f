"""The book's own Sphinx extension: what the page needs and Jupyter Book does not give it."""

import hashlib
from importlib import import_module
from pathlib import Path

PARTS = ("answers", "api", "assets", "buttons", "chapters", "citation", "downloads", "elements")
PARTS += ("fonts", "formula_font", "formulas", "front", "glossary", "head", "offline", "pictures")
PARTS += ("predictions", "prompts", "references", "route", "search", "start", "tables")
HERE = Path(__file__).parent
BOOK = HERE.parents[1]
SOURCES = [
    *HERE.glob("*.py"),
    *(BOOK / "_static").glob("*.*"),
    *(BOOK / "_templates").glob("*.html"),
    *(BOOK.parent / "code/bareattention/touch").glob("*.mjs"),
]


def digest() -> str:
    """Return a hash of everything that shapes a page besides its own text."""
    content = b"".join(path.read_bytes() for path in sorted(SOURCES))
    return hashlib.sha256(content).hexdigest()


def setup(app):
    # Sphinx rewrites every page when a value of this kind changes, and an extension that has
    # changed is otherwise unknown to it.
    app.add_config_value("book_page_digest", digest(), "html", [str])
    for part in PARTS:
        import_module(f".{part}", __name__).setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
