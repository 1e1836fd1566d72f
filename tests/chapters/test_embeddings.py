"""Chapter 2: random embeddings, one-hot rows and the look-up."""

import pytest
import torch
from expectations import gradients, refused, untouched
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FLOATS, HALVES, float_types, generators, normal, sizes
from torch.nn import functional as F

from bareattention import look_up, one_hot, random_embeddings

WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8)
# Any shape of ids, with axes of length 0 and the single id among them.
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


def draw_ids(generator, n, shape):
    return torch.randint(n, shape, generator=generator)


# random_embeddings


def test_a_seed_gives_the_same_embeddings_and_leaves_other_random_numbers_alone():
    state = torch.get_rng_state()
    first, second, other = (random_embeddings(4, 3, seed) for seed in (1, 1, 2))
    assert torch.equal(first, second) and not torch.equal(first, other)
    assert first.shape == (4, 3) and first.dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), state)


def test_embeddings_have_mean_0_and_variance_1():
    many = random_embeddings(1000, 1000, seed=0)
    assert abs(many.mean()) < 0.01
    assert abs(many.var() - 1) < 0.01
    # Channels owe each other nothing: unit variance alone would allow copies.
    assert abs((many[:, 0] * many[:, 1]).mean()) < 0.15


# one_hot and look_up


@settings(max_examples=30)
@given(n=sizes, shape=shapes, generator=generators, whole=st.sampled_from(WHOLE))
def test_one_hot_equals_pytorchs(n, shape, generator, whole):
    ids = draw_ids(generator, n, shape)
    for dtype in (*FLOATS, *HALVES):
        with untouched(ids):
            ours = one_hot(ids.to(whole), n, dtype)
        assert ours.dtype == dtype
        assert torch.equal(ours, F.one_hot(ids, n).to(dtype))
    assert one_hot(ids, n).dtype == torch.float32


@settings(max_examples=40)
@given(
    widths=st.tuples(sizes, sizes),
    shape=shapes,
    generator=generators,
    dtype=float_types,
    whole=st.sampled_from(WHOLE),
)
def test_look_up_equals_pytorchs_and_a_product_with_one_hot_rows(
    widths, shape, generator, dtype, whole
):
    table = normal(generator, *widths, dtype=dtype)
    ids = draw_ids(generator, len(table), shape)
    with untouched(table, ids):
        found = look_up(table, ids.to(whole))
    assert torch.equal(found, F.embedding(ids, table))
    assert torch.equal(found, one_hot(ids, len(table), dtype) @ table)
    nudge = normal(generator, *found.shape, dtype=dtype)
    (ours,) = gradients(lambda table: look_up(table, ids), [table], nudge)
    (theirs,) = gradients(lambda table: F.embedding(ids, table), [table], nudge)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8])
def test_ids_of_8_bits_are_ids_too(dtype):
    """PyTorch takes an index of type uint8 for a mask, and 200 does not fit into an int8."""
    ids = torch.tensor([1, 0, 1], dtype=dtype)
    table = torch.arange(400.0).view(200, 2)
    assert look_up(table, ids).tolist() == [[2, 3], [0, 1], [2, 3]]
    assert one_hot(ids, 2).tolist() == [[0, 1], [1, 0], [0, 1]]


# What is refused


@pytest.mark.parametrize("function", [one_hot, lambda ids, n: look_up(torch.zeros(n, 2), ids)])
@pytest.mark.parametrize(
    "ids, error, came",
    [
        (torch.tensor([0, -1]), ValueError, "-1 to 0"),
        (torch.tensor([[0, 1], [6, 2]]), ValueError, "0 to 6"),
        (torch.tensor([0.0, 1.0]), TypeError, "torch.float32"),
    ],
    ids=["negative", "too large", "float"],
)
def test_ids_without_a_row_are_refused(function, ids, error, came):
    wanted = "numbers from 0 to 5" if error is ValueError else "whole numbers"
    with refused(error, "ids", came, wanted):
        function(ids, 6)


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: random_embeddings(0, 3, 0), ValueError, "n_tokens", "0"),
        (lambda: random_embeddings(2, 0, 0), ValueError, "d", "0"),
        (lambda: random_embeddings(2, 3, None), TypeError, "seed", "None"),
        (lambda: one_hot(torch.tensor([0]), 0), ValueError, "n", "0"),
        (lambda: one_hot(torch.tensor([0]), 2, torch.int64), TypeError, "dtype", "torch.int64"),
        (lambda: look_up(torch.zeros(3), torch.tensor([0])), ValueError, "table", "(3,)"),
        (lambda: look_up(torch.zeros(3, 2).int(), torch.tensor([0])), TypeError, "table", "int32"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, name, came):
    with refused(error, name, came):
        call()
