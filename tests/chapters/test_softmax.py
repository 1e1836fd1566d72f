"""Chapter 5: scores become shares."""

import math

import pytest
import torch
from expectations import (
    assert_equal_numbers,
    gradients,
    holds_for_all,
    refused,
    rejects,
    untouched,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    FLOATS,
    HALVES,
    float_types,
    generators,
    half_types,
    leading_shapes,
    masks,
    normal,
    sizes,
)

from bareattention import attention_scores, project, random_embeddings, small_example, softmax

magnitudes = st.sampled_from([0.1, 1.0, 10.0, 1e4])
temperatures = st.sampled_from([0.05, 0.5, 1.0, 3.0, 40.0])
INF = math.inf


@st.composite
def rows(draw, types=float_types, leading=leading_shapes, sides=False):
    """Scores of any size and shape; with `sides`, some are -inf."""
    generator = draw(generators)
    shape = (*draw(leading), draw(sizes))
    scores = normal(generator, *shape, dtype=draw(types)) * draw(magnitudes)
    if sides:
        scores = scores.masked_fill(torch.rand(shape, generator=generator) < 0.3, -INF)
    return scores


@st.composite
def masked_rows(draw, **kinds):
    """Scores and a mask that can be stretched to their shape, or none."""
    scores = draw(rows(**kinds))
    return scores, draw(st.none() | masks(tuple(scores.shape), stated=1))


def hidden(scores, mask):
    """The scores with -inf where nobody may look, and who has somebody to look at."""
    if mask is not None:
        scores = scores.masked_fill(~mask, -INF)
    return scores, (scores > -INF).any(dim=-1, keepdim=True)


def reference(scores, temperature=1.0, mask=None):
    """PyTorch's shares, computed in float64; zeros where PyTorch says NaN."""
    cut, somebody = hidden(scores.double() / temperature, mask)
    return torch.softmax(cut, -1).where(somebody, 0.0).to(scores.dtype)


def reference_gradient(scores, nudge, temperature=1.0, mask=None):
    """PyTorch's gradient at the scores; zeros in rows of nobody."""
    (found,) = gradients(
        lambda s: torch.softmax(hidden(s / temperature, mask)[0], -1),
        [scores.double()],
        nudge.double(),
    )
    return found.where(hidden(scores, mask)[1], 0.0).to(scores.dtype)


# Values and gradients


def equals_pytorch(function):
    def compare(drawn, temperature, generator):
        scores, mask = drawn
        with untouched(scores, *([] if mask is None else [mask])):
            ours = function(scores, temperature, mask)
        assert_equal_numbers(ours, reference(scores, temperature, mask), "shares")
        nudge = normal(generator, *scores.shape, dtype=scores.dtype)
        (found,) = gradients(lambda s: function(s, temperature, mask), [scores], nudge)
        wanted = reference_gradient(scores, nudge, temperature, mask)
        assert_equal_numbers(found, wanted, "gradient of the scores")

    return compare


@pytest.mark.parametrize("sides", [False, True], ids=["numbers", "some of minus infinity"])
def test_shares_equal_pytorchs(sides):
    drawn = masked_rows(sides=sides)
    compare = equals_pytorch(softmax)
    holds_for_all(compare, drawn=drawn, temperature=temperatures, generator=generators)


@pytest.mark.parametrize("mask", [None, torch.tensor([[True, False, True], [False] * 3])])
def test_gradients_are_the_true_slopes(mask):
    """Measured by moving each score a little; and the slopes of the slopes."""
    scores = torch.tensor([[0.3, -2.0, 1.5], [0.0, 1.0, -1.0]]).double().requires_grad_()
    for temperature in (0.5, 3.0):
        assert torch.autograd.gradcheck(lambda s, t=temperature: softmax(s, t, mask), scores)
        assert torch.autograd.gradgradcheck(lambda s, t=temperature: softmax(s, t, mask), scores)


@settings(max_examples=40)
@given(drawn=masked_rows(sides=True), temperature=temperatures)
def test_rows_sum_to_1_and_who_is_hidden_has_exactly_nothing(drawn, temperature):
    scores, mask = drawn
    cut, somebody = hidden(scores, mask)
    shares = softmax(scores, temperature, mask)
    assert ((shares >= 0) & (shares <= 1)).all()
    assert not shares[cut.isneginf()].any()
    sums = shares.sum(dim=-1, keepdim=True)
    assert_equal_numbers(sums, somebody.to(scores.dtype), "sums of the rows")


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_rows_of_nobody_are_zeros_without_gradient(dtype):
    """By the mask, by -inf, and by both; a mask of one axis serves every row."""
    nobody = torch.zeros(3, 4, dtype=torch.bool)
    sound = torch.tensor([1.0, 1e4, -1e4, 0.0]).repeat(3, 1)
    for scores, mask in ((sound, nobody), (sound - INF, None), (sound - INF, nobody[0])):
        scores = scores.to(dtype).requires_grad_()
        shares = softmax(scores, mask=mask)
        shares.sum().backward()
        assert shares.dtype == dtype
        assert not shares.any() and not scores.grad.any()


@settings(max_examples=20)
@given(generator=generators, shape=st.tuples(sizes, sizes), shift=st.sampled_from([-512, 3, 8192]))
def test_the_same_added_to_a_whole_row_changes_nothing(generator, shape, shift):
    # Whole numbers, so that adding loses no digits.
    scores = torch.randint(-20, 20, shape, generator=generator).float()
    assert torch.equal(softmax(scores + shift), softmax(scores))


def test_temperature_near_0_takes_the_largest_and_a_high_one_takes_all():
    scores = torch.tensor([2.0, 1.0, 2.0, -1.0])
    three = torch.tensor([True, True, True, False])
    for low in (1e-3, 1e-37):
        assert softmax(scores, low, three).tolist() == [0.5, 0, 0.5, 0]
    for high in (1e6, 1e38):
        assert_equal_numbers(softmax(scores, high), torch.full((4,), 0.25), "equal shares")
        assert_equal_numbers(softmax(scores, high, three), three / 3, "equal shares of three")
    assert torch.equal(softmax(scores, 2), softmax(scores, 2.0))


# Large numbers and half precision


@pytest.mark.parametrize("row", [[1e4, -1e4, 0, 9999], [-1e4] * 2, [1e4, 9998, -INF], [6e4, -6e4]])
@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_large_scores_give_the_right_numbers(dtype, row):
    scores = torch.tensor(row, dtype=dtype)
    few = {"rtol": 4 * torch.finfo(dtype).eps, "atol": 0}
    torch.testing.assert_close(softmax(scores), torch.softmax(scores, -1), **few)


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_the_largest_numbers_there_are_do_not_overflow(dtype):
    most = torch.finfo(dtype).max
    assert softmax(torch.tensor([most, -most, most], dtype=dtype)).tolist() == [0.5, 0, 0.5]
    assert softmax(torch.tensor([-most, -INF], dtype=dtype)).tolist() == [1, 0]


@settings(max_examples=60)
@given(scores=rows(types=half_types), generator=generators)
def test_half_precision_is_a_few_steps_from_pytorchs(scores, generator):
    ours = softmax(scores)
    assert ours.dtype == scores.dtype
    assert_equal_numbers(ours, torch.softmax(scores, -1), "shares", 3)
    nudge = normal(generator, *scores.shape, dtype=scores.dtype)
    (found,) = gradients(softmax, [scores], nudge)
    assert_equal_numbers(found, reference_gradient(scores, nudge), "gradient of the scores", 4)


# The chapter's numbers


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_small_examples_weights(dtype):
    queries, keys, _ = project(*small_example(dtype=dtype)[1:])
    weights = softmax(attention_scores(queries, keys))
    assert [[round(w, 2) for w in row] for row in weights.tolist()] == [
        [0.27, 0.73, 0.00, 0.00],
        [0.24, 0.64, 0.09, 0.03],
        [0.09, 0.03, 0.24, 0.64],
        [0.78, 0.10, 0.01, 0.10],
    ]


def test_softmax_along_the_wrong_axis_shows_in_the_row_sums():
    queries, keys, _ = project(*small_example()[1:])
    sums = softmax(attention_scores(queries, keys).mT).mT.sum(dim=-1)
    assert [round(x, 2) for x in sums.tolist()] == [1.05, 0.26, 1.54, 1.16]


def test_unscaled_scores_put_nearly_everything_on_one_key():
    queries, keys = random_embeddings(2000, 1024, seed=3), random_embeddings(64, 1024, seed=4)
    largest = [
        softmax(attention_scores(queries, keys, scale)).amax(dim=-1).mean() for scale in (1.0, None)
    ]
    assert 0.92 < largest[0] < 0.98
    assert 0.09 < largest[1] < 0.13


# Known mistakes


def along_the_queries(scores, temperature, mask):
    return torch.softmax(hidden(scores / temperature, mask)[0], -2 if scores.ndim > 1 else -1)


def over_everything(scores, temperature, mask):
    cut = hidden(scores / temperature, mask)[0]
    return torch.softmax(cut.flatten(), 0).view_as(cut)


def without_subtracting_the_largest(scores, temperature, mask):
    cut, somebody = hidden(scores / temperature, mask)
    powers = cut.exp()
    return powers / powers.sum(dim=-1, keepdim=True).where(somebody, 1.0)


def hidden_scores_made_small(scores, temperature, mask):
    return softmax(scores if mask is None else scores.masked_fill(~mask, -1e4), temperature)


def nan_for_nobody(scores, temperature, mask):
    return torch.softmax(hidden(scores / temperature, mask)[0], -1)


def nan_turned_to_0(scores, temperature, mask):
    """Right numbers, and NaN as gradients where a whole row of scores is -inf."""
    return nan_for_nobody(scores, temperature, mask).nan_to_num(0.0)


def sums_kept_above_1(scores, temperature, mask):
    """Right numbers, and wrong gradients where one key is alone: the clamp holds them back."""
    cut = hidden(scores, mask)[0]
    largest = cut.detach().amax(dim=-1, keepdim=True).clamp_min(torch.finfo(cut.dtype).min)
    powers = ((cut - largest) / temperature).exp()
    return powers / powers.sum(dim=-1, keepdim=True).clamp_min(1.0)


def squares_for_powers(scores, temperature, mask):
    cut, somebody = hidden(scores, mask)
    powers = (cut / temperature).square().where(cut > -INF, 0.0)
    return powers / powers.sum(dim=-1, keepdim=True).where(somebody, 1.0)


MISTAKES = {
    "temperature multiplied": lambda scores, t, mask: softmax(scores, 1 / t, mask),
    "temperature left out": lambda scores, t, mask: softmax(scores, 1.0, mask),
    "mask left out": lambda scores, t, mask: softmax(scores, t),
    "mask after softmax": lambda s, t, mask: softmax(s, t) * (1 if mask is None else mask),
} | {
    mistake.__name__: mistake
    for mistake in (
        along_the_queries,
        over_everything,
        without_subtracting_the_largest,
        hidden_scores_made_small,
        nan_for_nobody,
        nan_turned_to_0,
        sums_kept_above_1,
        squares_for_powers,
    )
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_comparison_rejects(mistake):
    drawn = masked_rows(sides=mistake is nan_turned_to_0)
    compare = equals_pytorch(mistake)
    rejects(compare, drawn=drawn, temperature=temperatures, generator=generators)


# What goes in


def test_nan_and_infinity_come_out_as_pytorchs_do():
    scores = torch.tensor([[1.0, torch.nan], [0.0, INF], [1.0, 2.0]])
    wanted = torch.softmax(scores, -1)
    torch.testing.assert_close(softmax(scores), wanted, equal_nan=True)
    assert softmax(scores, mask=torch.tensor([True, False])).tolist() == [[1, 0]] * 3


@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"scores": torch.zeros(2, 3).long()}, TypeError, "scores", "torch.int64"),
        ({"scores": torch.zeros(4, 0)}, ValueError, "scores", "(4, 0)"),
        ({"temperature": 0}, ValueError, "temperature", "0"),
        ({"temperature": 1e-60}, ValueError, "temperature", "1e-60"),
        ({"temperature": 1e60}, ValueError, "temperature", "1e+60"),
        ({"temperature": math.nan}, ValueError, "temperature", "nan"),
        ({"temperature": "warm"}, TypeError, "temperature", "warm"),
        ({"mask": torch.ones(2, 3)}, TypeError, "mask", "torch.float32"),
        ({"mask": torch.ones(3, 2).bool()}, ValueError, "mask", "(3, 2)"),
        ({"mask": torch.ones(2, 1, 3).bool()}, ValueError, "mask", "(2, 1, 3)"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, name, came):
    with refused(error, name, came):
        softmax(**{"scores": torch.zeros(2, 3), **change})
