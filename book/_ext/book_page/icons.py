"""Keep of the theme's icons those that its style sheet still draws: thirty of two thousand."""

import re
from pathlib import Path

from .fonts import subset

SPARE = re.compile(r",url\([^)]*\.ttf\) format\(.truetype.\)")
# The theme's style sheet has them as characters of their own, or as numbers.
DRAWN = re.compile(r"[\ue000-\uf8ff]|\\([ef][0-9a-f]{3})")


def drawn(css: str) -> set[str]:
    """Return the characters of the icons that a style sheet draws."""
    return {chr(int(m[1], 16)) if m[1] else m[0] for m in DRAWN.finditer(css)}


def cut_icons(folder: Path, css: str) -> None:
    """Cut the icons' fonts down to what the style sheet draws."""
    for font in folder.glob("*.ttf"):
        target = font.with_suffix(".woff2")
        if target.name in css:
            target.write_bytes(subset(font, drawn(css)))
        else:
            target.unlink()
        font.unlink()
