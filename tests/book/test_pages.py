"""Every page of the book is true to what it shows and says.

The shape comments have a file of their own, for they need the chapters to run.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from truth import (
    assets,
    cells,
    identity,
    links,
    notation,
    numbers,
    pictures,
    sentences,
    setup,
    stored,
    template,
)
from truth.pages import Complaint, Page, paths, read

CHECKS: list[Callable[[Page], list[Complaint]]] = [
    stored.is_valid,
    stored.counts_run,
    stored.errors_are_meant,
    stored.nothing_volatile,
    pictures.have_alt_and_caption,
    numbers.are_found,
    sentences.one_per_line,
    cells.are_short,
    cells.exports_hold_one_thing,
    cells.end_visibly,
    cells.hold_no_magic,
    cells.show_no_svg,
    assets.none_remote,
    links.resolve,
    notation.names_exist,
    setup.comes_first,
    identity.ids_are_names,
    identity.tags_are_known,
    template.asks_and_answers,
    template.solutions_are_folded,
    template.predictions_come_first,
]


def name_of(check: Callable) -> str:
    return f"{check.__module__.rpartition('.')[2]}.{check.__name__}"


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_page(check: Callable[[Page], list[Complaint]], path: Path) -> None:
    complaints = check(read(path))
    assert not complaints, "\n" + "\n".join(map(str, complaints))
