"""Chapter 4: every query against every key."""

import pytest
import torch
from expectations import (
    TOLERANCE,
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
    cases,
    generators,
    half_types,
    leading_shapes,
    normal,
    sizes,
    stretchable,
)

from bareattention import attention_scores, project, random_embeddings, small_example

scales = st.none() | st.just(0.0) | st.floats(-3, 3)


def reference(queries, keys, scale=None):
    """One sum of products for each query and key, then the scale."""
    products = torch.einsum("...id,...jd->...ij", queries, keys)
    return products * (queries.shape[-1] ** -0.5 if scale is None else scale)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("first", ["boat", "loan"])
def test_the_small_examples_scores(first, dtype):
    """The same with either word: the bank seeks water as much as money."""
    queries, keys, _ = project(*small_example(first, dtype=dtype)[1:])
    scores = [[2, 3, -3, -3], [0, 1, -1, -2], [0, -1, 1, 2], [3, 1, -1, 1]]
    assert attention_scores(queries, keys).tolist() == scores
    unscaled = attention_scores(queries, keys, scale=1.0)
    assert unscaled.tolist() == [[2 * score for score in row] for row in scores]


# Values and gradients


def equals_the_reference(function):
    def compare(case, scale):
        queries, keys, _ = case.inputs
        with untouched(queries, keys):
            ours = function(queries, keys, scale)
        assert_equal_numbers(ours, reference(queries, keys, scale), "scores")
        nudge = torch.linspace(-1, 1, ours.numel(), dtype=ours.dtype).view_as(ours)
        found = gradients(lambda q, k: function(q, k, scale), [queries, keys], nudge)
        wanted = gradients(lambda q, k: reference(q, k, scale), [queries, keys], nudge)
        for name, a, b in zip(("queries", "keys"), found, wanted, strict=True):
            assert_equal_numbers(a, b, f"gradient of {name}")

    return compare


def test_scores_equal_the_sum_of_products():
    holds_for_all(equals_the_reference(attention_scores), case=cases(masked=False), scale=scales)


@settings(max_examples=30)
@given(generator=generators, batch=leading_shapes, n_queries=sizes, n_keys=sizes, data=st.data())
def test_leading_axes_of_queries_and_keys_stretch(generator, batch, n_queries, n_keys, data):
    queries = normal(generator, *data.draw(stretchable(batch)), n_queries, 3)
    keys = normal(generator, *data.draw(stretchable(batch)), n_keys, 3)
    whole = torch.broadcast_shapes(queries.shape[:-2], keys.shape[:-2])
    stretched = queries.expand(*whole, -1, -1), keys.expand(*whole, -1, -1)
    found = attention_scores(queries, keys)
    assert_equal_numbers(found, reference(*stretched), "stretched by hand")


@pytest.mark.parametrize("d_k", [4, 64, 1024])
def test_scaling_brings_the_variance_to_1(d_k):
    """For the book's own reason: channels of variance 1 give products of variance d_k."""
    queries, keys = random_embeddings(500, d_k, seed=1), random_embeddings(500, d_k, seed=2)
    assert abs(attention_scores(queries, keys, scale=1.0).var() / d_k - 1) < 0.1
    assert abs(attention_scores(queries, keys).var() - 1) < 0.1


# Mistakes that chapter 6 cannot see; its tests hold those of the scale and of the keys.
MISTAKES = {
    "scale left out": lambda q, k, scale: reference(q, k),
    "divided by the scale": lambda q, k, scale: reference(q, k, scale and 1 / scale),
    "transposed": lambda q, k, scale: reference(q, k, scale).mT,
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_comparison_rejects(mistake):
    rejects(equals_the_reference(mistake), case=cases(masked=False, square=True), scale=scales)


# Large numbers and half precision


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("sign", [1, -1])
def test_large_scores_stay_exact(dtype, sign):
    queries = torch.tensor([[100.0, 100.0, 0.0, 0.0]], dtype=dtype)
    assert attention_scores(queries, sign * queries).item() == sign * 1e4


@settings(max_examples=40)
@given(case=cases(types=half_types, masked=False))
def test_half_precision_is_near_the_exact_scores(case):
    queries, keys, _ = case.inputs
    found = attention_scores(queries, keys)
    assert found.dtype == queries.dtype
    exact = reference(queries.double(), keys.double())
    # Cancelling products lose digits: a step counts against the sum of their sizes.
    step = TOLERANCE[queries.dtype] * reference(queries.double().abs(), keys.double().abs())
    assert ((found.double() - exact).abs() <= 2 * step).all()


@pytest.mark.parametrize("dtype", HALVES)
def test_products_too_large_for_half_precision_give_scores_that_fit(dtype):
    """64 · 60 · 60 is beyond the largest half-precision number, an eighth of it is not."""
    tokens = torch.full((1, 64), 60.0, dtype=dtype)
    wanted = torch.tensor([[28_800.0]], dtype=dtype)
    assert_equal_numbers(attention_scores(tokens, tokens), wanted, "scores")


# What goes in

Z = torch.zeros


def test_a_whole_number_is_a_scale_too_and_nan_comes_out_as_pytorchs():
    queries, keys = random_embeddings(2, 3, seed=0), random_embeddings(4, 3, seed=1)
    assert torch.equal(attention_scores(queries, keys, 2), attention_scores(queries, keys, 2.0))
    keys[1, 0] = torch.nan
    assert attention_scores(queries, keys).isnan().tolist() == [[False, True, False, False]] * 2


@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"queries": Z(4, 3).long()}, TypeError, "queries", "torch.int64"),
        ({"queries": Z(0, 3)}, ValueError, "queries", "(0, 3)"),
        ({"keys": Z(5, 4)}, ValueError, "keys", "(5, 4)"),
        ({"keys": Z(5, 3).double()}, TypeError, "keys", "torch.float64"),
        ({"queries": Z(2, 4, 3), "keys": Z(3, 5, 3)}, ValueError, "keys", "(3, 5, 3)"),
        ({"scale": "large"}, TypeError, "scale", "large"),
    ],
)
def test_what_cannot_be_scored_is_refused(change, error, name, came):
    with refused(error, name, came):
        attention_scores(**{"queries": Z(4, 3), "keys": Z(5, 3), **change})
