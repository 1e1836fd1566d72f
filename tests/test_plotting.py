"""Figures: what is drawn, what it says, and that the same numbers give the same picture."""

import io
import re
import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from expectations import refused
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.patches import Rectangle
from strategies import generators, normal

from bareattention import axes, bars, heatmap, panels, pictures, plotting

AXES = {"rows": "query", "columns": "key"}
MATRIX = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
KINDS = ("weights", "signed", "magnitude", "pixels")


@pytest.fixture(autouse=True)
def closed_figures():
    """Every test starts and ends without a figure."""
    plt.close("all")
    yield
    plt.close("all")


def written(ax):
    """The numbers in the cells, row by row."""
    return [text.get_text() for text in ax.texts]


def colour_bar(ax):
    """The axes of the colour bar, or None."""
    others = [other for other in ax.figure.axes if other is not ax]
    return others[0] if others else None


def limits(matrix, **options):
    """The values at the two ends of the colour bar."""
    limits = heatmap(matrix, **AXES, **options).images[0].get_clim()
    plt.close("all")
    return limits


def picture(ax):
    """The bytes of the figure as a file."""
    file = io.BytesIO()
    ax.figure.savefig(file, format="png")
    return file.getvalue()


# heatmap: what it says


def test_axes_and_colour_bar_say_what_they_count():
    ax = heatmap(MATRIX, **AXES, unit="logits", title="scores")
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("query", "key")
    assert ax.get_title(loc="left") == "scores"
    assert colour_bar(ax).get_ylabel() == "logits"


@pytest.mark.parametrize("kind", KINDS)
def test_a_colour_bar_always_has_a_unit(kind):
    assert colour_bar(heatmap(MATRIX, **AXES, kind=kind)).get_ylabel()
    assert colour_bar(heatmap(MATRIX, **AXES, kind=kind, colour_bar=False)) is None


def test_rows_run_down_and_columns_across():
    ax = heatmap(torch.arange(6.0).view(2, 3), **AXES)
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    assert left < right and top < bottom, "row 0 stands on top"
    assert ax.images[0].get_array().tolist() == [[0, 1, 2], [3, 4, 5]]
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places == {"0": (0, 0), "1": (1, 0), "2": (2, 0), "3": (0, 1), "4": (1, 1), "5": (2, 1)}


def test_rows_and_columns_carry_their_names():
    ax = heatmap(
        torch.zeros(2, 3), **AXES, row_labels=["the", "cat"], column_labels=("a", "b", "c")
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == ["the", "cat"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b", "c"]
    assert ax.get_yticks().tolist() == [0, 1] and ax.get_xticks().tolist() == [0, 1, 2]


def test_without_names_every_row_is_counted_and_of_many_some():
    ax = heatmap(torch.zeros(3, 128), **AXES)
    assert ax.get_yticks().tolist() == [0, 1, 2]
    ticks = ax.get_xticks().tolist()
    assert ticks[0] == 0 and ticks[-1] <= 127 and 4 <= len(ticks) < 10
    assert ticks == list(range(0, 128, ticks[1])), "whole numbers in even steps"


# heatmap: numbers in cells


@pytest.mark.parametrize(
    "matrix, decimals, wanted",
    [
        ([[1.0, -2.0]], None, ["1", "−2"]),
        ([[0.25, 1.0]], None, ["0.25", "1.00"]),
        ([[0.25, -1.0]], 0, ["0", "−1"]),
        ([[-0.001, 0.5]], None, ["0.00", "0.50"]),
        ([[12345.0, -1e6]], None, ["12,345", "−1,000,000"]),
        ([[float("inf"), -float("inf"), float("nan"), 3]], None, ["∞", "−∞", "NaN", "3"]),
        (torch.tensor([[True, False]]), None, ["1", "0"]),
        (np.array([[7, 8]], dtype=np.int16), None, ["7", "8"]),
    ],
)
def test_small_matrices_show_their_numbers(matrix, decimals, wanted):
    assert written(heatmap(matrix, **AXES, decimals=decimals)) == wanted


@pytest.mark.parametrize("shape, shown", [((10, 12), True), ((11, 12), False), ((10, 13), False)])
def test_large_matrices_show_colours_alone(shape, shown):
    assert bool(written(heatmap(torch.zeros(shape), **AXES))) is shown


@settings(max_examples=15)
@given(generator=generators, kind=st.sampled_from(["weights", "signed", "magnitude", "pixels"]))
def test_numbers_can_be_read_on_their_colour(generator, kind):
    """Contrast of at least 4.5 : 1 in each cell (WCAG 2, success criterion 1.4.3)."""
    matrix = normal(generator, 6, 6) if kind == "signed" else normal(generator, 6, 6).abs()
    matrix = matrix / matrix.abs().max()
    ax = heatmap(matrix, **AXES, kind=kind)
    image = ax.images[0]
    for text, value in zip(ax.texts, matrix.flatten(), strict=True):
        assert contrast(text.get_color(), image.cmap(image.norm(value.item()))) >= 4.5
    plt.close("all")


# heatmap: colours


def test_weights_run_from_0_to_1_up_to_16_keys_and_to_the_largest_beyond():
    assert limits(torch.full((3, 16), 0.2), kind="weights") == (0, 1)
    assert limits(torch.full((3, 17), 0.2), kind="weights") == pytest.approx((0, 0.2))
    # Keys count, not queries.
    assert limits(torch.full((40, 4), 0.2), kind="weights") == (0, 1)


def test_signed_numbers_are_white_at_0():
    assert limits([[-3.0, 1.0]]) == (-3, 3)
    assert limits([[0.5, 2.0]], kind="signed") == (-2, 2)
    ax = heatmap([[-3.0, 0.0]], **AXES)
    image = ax.images[0]
    assert image.cmap(image.norm(0.0))[:3] == pytest.approx((1, 1, 1), abs=0.05)


def test_other_kinds_start_at_0():
    assert limits([[1.0, 4.0]], kind="magnitude") == (0, 4)
    assert limits([[0.0, 255.0]], kind="pixels") == (0, 255)
    assert limits([[-0.4, 2.8]], kind="pixels") == pytest.approx((-0.4, 2.8))


def test_all_zeros_and_infinities_have_a_range_too():
    for kind in KINDS:
        for matrix in (torch.zeros(2, 2), torch.tensor([[0.0, -torch.inf]])):
            low, high = limits(matrix, kind=kind)
            assert np.isfinite([low, high]).all() and low < high


def test_given_limits_and_sizes_are_kept():
    assert limits(MATRIX, limits=(-5.0, 7.0)) == (-5, 7)
    assert heatmap(MATRIX, **AXES, size=(3.0, 2.0)).figure.get_size_inches().tolist() == [3, 2]


def test_kinds_have_their_colours():
    colours = {kind: heatmap(MATRIX, **AXES, kind=kind).images[0].cmap.name for kind in KINDS}
    assert colours["weights"] == "viridis"
    assert colours["signed"] == "RdBu_r"
    assert heatmap(MATRIX, **AXES).images[0].cmap.name == colours["signed"]


# heatmap: masks


def test_cells_that_may_not_be_looked_at_are_hatched_and_hold_no_number():
    mask = torch.tensor([[True, False], [True, True]])
    ax = heatmap([[1.0, 2.0], [3.0, 4.0]], **AXES, mask=mask)
    hatched = [p for p in ax.patches if isinstance(p, Rectangle) and p.get_hatch()]
    assert [patch.get_xy() for patch in hatched] == [(0.5, -0.5)]
    assert written(ax) == ["1", "3", "4"]


def test_masks_of_large_matrices_cover_what_may_not_be_looked_at():
    mask = torch.ones(20, 20, dtype=torch.bool).tril()
    plain = heatmap(torch.rand(20, 20), **AXES)
    covered = heatmap(torch.rand(20, 20), **AXES, mask=mask)
    extra = covered.images[len(plain.images) :]
    assert len(extra) == 1 and not covered.patches
    assert (~np.isnan(np.ma.filled(extra[0].get_array(), np.nan)) == ~mask.numpy()).all()


# heatmap: what it takes, and what it leaves alone


def test_tensors_that_learn_are_drawn_and_left_alone():
    matrix = torch.tensor([[1.0, -2.0]], requires_grad=True)
    ax = heatmap(matrix, **AXES)
    ax.images[0].get_array()[:] = 0
    assert matrix.tolist() == [[1, -2]] and matrix.requires_grad


@pytest.mark.parametrize("matrix", [[[1.0, 2.0]], np.array([[1.0, 2.0]]), torch.ones(1, 2).half()])
def test_lists_arrays_and_half_precision_are_drawn(matrix):
    assert heatmap(matrix, **AXES).images[0].get_array().shape == (1, 2)


def test_a_heat_map_is_drawn_on_the_axes_it_is_given():
    left, right = panels(2)
    assert heatmap(MATRIX, **AXES, ax=right) is right
    assert not left.images and right.images
    assert len(plt.get_fignums()) == 1


# The style, and its limits


@pytest.mark.parametrize(
    "draw",
    [
        lambda: heatmap(MATRIX, **AXES, mask=MATRIX > 0.5),
        lambda: bars([1.0, 2.0], labels=["a", "b"], unit="parameters", title="sizes"),
        lambda: axes(x="step", y="loss in bits", title="training"),
        lambda: panels(2, titles=["a", "b"])[0],
        lambda: pictures(torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)))[0],
    ],
    ids=["heatmap", "bars", "axes", "panels", "pictures"],
)
def test_the_same_numbers_give_the_same_picture_and_settings_stay(draw):
    settings = dict(mpl.rcParams)
    first = draw()
    assert first.figure.dpi == 100, "the book's style"
    assert picture(first) == picture(draw())
    assert dict(mpl.rcParams) == settings, "a reader's own settings were changed"


@pytest.mark.parametrize(
    "shape", [(1, 1), (4, 4), (16, 16), (128, 128), (128, 64), (1, 784), (784, 1)]
)
def test_sizes_follow_from_the_data_and_fit_a_page(shape):
    width, height = heatmap(torch.zeros(shape), **AXES).figure.get_size_inches()
    assert 2 < width <= 7.2 and 1.5 < height <= 9


CSS = (Path(__file__).parents[1] / "book/_static/book.css").read_text("utf8")
PAPERS = re.findall(r"--paper: (#[0-9a-f]{6});", CSS)
STYLE = plotting.STYLE
CYCLE = [entry["color"] for entry in STYLE["axes.prop_cycle"]]


def luminance(colour):
    """How bright a colour is, as WCAG 2 has it."""
    parts = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("paper", PAPERS)
def test_ink_and_lines_stand_out_from_the_light_page_and_from_the_dark_one(paper):
    """No colour reaches 4.5 on both: the best that is possible is 4.17."""
    assert len(PAPERS) == 2
    for setting in ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color"):
        assert contrast(mpl.colors.to_hex(STYLE[setting]), paper) >= 4.1
    assert [colour for colour in CYCLE if contrast(colour, paper) < 3] == []


def crowded():
    """A figure with all that chapters put on one, most of it when the style is no longer on."""
    left, right = panels(2, titles=["a", "b"], x="step", y="loss")
    heatmap([[1.0, -torch.inf]], **AXES, ax=left, mask=torch.tensor([[True, True]]))
    right.plot([0, 1], [0, 1], label="$x_1$")
    right.legend()
    right.text(0, 0, "a line")
    right.annotate("here", (0.5, 0.5), xytext=(0.2, 0.8), arrowprops={"arrowstyle": "->"})
    right.set_xticks([0, 1], ["zero", "one"])
    right.figure.canvas.draw()
    return right.figure


def test_all_words_have_one_size_that_can_be_read_on_the_page():
    words = [text for text in crowded().findobj(mpl.text.Text) if text.get_text()]
    sizes = {text.get_fontsize() * 100 / 72 for text in words}
    assert sizes == {12.5}  # px where an inch is 100


def test_all_words_outside_of_cells_have_the_ink():
    colours = {text.get_color() for text in crowded().findobj(mpl.text.Text) if text.get_text()}
    assert colours <= {plotting.INK, "#000000", "#ffffff"}
    ax = heatmap([[-torch.inf, 0.0]], **AXES)
    assert ax.texts[0].get_color() == plotting.INK  # its cell has no colour


def test_words_in_a_box_keep_their_colour():
    ax = axes(x="step", y="loss")
    text = ax.text(0, 0, "norm", bbox={"facecolor": "yellow"})
    ax.figure.canvas.draw()
    assert text.get_color() == "black"


def test_the_ground_is_the_pages():
    file = io.BytesIO()
    crowded().savefig(file, format="png")
    file.seek(0)
    pixels = plt.imread(file)
    assert pixels[0, 0, 3] == 0 and pixels[..., 3].max() == 1


def test_letters_are_the_pages_where_they_are_installed(monkeypatch):
    def face():
        plotting._style.cache_clear()
        title = axes(x="step", y="loss", title="t").title
        return mpl.font_manager.FontProperties(family=title.get_fontfamily()).get_name()

    assert face() == "Inter"
    monkeypatch.setitem(sys.modules, "fontpkg", None)
    assert face() == "DejaVu Sans"
    monkeypatch.undo()
    plotting._style.cache_clear()


# axes, panels, bars, pictures


def test_axes_are_labelled():
    ax = axes(x="step", y="loss", title="training", size=(5.0, 2.0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "loss")
    assert ax.get_title(loc="left") == "training"
    assert ax.figure.get_size_inches().tolist() == [5, 2]


@pytest.mark.parametrize("n, columns, grid", [(3, None, (1, 3)), (5, 2, (3, 2)), (1, 4, (1, 4))])
def test_panels_stand_in_rows_and_none_is_left_empty(n, columns, grid):
    found = panels(n, columns=columns, titles=[f"panel {i}" for i in range(n)], x="step", y="loss")
    assert len(found) == n == len(found[0].figure.axes)
    assert found[0].get_gridspec().get_geometry() == grid
    assert [ax.get_title(loc="left") for ax in found] == [f"panel {i}" for i in range(n)]
    assert {(ax.get_xlabel(), ax.get_ylabel()) for ax in found} == {("step", "loss")}


def test_bars_run_from_top_to_bottom_with_their_numbers():
    ax = bars(
        torch.tensor([3.0, -1.5], requires_grad=True), labels=["a", "b"], unit="bits", title="t"
    )
    assert [patch.get_width() for patch in ax.patches] == [3.0, -1.5]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    low, high = ax.get_ylim()
    assert low > high, "the first bar stands on top"
    assert written(ax) == ["3.00", "−1.50"]
    assert ax.get_xlabel() == "bits" and ax.get_title(loc="left") == "t"


def test_each_bar_makes_the_picture_higher():
    heights = [
        bars([1.0] * n, labels=["a"] * n, unit="x").figure.get_figheight() for n in (1, 2, 9)
    ]
    assert 0 < heights[1] - heights[0] == pytest.approx((heights[2] - heights[1]) / 7)


def test_large_bars_count_in_thousands():
    ax = bars([1_048_576.0], labels=["all"], unit="parameters", decimals=0)
    ax.figure.canvas.draw()
    assert written(ax) == ["1,048,576"]
    assert "1,000,000" in [label.get_text() for label in ax.get_xticklabels()]


def test_pictures_share_one_scale_and_dark_is_ink():
    images = torch.stack([torch.zeros(4, 4), torch.full((4, 4), 255.0)])
    found = pictures(images, titles=["0", "1"])
    assert [ax.images[0].get_clim() for ax in found] == [(0, 255)] * 2
    assert [ax.get_title() for ax in found] == ["0", "1"]
    cmap = found[0].images[0].cmap
    assert sum(cmap(1.0)[:3]) < sum(cmap(0.0)[:3])
    assert not any(ax.get_xticks().size for ax in found)


def test_pictures_stand_in_a_grid():
    found = pictures(torch.zeros(10, 4, 4), columns=4)
    assert len(found) == 10 and found[0].get_gridspec().get_geometry() == (3, 4)
    plt.close("all")
    few = pictures(torch.zeros(2, 4, 4), columns=8, limits=(0.0, 3.0), kind="magnitude")
    assert few[0].get_gridspec().get_geometry() == (1, 2)
    assert few[0].images[0].get_clim() == (0, 3)


# What is refused

IMAGES, LINES = torch.zeros(2, 4, 4), ["a"]


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        *(
            (
                lambda shape=shape: heatmap(torch.zeros(shape), **AXES),
                ValueError,
                "matrix",
                str(shape),
            )
            for shape in ((3,), (), (2, 2, 2), (0, 3), (3, 0))
        ),
        (lambda: heatmap(MATRIX + 1j, **AXES), TypeError, "matrix", "torch.complex64"),
        (lambda: heatmap(None, **AXES), TypeError, "matrix", "None"),
        (lambda: heatmap(MATRIX, **AXES, mask=MATRIX), TypeError, "mask", "torch.float32"),
        (lambda: heatmap(MATRIX, **AXES, mask=MATRIX[:1] > 0), ValueError, "mask", "(1, 2)"),
        (lambda: heatmap(MATRIX, **AXES, row_labels=LINES), ValueError, "row_labels", "1"),
        (lambda: heatmap(MATRIX, **AXES, column_labels=LINES), ValueError, "column_labels", "1"),
        (lambda: heatmap(MATRIX, **AXES, kind="rainbow"), ValueError, "kind", "'rainbow'"),
        (lambda: heatmap(MATRIX, **AXES, decimals=-1), ValueError, "decimals", "-1"),
        (lambda: heatmap(MATRIX, **AXES, limits=(0, "1")), TypeError, "limits[1]", "'1'"),
        (lambda: heatmap(MATRIX, **AXES, limits=(1, 0)), ValueError, "limits", "(1, 0)"),
        (lambda: heatmap([["x"]], **AXES), TypeError, "matrix", "list"),
        (lambda: axes(x="a", y="b", size=(1, 0)), ValueError, "size[1]", "0"),
        (lambda: heatmap(MATRIX, rows=1, columns="key"), TypeError, "rows", "1"),
        (lambda: panels(2, titles=LINES), ValueError, "titles", "1"),
        (lambda: panels(0), ValueError, "n", "0"),
        (lambda: panels(2, columns=0), ValueError, "columns", "0"),
        (lambda: axes(x="step", y="loss", size=3), TypeError, "size", "3"),
        (lambda: bars([1.0, 2.0], labels=LINES, unit="bits"), ValueError, "labels", "1"),
        (lambda: bars([], labels=[], unit="bits"), ValueError, "values", "none"),
        (lambda: bars([1j], labels=LINES, unit="bits"), TypeError, "values", "complex"),
        (lambda: pictures(IMAGES[0]), ValueError, "images", "(4, 4)"),
        (lambda: pictures(IMAGES[:0]), ValueError, "images", "(0, 4, 4)"),
        (lambda: pictures(IMAGES, columns=0), ValueError, "columns", "0"),
        (lambda: pictures(IMAGES, titles=LINES), ValueError, "titles", "1"),
        (lambda: pictures(IMAGES, kind="rainbow"), ValueError, "kind", "'rainbow'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error, name, came):
    with refused(error, name, came):
        call()
