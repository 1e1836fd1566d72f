"""Bring the book's typefaces along, cut down to the characters that its pages show.

They come from packages, under the SIL Open Font License 1.1, which allows this: none of the three
reserves its name.  book.css says where each is used, and what stands in until it has come.
"""

import html
import io
import re
import shutil
from pathlib import Path

import fontpkg
import uharfbuzz as hb
from fontTools.ttLib import TTFont

from bareattention.touch.script import script

# The file that book.css names: (family, style, optical size).
FACES = {
    "text": ("Literata", "normal", 14),
    "text-italic": ("Literata", "italic", 14),
    "label": ("Inter", "normal", 14),
    "code": ("JetBrains Mono", "normal", None),
}
WEIGHTS = (400, 700)
NO_ARROWS = int.from_bytes(b"calt")  # the feature that would draw `->` as an arrow in code
ASCII = set(map(chr, range(32, 127)))
TAGS = re.compile(r"<(script|style).*?</\1>|<[^>]+>", re.DOTALL)


def shown(pages) -> set[str]:
    """Return the characters that the pages show, and all that a keyboard has."""
    return ASCII.union(*(html.unescape(TAGS.sub("", page.read_text("utf8"))) for page in pages))


def packed(font: bytes) -> bytes:
    """Return a font as woff2."""
    packed, file = TTFont(io.BytesIO(font)), io.BytesIO()
    packed.flavor = "woff2"
    packed.save(file)
    return file.getvalue()


def subset(path: Path, characters: set[str]) -> bytes:
    """Return the part of a font that draws these characters, as woff2."""
    part = hb.SubsetInput()
    part.unicode_set.update(map(ord, characters))
    face = hb.Face(hb.Blob.from_file_path(str(path)))
    return packed(hb.subset(face, part).blob.data)


def cut(family: str, style: str, optical_size: int | None, characters: set[str]) -> bytes:
    """Return the part of a variable font that writes these characters, as woff2."""
    face = hb.Face(hb.Blob.from_file_path(str(fontpkg.path(family, style=style))))
    part = hb.SubsetInput()
    part.unicode_set.update(map(ord, characters))
    part.layout_feature_tag_set.discard(NO_ARROWS)
    part.set_axis_range(face, "wght", *WEIGHTS)
    if optical_size is not None:
        part.pin_axis_location(face, "opsz", optical_size)
    return packed(hb.subset(face, part).blob.data)


def write_fonts(app, exception) -> None:
    """Write the fonts, each with its licence, under the built pages' `_static`."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    characters = shown(out.glob("book/**/*.html")).union(script())  # elements draw their own
    folder = out / "_static" / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    for name, face in FACES.items():
        (folder / f"{name}.woff2").write_bytes(cut(*face, characters))
        licence = fontpkg.path(face[0]).parents[1] / "LICENSE"
        shutil.copyfile(licence, folder / f"{name}-licence.txt")


def setup(app) -> None:
    app.connect("build-finished", write_fonts)
