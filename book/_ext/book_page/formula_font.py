"""Bring a mathematical typeface along, cut down to what the book's formulas show.

It is STIX Two Math, which the package ziamath holds, under the SIL Open Font License 1.1; it
reserves no name.
"""

import html
import io
import re
import unicodedata
from importlib.resources import files
from pathlib import Path

import fontpkg
import uharfbuzz as hb
from fontTools.ttLib import TTFont

from .fonts import packed

ROOT = "√"  # no formula says it: <msqrt> draws it
PRIME = "′"
SCRIPT = "ssty"  # the feature that draws a sign anew where it is raised
FORMULA = re.compile(r"<math.*?</math>", re.DOTALL)
LETTER = re.compile("<mi>(.)</mi>")
TAG = re.compile("<[^>]+>")
# A letter that stands alone is drawn in italics, which have characters of their own.
ITALICS = {
    unicodedata.normalize("NFKC", letter): letter
    for letter in map(chr, range(0x1D434, 0x1D71C))
    if unicodedata.name(letter, "").startswith("MATHEMATICAL ITALIC")
} | {"h": "ℎ"}


def drawn(pages) -> set[str]:
    """Return the characters that the pages' formulas are drawn with."""
    formulas = "".join("".join(FORMULA.findall(page.read_text("utf8"))) for page in pages)
    text = html.unescape(TAG.sub("", formulas))
    letters = html.unescape(" ".join(LETTER.findall(formulas)))
    return {ROOT, *text, *(ITALICS.get(letter, letter) for letter in letters)}


def narrow_roots(font: TTFont) -> None:
    """Give all sizes of the root one width: Chromium leaves room for the widest of them."""
    metrics, glyphs = font["hmtx"], font["glyf"]
    variants = font["MATH"].table.MathVariants
    root = font.getBestCmap()[ord(ROOT)]
    sizes = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(root)]
    names = {record.VariantGlyph for record in sizes.MathGlyphVariantRecord}
    names |= {part.glyph for part in sizes.GlyphAssembly.PartRecords}
    for name in names - {root}:
        scale = metrics[root][0] / metrics[name][0]
        glyphs[name].coordinates.scale((scale, 1))
        glyphs[name].recalcBounds(glyphs)
        metrics[name] = (metrics[root][0], glyphs[name].xMin)


def raise_primes_alone(font: TTFont) -> None:
    """Keep the raised form of the prime, and leave out those of all letters: half the font."""
    table = font["GSUB"].table
    prime = font.getBestCmap()[ord(PRIME)]
    for record in table.FeatureList.FeatureRecord:
        for index in record.Feature.LookupListIndex if record.FeatureTag == SCRIPT else ():
            for part in table.LookupList.Lookup[index].SubTable:
                part.alternates = {prime: part.alternates[prime]}


def cut(font: TTFont, characters: set[str]) -> bytes:
    """Return the part of the font that draws these characters, at all sizes, as woff2."""
    narrow_roots(font)
    raise_primes_alone(font)
    whole = io.BytesIO()
    font.save(whole)
    part = hb.SubsetInput()
    part.flags |= hb.SubsetFlags.NO_HINTING
    part.unicode_set.update(map(ord, characters))
    part.layout_feature_tag_set.clear()
    part.layout_feature_tag_set.add(int.from_bytes(SCRIPT.encode()))
    return packed(hb.subset(hb.Face(whole.getvalue()), part).blob.data)


def licence(font: TTFont) -> str:
    """Return the font's copyright, and the licence that it shares with the text's typeface."""
    shared = (fontpkg.path("Literata").parents[1] / "LICENSE").read_text("utf8")
    return font["name"].getDebugName(0) + "\n" + shared.partition("\n")[2]


def write_font(app, exception) -> None:
    """Write the font, with its licence, under the built pages' `_static`."""
    if exception is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    with (files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf").open("rb") as file:
        font = TTFont(file)
        characters = drawn(Path(app.outdir).glob("book/**/*.html"))
        (folder / "formulas-licence.txt").write_text(licence(font), "utf8")
        (folder / "formulas.woff2").write_bytes(cut(font, characters))


def setup(app) -> None:
    app.connect("build-finished", write_font)
