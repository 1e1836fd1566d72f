"""Every picture has a text for those who do not see it, and a caption for those who do."""

from booklint import outputs, prose
from booklint.markup import Markup
from booklint.pages import Cell, Complaint, Page


def have_alt_and_caption(page: Page) -> list[Complaint]:
    """Pictures in outputs, in Markdown and in HTML."""
    complaints = []
    for cell in page.cells:
        complaints += _outputs(cell) if cell.is_code else _markdown(cell)
        complaints += [
            cell.complain(line, "an <img> needs an alt text")
            for line, html in outputs.html(cell)
            for element in Markup(html).elements
            if element.tag == "img" and not element.attributes.get("alt", "").strip()
        ]
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
        in_html = any("<img" in html for _, html in outputs.html(cell))  # with an alt of its own
        for name, text in texts(cell).items():
            if name == "alt" and in_html:
                continue
            place = "mystnb.image.alt" if name == "alt" else "mystnb.figure.caption"
            if not text:
                what = f"shows a picture without {name}: write it in the metadata, {place}"
                complaints.append(cell.complain(1, what))
    if pictures > 1:
        what = f"shows {pictures} pictures under one alt text: one picture per cell"
        complaints.append(cell.complain(1, what))
    return complaints


def _markdown(cell: Cell) -> list[Complaint]:
    complaints = []
    for block in prose.blocks(cell.source):
        is_picture = block.kind == "directive" and block.name in ("image", "figure")
        if is_picture and not block.options.get("alt"):
            complaints.append(cell.complain(block.line, f"{block.text} needs an :alt: text"))
    for line, token in prose.inline(cell.source):
        if token.type == "image" and not token.content.strip():
            what = f"{token.attrGet('src')} needs an alt text between the brackets"
            complaints.append(cell.complain(line, what))
    return complaints
