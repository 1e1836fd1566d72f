"""Chapter 5: scores become shares."""

import math

import pytest
import torch
from expectations import (
    TOLERANCE,
    assert_equal_numbers,
    gradients,
    holds_for_all,
    names,
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
    stretchable,
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
    return scores, draw(st.none() | masks(tuple(scores.shape)))


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


# The small example


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_small_examples_weights(dtype):
    queries, keys, _ = project(*small_example(dtype)[1:])
    weights = softmax(attention_scores(queries, keys))
    wanted = [
        [0.04, 0.81, 0.04, 0.11],
        [0.03, 0.09, 0.24, 0.64],
        [0.64, 0.24, 0.09, 0.03],
        [0.85, 0.02, 0.12, 0.02],
    ]
    assert weights.dtype == dtype
    assert [[round(w, 2) for w in row] for row in weights.tolist()] == wanted


# Values and gradients


def equals_pytorch(function, drawn, temperature, generator):
    scores, mask = drawn
    with untouched(scores, *([] if mask is None else [mask])):
        ours = function(scores, temperature, mask)
    assert_equal_numbers(ours, reference(scores, temperature, mask), "shares")
    nudge = normal(generator, *scores.shape, dtype=scores.dtype)
    (found,) = gradients(lambda s: function(s, temperature, mask), [scores], nudge)
    wanted = reference_gradient(scores, nudge, temperature, mask)
    assert_equal_numbers(found, wanted, "gradient of the scores")


def test_shares_equal_pytorchs():
    def compare(drawn, temperature, generator):
        equals_pytorch(softmax, drawn, temperature, generator)

    drawn = masked_rows()
    holds_for_all(compare, 150, drawn=drawn, temperature=temperatures, generator=generators)


def test_scores_of_minus_infinity_count_as_may_not_look():
    def compare(drawn, temperature, generator):
        equals_pytorch(softmax, drawn, temperature, generator)

    drawn = masked_rows(sides=True)
    holds_for_all(compare, 100, drawn=drawn, temperature=temperatures, generator=generators)


@settings(max_examples=50)
@given(
    drawn=masked_rows(types=st.just(torch.float64), leading=st.tuples(st.integers(1, 3))),
    temperature=st.sampled_from([0.5, 1.0, 3.0]),
)
def test_gradients_are_the_true_slopes(drawn, temperature):
    """Measured by moving each score a little; and the slopes of the slopes."""
    scores, mask = drawn
    scores = scores.clamp(-3, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda s: softmax(s, temperature, mask), scores)
    assert torch.autograd.gradgradcheck(lambda s: softmax(s, temperature, mask), scores)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_key_without_a_rival_has_a_share_of_1_and_no_gradient(dtype):
    """Its share cannot change, whatever its score: a single key, and a single one allowed."""
    alone = torch.tensor([[3.0], [-7.0]], dtype=dtype, requires_grad=True)
    rivals = torch.tensor([[3.0, 9.0], [-7.0, 2.0]], dtype=dtype, requires_grad=True)
    for scores, mask in ((alone, None), (rivals, torch.tensor([True, False]))):
        shares = softmax(scores, mask=mask)
        assert (shares[:, 0] == 1).all() and not shares[:, 1:].any()
        (slope,) = torch.autograd.grad(shares[:, 0].sum(), scores)
        assert not slope.any()


@given(drawn=masked_rows(sides=True), temperature=temperatures)
def test_rows_sum_to_1_or_are_all_zero(drawn, temperature):
    scores, mask = drawn
    shares, somebody = softmax(scores, temperature, mask), hidden(scores, mask)[1]
    assert ((shares >= 0) & (shares <= 1)).all()
    sums = somebody.to(scores.dtype)
    assert_equal_numbers(shares.sum(dim=-1, keepdim=True), sums, "sums of the rows")


@given(drawn=masked_rows(sides=True), generator=generators)
def test_who_may_not_be_looked_at_has_exactly_nothing_and_feels_nothing(drawn, generator):
    scores, mask = drawn
    cut, _ = hidden(scores, mask)
    scores = scores.clone().requires_grad_()
    shares = softmax(scores, mask=mask)
    (slope,) = torch.autograd.grad(shares, scores, normal(generator, *shares.shape).to(shares))
    out = torch.isneginf(cut)
    assert not shares[out].any()
    assert not slope[out].any() and not slope.isnan().any()


@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_rows_of_nobody_are_zeros_without_gradient(dtype):
    """By the mask, by -inf, and by both."""
    nobody = torch.zeros(3, 4, dtype=torch.bool)
    sound = torch.tensor([1.0, 1e4, -1e4, 0.0]).repeat(3, 1)
    for scores, mask in ((sound, nobody), (sound - INF, None), (sound - INF, nobody[0])):
        scores = scores.to(dtype).requires_grad_()
        shares = softmax(scores, mask=mask)
        shares.sum().backward()
        assert shares.dtype == dtype
        assert not shares.any() and not scores.grad.any()


@given(drawn=masked_rows(), temperature=temperatures)
def test_a_mask_is_stretched_to_the_scores(drawn, temperature):
    scores, mask = drawn
    if mask is not None:
        whole = softmax(scores, temperature, mask.expand(scores.shape))
        assert torch.equal(softmax(scores, temperature, mask), whole)


@given(scores=rows())
def test_a_mask_that_hides_nobody_changes_nothing(scores):
    everybody = torch.ones(scores.shape, dtype=torch.bool)
    assert torch.equal(softmax(scores, mask=everybody), softmax(scores))


# What is true of every softmax


@given(generator=generators, shape=st.tuples(sizes, sizes), shift=st.sampled_from([-512, 3, 8192]))
def test_the_same_added_to_a_whole_row_changes_nothing(generator, shape, shift):
    # Whole numbers, so that adding loses no digits.
    scores = torch.randint(-20, 20, shape, generator=generator).float()
    assert torch.equal(softmax(scores + shift), softmax(scores))


@given(scores=rows(), temperature=temperatures)
def test_temperature_divides_the_scores(scores, temperature):
    wanted = softmax(scores.double() / temperature).to(scores.dtype)
    assert_equal_numbers(softmax(scores, temperature), wanted, "divided beforehand")


def test_temperature_near_0_takes_the_largest_and_a_high_one_takes_all():
    scores = torch.tensor([0.3, 2.0, 1.8, -1.0])
    assert softmax(scores, 1e-3).tolist() == [0, 1, 0, 0]
    assert_equal_numbers(softmax(scores, 1e6), torch.full((4,), 0.25), "equal shares")
    tied = torch.tensor([2.0, 1.0, 2.0])
    assert softmax(tied, 1e-3).tolist() == [0.5, 0, 0.5]


@pytest.mark.parametrize("temperature", [1e-37, 1e38])
def test_extreme_temperatures_give_numbers(temperature):
    scores, mask = torch.tensor([1.0, 2.0, 2.0]), torch.tensor([True, True, False])
    shares = softmax(scores, temperature, mask)
    assert shares.tolist() == ([0, 1, 0] if temperature < 1 else [0.5, 0.5, 0])


@pytest.mark.bad_input
def test_a_whole_number_is_a_temperature_too():
    """The signature says float; Python means whole numbers too, and the hook does not."""
    scores = torch.tensor([1.0, 4.0, 2.0])
    assert torch.equal(softmax(scores, 2), softmax(scores, 2.0))


@given(scores=rows(types=st.just(torch.float64)), generator=generators)
def test_the_order_of_the_keys_does_not_matter(scores, generator):
    order = torch.randperm(scores.shape[-1], generator=generator)
    assert_equal_numbers(softmax(scores[..., order]), softmax(scores)[..., order], "shuffled")


@given(generator=generators, shape=st.tuples(sizes, sizes))
def test_memory_layout_does_not_matter(generator, shape):
    scores = normal(generator, *shape)
    assert_equal_numbers(softmax(scores.T), softmax(scores.T.contiguous()), "transposed view")


# Large numbers and half precision


@pytest.mark.parametrize("row", [[1e4, -1e4, 0, 9999], [-1e4] * 2, [1e4, 9998, -INF], [6e4, -6e4]])
@pytest.mark.parametrize("dtype", [*FLOATS, *HALVES])
def test_large_scores_give_the_right_numbers(dtype, row):
    scores = torch.tensor(row, dtype=dtype)
    ours, theirs = softmax(scores), torch.softmax(scores, -1)
    torch.testing.assert_close(ours, theirs, rtol=4 * torch.finfo(dtype).eps, atol=0)
    if dtype in HALVES:
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_largest_numbers_there_are_do_not_overflow(dtype):
    most = torch.finfo(dtype).max
    assert softmax(torch.tensor([most, -most, most], dtype=dtype)).tolist() == [0.5, 0, 0.5]
    assert softmax(torch.tensor([-most, -INF], dtype=dtype)).tolist() == [1, 0]


@given(scores=rows(types=half_types))
def test_half_precision_is_pytorchs(scores):
    """Both compute in float32 and round once; half a float32 step may tip that rounding."""
    eps, least = TOLERANCE[scores.dtype], torch.finfo(scores.dtype).smallest_normal
    step = {"rtol": eps, "atol": eps * least}
    ours, theirs = softmax(scores), torch.softmax(scores, -1)
    torch.testing.assert_close(ours, theirs, **step)
    torch.testing.assert_close(ours, torch.softmax(scores.double(), -1).to(ours), **step)
    assert (ours == theirs).float().mean() > 0.9 or ours.numel() < 10


@given(scores=rows(types=half_types), generator=generators)
def test_half_precision_gradients_are_near_the_true_ones(scores, generator):
    nudge = normal(generator, *scores.shape, dtype=scores.dtype)
    (found,) = gradients(softmax, [scores], nudge)
    assert_equal_numbers(found, reference_gradient(scores, nudge), "gradient of the scores", 2)


# Why the scores are scaled, and why the axis matters: the chapter's numbers


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


def temperature_multiplied(scores, temperature, mask):
    return softmax(scores, 1 / temperature, mask)


def temperature_left_out(scores, temperature, mask):
    return softmax(scores, 1.0, mask)


def mask_left_out(scores, temperature, mask):
    return softmax(scores, temperature)


def mask_inverted(scores, temperature, mask):
    return softmax(scores, temperature, None if mask is None else ~mask)


def mask_after_softmax(scores, temperature, mask):
    shares = softmax(scores, temperature)
    return shares if mask is None else shares * mask


def hidden_scores_set_to_0(scores, temperature, mask):
    return softmax(scores if mask is None else scores * mask, temperature)


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


def largest_subtracted_in_place(scores, temperature, mask):
    if not scores.requires_grad:
        scores.sub_(scores.amax(dim=-1, keepdim=True))
    return softmax(scores, temperature, mask)


def squares_for_powers(scores, temperature, mask):
    cut, somebody = hidden(scores, mask)
    powers = (cut / temperature).square().where(cut > -INF, 0.0)
    return powers / powers.sum(dim=-1, keepdim=True).where(somebody, 1.0)


MISTAKES = [
    along_the_queries,
    over_everything,
    without_subtracting_the_largest,
    temperature_multiplied,
    temperature_left_out,
    mask_left_out,
    mask_inverted,
    mask_after_softmax,
    hidden_scores_set_to_0,
    hidden_scores_made_small,
    nan_for_nobody,
    sums_kept_above_1,
    largest_subtracted_in_place,
    squares_for_powers,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(drawn, temperature, generator):
        equals_pytorch(mistake, drawn, temperature, generator)

    rejects(compare, drawn=masked_rows(), temperature=temperatures, generator=generators)


@pytest.mark.parametrize("mistake", [nan_for_nobody, nan_turned_to_0, sums_kept_above_1])
def test_the_comparison_rejects_at_scores_of_minus_infinity(mistake):
    def compare(scores, generator):
        equals_pytorch(mistake, (scores, None), 1.0, generator)

    rejects(compare, scores=rows(sides=True), generator=generators)


# Bad input


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "scores, error, came",
    [
        (torch.zeros(2, 3).long(), TypeError, "torch.int64"),
        (torch.zeros(2, 3).bool(), TypeError, "torch.bool"),
        (torch.zeros(2, 3).cfloat(), TypeError, "torch.complex64"),
        ([0.0, 1.0], TypeError, "list"),
        (None, TypeError, "NoneType"),
        (torch.tensor(1.0), ValueError, "()"),
        (torch.zeros(0), ValueError, "(0,)"),
        (torch.zeros(4, 0), ValueError, "(4, 0)"),
        (torch.tensor([0.0, torch.nan]), ValueError, "NaN"),
        (torch.tensor([0.0, INF]), ValueError, "inf"),
        (torch.tensor([INF, -INF]).half(), ValueError, "inf"),
    ],
)
def test_what_is_no_score_is_refused(scores, error, came):
    with refused(error, "scores", came):
        softmax(scores)


@pytest.mark.bad_input
@given(scores=rows(sides=True), bad=st.sampled_from([math.nan, INF]), place=st.randoms())
def test_one_bad_score_anywhere_is_refused(scores, bad, place):
    scores.view(-1)[place.randrange(scores.numel())] = bad
    hide_all = torch.zeros(scores.shape, dtype=torch.bool)
    for mask in (None, hide_all):
        with refused(ValueError, "scores", "NaN" if math.isnan(bad) else "+inf"):
            softmax(scores, mask=mask)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "temperature, error",
    [
        (0, ValueError),
        (0.0, ValueError),
        (-1.0, ValueError),
        (math.nan, ValueError),
        (INF, ValueError),
        (1e-60, ValueError),
        (1e60, ValueError),
        (True, TypeError),
        (None, TypeError),
        ("warm", TypeError),
        ([1.0, 2.0], TypeError),
    ],
)
def test_what_is_no_temperature_is_refused(temperature, error):
    with refused(error, "temperature", str(temperature)):
        softmax(torch.zeros(2, 3), temperature)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "mask, error, came",
    [
        (torch.ones(2, 3), TypeError, "torch.float32"),
        (torch.ones(2, 3).long(), TypeError, "torch.int64"),
        ([True, False, True], TypeError, "list"),
        (torch.ones(3, 2).bool(), ValueError, "(3, 2)"),
        (torch.ones(4).bool(), ValueError, "(4,)"),
        (torch.ones(2, 1, 3).bool(), ValueError, "(2, 1, 3)"),
        (torch.ones(0, 3).bool(), ValueError, "(0, 3)"),
    ],
)
def test_what_is_no_mask_is_refused(mask, error, came):
    with refused(error, "mask", came):
        softmax(torch.zeros(2, 3), mask=mask)


@given(n_keys=sizes, types=st.sampled_from([*FLOATS, *HALVES]))
def test_no_rows_give_no_rows(n_keys, types):
    assert softmax(torch.zeros(0, n_keys, dtype=types)).shape == (0, n_keys)


@given(shape=leading_shapes, data=st.data())
def test_stretchable_masks_are_taken_and_others_are_not(shape, data):
    """The strategy draws what PyTorch stretches, so that the tests above mean what they say."""
    drawn = data.draw(stretchable((*shape, 4)))
    assert torch.zeros(drawn).expand(*shape, 4).shape == (*shape, 4)
