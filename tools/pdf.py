"""Print the whole book into one PDF, through a Chromium: _build/attention-laid-bare.pdf.

The built pages are joined, and printed twice: the first time says on which sheet each chapter
begins, which the contents of the second one need.
"""

import io
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pikepdf
from browser import BUILT, PICTURES, ROOT, NoChromiumError, chromium, serve
from downloads import PDF, offer
from one_page import OnePage, Part, parts, title
from PIL import Image

GENERATE = pikepdf.ObjectStreamMode.generate  # a tagged book has many small objects
FONTS = "Promise.allSettled([...document.fonts].map((font) => font.load())).then(() => true)"
PATIENCE = 600_000  # ms: several hundred sheets take a minute, and more where others work, too
NAME = "attention-laid-bare.html"  # of the joined page, which is on no disk


def destinations(pdf: pikepdf.Pdf) -> dict[str, int]:
    """Return on which sheet, counted from 1, each named place of a PDF is."""
    sheets = {page.objgen: number for number, page in enumerate(pdf.pages, start=1)}
    return {
        str(name).lstrip("/"): sheets[place[0].objgen] for name, place in pdf.Root.Dests.items()
    }


def once(text: str) -> str:
    """Return a bookmark as it was meant: Chromium says twice what it moved to the next sheet."""
    half, odd = divmod(len(text), 2)
    return text if odd or text[:half] != text[half:] else text[:half]


def outline(pdf: pikepdf.Pdf, book: OnePage) -> None:
    """Put the book's parts above Chromium's bookmarks, and their numbers on the chapters'."""
    with pdf.open_outline(max_depth=9) as bookmarks:
        first, *rest = bookmarks.root
        first.title = "Contents"
        bookmarks.root[:] = [first]
        for part, bodies in book.book:
            chapters, rest = rest[: len(bodies)], rest[len(bodies) :]
            for chapter, body in zip(chapters, bodies, strict=True):
                chapter.title, chapter.is_closed = title(body), True
                for section in chapter.children:
                    section.title, section.is_closed = once(section.title), True
            if part.title:
                above = pikepdf.OutlineItem(part.title, chapters[0].destination)
                above.children = chapters
                chapters = [above]
            bookmarks.root.extend(chapters)
        if rest:
            raise ValueError(f"book: {len(rest)} titles more than pages, the first: {rest[0]}")


@cache
def flattened(picture: Path) -> bytes:
    """Return a picture laid on white paper: what can be seen through costs a quarter more."""
    drawn = Image.open(picture).convert("RGBA")
    paper = Image.new("RGBA", drawn.size, "white")
    file = io.BytesIO()
    Image.alpha_composite(paper, drawn).convert("RGB").save(file, "PNG")
    return file.getvalue()


class Press:
    """Prints the one page, again and again, in a Chromium that gets it from a built book."""

    def __init__(self, browser, address: str, html: Path):
        self.browser, self.address, self.html = browser, address, html

    def print(self, text: str, **options) -> pikepdf.Pdf:
        """Print a page; `options` are those of Playwright's `Page.pdf`."""
        page = self.browser.new_page(color_scheme="light")
        url = f"{self.address}/{NAME}"
        page.set_default_timeout(PATIENCE)
        page.route("**/_images/*", self._give_picture)
        page.route(url, lambda route: route.fulfill(body=text, content_type="text/html"))
        page.goto(url, wait_until="load")
        for ready in (PICTURES, FONTS):
            page.evaluate(ready)
        data = page.pdf(format="A4", print_background=True, **options)
        page.close()
        return pikepdf.open(io.BytesIO(data))

    def _give_picture(self, route) -> None:
        picture = self.html / "_images" / Path(urlsplit(route.request.url).path).name
        route.fulfill(body=flattened(picture), content_type="image/png")


def print_book(browser, html: Path, book: list[Part], out: Path) -> None:
    """Print the pages of a built book into one file."""
    page = OnePage(html, book)
    with serve(html) as address:
        press = Press(browser, address, html)
        with press.print(page.write({})) as draft:
            numbers = destinations(draft)
        with press.print(page.write(numbers), outline=True, tagged=True) as pdf:
            if destinations(pdf) != numbers:
                raise RuntimeError("The contents' numbers moved the pages that they count.")
            outline(pdf, page)
            pdf.docinfo["/Title"] = page.title
            pdf.Root.PageMode = pikepdf.Name.UseOutlines
            pikepdf.settings.set_flate_compression_level(9)
            pdf.save(out, object_stream_mode=GENERATE, recompress_flate=True)


def main() -> None:
    out = ROOT / "_build" / PDF
    try:
        with chromium() as browser:
            print_book(browser, BUILT, parts(ROOT / "_toc.yml"), out)
    except NoChromiumError as error:
        raise SystemExit(str(error)) from None
    offer(out, BUILT)
    print(f"The book on paper: {out} ({out.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
