"""Chapter 8: positions from a formula and learned ones, and what attention is without them."""

import cmath
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
from hypothesis import given
from hypothesis import strategies as st
from strategies import (
    HALVES,
    float_types,
    generators,
    leading_shapes,
    normal,
    sizes,
    with_random_parameters,
)
from torch import nn

from bareattention import (
    Block,
    LearnedPositions,
    MultiHeadAttention,
    SelfAttention,
    attention,
    causal_mask,
    project,
    sinusoidal_positions,
    small_example,
)

DOUBLE = torch.float64
even = st.integers(1, 20).map(lambda half: 2 * half)

MODULES = {
    "SelfAttention": lambda: SelfAttention(4, 3, 2, bias=True),
    "MultiHeadAttention": lambda: MultiHeadAttention(4, 2),
    "Block": lambda: Block(4, 2, 8),
    "Block, norm after": lambda: Block(4, 2, 8, norm_first=False),
}
every_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)


# The formula


def waves(place: int, d_model: int) -> list[float]:
    """One row of the table, from points on the unit circle: sine, cosine, sine, cosine, ..."""
    row = []
    for pair in range(d_model // 2):
        point = cmath.exp(1j * place / 10000 ** (2 * pair / d_model))
        row += [point.imag, point.real]
    return row


@given(seq_len=st.integers(1, 40), d_model=even)
def test_the_table_is_points_on_circles(seq_len, d_model):
    wanted = torch.tensor([waves(place, d_model) for place in range(seq_len)], dtype=DOUBLE)
    assert_equal_numbers(sinusoidal_positions(seq_len, d_model, DOUBLE), wanted, "float64")


@given(seq_len=st.integers(1, 40), d_model=even)
@pytest.mark.parametrize("dtype", [torch.float32, *HALVES])
def test_other_float_types_are_float64_rounded_once(dtype, seq_len, d_model):
    table = sinusoidal_positions(seq_len, d_model, dtype)
    assert table.dtype == dtype
    assert torch.equal(table, sinusoidal_positions(seq_len, d_model, DOUBLE).to(dtype))


def test_far_places_keep_their_digits_in_float32_the_usual_type():
    """The angle of place 200,000 is exact to two digits after the point in float32, no more."""
    far = sinusoidal_positions(200_001, 4)[-1]
    wanted = torch.tensor([f(200_000 / s) for s in (1, 100) for f in (math.sin, math.cos)])
    torch.testing.assert_close(far, wanted, rtol=0, atol=1e-6)


@given(seq_len=st.integers(2, 40), d_model=even, data=st.data())
def test_a_shift_is_a_rotation_and_the_same_for_all_places(seq_len, d_model, data):
    shift = data.draw(st.integers(1, seq_len - 1))
    angles = [shift / 10000 ** (2 * pair / d_model) for pair in range(d_model // 2)]
    cosine_sine = [(math.cos(angle), math.sin(angle)) for angle in angles]
    turn = torch.block_diag(
        *(torch.tensor([[c, -s], [s, c]], dtype=DOUBLE) for c, s in cosine_sine)
    )
    table = sinusoidal_positions(seq_len, d_model, DOUBLE)
    assert_equal_numbers(table[:-shift] @ turn, table[shift:], "the shifted table", 10)


@given(seq_len=st.integers(2, 20), d_model=even, data=st.data())
def test_dot_products_of_places_depend_on_their_distance_alone(seq_len, d_model, data):
    shift = data.draw(st.integers(1, seq_len - 1))
    table = sinusoidal_positions(seq_len, d_model, DOUBLE)
    products = table @ table.T
    moved = products[shift:, shift:]
    assert_equal_numbers(moved, products[:-shift, :-shift], "further on", 10)


# The story of the book, in two orders


def test_bank_takes_the_same_away_in_both_orders_until_places_are_added():
    tokens, embeddings, *matrices = small_example()
    order = [3, 1, 2, 0]
    small_places = torch.tensor([[0, 0, place / 2] for place in range(4)])

    def bank(words, places):
        output, _ = attention(*project(embeddings[words] + places, *matrices))
        return output[words.index(tokens.index("bank"))]

    first, last = bank([0, 1, 2, 3], 0), bank(order, 0)
    torch.testing.assert_close(first, last)
    first, last = bank([0, 1, 2, 3], small_places), bank(order, small_places)
    assert (first - last).abs().max() > 0.1


# Attention without positions, and with


def shuffles(make, change=lambda x: x, mask=lambda seq_len: None):
    """Shuffled tokens give shuffled outputs: tokens that were changed first, and under a mask."""

    def compare(generator, batch, seq_len):
        x = normal(generator, *batch, seq_len, 4, dtype=DOUBLE)
        module = with_random_parameters(make(), generator, x)
        order = torch.randperm(seq_len, generator=generator)
        first, last = x[..., order, :], module(change(x), mask(seq_len))[0][..., order, :]
        shuffled, _ = module(change(first), mask(seq_len))
        assert_equal_numbers(shuffled.detach(), last.detach(), "shuffled", 10)

    return compare


DRAWN = {"generator": generators, "batch": leading_shapes, "seq_len": st.integers(2, 7)}


@every_module
def test_without_positions_the_order_makes_no_difference(make):
    holds_for_all(shuffles(make), 20, **DRAWN)


def add_sinusoids(x):
    return x + sinusoidal_positions(*x.shape[-2:], x.dtype)


def add_learned(x):
    torch.manual_seed(0)
    return LearnedPositions(7, x.shape[-1]).to(x.dtype)(x)


@every_module
@pytest.mark.parametrize("change", [add_sinusoids, add_learned])
def test_with_positions_order_matters(make, change):
    rejects(shuffles(make, change), **DRAWN)


@every_module
def test_with_a_causal_mask_order_matters(make):
    rejects(shuffles(make, mask=causal_mask), **DRAWN)


# Learned positions


@given(
    generator=generators,
    batch=leading_shapes,
    seq_len=sizes,
    more=st.integers(0, 3),
    dtype=float_types,
)
def test_learned_positions_add_a_row_of_their_table_and_learn_where_tokens_were(
    generator, batch, seq_len, more, dtype
):
    x, nudge = (normal(generator, *batch, seq_len, 3, dtype=dtype) for _ in range(2))
    module = with_random_parameters(LearnedPositions(seq_len + more, 3), generator, x)
    with untouched(x, module.table):
        output = module(x)
    rows = nn.Embedding.from_pretrained(module.table.detach())(torch.arange(seq_len))
    assert torch.equal(output.detach(), x + rows)
    assert torch.equal(gradients(module, [x], nudge)[0], nudge)
    output.backward(nudge)
    # Each place hears of all texts of the batch; a place without token hears nothing.
    assert_equal_numbers(module.table.grad[:seq_len], nudge.reshape(-1, seq_len, 3).sum(0), "rows")
    assert not module.table.grad[seq_len:].any()


def test_learned_positions_start_small_and_have_one_parameter():
    torch.manual_seed(0)
    module = LearnedPositions(200, 300)
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == {"table": (200, 300)}
    assert abs(module.table.std().item() - 0.02) < 2e-4 and abs(module.table.mean().item()) < 5e-4


# What does not fit

Z = torch.zeros


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: sinusoidal_positions(0, 6), ValueError, "seq_len", "0"),
        (lambda: sinusoidal_positions(4, 6.0), TypeError, "d_model", "6.0"),
        (lambda: sinusoidal_positions(4, 5), ValueError, "d_model", "5"),
        (lambda: sinusoidal_positions(4, 6, torch.int64), TypeError, "dtype", "torch.int64"),
        (lambda: LearnedPositions(True, 3), TypeError, "seq_len", "True"),
        (lambda: LearnedPositions(4, 0), ValueError, "d_model", "0"),
        (lambda: LearnedPositions(4, 3)(Z(2, 5, 3)), ValueError, "x", "5"),
        # One channel could be stretched to three, silently.
        (lambda: LearnedPositions(4, 3)(Z(4, 1)), ValueError, "x", "(4, 1)"),
        (lambda: LearnedPositions(4, 3)(Z(4, 3).long()), TypeError, "x", "torch.int64"),
    ],
)
def test_what_does_not_fit_is_refused(call, error, name, came):
    with refused(error, name, came):
        call()
