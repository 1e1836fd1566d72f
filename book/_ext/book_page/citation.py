"""Say how to cite the book, as BibTeX, out of CITATION.cff: the directive `book-citation`."""

from pathlib import Path

import yaml
from docutils import nodes
from pybtex.database import BibliographyData, Entry
from sphinx.util.docutils import SphinxDirective

FILE = "CITATION.cff"
KEY = "attention-laid-bare"
ADDRESS = ("url", "repository-code")  # what there is of these, the first one first


def bibtex(citation: dict, year: str) -> str:
    """Return the entry for a citation file's contents."""
    fields = {
        "title": f"{{{citation['title']}}}",
        "author": " and ".join(f"{{{author['name']}}}" for author in citation["authors"]),
        "year": str(citation.get("date-released", year))[:4],
    }
    address = next((citation[name] for name in ADDRESS if name in citation), None)
    if address is not None:
        fields["url"] = address
    return BibliographyData({KEY: Entry("misc", fields)}).to_string("bibtex").strip()


class BookCitation(SphinxDirective):
    """Put the entry where the directive stands."""

    def run(self) -> list[nodes.Node]:
        file = Path(self.env.srcdir) / FILE
        self.env.note_dependency(str(file))
        text = bibtex(yaml.safe_load(file.read_text("utf8")), self.config.copyright)
        return [nodes.literal_block(text, text, language="bibtex")]


def setup(app) -> None:
    app.add_directive("book-citation", BookCitation)
