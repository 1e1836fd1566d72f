"""Nothing is loaded from another host: the book reads well offline, and tells nobody who reads."""

import re
from collections.abc import Iterator

from booklint import outputs, prose
from booklint.markup import Markup
from booklint.pages import Cell, Complaint, Page

REMOTE = re.compile(r"\s*(?:(?:https?|wss?|ftp):)?//", re.IGNORECASE)
LOADING = {"src", "srcset", "imagesrcset", "poster", "background", "data", "code"}
LOADING |= {"action", "formaction"}
# Elements that load what href names; everywhere else it is a link that the reader may follow.
LOADING_BY_HREF = {"link", "use", "image", "base", "feimage", "script"}
IN_STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?\s*((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)
# In quotes, so that comments do not count; names of XML vocabularies are no addresses.
IN_SCRIPT = re.compile(r"[\"'`]((?:https?:|wss?:)?//(?!www\.w3\.org/)[^\"'`\s]+)", re.IGNORECASE)
SCRIPT_TYPES = ("application/javascript", "text/javascript")
LOADING_DIRECTIVES = ("image", "figure", "iframe", "include", "raw", "video", "audio")


def none_remote(page: Page) -> list[Complaint]:
    """No picture, script, style sheet or frame from elsewhere, in Markdown or in outputs."""
    return [
        cell.complain(line, f"loads {address}: keep a copy in book/_static")
        for cell in page.cells
        for line, address in _loaded(cell)
    ]


def in_html(html: str) -> list[str]:
    """The remote addresses that a browser would load from for this piece of HTML."""
    markup = Markup(html)
    found = []
    for element in markup.elements:
        for name, value in element.attributes.items():
            loads = name in LOADING or (
                name in ("href", "xlink:href") and element.tag in LOADING_BY_HREF
            )
            if loads:
                values = value.split(",") if "srcset" in name else [value]
                found += [one.strip() for one in values if REMOTE.match(one)]
            elif name == "style":
                found += IN_STYLE.findall(value)
            elif name == "srcdoc":
                found += in_html(value)
    for style in markup.styles:
        found += IN_STYLE.findall(style)
    for script in markup.scripts:
        found += IN_SCRIPT.findall(script)
    return found


def _loaded(cell: Cell) -> Iterator[tuple[int, str]]:
    for line, html in outputs.html(cell):
        yield from ((line, address) for address in in_html(html))
    if not cell.is_code:
        yield from _in_markdown(cell.source)
        return
    for bundle in outputs.data(cell):
        found = in_html(bundle.get("image/svg+xml", ""))
        found += [address for _, address in _in_markdown(bundle.get("text/markdown", ""))]
        for kind in SCRIPT_TYPES:
            found += IN_SCRIPT.findall(bundle.get(kind, ""))
        yield from ((1, address) for address in found)


def _in_markdown(source: str) -> Iterator[tuple[int, str]]:
    """What directives and pictures load; HTML in Markdown is seen to like all other HTML."""
    for block in prose.blocks(source):
        if block.kind == "directive" and block.name in LOADING_DIRECTIVES:
            named = (block.text, block.options.get("url", ""), block.options.get("file", ""))
            yield from ((block.line, address) for address in named if REMOTE.match(address))
    for line, token in prose.inline(source):
        if token.type == "image" and REMOTE.match(str(token.attrGet("src"))):
            yield line, str(token.attrGet("src"))
