"""Every picture has a text for those who do not see it, and a caption for those who do."""

from truth import outputs, prose
from truth.markup import Markup
from truth.pages import Cell, Complaint, Page


def have_alt_and_caption(page: Page) -> list[Complaint]:
    """Pictures in outputs, in Markdown and in HTML."""
    complaints = []
    for cell in page.cells:
        complaints += _outputs(cell) if cell.is_code else _markdown(cell)
    return complaints


def texts(cell: Cell) -> dict[str, str]:
    """The alt text and the caption that a code cell's metadata holds."""
    settings = cell.metadata.get("mystnb", {})
    return {
        "alt": str(settings.get("image", {}).get("alt") or "").strip(),
        "caption": str(settings.get("figure", {}).get("caption") or "").strip(),
    }


def _outputs(cell: Cell) -> list[Complaint]:
    complaints = []
    pictures = sum(outputs.has_image(bundle) for bundle in outputs.data(cell))
    if pictures:
        for name, text in texts(cell).items():
            place = "mystnb.image.alt" if name == "alt" else "mystnb.figure.caption"
            if not text:
                what = f"shows a picture without {name}: write it in the metadata, {place}"
                complaints.append(cell.complain(1, what))
    if pictures > 1:
        what = f"shows {pictures} pictures under one alt text: one picture per cell"
        complaints.append(cell.complain(1, what))
    for bundle in outputs.data(cell):
        complaints += _html(cell, bundle.get("text/html", ""), 1)
    return complaints


def _markdown(cell: Cell) -> list[Complaint]:
    complaints = []
    for block in prose.blocks(cell.source):
        if block.kind == "html":
            complaints += _html(cell, block.text, block.line)
        is_picture = block.kind == "directive" and block.name in ("image", "figure")
        if is_picture and not block.options.get("alt"):
            complaints.append(cell.complain(block.line, f"{block.text} needs an :alt: text"))
        for line, tokens, _ in prose.lines(block):
            for token in tokens:
                if token.type == "image" and not token.content.strip():
                    what = f"{token.attrGet('src')} needs an alt text between the brackets"
                    complaints.append(cell.complain(line, what))
                elif token.type == "html_inline":
                    complaints += _html(cell, token.content, line)
    return complaints


def _html(cell: Cell, html: str, line: int) -> list[Complaint]:
    return [
        cell.complain(line, "an <img> needs an alt text")
        for element in Markup(html).elements
        if element.tag == "img" and not element.attributes.get("alt", "").strip()
    ]
