"""Every colour that words are written in stands out from what is under it, in both schemes."""

import re

import pytest
from book_site import ROOT

CSS = (ROOT / "book/_static/book.css").read_text("utf8")
ENOUGH = 4.5  # WCAG 2.2, level AA, for text
CODE = ["code-word", "code-text", "code-number", "code-name", "code-note"]
WASHES = ["teal", "violet", "amber", "rust"]
PAIRS = [
    *[(words, under) for words in ("ink", "ink-soft", "teal") for under in ("paper", "surface")],
    *[("ink", f"{wash}-wash") for wash in WASHES],
    *[(wash, f"{wash}-wash") for wash in WASHES],
    *[(code, under) for code in CODE for under in ("surface", "rust-wash")],
    *[("teal", f"{wash}-wash") for wash in WASHES],  # links in boxes
    ("violet", "paper"),
    ("paper", "violet"),
]


def palette(scheme: str) -> dict[str, str]:
    """Return the names and values of a scheme's colours."""
    block = re.search(rf'html\[data-theme="{scheme}"\] \{{(.*?)\}}', CSS, re.S)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour as WCAG defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_measured_right():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("words", "under"), PAIRS)
def test_words_stand_out(scheme, words, under):
    colours = palette(scheme)
    assert contrast(colours[words], colours[under]) >= ENOUGH
