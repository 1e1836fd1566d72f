"""The built pages as text: no part from another host, and the links that the address asks for."""

import re
import shutil
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import repository
import yaml
from address import parse, read_address
from book_site import ROOT, build, page_names
from booklint.pages import read
from bs4 import BeautifulSoup
from pybtex.database import parse_string

STATED = read_address(ROOT)
ADDRESS = STATED.url if STATED else ""
EXAMPLE = "https://github.com/example/attention-laid-bare"
COPYRIGHT = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))["copyright"]
NOTEBOOKS = [name for name in page_names() if (ROOT / f"{name}.ipynb").exists()]


@cache
def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf8"), "html.parser")


def markdown(name: str) -> str:
    """The Markdown of a page's source."""
    (path,) = (ROOT / name).parent.glob(f"{Path(name).name}.[im]*")
    return "\n".join(cell.source for cell in read(path).markdown_cells)


def remote(address: str) -> bool:
    """Tell whether an address names a host."""
    return urlsplit(address).netloc != ""


def remote_parts(page: BeautifulSoup) -> list[str]:
    """Return what a page would get from other hosts; links that a reader may follow are not it."""
    found = []
    for tag in page.find_all(True):
        for name in ("src", "srcset", "poster", "data", "action", "href"):
            if name == "href" and tag.name == "a":
                continue
            if remote(str(tag.get(name, "")).split(" ")[0]):
                found.append(f"<{tag.name} {name}={tag[name]!r}>")
        if "url(" in (style := str(tag.get("style", ""))) and "//" in style:
            found.append(f"<{tag.name} style={style!r}>")
    return found


def test_the_pages_are_those_that_the_contents_list(book):
    built = {path.relative_to(book).with_suffix("").as_posix() for path in book.rglob("*.html")}
    assert {name for name in built if not name.startswith("_")} == {
        *page_names(),
        "404",
        "index",
        "search",
    }


def test_no_page_names_another_host_for_a_part_of_it(book):
    found = {
        path.name: parts for path in book.rglob("*.html") if (parts := remote_parts(soup(path)))
    }
    assert found == {}


@pytest.mark.parametrize(
    "planted",
    [
        '<script src="https://example.org/a.js"></script>',
        '<link rel="dns-prefetch" href="//example.org">',
        '<img alt="" src="http://example.org/a.png">',
        "<p style=\"background: url('https://example.org/a.png')\"></p>",
    ],
)
def test_a_part_from_another_host_is_found(planted):
    assert remote_parts(BeautifulSoup(planted, "html.parser"))


def test_a_link_to_follow_is_no_part():
    page = BeautifulSoup('<a href="https://arxiv.org/abs/1706.03762">a paper</a>', "html.parser")
    assert remote_parts(page) == []


def test_no_style_sheet_names_another_host(book):
    pattern = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^)"']*""")
    found = {
        path.name: hits
        for path in book.rglob("*.css")
        if (hits := pattern.findall(path.read_text("utf8")))
    }
    assert found == {}


def test_nothing_of_thebe_is_left(book):
    assert not list(book.rglob("*thebe*"))
    for path in book.rglob("*.html"):
        assert "thebe" not in path.read_text("utf8").lower(), path.name


def test_chapters_are_numbered_by_their_files(book):
    sidebar = soup(book / "book/index.html").select_one("nav.bd-links")
    for name in page_names():
        number = re.match(r"book/(\d+)_", name)
        label = sidebar.select_one(f'a[href$="{name.removeprefix("book/")}.html"]')
        if number:
            assert label.text.startswith(f"{int(number[1])} · "), name
            page = soup(book / f"{name}.html")
            assert page.title.text.startswith(f"{int(number[1])} · ")
            assert page.select_one("article .chapter-number").text == f"Chapter {int(number[1])}"
            assert not page.select_one("article h1").text[0].isdigit(), (
                "the number would be said twice"
            )


def buttons(page: BeautifulSoup) -> list[str]:
    """Return where the buttons of a page's header lead to, of those that leave the book."""
    links = page.select(".article-header-buttons a[href]")
    return [link["href"] for link in links if remote(link["href"])]


def wanted_buttons(address: str, name: str) -> list[str]:
    """Return where they must lead to: nowhere without an address."""
    if not address:
        return []
    there = address.removeprefix("https://github.com/")
    return [
        f"https://mybinder.org/v2/gh/{there}/main?urlpath=lab/tree/{name}.ipynb",
        f"https://colab.research.google.com/github/{there}/blob/main/{name}.ipynb",
        address,
        f"{address}/issues/new",
    ]


def assert_buttons(html: Path, address: str) -> None:
    for name in NOTEBOOKS:
        found = [link.split("?title=")[0] for link in buttons(soup(html / f"{name}.html"))]
        assert sorted(found) == sorted(wanted_buttons(address, name)), name


def assert_start(html: Path, address: str) -> None:
    """The first page leads to chapter 1, and to Colab once the book has an address."""
    links = [link["href"] for link in soup(html / "book/index.html").select("p.start a")]
    assert links == ["01_parameters.html", *wanted_buttons(address, "book/01_parameters")[1:2]]


def assert_citation(html: Path, address: str) -> None:
    """The BibTeX on the page of references says what CITATION.cff says, and the address."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    text = soup(html / "book/references.html").select_one(".highlight-bibtex").text
    (entry,) = parse_string(text, "bibtex").entries.values()
    assert entry.fields["title"] == f"{{{citation['title']}}}"
    people = [str(person) for person in entry.persons["author"]]
    assert people == [f"{{{author['name']}}}" for author in citation["authors"]]
    assert entry.fields.get("url", "") == address
    year = str(citation.get("date-released", ""))[:4] or re.search(r"\d{4}", COPYRIGHT)[0]
    assert entry.fields["year"] == year


def assert_licence(html: Path, address: str) -> None:
    """Every page says its licence, how to cite it, and where its errors go, if they go anywhere."""
    for name in page_names():
        line = soup(html / f"{name}.html").select_one("footer .licence")
        cite, *report = [link["href"] for link in line.select("a")]
        assert "MIT" in line.text
        assert cite.removeprefix("references.html") == "#how-to-cite-this-book"
        assert report == ([f"{address}/issues"] if address else []), name


def test_the_book_says_how_to_cite_it(book):
    assert_citation(book, ADDRESS)


def test_every_page_says_what_may_be_done_with_it(book):
    assert_licence(book, ADDRESS)
    assert soup(book / "book/references.html").select_one("section#how-to-cite-this-book")


def test_buttons_follow_the_address(book):
    assert_buttons(book, ADDRESS)
    assert_start(book, ADDRESS)


@pytest.fixture(scope="module")
def other(tmp_path_factory) -> Path:
    """The book with an address as `make repository` writes it; if it has one, without."""
    folder = tmp_path_factory.mktemp("other")
    other, copy = "" if ADDRESS else EXAMPLE, folder / "copy"
    shutil.copytree(ROOT / "book", copy / "book")
    shutil.copy(ROOT / "_toc.yml", copy)
    (copy / "code").symlink_to(ROOT / "code")  # the API reference reads it
    block = repository.config_block(parse(other)) if other else ""
    config = (ROOT / "_config.yml").read_text("utf8")
    (copy / "_config.yml").write_text(repository.with_block(config, block, "_config.yml"), "utf8")
    block = repository.citation_block(parse(other)) if other else ""
    citation = (ROOT / "CITATION.cff").read_text("utf8")
    (copy / "CITATION.cff").write_text(repository.with_block(citation, block, "CITATION"), "utf8")
    return build(copy, folder / "out")


def test_what_names_the_address_comes_and_goes_with_it(other):
    address = "" if ADDRESS else EXAMPLE
    assert_buttons(other, address)
    assert_start(other, address)
    assert_citation(other, address)
    assert_licence(other, address)


@pytest.fixture
def published(book, other) -> tuple[Path, str]:
    """The book with an address, and where it is published."""
    folder = book if ADDRESS else other
    return folder, parse(ADDRESS or EXAMPLE).pages


def said(page: BeautifulSoup, name: str) -> list[str]:
    """Return what the head says under a name."""
    return [tag["content"] for tag in page.select(f'[name="{name}"], [property="{name}"]')]


def test_every_page_says_what_it_is_about(book):
    descriptions = {}
    for name in page_names():
        page = soup(book / f"{name}.html")
        (descriptions[name],) = said(page, "description")
        assert 40 <= len(descriptions[name]) <= 160, name
        assert len(said(page, "viewport")) == 1
        assert said(page, "og:title") and said(page, "og:description")
    assert len(set(descriptions.values())) == len(descriptions)


def test_published_pages_say_their_address_and_show_a_picture(published):
    html, address = published
    for name in page_names():
        page = soup(html / f"{name}.html")
        place = address if name == "book/index" else f"{address}{name}.html"
        assert page.select_one("link[rel=canonical]")["href"] == place
        assert said(page, "og:url") == [place]
        (picture,) = said(page, "og:image")
        assert (html / picture.removeprefix(address)).is_file()
    assert f"Sitemap: {address}sitemap.xml" in (html / "robots.txt").read_text("utf8")
    listed = re.findall("<loc>(.*?)</loc>", (html / "sitemap.xml").read_text("utf8"))
    assert sorted(listed) == sorted(
        address if name == "book/index" else f"{address}{name}.html" for name in page_names()
    )


def test_a_missing_page_leads_home_from_any_depth(published):
    html, address = published
    page = soup(html / "404.html")
    assert page.base["href"] == urlsplit(address).path
    assert page.select_one('article a[href="book/index.html"]')
    assert page.title.text.startswith("No such page")


def test_without_an_address_no_page_names_one(book, other):
    html = other if ADDRESS else book
    for path in html.rglob("*.html"):
        assert not soup(path).select("link[rel=canonical], base") + said(soup(path), "og:image")
    assert not (html / "sitemap.xml").exists()


def test_the_front_page_stands_at_the_root_and_says_its_title_once(book):
    page = soup(book / "index.html")
    assert page.title.text.strip() == page.select_one("article h1").find(string=True)
    assert page.select_one("article").text == soup(book / "book/index.html").article.text
    for tag in page.select("[href], [src]"):
        address = urlsplit(tag.get("href") or tag["src"])
        if address.path and not address.scheme:
            assert (book / address.path).is_file(), address.path


def test_all_papers_are_listed(book):
    papers = re.findall(r"^@\w+\{(\w+),", (ROOT / "book/references.bib").read_text("utf8"), re.M)
    listed = soup(book / "book/references.html").select("article li")
    assert len(listed) == len(papers) > 0
    for item in listed:
        assert item.find("a", href=re.compile("^https://")), f"no link: {item.text}"


def test_each_paper_says_which_pages_cite_it(book):
    sources = {name: source for name in page_names() if (source := markdown(name))}
    for item in soup(book / "book/references.html").select("article li"):
        (address,) = {a["href"] for a in item.select("a[href^=https]")}
        said = [a["href"].removesuffix(".html") for a in item.select(".cited-in a")]
        citing = [name for name, source in sources.items() if f"]({address})" in source]
        assert said == sorted(name.removeprefix("book/") for name in citing), address


def test_every_page_says_its_language(book):
    for name in page_names():
        assert soup(book / f"{name}.html").html["lang"] == "en-GB", name


def test_what_is_folded_is_closed_at_first(book):
    for name in page_names():
        assert not soup(book / f"{name}.html").select("article details[open]"), name


def test_no_page_waits_for_the_script_that_draws_the_icons_again(book):
    for name in [*page_names(), "search"]:
        assert not soup(book / f"{name}.html").select('script[src*="fontawesome"]'), name


def test_every_picture_says_its_size_and_all_but_the_first_come_late(book):
    for name in page_names():
        pictures = soup(book / f"{name}.html").select('article img[src*="_images/"]')
        pictures = [picture for picture in pictures if not picture.find_parent(class_="touch")]
        assert all(int(picture["width"]) * int(picture["height"]) > 0 for picture in pictures)
        late = [picture.get("loading") for picture in pictures]
        assert late == ([None] + ["lazy"] * (len(late) - 1))[: len(late)], name


def test_the_fonts_come_along_small_and_with_their_licence(book):
    for name in ("text", "text-italic", "label", "code", "formulas"):
        font = book / "_static" / "fonts" / f"{name}.woff2"
        assert 5_000 < font.stat().st_size < 30_000
        assert "Open Font License" in font.with_name(f"{name}-licence.txt").read_text("utf8")
