"""What a learner asks leads to the page that answers it, from a server and from the disk."""

import pytest

QUERIES = {
    "softmax": "05_softmax",
    "dot product": "02_embeddings",
    "mask": "07_masks",
    "why divide by the square root": "04_scores",
    "positional encoding": "08_positions",
    "multi head": "09_many_heads",
    "residual": "10_block",
    "overfitting": "14_training",
    "GPU memory": "19_cost",
    "RoPE": "20_language",
    "kv cache": "20_language",
    "layer normalization": "10_block",
}
CONTEXT = "#search-results .context"


class Search:
    """The page of the search, opened from the disk."""

    def __init__(self, visitor, book):
        self.address = (book / "search.html").as_uri()
        self.visit = visitor.open(self.address)

    def ask(self, query: str) -> list[str]:
        """Return the links of the answers, in their order."""
        page = self.visit.page
        page.goto(f"{self.address}?q={query.replace(' ', '+')}")
        page.wait_for_selector("#search-results [role=status]", state="attached")
        links = page.locator("#search-results li a")
        return links.evaluate_all("links => links.map((link) => link.getAttribute('href'))")


@pytest.fixture
def search(visitor, book) -> Search:
    return Search(visitor, book)


def test_learners_find_the_right_chapter_among_the_first_three(search):
    missed = {}
    for query, chapter in QUERIES.items():
        found = search.ask(query)[:3]
        if not any(f"/{chapter}.html" in link for link in found):
            missed[query] = found
    assert missed == {}
    assert search.visit.faults == []


def test_a_term_of_the_glossary_comes_first_and_the_link_leads_to_it(search):
    first, second, *_ = search.ask("dot products")
    assert first == "book/glossary.html#term-dot-product"
    assert second.startswith("book/02_embeddings.html#")
    search.visit.page.locator("#search-results li a").first.click()
    search.visit.page.wait_for_url("**/glossary.html#term-dot-product")
    assert search.visit.page.locator("li:target strong").inner_text() == "dot product"


def test_excerpts_are_prose_with_the_words_marked(search):
    for query in ("softmax", "variance"):
        search.ask(query)
        texts = search.visit.page.locator(CONTEXT).all_inner_texts()
        assert len(texts) > 3 and all(texts)
        assert not [text for text in texts if "\\" in text or "$" in text or "#" in text]
    assert "variance" in search.visit.page.locator(f"{CONTEXT} mark").first.inner_text().lower()


def test_equal_answers_stand_in_the_order_of_the_book(search):
    search.ask("softmax")
    order = search.visit.page.evaluate(
        """() => {
          const text = (title) => ({ title, counts: new Map([['a', 1]]) });
          return ranked(['9 · z', '10 · y', '11 · x'].map(text), ['a'], 0.75).map((t) => t.title);
        }"""
    )
    assert order == ["9 · z", "10 · y", "11 · x"]


def test_what_is_asked_is_text_and_nothing_found_is_said(search):
    assert search.ask("<qqxx onload=qqzz>") == []
    page = search.visit.page
    assert "<qqxx" in page.locator("#search-results [role=status]").inner_text()
    assert page.locator("#search-results qqxx").count() == 0


def test_the_search_field_of_a_chapter_leads_to_answers(visitor, site):
    visit = visitor.open(f"{site}/book/01_parameters.html")
    visit.page.keyboard.press("Control+k")
    visit.page.locator("#pst-search-dialog input").fill("attention")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("#search-results li a")
    assert visit.faults == []
