"""Papers: what the pages cite is listed, and what is listed is cited."""

import re

import pytest
from booklint.pages import BOOK, ROOT, paths, read

BIB = (BOOK / "references.bib").read_text("utf8")
ENTRIES = re.split(r"\n(?=@)", BIB.strip())
# Where papers are: an address that begins so belongs into references.bib.
PAPERS = re.compile(
    r"\]\((https://(?:arxiv\.org/abs|doi\.org|(?:www\.)?jstor\.org/stable|ieeexplore\.ieee\.org"
    r"|(?:www\.)?jmlr\.org/papers|openreview\.net|aclanthology\.org|proceedings\.)[^)\s]*)\)"
)
PAGES = {path.name: "\n".join(c.source for c in read(path).markdown_cells) for path in paths()}


def address(entry: str) -> str:
    url, doi = re.search(r"\burl\s*= \{(.+?)\}", entry), re.search(r"\bdoi\s*= \{(.+?)\}", entry)
    return url[1] if url else f"https://doi.org/{doi[1]}"


def key(entry: str) -> str:
    return re.match(r"@\w+\{(\w+),", entry)[1]


@pytest.mark.parametrize("page", PAGES)
def test_every_paper_that_a_page_links_to_is_listed(page):
    listed = {address(entry) for entry in ENTRIES}
    missing = set(PAPERS.findall(PAGES[page])) - listed
    assert not missing, f"add to references.bib: {sorted(missing)}"


@pytest.mark.parametrize("entry", ENTRIES, ids=key)
def test_every_paper_is_cited_and_names_all_its_authors(entry):
    assert any(f"]({address(entry)})" in source for source in PAGES.values()), "nobody cites it"
    assert "and others" not in entry


def test_papers_are_in_the_order_of_their_keys():
    assert [key(entry) for entry in ENTRIES] == sorted(map(key, ENTRIES))
    assert (ROOT / "book" / "references.md").read_text("utf8").count("{bibliography}") == 1
