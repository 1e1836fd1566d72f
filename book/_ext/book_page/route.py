"""Show the route, which the first page's notebook holds as tables, as cards with pictures.

A table reads well in Jupyter; a card has the first picture of its chapter beside the question.
"""

import posixpath
from html import escape
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.transforms.post_transforms import SphinxPostTransform

from .head import ROOT, pictures

LARGEST = (280, 180)  # dots; half as many px on the page, so that small screens show them sharp
COLOURS = 64
CARD = """<li><a class="reference internal" href="{link}"><span class="picture">{picture}</span>
<span class="number">{number}</span> <span class="question">{question}</span>
<span class="takes">{takes}</span></a></li>
"""
PICTURE = '<img alt="" width="{}" height="{}" loading="lazy" src="{}">'


def choose(paths: list[Path]) -> Path | None:
    """Return the first picture that is not higher than wide, or else the first."""
    for path in paths:
        with Image.open(path) as image:
            if image.width >= image.height:
                return path
    return paths[0] if paths else None


def shrink(picture: Path, small: Path) -> tuple[int, int]:
    """Write a picture small, and return its width and height on the page in px."""
    small.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(picture) as opened:
        image = opened.convert("RGBA")
    image.thumbnail(LARGEST)
    fewer = image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=0)
    fewer.convert("RGBA").save(small, lossless=True, quality=100, method=4)
    return round(image.width / 2), round(image.height / 2)


class Route(SphinxPostTransform):
    """Rewrite each table of the first page whose rows are a number, a link and minutes."""

    default_priority = 190  # when links have their addresses
    formats = ("html",)

    def run(self, **kwargs) -> None:
        if self.env.docname != ROOT:
            return
        for table in list(self.document.findall(nodes.table)):
            rows = [list(row) for body in table.findall(nodes.tbody) for row in body]
            if rows and all(len(row) == 3 and row[1].next_node(nodes.reference) for row in rows):
                cards = "".join(self.card(*row) for row in rows)
                html = f'<ul class="route">\n{cards}</ul>\n'
                table.replace_self(nodes.raw("", html, format="html"))

    def card(self, number, question, takes) -> str:
        link = question.next_node(nodes.reference)["refuri"]
        words = {"number": number, "question": question, "takes": takes}
        texts = {name: escape(entry.astext()) for name, entry in words.items()}
        return CARD.format(link=escape(link), picture=self.picture(link), **texts)

    def picture(self, link: str) -> str:
        """Draw a chapter's picture beside the pages' own, and return how the page shows it."""
        chapter = posixpath.join(posixpath.dirname(ROOT), link.removesuffix(".html"))
        picture = choose(pictures(self.app, self.env.get_doctree(chapter)))
        if picture is None:
            return ""
        name = f"_images/route-{posixpath.basename(chapter)}.webp"
        size = shrink(picture, Path(self.app.outdir) / name)
        return PICTURE.format(*size, f"../{name}")


def setup(app) -> None:
    app.add_post_transform(Route)
