"""Join the built pages into one, in the order of `_toc.yml`, as what is printed as a whole."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bs4 import BeautifulSoup
from sphinx_external_toc.parsing import parse_toc_yaml

LINKS = {"a": "href", "img": "src", "source": "srcset"}
ABSOLUTE = re.compile(r"[a-z][a-z+.-]*:|//", re.IGNORECASE)
NOT_ON_PAPER = ".headerlink, button, script:not([type]), noscript"


@dataclass(frozen=True)
class Part:
    """A run of pages under one heading; those before the first heading have none."""

    title: str | None
    pages: list[str]


def parts(toc: Path) -> list[Part]:
    """Return the parts that a `_toc.yml` lists; the first one is the front page alone."""
    contents = parse_toc_yaml(toc)
    listed = [Part(tree.caption, list(tree.files())) for tree in contents.root.subtrees]
    return [Part(None, [contents.root.docname]), *listed]


def anchor(page: str, name: str = "") -> str:
    """Return the name that a place of a page has in the whole book."""
    return f"{PurePosixPath(page).name}--{name}" if name else PurePosixPath(page).name


def moved(link: str, page: str, pages: set[str]) -> str:
    """Return where a page's link leads, seen from the root of the built book.

    A place in the book becomes a place on the one page.
    """
    if ABSOLUTE.match(link):
        return link
    path, _, place = link.partition("#")
    target = page
    if path:
        steps = []
        for step in (*PurePosixPath(page).parent.parts, *PurePosixPath(path).parts):
            steps = steps[:-1] if step == ".." else [*steps, step]
        path = "/".join(steps)
        target = path.removesuffix(".html")
    return f"#{anchor(target, place)}" if target in pages else path


def article(html: Path, page: str, pages: set[str]):
    """Return the text of a built page, with names and links as the one page needs them."""
    text = BeautifulSoup((html / f"{page}.html").read_text("utf8"), "html.parser")
    body = text.select_one("article.bd-article")
    for useless in body.select(NOT_ON_PAPER):
        useless.decompose()
    for element in body.find_all(id=True):
        element["id"] = anchor(page, element["id"])
    for tag, name in LINKS.items():
        for element in body.find_all(tag, attrs={name: True}):
            element[name] = moved(element[name], page, pages)
    for fold in body.find_all("details"):
        fold["open"] = ""
    body["id"] = anchor(page)
    return body


def title(body) -> str:
    """Return what a page is called in the contents: "5 · How do scores become shares?"."""
    number = body.select_one(".chapter-number")
    label = f"{number.get_text().split()[-1]} · " if number else ""
    return label + body.h1.get_text()


def contents(book: list[tuple[Part, list]], numbers: dict[str, int]) -> str:
    """Return the contents; `numbers` says on which sheet a page of the book begins."""
    lines = []
    for part, bodies in book:
        lines.append(f'<p class="part">{part.title}</p>' if part.title else "")
        for body in bodies:
            name = body["id"]
            number = numbers.get(name, "")
            lines.append(f'<p><a href="#{name}"><span>{title(body)}</span> {number}</a></p>')
    return "".join(lines)


def running_heads(book: list[tuple[Part, list]]) -> str:
    """Return the style that names each page of the book at the head of its sheets."""
    rules = []
    for _, bodies in book:
        for body in bodies:
            name, head = f"of-{body['id']}", title(body).replace("\\", "").replace('"', "”")
            rules.append(f'@page {name} {{ @top-left {{ content: "{head}" }} }}')
            rules.append(f"article[id='{body['id']}'] {{ page: {name} }}")
    return "\n".join(rules)


class OnePage:
    """The built book as one page, which needs its contents' numbers from a first printing."""

    def __init__(self, html: Path, book: list[Part]):
        pages = {page for part in book for page in part.pages}
        self.book = [(part, [article(html, page, pages) for page in part.pages]) for part in book]
        (_, [front]), *_ = self.book
        self.title = front.h1.get_text()
        front.h1.string = "Introduction"
        place = book[0].pages[0]
        shell = BeautifulSoup((html / f"{place}.html").read_text("utf8"), "html.parser")
        for script in shell.head.find_all("script"):
            script.decompose()  # all stands open, and nothing is touched on paper
        for tag, name in {"a": "href", "link": "href"}.items():
            for element in shell.find_all(tag, attrs={name: True}):
                element[name] = moved(element[name], place, pages)
        style = shell.new_tag("style")
        style.string = running_heads(self.book)
        shell.head.append(style)
        self.language, self.head = shell.html["lang"], str(shell.head)
        self.colophon = "".join(map(str, shell.select("footer.bd-footer-content p")))

    def write(self, numbers: dict[str, int]) -> str:
        """Return the page; its contents say on which sheet each page of the book begins."""
        text = "".join(str(body) for _, bodies in self.book for body in bodies)
        return (
            f'<!DOCTYPE html><html lang="{self.language}" data-theme="light">'
            f'{self.head}<body><main class="bd-main"><div class="bd-content">'
            '<div class="bd-article-container"><article class="bd-article contents">'
            f"<h1>{self.title}</h1>{self.colophon}{contents(self.book, numbers)}</article>{text}"
            "</div></div></main></body></html>"
        )
