"""Put the first page at the root of the site, too, where others would lead a reader on to it."""

import posixpath
import re
from pathlib import Path

from .head import ROOT

LINK = re.compile(r'\b(href|src)="(?!#|[a-z]+:|//)([^"]+)"')


def moved(page: str, folder: str) -> str:
    """Return a page of a folder such that its links lead the same way from the root."""

    def link(match: re.Match) -> str:
        return f'{match[1]}="{posixpath.normpath(posixpath.join(folder, match[2]))}"'

    page = LINK.sub(link, page)
    for before in ('data-content_root="', "const href = `"):
        page = page.replace(f"{before}../", f"{before}./")
    return page


def write_front(app, exception) -> None:
    out = Path(app.outdir)
    first = out / f"{ROOT}.html"
    if exception is None and app.builder.name == "html" and first.exists():
        page = moved(first.read_text("utf8"), posixpath.dirname(ROOT))
        (out / "index.html").write_text(page, "utf8")


def setup(app) -> None:
    app.connect("build-finished", write_front, priority=950)  # when nothing else changes the page
