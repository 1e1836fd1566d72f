"""Keep the page whole without any other host: MathJax comes along, Thebe goes."""

import shutil
from importlib.util import find_spec
from pathlib import Path

# What the pages load at once, and what a reader can switch on in a formula's own menu: 3 MB of the
# 15 MB that the package holds.
MATHJAX = [
    "tex-chtml-full.js",
    "output/chtml/fonts/woff-v2",
    "input/mml.js",
    "a11y",
    "sre/mathmaps/base.json",
    "sre/mathmaps/en.json",
    "sre/mathmaps/nemeth.json",
]


def mathjax_folder() -> Path:
    """Return the folder that `sphinx-mathjax-offline` keeps MathJax in.

    Its name is no Python name, so it cannot be imported; only its files are wanted anyway.
    """
    spec = find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "The book shows its formulas with MathJax from the package sphinx-mathjax-offline, "
            "which is not installed: run `pip install -r requirements.txt`."
        )
    return Path(spec.origin).parent / "static" / "mathjax"


def copy_mathjax(app, exception) -> None:
    """Copy MathJax under the built pages' `_static`."""
    if exception is not None or app.builder.format != "html":
        return
    source, target = mathjax_folder(), Path(app.outdir) / "_static" / "mathjax"
    for name in MATHJAX:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, dirs_exist_ok=True)
        else:
            shutil.copy2(source / name, target / name)


def disconnect_thebe(app) -> None:
    """Undo what sphinx-thebe has set up.

    Jupyter Book loads it whether it is wanted or not.  It then puts a script on every page that
    names another host and ends in an error.  Its own setup has run by now; its listeners have not,
    and its style sheet is not linked yet.
    """
    for listeners in app.events.listeners.values():
        listeners[:] = [
            listener
            for listener in listeners
            if not listener.handler.__module__.startswith("sphinx_thebe")
        ]
    app.registry.css_files = [
        (name, attributes)
        for name, attributes in app.registry.css_files
        if name != "sphinx-thebe.css"
    ]


def setup(app) -> None:
    disconnect_thebe(app)
    app.connect("build-finished", copy_mathjax)
