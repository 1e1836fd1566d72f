"""The rules that need no execution.  The shape comments are held against tensors by `shapes`."""

from collections.abc import Callable

from booklint import (
    assets,
    cells,
    definitions,
    exercises,
    identity,
    links,
    notation,
    numbers,
    pictures,
    sentences,
    setup,
    stored,
    symbols,
    template,
)
from booklint.pages import Complaint, Page
from booklint.shapes import comments

Rule = Callable[[Page], list[Complaint]]
RULES: list[Rule] = [
    stored.is_valid,
    stored.counts_run,
    stored.what_prints_has_printed,
    stored.errors_are_meant,
    stored.nothing_volatile,
    stored.no_script,
    pictures.have_alt_and_caption,
    numbers.are_found,
    sentences.one_per_line,
    cells.are_short,
    cells.exports_hold_one_thing,
    definitions.are_brief,
    cells.are_narrow,
    cells.trainings_are_checked,
    definitions.say_shapes,
    cells.end_visibly,
    cells.hold_no_magic,
    cells.show_no_svg,
    assets.none_remote,
    links.resolve,
    notation.names_exist,
    symbols.are_listed,
    setup.comes_first,
    identity.ids_are_names,
    identity.tags_are_known,
    template.asks_and_answers,
    template.solutions_are_folded,
    exercises.can_be_checked,
    exercises.are_left_to_the_reader,
    template.predictions_come_first,
    template.predictions_read_well_everywhere,
    comments.are_there,
]


def complaints(page: Page) -> list[Complaint]:
    """Everything that is wrong with a page as it is stored."""
    return [complaint for rule in RULES for complaint in rule(page)]
