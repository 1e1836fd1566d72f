"""Take pictures of the built pages, to be looked at: wide and narrow, light and dark.

python tools/screenshots.py                             # every page
python tools/screenshots.py book/index book/11_digits   # these
python tools/screenshots.py --first book/index          # what shows before scrolling
python tools/screenshots.py --unfold book/11_digits     # with everything folded opened
"""

import argparse
from pathlib import Path

from browser import BUILT, PICTURES, ROOT, NoChromiumError, chromium, serve

WIDTHS = {1280: 800, 390: 844}  # width: height of the window
THEMES = ("light", "dark")


def built_pages(html: Path) -> list[str]:
    """Return the names of the book's pages, without their suffix."""
    return sorted(
        path.relative_to(html).with_suffix("").as_posix() for path in html.glob("book/**/*.html")
    )


def take(pages: list[str], html: Path, out: Path, first: bool, unfold: bool) -> list[Path]:
    """Take one picture per page, width and theme; return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    taken = []
    with serve(html) as address, chromium() as browser:
        for width, height in WIDTHS.items():
            for theme in THEMES:
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,
                    reduced_motion="reduce",
                )
                page = context.new_page()
                for name in pages:
                    page.goto(f"{address}/{name}.html", wait_until="load")
                    page.evaluate(PICTURES)
                    if unfold:
                        page.evaluate(
                            "document.querySelectorAll('main details').forEach(d => d.open = true)"
                        )
                    path = out / f"{name.replace('/', '-')}-{width}-{theme}.png"
                    page.screenshot(path=path, full_page=not first)
                    taken.append(path)
                context.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", help="such as book/index; left out: every page")
    parser.add_argument("--html", type=Path, default=BUILT, help="the built book")
    parser.add_argument("--out", type=Path, default=ROOT / "_build" / "screenshots")
    parser.add_argument("--first", action="store_true", help="only the first screen")
    parser.add_argument("--unfold", action="store_true", help="open everything folded")
    asked = parser.parse_args()

    known = built_pages(asked.html)
    if not known:
        raise SystemExit(f"{asked.html} holds no built book: run `make book` first.")
    names = [name.removesuffix(".html").removesuffix(".ipynb") for name in asked.pages] or known
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise SystemExit(f"No such page: {', '.join(unknown)}.  There are: {', '.join(known)}.")
    try:
        taken = take(names, asked.html, asked.out, asked.first, asked.unfold)
    except NoChromiumError as error:
        raise SystemExit(str(error)) from None
    print(*taken, sep="\n")


if __name__ == "__main__":
    main()
