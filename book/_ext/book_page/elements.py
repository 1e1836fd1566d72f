"""Load the script of the elements that readers touch, once, on the pages that have one.

The notebooks hold their data and pictures (code/bareattention/touch).  The script is a classic one,
so it runs from the disk too, and it is no file of `_static`, which every page would load.
"""

from pathlib import Path

from bareattention.touch.models import MODELS, model_script
from bareattention.touch.script import script

NAME = "touch.js"
MARK = 'class="touch"'


def write_script(app) -> None:
    """Write the scripts before the pages, whose links hold the checksum of the first."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NAME).write_text(script(), "utf8")
        for name in MODELS:
            (folder / f"touch-{name}.js").write_text(model_script(name), "utf8")


def load_script(app, pagename, templatename, context, doctree) -> None:
    """Load it where the page has an element."""
    if MARK in context.get("body", ""):
        app.add_js_file(NAME, loading_method="defer")


def setup(app) -> None:
    app.connect("builder-inited", write_script)
    app.connect("html-page-context", load_script)
