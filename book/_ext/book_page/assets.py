"""Send each page one style sheet and one script of the theme's, and ship nothing that is not used.

The theme and the extensions bring two dozen files, which a browser asks for one by one.
"""

import hashlib
import posixpath
import re
import shutil
from pathlib import Path

from .icons import SPARE, cut_icons
from .sheets import WORD, prune

# In the order in which the page would have had them.
SHEETS = ("basic.css", "styles/pydata-sphinx-theme.css", "pygments.css")
SHEETS += ("styles/sphinx-book-theme.css", "copybutton.css", "mystnb.*.css", "book.css")
SCRIPTS = ("documentation_options.js", "doctools.js", "sphinx_highlight.js", "clipboard.min.js")
SCRIPTS += ("copybutton.js", "translations.js", "scripts/sphinx-book-theme.js")
SCRIPTS += ("scripts/bootstrap.js", "scripts/pydata-sphinx-theme.js")
JOINED = {"page.css": SHEETS, "page.js": SCRIPTS}
UNUSED = ("**/*.map", "locales", "scripts/fontawesome.js*", "**/*webpack-macros.html")
UNUSED += ("styles/theme.css",)
# What stands in the names of an extension's files, and what it is for on a page.
EXTRAS = {
    "toggle": re.compile(r'class="[^"]*\b(toggle|dropdown)\b'),
    "design": re.compile(r'class="[^"]*\bsd-'),
}
URL = re.compile(r"""url\((['"]?)(?![a-z]+:)([^)'"]+)\1\)""")
VERSION = re.compile(r"(_static/(page\.\w+)\?v=)\w+")


def is_wanted(asset, body: str) -> bool:
    """Tell whether a page needs a file or a line of script besides those that are joined."""
    path = Path(getattr(asset, "filename", asset) or "")
    says = f"{path}{getattr(asset, 'attributes', {}).get('body', '')}"
    if "DOCUMENTATION_OPTIONS." in says or any(map(path.match, (*SHEETS, *SCRIPTS))):
        return False
    return all(word not in says or mark.search(body) for word, mark in EXTRAS.items())


def choose(app, pagename, templatename, context, doctree) -> None:
    """Leave to the page the links of what is not joined; layout.html links the rest."""
    for kind in ("css_files", "script_files"):
        body = context.get("body", "")
        context[kind] = [asset for asset in context[kind] if is_wanted(asset, body)]


def take(static: Path, pattern: str) -> str:
    """Take a file away and return what it says, with its addresses seen from the folder above."""
    (path,) = static.glob(pattern)
    folder = posixpath.dirname(pattern)
    text = path.read_text("utf8")
    path.unlink()
    if path.suffix == ".js":
        return text + "\n;\n"
    return URL.sub(lambda m: f"url({posixpath.normpath(posixpath.join(folder, m[2]))})", text)


def version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def join(app, exception) -> None:
    """Write the joined files, and their versions into the pages."""
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    pages = {page: page.read_text("utf8") for page in Path(app.outdir).rglob("*.html")}
    joined = {name: "".join(take(static, part) for part in JOINED[name]) for name in JOINED}
    scripts = [path.read_text("utf8") for path in static.rglob("*.js") if "touch-" not in path.name]
    said = WORD.findall(" ".join([*pages.values(), joined["page.js"], *scripts]))
    joined["page.css"] = prune(SPARE.sub("", joined["page.css"]), set(said))
    cut_icons(static / "vendor" / "fontawesome" / "webfonts", joined["page.css"])
    for name, text in joined.items():
        (static / name).write_text(text, "utf8")
    for page, text in pages.items():
        page.write_text(VERSION.sub(lambda m: m[1] + version(joined[m[2]]), text), "utf8")
    for pattern in UNUSED:
        for path in list(static.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def setup(app) -> None:
    app.connect("html-page-context", choose, priority=999)  # the theme adds files, too
    app.connect("build-finished", join, priority=900)  # the theme still writes the colours of code
