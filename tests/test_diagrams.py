"""Diagrams: the whole head, its numbers and the step that is lit."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from expectations import refused
from matplotlib.text import Text

from bareattention import attention, attention_scores, product, project, small_example, whole_head
from bareattention.diagrams import FAINT, STEPS

PHONE = 390  # CSS pixels across


@pytest.fixture(autouse=True)
def closed_figures():
    """Every test starts and ends without a figure."""
    plt.close("all")
    yield
    plt.close("all")


def drawn(axes):
    """The matrices as the heat maps hold them."""
    return {
        name: torch.tensor(np.ma.filled(ax.images[0].get_array(), 0.0)).float()
        for name, ax in axes.items()
    }


@pytest.mark.parametrize("first", ["boat", "loan"])
def test_it_draws_the_small_examples_numbers(first):
    example = small_example(first)
    queries, keys, values = project(*example[1:])
    output, weights = attention(queries, keys, values)
    wanted = {
        "embeddings": example.embeddings,
        "queries": queries,
        "keys": keys,
        "values": values,
        "scores": attention_scores(queries, keys),
        "weights": weights,
        "output": output,
    }
    found = drawn(whole_head(*example))
    assert found.keys() == wanted.keys()
    for name, matrix in wanted.items():
        torch.testing.assert_close(found[name], matrix, msg=name)


def test_every_number_is_written_and_every_axis_named():
    for name, ax in whole_head(*small_example()).items():
        rows, columns = ax.images[0].get_array().shape
        assert len(ax.texts) == rows * columns, name
        assert ax.get_xlabel() and ax.get_title(loc="left").startswith(name)
        assert [label.get_text() for label in ax.get_yticklabels()] == ["boat", "by", "the", "bank"]
    queries, values, scores = (
        [label.get_text() for label in whole_head(*small_example())[name].get_xticklabels()]
        for name in ("queries", "values", "scores")
    )
    assert queries == ["0", "1", "2", "3"] and values == ["water", "money"]
    assert scores == ["boat", "by", "the", "bank"]


@pytest.mark.parametrize("lit", STEPS)
def test_only_the_lit_step_keeps_its_colours(lit):
    axes = whole_head(*small_example(), lit=lit)
    bright = {name for name, ax in axes.items() if ax.images[0].get_alpha() is None}
    assert bright == set(STEPS[lit])
    assert all(axes[n].images[0].get_alpha() == FAINT for n in axes.keys() - bright)


def test_cells_of_all_matrices_are_of_one_size():
    axes = whole_head(*small_example())
    sizes = set()
    for ax in axes.values():
        rows, columns = ax.images[0].get_array().shape
        extent = ax.get_window_extent()
        sizes.add((round(extent.width / columns), round(extent.height / rows)))
    assert len(sizes) == 1


def test_it_is_upright_and_its_smallest_text_reads_on_a_phone():
    ax = whole_head(*small_example())["scores"]
    width, height = ax.figure.get_size_inches()
    assert width <= 7.2 and height > 1.5 * width
    smallest = min(text.get_fontsize() for text in (*ax.texts, *ax.get_xticklabels()))
    assert smallest / 72 / width * (PHONE - 40) >= 8


def test_no_text_leaves_the_figure_and_no_two_meet():
    figure = whole_head(*small_example())["scores"].figure
    figure.canvas.draw()
    texts = [
        text.get_window_extent()
        for ax in figure.axes
        for text in ax.findobj(Text)
        if text.get_text() and text.get_visible()
    ]
    for i, box in enumerate(texts):
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1
        assert not any(box.overlaps(other) for other in texts[:i])


def test_a_mask_hides_scores_and_their_weights():
    mask = torch.ones(4, 4, dtype=torch.bool).tril()
    mask[1] = False
    example = small_example()
    axes = whole_head(*example, mask=mask)
    output, weights = attention(*project(*example[1:]), mask)
    found = drawn(axes)
    torch.testing.assert_close(found["weights"], weights)
    torch.testing.assert_close(found["output"], output)
    for name in ("scores", "weights"):
        assert len(axes[name].patches) == (~mask).sum()
    assert not axes["queries"].patches


def test_other_sizes_are_drawn_too_and_always_alike():
    tokens, make = ["a", "b", "c"], torch.Generator().manual_seed(0)
    matrices = [torch.randn(*shape, generator=make) for shape in ((3, 2), (2, 5), (2, 5), (2, 3))]
    files = []
    for _ in range(2):
        file = io.BytesIO()
        axes = whole_head(tokens, *matrices, channels=("up", "down"))
        axes["output"].figure.savefig(file, format="png")
        files.append(file.getvalue())
    assert files[0] == files[1]
    assert drawn(axes)["output"].shape == (3, 3)


@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"tokens": ["boat"]}, ValueError, "tokens", "1"),
        ({"channels": ("water",)}, ValueError, "channels", "1"),
        ({"lit": "sideways"}, ValueError, "lit", "sideways"),
        ({"mask": torch.ones(3, 3).bool()}, ValueError, "mask", "(3, 3)"),
        ({"W_key": torch.zeros(3, 2)}, ValueError, "W_key", "(3, 2)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, error, name, came):
    with refused(error, name, came):
        whole_head(**{**small_example()._asdict(), **change})


# A product

SAYS = {
    "titles": ("weights", "values", "output"),
    "says": ("query", "key", "channel"),
    "labels": (["bank"], ["boat", "by", "the", "bank"], ["water", "money"]),
    "kind": "weights",
}
ROW, COLUMNS = (
    torch.tensor([[0.75, 0.0, 0.0, 0.25]]),
    torch.tensor([[2.0, 0], [0, 0], [0, 0], [1, 1]]),
)


def test_a_product_lines_up_row_by_column():
    left, right, result = product(ROW, COLUMNS, **SAYS)
    boxes = [ax.get_position() for ax in (left, right, result)]
    assert boxes[0].y0 == boxes[2].y0 and boxes[0].y1 == boxes[2].y1
    assert boxes[1].x0 == boxes[2].x0 and boxes[1].x1 == boxes[2].x1
    assert result.images[0].get_array().tolist() == [[1.75, 0.25]]
    assert [ax.get_ylabel() for ax in (left, right, result)] == ["query", "key", "query"]
    assert [ax.get_xlabel() for ax in (left, right, result)] == ["key", "channel", "channel"]
    assert left.images[0].get_clim() == (0, 1)
    assert right.images[0].get_clim() == result.images[0].get_clim() == (-2.4, 2.4)


@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"titles": ["weights"]}, ValueError, "titles", "1"),
        ({"says": ["query"]}, ValueError, "says", "1"),
        ({"labels": []}, ValueError, "labels", "0"),
        ({"kind": "pixels"}, ValueError, "kind", "pixels"),
        ({"right": torch.zeros(3, 2)}, ValueError, "right", "(3, 2)"),
    ],
)
def test_a_product_refuses_what_does_not_fit(change, error, name, came):
    with refused(error, name, came):
        product(**{"left": ROW, "right": COLUMNS, **SAYS, **change})
