"""Keep of the theme's icons those that the pages show: thirty of two thousand."""

import re
from pathlib import Path

from .fonts import subset

NAME = re.compile(r"\bfa-([a-z][a-z0-9-]*)")
RULE = re.compile(r'((?:\.fa-[a-z0-9-]+:before,?)+)\{content:"[^"]*"\}')
SPARE = re.compile(r",url\([^)]*\.ttf\) format\(.truetype.\)")
# The theme's style sheet has them as characters of their own, or as numbers.
DRAWN = re.compile(r"[\ue000-\uf8ff]|\\([ef][0-9a-f]{3})")


def prune(css: str, pages: str) -> str:
    """Return a style sheet without the rules of the icons that the pages do not name."""
    named = set(NAME.findall(pages))

    def kept(rule: re.Match) -> str:
        return rule[0] if named & set(NAME.findall(rule[1])) else ""

    return SPARE.sub("", RULE.sub(kept, css))


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
