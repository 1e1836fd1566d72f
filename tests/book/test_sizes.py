"""Chapters that train run with all of MNIST, too: no cell counts on the packaged 4,000 digits."""

import ast

import pytest
import torch
from booklint.pages import BOOK, read

from bareattention import data
from bareattention.data import Digits, DigitSplits

CHAPTERS = ("15_is_attention_doing_anything", "16_patches")
# Digits of the packaged collection's parts, and steps of an epoch over them.
PACKAGED = {4_000, 500, 63, 250}


def packaged_sizes(source: str) -> list[int]:
    """Numbers of the packaged collection, but for bounds: ends of slices, and of `ready`."""
    found = []

    class Numbers(ast.NodeVisitor):
        def visit_Slice(self, node):
            pass

        def visit_Call(self, node):
            if getattr(node.func, "id", None) != "ready":
                self.generic_visit(node)

        def visit_Constant(self, node):
            if type(node.value) is int and node.value in PACKAGED:
                found.append(node.value)

    Numbers().visit(ast.parse(source))
    return found


def cells(chapter):
    return read(BOOK / f"{chapter}.ipynb").code_cells


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_cell_counts_on_the_packaged_collection(chapter):
    found = {cell.id: packaged_sizes(cell.source) for cell in cells(chapter) if cell.id != "setup"}
    assert not {name: numbers for name, numbers in found.items() if numbers}


def test_a_size_of_the_packaged_collection_is_found():
    assert packaged_sizes("right = torch.zeros(3, 500)") == [500]
    assert packaged_sizes("schedule(optimizer, n_steps=epochs * 63)") == [63]
    assert packaged_sizes("x = ready(digits.training, 4_000), images[:500]") == []


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("more", [0, 700])
def test_the_data_cell_bounds_any_collection(chapter, more, monkeypatch):
    def part(n):
        images = torch.randint(256, (n, 28, 28), dtype=torch.uint8)
        return Digits(images, torch.randint(10, (n,)))

    packaged = data.load_digits("mnist5k")
    larger = DigitSplits(
        part(4_000 + more), part(500 + more), part(500 + more), packaged.provenance
    )
    monkeypatch.setattr("bareattention.load_digits", lambda *_: larger)
    names = {}
    by_id = {cell.id: cell.source for cell in cells(chapter)}
    for name in ("room-picture", "data"):
        if name in by_id:
            exec(by_id[name].replace("plt.show()", "plt.close()"), names)
    assert (len(names["train_x"]), len(names["validation_y"])) == (4_000, 500)
