"""Chapter 2: random embeddings, one-hot rows and the look-up."""

import pytest
import torch
from expectations import gradients, refused, untouched
from hypothesis import given
from hypothesis import strategies as st
from strategies import FLOATS, HALVES, float_types, generators, leading_shapes, normal, sizes
from torch.nn import functional as F

from bareattention import look_up, one_hot, random_embeddings

WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8)
# Any shape of ids, with axes of length 0 and the single id among them.
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


def draw_ids(generator, n, shape):
    return torch.randint(n, shape, generator=generator)


# random_embeddings


@given(n_tokens=sizes, d=sizes, seed=st.integers(0, 2**31))
def test_a_seed_gives_the_same_embeddings_and_leaves_other_random_numbers_alone(n_tokens, d, seed):
    state = torch.get_rng_state()
    first, second = random_embeddings(n_tokens, d, seed), random_embeddings(n_tokens, d, seed)
    assert torch.equal(first, second)
    assert first.shape == (n_tokens, d) and first.dtype == torch.float32
    assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_gives_other_embeddings():
    assert not torch.equal(random_embeddings(4, 3, seed=1), random_embeddings(4, 3, seed=2))


def test_embeddings_have_mean_0_and_variance_1():
    many = random_embeddings(1000, 1000, seed=0)
    assert abs(many.mean()) < 0.01
    assert abs(many.var() - 1) < 0.01
    # Channels owe each other nothing: unit variance alone would allow copies.
    assert abs((many[:, 0] * many[:, 1]).mean()) < 0.15


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["n_tokens", "d"])
@pytest.mark.parametrize("size, error", [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_embeddings_of_no_size_are_refused(name, size, error):
    with refused(error, name, str(size)):
        random_embeddings(**{"n_tokens": 2, "d": 3, "seed": 0, name: size})


# one_hot


@given(n=sizes, shape=shapes, generator=generators, whole=st.sampled_from(WHOLE))
def test_one_hot_equals_pytorchs(n, shape, generator, whole):
    ids = draw_ids(generator, n, shape)
    for dtype in (*FLOATS, *HALVES):
        with untouched(ids):
            ours = one_hot(ids.to(whole), n, dtype)
        assert ours.dtype == dtype
        assert torch.equal(ours, F.one_hot(ids, n).to(dtype))


def test_one_hot_gives_float32_by_default():
    assert one_hot(torch.tensor([1]), 2).dtype == torch.float32


@pytest.mark.bad_input
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, "float32"])
def test_one_hot_needs_a_float_type(dtype):
    with refused(TypeError, "dtype", str(dtype)):
        one_hot(torch.tensor([0]), 2, dtype)


@pytest.mark.bad_input
@pytest.mark.parametrize("n, error", [(0, ValueError), (-3, ValueError), (2.0, TypeError)])
def test_one_hot_needs_a_vocabulary(n, error):
    with refused(error, "n", str(n)):
        one_hot(torch.tensor([0]), n)


# look_up


@given(
    n=sizes,
    d=sizes,
    shape=shapes,
    generator=generators,
    dtype=float_types,
    whole=st.sampled_from(WHOLE),
)
def test_look_up_equals_pytorchs_values_and_gradients(n, d, shape, generator, dtype, whole):
    table = normal(generator, n, d, dtype=dtype)
    ids = draw_ids(generator, n, shape)
    nudge = normal(generator, *shape, d, dtype=dtype)
    with untouched(table, ids):
        assert torch.equal(look_up(table, ids.to(whole)), F.embedding(ids, table))
    (ours,) = gradients(lambda table: look_up(table, ids), [table], nudge)
    (theirs,) = gradients(lambda table: F.embedding(ids, table), [table], nudge)
    torch.testing.assert_close(ours, theirs)


@given(n=sizes, d=sizes, shape=leading_shapes, generator=generators, dtype=float_types)
def test_look_up_is_a_product_with_one_hot_rows_exactly(n, d, shape, generator, dtype):
    table, ids = normal(generator, n, d, dtype=dtype), draw_ids(generator, n, shape)
    assert torch.equal(look_up(table, ids), one_hot(ids, n, dtype) @ table)


@pytest.mark.bad_input
def test_pixels_are_ids_too():
    """PyTorch takes an index of type uint8 for a mask, and would hand over the wrong rows."""
    ids = torch.tensor([1, 0, 1], dtype=torch.uint8)
    table = torch.arange(6.0).view(3, 2)
    assert look_up(table, ids).tolist() == [[2, 3], [0, 1], [2, 3]]
    assert one_hot(ids, 2).tolist() == [[0, 1], [1, 0], [0, 1]]


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "table, error, came",
    [
        (torch.zeros(3, 2, dtype=torch.int64), TypeError, "torch.int64"),
        (torch.zeros(3), ValueError, "(3,)"),
        (torch.zeros(3, 2, 2), ValueError, "(3, 2, 2)"),
        ([[0.0, 1.0]], TypeError, "list"),
    ],
)
def test_a_table_is_a_matrix_of_floats(table, error, came):
    with refused(error, "table", came):
        look_up(table, torch.tensor([0]))


# Ids


@pytest.mark.bad_input
@pytest.mark.parametrize("function", [one_hot, lambda ids, n: look_up(torch.zeros(n, 2), ids)])
@pytest.mark.parametrize(
    "ids, error, came",
    [
        (torch.tensor([0, -1]), ValueError, "-1"),
        (torch.tensor([[0, 1], [5, 2]]), ValueError, "5"),
        (torch.tensor(5), ValueError, "5"),
        (torch.tensor([True, False]), TypeError, "torch.bool"),
        (torch.tensor([0.0, 1.0]), TypeError, "torch.float32"),
        (torch.tensor([0j]), TypeError, "torch.complex64"),
        ([0, 1], TypeError, "list"),
    ],
    ids=["negative", "too large", "single", "bool", "float", "complex", "list"],
)
def test_ids_without_a_row_are_refused(function, ids, error, came):
    with refused(error, "ids", came):
        function(ids, 5)
