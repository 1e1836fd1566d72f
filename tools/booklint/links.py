"""Every link that stays in the book leads somewhere."""

import difflib
import re
from collections.abc import Iterator
from urllib.parse import unquote

from markdown_it.tree import SyntaxTreeNode
from myst_parser.mdit_to_docutils.base import compute_unique_slug

from booklint import outputs, prose
from booklint.markup import Markup
from booklint.pages import Cell, Complaint, Page, read

LEADS_OUT = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def resolve(page: Page) -> list[Complaint]:
    """Files exist in book/, and anchors are headings or labels there, as MyST resolves them."""
    complaints = []
    for cell in page.cells:
        for line, address, is_html in _addresses(cell):
            if address and not LEADS_OUT.match(address):
                what = _fault(page, address, is_html)
                complaints += [cell.complain(line, what)] if what else []
    return complaints


def _fault(page: Page, address: str, is_html: bool) -> str:
    name, _, anchor = unquote(address).partition("#")
    name = name.partition("?")[0]
    if not name:
        known = slugs(page) | labels(page) | (html_ids(page) if is_html else set())
        return "" if anchor in known else f"#{anchor} is no heading and no label of this page"
    folder = page.path.parent.resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        return f"{address} leads out of book/: link what stands in it, or the repository"
    if not path.is_file():
        return f"{address}: there is no {name} in book/"
    # From page to page MyST knows headings, and HTML knows ids; labels are a page's own.
    if anchor and path.suffix in (".md", ".ipynb"):
        target = read(path)
        known = slugs(target) | (html_ids(target) if is_html else set())
        if anchor not in known:
            return f"{address}: {name} has no heading of that name, {_nearest(anchor, known)}"
    return ""


def _nearest(anchor: str, known: set[str]) -> str:
    near = difflib.get_close_matches(anchor, sorted(known), n=1, cutoff=0)
    return f"the nearest is #{near[0]}" if near else "and no headings at all"


def slugs(page: Page) -> set[str]:
    """The anchors of the page's headings, made by the function that makes them in the book."""
    found: dict[str, None] = {}
    for cell in page.markdown_cells:
        tree = SyntaxTreeNode(prose.parser().parse(cell.source))
        for node in tree.walk():
            if node.type == "heading" and int(node.tag[1]) <= prose.heading_levels():
                found[compute_unique_slug(node, found)] = None
    return set(found)


def labels(page: Page) -> set[str]:
    """Explicit targets: `(label)=`, names of directives and formulas, names of figures."""
    found = set()
    for cell in page.cells:
        if cell.is_code:
            found.add(cell.metadata.get("mystnb", {}).get("figure", {}).get("name", ""))
            continue
        for block in prose.blocks(cell.source):
            if block.kind == "target":
                found.add(block.text)
            found |= {block.options.get("name", ""), block.options.get("label", "")}
            if block.kind == "math":
                found.add(block.name)
    return found - {""}


def html_ids(page: Page) -> set[str]:
    return {
        element.attributes[name]
        for cell in page.cells
        for _, html in outputs.html(cell)
        for element in Markup(html).elements
        for name in ("id", "name")
        if name in element.attributes
    }


def _addresses(cell: Cell) -> Iterator[tuple[int, str, bool]]:
    """Line, address, and whether HTML itself names it, for everything a page links or loads."""
    for line, html in outputs.html(cell):
        for element in Markup(html).elements:
            for name in ("href", "src", "poster"):
                yield line, element.attributes.get(name, ""), True
    if cell.is_code:
        return
    for block in prose.blocks(cell.source):
        if block.kind == "directive" and block.name in ("figure", "image", "include"):
            yield block.line, block.text, False
    for line, token in prose.inline(cell.source):
        if token.type in ("link_open", "image"):
            yield line, str(token.attrGet("href") or token.attrGet("src")), False
