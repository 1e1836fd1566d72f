"""Chapter 8: positions from a formula and learned ones, and what attention is without them."""

import cmath
import math

import pytest
import torch
from expectations import assert_equal_numbers, gradients, refused, rejects, untouched
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    FLOATS,
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
    causal_mask,
    random_embeddings,
    sinusoidal_positions,
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


def test_float32_is_the_usual_type():
    assert sinusoidal_positions(2, 2).dtype == torch.float32


@pytest.mark.parametrize("dtype", FLOATS)
def test_far_places_keep_their_digits(dtype):
    """The angle of place 200,000 is exact to two digits after the point in float32, no more."""
    far = sinusoidal_positions(200_001, 4, dtype)[-1].double()
    wanted = torch.tensor([f(200_000 / s) for s in (1, 100) for f in (math.sin, math.cos)])
    torch.testing.assert_close(far.float(), wanted, rtol=0, atol=1e-6)


def test_the_first_place_is_zeros_and_ones():
    assert sinusoidal_positions(1, 6).tolist() == [[0, 1, 0, 1, 0, 1]]


# What the waves are good for


def rotation(shift: int, d_model: int) -> torch.Tensor:
    """A matrix that turns each pair of channels, the same for all places."""
    matrix = torch.zeros(d_model, d_model, dtype=DOUBLE)
    for pair in range(d_model // 2):
        angle = shift / 10000 ** (2 * pair / d_model)
        s, c = 2 * pair, 2 * pair + 1
        # sin(a + b) = sin a cos b + cos a sin b, and cos(a + b) = cos a cos b - sin a sin b.
        matrix[s, s] = matrix[c, c] = math.cos(angle)
        matrix[c, s], matrix[s, c] = math.sin(angle), -math.sin(angle)
    return matrix


@given(seq_len=st.integers(2, 40), d_model=even, data=st.data())
def test_a_shift_is_a_rotation_and_the_same_for_all_places(seq_len, d_model, data):
    shift = data.draw(st.integers(1, seq_len - 1))
    table, turn = sinusoidal_positions(seq_len, d_model, DOUBLE), rotation(shift, d_model)
    assert_equal_numbers(turn @ turn.T, torch.eye(d_model, dtype=DOUBLE), "a rotation")
    assert_equal_numbers(table[:-shift] @ turn, table[shift:], "the shifted table", 10)


@given(seq_len=st.integers(2, 30), d_model=even)
def test_dot_products_depend_on_the_distance_alone(seq_len, d_model):
    table = sinusoidal_positions(seq_len, d_model, DOUBLE)
    products = table @ table.T
    for distance in range(seq_len):
        for diagonal in (products.diagonal(distance), products.diagonal(-distance)):
            assert_equal_numbers(diagonal, products[0, distance].expand_as(diagonal), "diagonal")
    # So all places are equally long.
    assert_equal_numbers(products[0, 0], torch.tensor(d_model / 2, dtype=DOUBLE), "squared norm")


def test_no_two_places_are_alike():
    table = sinusoidal_positions(512, 64)
    others = torch.cdist(table, table) + torch.eye(512) * 9
    assert others.min() > 0.5


# Seed A's cut table


def wavelengths(table: torch.Tensor) -> torch.Tensor:
    """How many places each pair of channels needs for a full turn, read off the table itself."""
    sines, cosines = table[1, 0::2], table[1, 1::2]
    return 2 * math.pi / torch.atan2(sines, cosines)


@given(d_model=even, data=st.data())
def test_the_wavelengths_run_from_two_pi_towards_ten_thousand_times_that(d_model, data):
    found = wavelengths(sinusoidal_positions(2, d_model, DOUBLE))
    wanted = [2 * math.pi * 10000 ** (2 * pair / d_model) for pair in range(d_model // 2)]
    torch.testing.assert_close(found, torch.tensor(wanted, dtype=DOUBLE))


def test_a_cut_table_keeps_the_short_waves_alone():
    cut = wavelengths(sinusoidal_positions(2, 512, DOUBLE)[:, :64])
    made = wavelengths(sinusoidal_positions(2, 64, DOUBLE))
    assert len(cut) == len(made) == 32
    assert 6.2 < cut[0] < 6.3 and 19 < cut[-1] < 20
    assert 6.2 < made[0] < 6.3 and 40_000 < made[-1] < 50_000
    # Far and very far look alike in the cut table, and not in the one that was made for 64.
    likeness = {}
    for name, table in (
        ("cut", sinusoidal_positions(128, 512)[:, :64]),
        ("made", sinusoidal_positions(128, 64)),
    ):
        cosine = nn.functional.normalize(table, dim=1) @ nn.functional.normalize(table[0], dim=0)
        likeness[name] = cosine[30:].mean()
    assert likeness["cut"].abs() < 0.1 < 0.3 < likeness["made"]


# Attention without positions, and with


def equivariant(function, x, order):
    """Shuffled tokens give shuffled outputs, and nothing else."""
    shuffled, after = function(x[..., order, :]), function(x)[..., order, :]
    assert_equal_numbers(shuffled.detach(), after.detach(), "shuffled", 10)


def shuffles(make, change=lambda x: x, mask=lambda seq_len: None):
    """The comparison for hypothesis, over tokens that were changed first, and under a mask."""

    def compare(generator, batch, seq_len):
        x = normal(generator, *batch, seq_len, 4, dtype=DOUBLE)
        module = with_random_parameters(make(), generator, x)
        order = torch.randperm(seq_len, generator=generator)
        equivariant(lambda x: module(change(x), mask(seq_len))[0], x, order)

    return compare


DRAWN = {"generator": generators, "batch": leading_shapes, "seq_len": st.integers(2, 7)}


@every_module
def test_without_positions_the_order_makes_no_difference(make):
    settings(max_examples=40)(given(**DRAWN)(shuffles(make)))()


@every_module
@given(generator=generators, batch=leading_shapes, seq_len=sizes)
@settings(max_examples=40)
def test_equivariant_is_not_invariant_but_the_average_is(make, generator, batch, seq_len):
    x = normal(generator, *batch, seq_len, 4, dtype=DOUBLE)
    module = with_random_parameters(make(), generator, x)
    order = torch.arange(seq_len).roll(1)
    rows, shuffled = (module(tokens)[0].detach() for tokens in (x, x[..., order, :]))
    assert_equal_numbers(shuffled.mean(dim=-2), rows.mean(dim=-2), "average", 10)
    if seq_len > 1:
        assert not torch.allclose(shuffled, rows)


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


def test_the_chapters_measure_of_disorder():
    """Rounding without positions; with them, or a causal mask, as large as the outputs' spread."""
    torch.manual_seed(1)
    head, x = SelfAttention(512, 64, 64), random_embeddings(128, 512, seed=0)
    order = torch.randperm(128, generator=torch.Generator().manual_seed(2))

    def error(function):
        first, after = function(x[order]), function(x)[order]
        return ((first - after).norm() / (after - after.mean(dim=0)).norm()).item()

    assert error(lambda x: head(x)[0]) < 1e-5
    assert error(lambda x: head(x, causal_mask(128))[0]) > 0.5
    assert error(lambda x: head(add_sinusoids(x))[0]) > 0.5


# Learned positions


@given(
    generator=generators,
    batch=leading_shapes,
    seq_len=sizes,
    more=st.integers(0, 3),
    d_model=sizes,
    dtype=float_types,
)
def test_learned_positions_add_a_row_of_their_table(
    generator, batch, seq_len, more, d_model, dtype
):
    x = normal(generator, *batch, seq_len, d_model, dtype=dtype)
    module = with_random_parameters(LearnedPositions(seq_len + more, d_model), generator, x)
    with untouched(x, module.table):
        output = module(x)
    rows = nn.Embedding.from_pretrained(module.table.detach())(torch.arange(seq_len))
    assert torch.equal(output.detach(), x + rows)


@given(generator=generators, batch=leading_shapes, seq_len=sizes, more=st.integers(0, 3))
def test_learned_positions_learn_where_there_were_tokens(generator, batch, seq_len, more):
    x = normal(generator, *batch, seq_len, 3, dtype=DOUBLE)
    nudge = normal(generator, *x.shape, dtype=DOUBLE)
    module = LearnedPositions(seq_len + more, 3).double()
    assert torch.equal(gradients(module, [x], nudge)[0], nudge)
    module(x).backward(nudge)
    # Each place hears of all texts of the batch; a place without token hears nothing.
    assert_equal_numbers(module.table.grad[:seq_len], nudge.reshape(-1, seq_len, 3).sum(0), "rows")
    assert not module.table.grad[seq_len:].any()


def test_learned_positions_start_small_and_have_one_parameter():
    torch.manual_seed(0)
    module = LearnedPositions(200, 300)
    assert {name: tuple(p.shape) for name, p in module.named_parameters()} == {"table": (200, 300)}
    assert module.table.requires_grad
    assert abs(module.table.std().item() - 0.02) < 2e-4 and abs(module.table.mean().item()) < 5e-4


def test_learned_positions_can_learn_the_sinusoids():
    torch.manual_seed(0)
    module, wanted = LearnedPositions(6, 4), sinusoidal_positions(6, 4)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.5)
    for _ in range(30):
        loss = (module(torch.zeros(6, 4)) - wanted).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 1e-6


# Bad input


Z = torch.zeros
SIZES = [(0, ValueError), (-2, ValueError), (2.0, TypeError), (True, TypeError), (None, TypeError)]


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["seq_len", "d_model"])
@pytest.mark.parametrize("size, error", SIZES)
def test_sizes_that_count_nothing_are_refused(name, size, error):
    for make in (sinusoidal_positions, LearnedPositions):
        with refused(error, name, str(size), "a whole number"):
            make(**{"seq_len": 4, "d_model": 6, name: size})


@pytest.mark.bad_input
@given(seq_len=sizes, half=st.integers(0, 20))
def test_an_odd_number_of_channels_is_refused(seq_len, half):
    with refused(ValueError, "d_model", str(2 * half + 1), "an even number"):
        sinusoidal_positions(seq_len, 2 * half + 1)


@pytest.mark.bad_input
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64, "float32", None])
def test_what_is_no_float_type_is_refused(dtype):
    with refused(TypeError, "dtype", str(dtype), "a float type"):
        sinusoidal_positions(4, 6, dtype)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "x, error, came, wanted",
    [
        (Z(5, 3), ValueError, "5", "at most 4 tokens"),
        (Z(2, 9, 3), ValueError, "9", "at most 4 tokens"),
        (Z(4, 2), ValueError, "(4, 2)", "3 along axis -1"),
        (Z(4, 6), ValueError, "(4, 6)", "3 along axis -1"),
        # One channel could be stretched to three, silently.
        (Z(4, 1), ValueError, "(4, 1)", "3 along axis -1"),
        (Z(3), ValueError, "(3,)", "at least 2 dimensions"),
        (Z(4, 3).long(), TypeError, "torch.int64", "floating-point"),
        ([[0.0] * 3], TypeError, "list", "a torch.Tensor"),
    ],
)
def test_learned_positions_refuse_what_does_not_fit(x, error, came, wanted):
    with refused(error, "x", came, wanted):
        LearnedPositions(4, 3)(x)
