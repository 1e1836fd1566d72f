"""Nothing is loaded from another host: the book reads well offline, and tells nobody who reads."""

import re

from truth import outputs, prose
from truth.markup import Markup
from truth.pages import Cell, Complaint, Page

REMOTE = re.compile(r"\s*(?:(?:https?|wss?|ftp):)?//", re.IGNORECASE)
LOADING = {
    "src",
    "srcset",
    "imagesrcset",
    "poster",
    "background",
    "data",
    "code",
    "action",
    "formaction",
}
# Elements that load what href names; everywhere else it is a link that the reader may follow.
LOADING_BY_HREF = {"link", "use", "image", "base", "feimage", "script"}
IN_STYLE = re.compile(r"(?:url\(\s*|@import\s+)[\"']?\s*((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)
# In quotes, so that comments do not count; names of XML vocabularies are no addresses.
IN_SCRIPT = re.compile(r"[\"'`]((?:https?:|wss?:)?//(?!www\.w3\.org/)[^\"'`\s]+)", re.IGNORECASE)
SCRIPT_TYPES = ("application/javascript", "text/javascript")
LOADING_DIRECTIVES = ("image", "figure", "iframe", "include", "raw", "video", "audio")


def none_remote(page: Page) -> list[Complaint]:
    """No picture, script, style sheet or frame from elsewhere, in Markdown or in outputs."""
    complaints = []
    for cell in page.cells:
        addresses = _in_outputs(cell) if cell.is_code else _in_markdown(cell.source)
        complaints += [
            cell.complain(line, f"loads {address}: keep a copy in book/_static")
            for line, address in addresses
        ]
    return complaints


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


def _in_outputs(cell: Cell) -> list[tuple[int, str]]:
    found = []
    for bundle in outputs.data(cell):
        for kind in ("text/html", "image/svg+xml"):
            found += [(1, address) for address in in_html(bundle.get(kind, ""))]
        found += [(1, address) for _, address in _in_markdown(bundle.get("text/markdown", ""))]
        for kind in SCRIPT_TYPES:
            found += [(1, address) for address in IN_SCRIPT.findall(bundle.get(kind, ""))]
    return found


def _in_markdown(source: str) -> list[tuple[int, str]]:
    found = []
    for block in prose.blocks(source):
        if block.kind == "html":
            found += [(block.line, address) for address in in_html(block.text)]
        if block.kind == "directive" and block.name in LOADING_DIRECTIVES:
            options = [block.options.get(name, "") for name in ("url", "file")]
            for address in (block.text, *options):
                if REMOTE.match(address):
                    found.append((block.line, address))
        for line, tokens, _ in prose.lines(block):
            for token in tokens:
                if token.type == "image" and REMOTE.match(str(token.attrGet("src"))):
                    found.append((line, str(token.attrGet("src"))))
                elif token.type == "html_inline":
                    found += [(line, address) for address in in_html(token.content)]
    return found
