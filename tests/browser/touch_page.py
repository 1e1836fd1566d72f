"""A page with one figure that readers touch, as a live kernel or the built book shows it."""

from pathlib import Path

PAGE = """<!DOCTYPE html>
<html lang="en-GB" data-theme="{theme}"><head><meta charset="utf-8"><title>A figure</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>body {{ background: {paper}; color: {ink}; font: 18px/1.6 serif; margin: 1rem }}
main {{ margin: auto; max-width: 45rem }}</style></head>
<body><main><h1>A figure</h1>{figure}</main></body></html>
"""
THEMES = {"light": ("#fdfcfa", "#24221f"), "dark": ("#16181b", "#dcd9d3")}


def write(path: Path, html: str, theme: str = "light") -> str:
    """Write the page; return its address on the disk."""
    paper, ink = THEMES[theme]
    path.write_text(PAGE.format(theme=theme, paper=paper, ink=ink, figure=html), "utf8")
    return path.as_uri()


def shown(visitor, path: Path, figure):
    """A page with a figure; where it needs a trained model, with that."""
    page = visitor.open(write(path, figure.html(with_script=True))).page
    if figure.model:
        page.wait_for_selector(".touch[awake]")
    return page


def answer(page) -> str:
    """What such an element answers."""
    return page.locator(".answer").inner_text()


def said(page) -> str:
    """What a screen reader has been told: the live region speaks once things are quiet."""
    page.wait_for_timeout(600)
    return page.locator(".touch [role=status]").inner_text()
