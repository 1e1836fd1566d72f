"""Chapter 4: every query against every key."""

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
from hypothesis import given
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
HEADS = 8  # of the real-sized example: d_model is 8 times d_k


def reference(queries, keys, scale=None):
    """One sum of products for each query and key, then the scale."""
    products = torch.einsum("...id,...jd->...ij", queries, keys)
    return products * (queries.shape[-1] ** -0.5 if scale is None else scale)


# The small example


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_small_examples_scores(dtype):
    queries, keys, _ = project(*small_example(dtype)[1:])
    products = [[-2, 4, -2, 0], [-2, 0, 2, 4], [2, 0, -2, -4], [4, -4, 0, -4]]
    assert attention_scores(queries, keys, scale=1.0).tolist() == products
    assert attention_scores(queries, keys).tolist() == [[p / 2 for p in row] for row in products]


# Values and gradients


def equals_the_reference(function, case, scale):
    queries, keys, _ = case.inputs
    with untouched(queries, keys):
        ours = function(queries, keys, scale)
    assert_equal_numbers(ours, reference(queries, keys, scale), "scores")
    nudge = torch.linspace(-1, 1, ours.numel(), dtype=ours.dtype).view_as(ours)
    found = gradients(lambda q, k: function(q, k, scale), [queries, keys], nudge)
    wanted = gradients(lambda q, k: reference(q, k, scale), [queries, keys], nudge)
    for name, a, b in zip(("queries", "keys"), found, wanted, strict=True):
        assert_equal_numbers(a, b, f"gradient of {name}")


def test_scores_equal_the_sum_of_products():
    def compare(case, scale):
        equals_the_reference(attention_scores, case, scale)

    holds_for_all(compare, case=cases(masked=False), scale=scales)


@given(generator=generators, batch=leading_shapes, n_queries=sizes, n_keys=sizes, data=st.data())
def test_leading_axes_of_queries_and_keys_stretch(generator, batch, n_queries, n_keys, data):
    queries = normal(generator, *data.draw(stretchable(batch)), n_queries, 3)
    keys = normal(generator, *data.draw(stretchable(batch)), n_keys, 3)
    found = attention_scores(queries, keys)
    whole = torch.broadcast_shapes(queries.shape[:-2], keys.shape[:-2])
    assert found.shape == (*whole, n_queries, n_keys)
    stretched = queries.expand(*whole, -1, -1), keys.expand(*whole, -1, -1)
    assert_equal_numbers(found, reference(*stretched), "stretched by hand")


@given(case=cases(masked=False))
def test_row_i_belongs_to_query_i(case):
    """Another query changes its own row and no other."""
    queries, keys, _ = case.inputs
    other = queries.clone()
    other[..., 0, :] += 1
    before, after = attention_scores(queries, keys), attention_scores(other, keys)
    assert_equal_numbers(after[..., 1:, :], before[..., 1:, :], "the other rows")
    moved = keys.sum(dim=-1) * queries.shape[-1] ** -0.5
    assert_equal_numbers(after[..., 0, :] - before[..., 0, :], moved, "the row of the query", 10)


@pytest.mark.parametrize("d_k", [4, 64, 1024])
def test_scaling_brings_the_variance_to_1(d_k):
    """For the book's own reason: channels of variance 1 give products of variance d_k."""
    queries, keys = random_embeddings(500, d_k, seed=1), random_embeddings(500, d_k, seed=2)
    assert abs(attention_scores(queries, keys, scale=1.0).var() / d_k - 1) < 0.1
    assert abs(attention_scores(queries, keys).var() - 1) < 0.1


# Known mistakes


def not_scaled(queries, keys, scale):
    return queries @ keys.mT if scale is None else reference(queries, keys, scale)


def scaled_by_d_model(queries, keys, scale):
    return reference(queries, keys, (HEADS * keys.shape[-1]) ** -0.5 if scale is None else scale)


def divided_by_d_k(queries, keys, scale):
    return reference(queries, keys, 1 / keys.shape[-1] if scale is None else scale)


def scale_left_out(queries, keys, scale):
    return reference(queries, keys)


def divided_by_the_scale(queries, keys, scale):
    return reference(queries, keys) if scale is None else queries @ keys.mT / scale


def transposed(queries, keys, scale):
    return reference(queries, keys, scale).mT


def keys_detached(queries, keys, scale):
    return reference(queries, keys.detach() + 0 * keys, scale)


def queries_scaled_in_place(queries, keys, scale):
    factor = queries.shape[-1] ** -0.5 if scale is None else scale
    return (queries if queries.requires_grad else queries.mul_(factor)) @ keys.mT


MISTAKES = [
    not_scaled,
    scaled_by_d_model,
    divided_by_d_k,
    scale_left_out,
    divided_by_the_scale,
    transposed,
    keys_detached,
    queries_scaled_in_place,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(case, scale):
        equals_the_reference(mistake, case, scale)

    rejects(compare, case=cases(masked=False, square=True), scale=scales)


# Large numbers and half precision


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_large_scores_stay_exact(dtype, size):
    queries = torch.tensor([[100.0, 100.0, 0.0, 0.0]], dtype=dtype)
    assert attention_scores(queries, torch.sign(torch.tensor(size)) * queries).item() == size


@given(case=cases(types=half_types, masked=False))
def test_half_precision_is_near_pytorchs(case):
    queries, keys, _ = case.inputs
    found = attention_scores(queries, keys)
    assert found.dtype == queries.dtype
    exact = reference(queries.double(), keys.double())
    # Cancelling products lose digits: a step counts against the sum of their sizes.
    step = TOLERANCE[queries.dtype] * reference(queries.double().abs(), keys.double().abs())
    assert ((found.double() - exact).abs() <= 2 * step).all()
    theirs = queries @ keys.mT * queries.shape[-1] ** -0.5
    assert ((found.double() - theirs.double()).abs() <= 4 * step).all()


@pytest.mark.parametrize("dtype", HALVES)
def test_products_too_large_for_half_precision_give_scores_that_fit(dtype):
    """64 · 60 · 60 is beyond the largest half-precision number, an eighth of it is not."""
    tokens = torch.full((1, 64), 60.0, dtype=dtype)
    assert_equal_numbers(
        attention_scores(tokens, tokens), torch.tensor([[28_800.0]], dtype=dtype), "scores"
    )


# Bad input

Z = torch.zeros


@pytest.mark.bad_input
def test_a_whole_number_is_a_scale_too():
    """The signature says float; Python means whole numbers too, and the hook does not."""
    queries, keys = random_embeddings(2, 3, seed=0), random_embeddings(4, 3, seed=1)
    assert torch.equal(attention_scores(queries, keys, 2), attention_scores(queries, keys, 2.0))


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"queries": Z(4, 3).long()}, TypeError, "queries", "torch.int64"),
        ({"keys": Z(5, 3).bool()}, TypeError, "keys", "torch.bool"),
        ({"queries": [[0.0]]}, TypeError, "queries", "list"),
        ({"keys": None}, TypeError, "keys", "NoneType"),
        ({"queries": Z(3)}, ValueError, "queries", "(3,)"),
        ({"keys": Z(3)}, ValueError, "keys", "(3,)"),
        ({"keys": Z(5, 4)}, ValueError, "keys", "(5, 4)"),
        ({"keys": Z(3, 5)}, ValueError, "keys", "(3, 5)"),
        ({"queries": Z(4, 0), "keys": Z(5, 0)}, ValueError, "queries", "(4, 0)"),
        ({"keys": Z(0, 3)}, ValueError, "keys", "(0, 3)"),
        ({"queries": Z(0, 3)}, ValueError, "queries", "(0, 3)"),
        ({"keys": Z(5, 3).double()}, TypeError, "keys", "torch.float64"),
        ({"queries": Z(4, 3).half()}, TypeError, "queries", "torch.float16"),
        ({"queries": Z(2, 4, 3), "keys": Z(3, 5, 3)}, ValueError, "keys", "(3, 5, 3)"),
        ({"queries": Z(2, 4, 3), "keys": Z(3, 5, 3)}, ValueError, "queries", "(2, 4, 3)"),
        ({"queries": torch.full((4, 3), torch.nan)}, ValueError, "queries", "NaN"),
        ({"keys": torch.full((5, 3), torch.nan)}, ValueError, "keys", "NaN"),
        ({"scale": float("nan")}, ValueError, "scale", "nan"),
        ({"scale": float("inf")}, ValueError, "scale", "inf"),
        ({"scale": "large"}, TypeError, "scale", "large"),
        ({"scale": True}, TypeError, "scale", "True"),
    ],
)
def test_what_cannot_be_scored_is_refused(change, error, name, came):
    with refused(error, name, came):
        attention_scores(**{"queries": Z(4, 3), "keys": Z(5, 3), **change})
