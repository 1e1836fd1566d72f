"""The page `api`: every public name, where it is taught, what it takes, what it means."""

import ast
import importlib.util
import re
import sys

import pytest
from notebooks import ROOT

from bareattention import exercises, touch

SPEC = importlib.util.spec_from_file_location("api", ROOT / "book/_ext/book_page/api.py")
api = sys.modules["api"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(api)
TEXT = api.reference()
ENTRIES = {
    entry.partition("`")[0]: entry for entry in re.split(r"^### `", TEXT, flags=re.MULTILINE)[1:]
}
STUB = ast.parse((ROOT / "code" / "bareattention" / "__init__.pyi").read_text("utf8"))
HOMES = {node.names[0].name: node.module for node in STUB.body if "experiments" not in node.module}
for room in (exercises, touch):
    HOMES |= dict.fromkeys(room.__all__, room.__name__)


def test_every_name_has_its_entry_and_nothing_else_has():
    names = re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)
    assert sorted(names) == sorted(HOMES)


@pytest.mark.parametrize("name", HOMES)
def test_a_name_leads_to_a_chapter_that_has_it(name):
    file = re.search(r"\]\((\d\d_\w+\.ipynb)[#)]", ENTRIES[name])[1]
    home = HOMES[name]
    assert home.partition(".")[0] != "chapters" or file.endswith(f"_{home[9:]}.ipynb")


@pytest.mark.parametrize("name", HOMES)
def test_a_name_says_what_it_is(name):
    """Constants, whose value is shown, apart."""
    meaning = ENTRIES[name].rpartition("```")[2].partition("\n## ")[0].strip()
    assert meaning or name.isupper()


SOURCE = '''
@checked
class Thing(Module):
    size: int
    @property
    def half(self) -> int:
        """Half of it."""
    def forward(
        self, x: Float[Tensor, "n d"]
    ) -> float:
        return 0

    def _own(self): ...
def call(x: int, *more: int) -> int:
    """What it does, from
    elsewhere: much.

    Args:
        x: one of `a`, or
            what follows.
        more: others.

    Raises: ValueError for none.
    Source: Somebody, https://example.org/a_b.
    """
'''


def test_signatures_stand_as_in_the_source():
    nodes = api.defined(ast.parse(SOURCE))
    shown = api.signature(nodes["Thing"], SOURCE.splitlines())
    assert shown == (
        "class Thing(Module):\n    size: int\n    @property\n    def half(self) -> int: ...\n"
        '    def forward(\n        self, x: Float[Tensor, "n d"]\n    ) -> float: ...'
    )


def test_a_docstring_becomes_a_list_of_what_it_explains():
    call = api.defined(ast.parse(SOURCE))["call"]
    assert api.prose(call, "def call(x, *more)") == (
        "What it does, from\nelsewhere: much.\n\n- `x`: one of `a`, or\n  what follows.\n"
        "- `more`: others.\n\n"
        "- Raises: ValueError for none.\n- Source: Somebody, <https://example.org/a_b>."
    )


def test_a_name_that_nobody_defines_stops_the_page(tmp_path):
    (tmp_path / "one.py").write_text('__all__ = ["gone"]')
    with pytest.raises(LookupError, match="its __all__ has gone"):
        api.section("One", tmp_path / "one.py", {})


def test_no_other_page_gets_it():
    pages = {name: ["text"] for name in ("book/api", "book/glossary")}
    for name, source in pages.items():
        api.fill(None, name, source)
    assert pages == {"book/api": [f"text\n{TEXT}\n"], "book/glossary": ["text"]}
