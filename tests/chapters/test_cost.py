"""Chapter 19: what attention costs, in time and in memory, and how fast that grows."""

import math
import statistics
from pathlib import Path

import nbformat
import numpy
import pytest
import torch
from expectations import (
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
from strategies import cases, float_types, generators, leading_shapes, normal, sizes
from torch.nn import functional as F

from bareattention import (
    attention,
    growth_exponent,
    kept_bytes,
    measure_cost,
    naive_attention,
    seconds_in_turn,
)
from bareattention.chapters import cost

fused = F.scaled_dot_product_attention

# Naive attention is attention


def equals_fused_attention(function, case):
    with untouched(*case.inputs):
        ours = function(*case.inputs)
    assert_equal_numbers(ours, fused(*case.inputs), "output", 10)
    found, wanted = (gradients(way, case.inputs, case.nudge) for way in (function, fused))
    for name, mine, theirs in zip(("queries", "keys", "values"), found, wanted, strict=True):
        assert_equal_numbers(mine, theirs, f"gradient of {name}", 50)


def test_naive_attention_equals_pytorchs_values_and_gradients():
    compare = equals_fused_attention
    holds_for_all(lambda case: compare(naive_attention, case), 200, case=cases(masked=False))


def not_scaled(queries, keys, values):
    return torch.softmax(queries @ keys.mT, dim=-1) @ values


def softmax_down_the_columns(queries, keys, values):
    return torch.softmax(queries @ keys.mT / queries.shape[-1] ** 0.5, dim=-2) @ values


def keys_ask(queries, keys, values):
    return naive_attention(keys, queries, values)


def scores_without_gradients(queries, keys, values):
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    return torch.softmax(scores.detach() + 0 * scores, dim=-1) @ values


MISTAKES = [
    not_scaled,
    softmax_down_the_columns,
    keys_ask,
    scores_without_gradients,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_with_fused_attention_rejects(mistake):
    drawn = cases(masked=False, square=True)
    rejects(lambda case: equals_fused_attention(mistake, case), case=drawn)


# What is kept for the gradients


# Function of one tensor of n numbers -> how many numbers it keeps beside its input.
KEEPS = {
    "nothing: a copy": (lambda x: x.clone(), 0),
    "nothing: linear": (lambda x: 3 * x + x.flip(0) - 1, 0),
    "nothing but its input": (lambda x: x * x, 0),
    "its output": (lambda x: x.exp(), 1),
    "its output, for two": (lambda x: (lambda y: y * y)(x.exp()), 1),
    "three steps": (lambda x: x.exp().sigmoid().tanh(), 3),
}


def counts_exactly(count, name, generator, n, dtype):
    function, wanted = KEEPS[name]
    x = normal(generator, n, dtype=dtype)
    with untouched(x):
        found = count(function, x)
    assert type(found) is int and not x.requires_grad and x.grad is None
    assert found == wanted * n * x.element_size(), f"{name}: {found}"


def counting(count, name):
    def compare(generator, n, dtype):
        counts_exactly(count, name, generator, n, dtype)

    return compare


few = {"generator": generators, "n": st.integers(2, 50), "dtype": float_types}


@pytest.mark.parametrize("name", KEEPS)
def test_what_is_kept_is_counted_to_the_byte(name):
    holds_for_all(counting(kept_bytes, name), 20, **few)


def saved(function, x):
    """Every tensor that PyTorch saves, in order, and the copy of the input."""
    fresh, found = x.detach().clone().requires_grad_(), []

    def note(tensor):
        found.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        function(fresh)
    return found, fresh


def with_what_is_kept_twice(function, x):
    found, fresh = saved(function, x)
    others = [tensor for tensor in found if tensor.data_ptr() != fresh.data_ptr()]
    return sum(tensor.nbytes for tensor in others)


def with_the_input(function, x):
    found, _ = saved(function, x)
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in found}.values())


def output_alone(function, x):
    return function(x).nbytes


COUNTS = {
    with_what_is_kept_twice: "its output, for two",
    with_the_input: "nothing but its input",
    output_alone: "nothing: linear",
}


@pytest.mark.parametrize("mistake, name", COUNTS.items(), ids=names(COUNTS))
def test_the_count_to_the_byte_rejects(mistake, name):
    rejects(counting(mistake, name), **few)


@given(
    generator=generators,
    batch=leading_shapes,
    n_queries=sizes,
    n_keys=sizes,
    d_k=sizes,
    dtype=float_types,
)
def test_naive_attention_keeps_the_table_of_weights_and_nothing_else(
    generator, batch, n_queries, n_keys, d_k, dtype
):
    queries = normal(generator, *batch, n_queries, d_k, dtype=dtype)
    keys, values = (normal(generator, *batch, n_keys, d_k, dtype=dtype) for _ in range(2))
    table = math.prod(batch) * n_queries * n_keys * queries.element_size()
    assert kept_bytes(naive_attention, queries, keys, values) == table


@pytest.mark.parametrize("d_k", [8, 64])
def test_fused_attention_keeps_what_grows_like_its_input(d_k):
    kept = {}
    for seq_len in (64.0, 128.0, 256.0, 512.0):
        x = torch.randn(1, 1, int(seq_len), d_k)
        kept[seq_len] = kept_bytes(fused, x, x, x)
        # Its output, and little more.
        assert x.nbytes <= kept[seq_len] <= 2 * x.nbytes
    assert growth_exponent([*kept], [float(found) for found in kept.values()])[0] == pytest.approx(
        1, abs=0.01
    )


def test_counting_leaves_no_gradients_and_no_hooks_behind():
    x, weight = torch.randn(5), torch.randn(5, requires_grad=True)
    kept_bytes(lambda x: x * weight, x)
    assert x.grad is None and weight.grad is None and not x.requires_grad
    once = kept_bytes(lambda x: x.exp(), x)
    assert kept_bytes(lambda x: x.exp(), x) == once == x.nbytes
    # Asked from within: what is counted inside does not count outside.
    assert kept_bytes(lambda x: x * kept_bytes(torch.exp, x), x) == 0


# Measuring


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless somebody moves it on."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(cost.time, "perf_counter", lambda: Clock.now)
    return Clock


@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_ways_take_turns_and_medians_leave_the_first_turn_out(clock, repeats):
    ran = []

    def way(name, seconds):
        def run():
            ran.append(name)
            clock.now += seconds if ran.count(name) > 1 else 1000.0

        return run

    found = seconds_in_turn({"quick": way("quick", 0.5), "slow": way("slow", 2.0)}, repeats)
    assert found == {"quick": 0.5, "slow": 2.0}
    assert ran == ["quick", "slow"] * (repeats + 1)


def test_one_disturbance_moves_nothing(clock):
    taken = iter([9.0, 2.0, 1000.0, 3.0])

    def way():
        clock.now += next(taken)

    assert seconds_in_turn({"way": way}, 3) == {"way": 3.0}


def double(queries, keys, values):
    return 2 * (queries + keys + values)


WAYS = {"naive": naive_attention, "fused": fused, "double": double}


def test_a_row_for_each_length_with_all_ways():
    rows = measure_cost(WAYS, [3, 8, 5], d_k=2, repeats=2)
    assert [row["seq_len"] for row in rows] == [3, 8, 5]
    for row in rows:
        assert row.keys() == {"seq_len", "times", "kept_bytes"}
        assert [*row["times"]] == [*WAYS] and min(row["times"].values()) > 0
        x = torch.zeros(1, 1, row["seq_len"], 2)
        assert row["kept_bytes"] == {name: kept_bytes(way, x, x, x) for name, way in WAYS.items()}
    assert rows[0]["times"]["naive"] == 1


def test_times_are_in_units_of_the_first_way_at_the_first_length(monkeypatch):
    medians = iter([{"naive": 4.0, "double": 2.0}, {"naive": 10.0, "double": 1.0}])
    monkeypatch.setattr(cost, "seconds_in_turn", lambda ways, repeats: next(medians))
    rows = measure_cost({"naive": naive_attention, "double": double}, [4, 2])
    assert [row["times"] for row in rows] == [
        {"naive": 1, "double": 0.5},
        {"naive": 2.5, "double": 0.25},
    ]


def test_left_alone_each_way_is_timed_nine_times_there_and_back_with_64_channels():
    ran, seen = [], []

    class Watched(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            ran.append("forward")
            return x.clone()

        @staticmethod
        def backward(context, nudge):
            ran.append("backward")
            assert nudge.eq(1).all()
            return nudge

    def looks(queries, keys, values):
        seen[:] = [queries, keys, values]
        return Watched.apply(queries + keys + values)

    measure_cost({"looks": looks}, [7])
    assert ran == ["forward", "backward"] * (9 + 1) + ["forward"]  # once for the memory
    assert [tuple(tensor.shape) for tensor in seen] == [(1, 1, 7, 64)] * 3
    assert not torch.equal(seen[0], seen[1]) and not torch.equal(seen[1], seen[2])


# The exponent of a power

exponents = st.floats(-4, 4)
constants = st.floats(1e-6, 1e6)
several_lengths = st.lists(st.integers(1, 10_000), min_size=3, max_size=9, unique=True)
several_lengths = several_lengths.map(lambda lengths: [float(n) for n in lengths])
several = st.integers(3, 9)


@given(lengths=several_lengths, exponent=exponents, constant=constants)
def test_the_exponent_of_a_power_is_found_without_error(lengths, exponent, constant):
    found, error = growth_exponent(lengths, [constant * n**exponent for n in lengths])
    wide = statistics.pstdev([math.log(n) for n in lengths])
    assert found == pytest.approx(exponent, abs=1e-13 / wide)
    assert 0 <= error < 1e-13 / wide


@st.composite
def measured(draw, n=several):
    """Lengths, some more than once, and costs that lie off any power."""
    lengths = [2.0 ** (k + 3) for k in range(draw(n))]
    lengths += draw(st.lists(st.sampled_from(lengths), max_size=3))
    lengths = draw(st.permutations(lengths))
    off = draw(st.lists(st.floats(0.3, 3), min_size=len(lengths), max_size=len(lengths)))
    exponent = draw(exponents)
    return lengths, [length**exponent * factor for length, factor in zip(lengths, off, strict=True)]


def by_numpy(lengths, costs):
    """The slope of a straight line between logarithms, and the root of its variance."""
    line, covariance = numpy.polyfit(numpy.log(lengths), numpy.log(costs), 1, cov=True)
    return line[0].item(), covariance[0, 0].item() ** 0.5


def by_the_textbook(lengths, costs, free=2):
    x, y = torch.tensor([lengths, costs], dtype=torch.float64).log()
    x = x - x.mean()
    slope = x @ y / (x @ x)
    off = y - y.mean() - slope * x
    return slope.item(), ((off @ off) / (len(x) - free) / (x @ x)).sqrt().item()


def equals_numpys_line(function, points):
    exponent, error = function(*points)
    wanted, its_error = by_numpy(*points)
    assert exponent == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert error == pytest.approx(its_error, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("function", [growth_exponent, by_the_textbook])
def test_exponent_and_standard_error_equal_numpys(function):
    holds_for_all(lambda points: equals_numpys_line(function, points), 200, points=measured())


def as_if_all_points_were_free(lengths, costs):
    return by_the_textbook(lengths, costs, free=0)


def without_logarithms(lengths, costs):
    line, covariance = numpy.polyfit(lengths, costs, 1, cov=True)
    return line[0].item(), covariance[0, 0].item() ** 0.5


def from_the_ends(lengths, costs):
    (a, b), *_, (c, d) = sorted(zip(lengths, costs, strict=True))
    return math.log(d / b) / math.log(c / a), by_the_textbook(lengths, costs)[1]


def variance_for_error(lengths, costs):
    exponent, error = by_numpy(lengths, costs)
    return exponent, error**2


LINES = [
    as_if_all_points_were_free,
    without_logarithms,
    from_the_ends,
    variance_for_error,
]


@pytest.mark.parametrize("mistake", LINES, ids=names(LINES))
def test_the_comparison_with_numpy_rejects(mistake):
    drawn = measured(n=st.integers(4, 9))
    rejects(lambda points: equals_numpys_line(mistake, points), points=drawn)


def test_a_case_to_follow_by_hand():
    """Logarithms to base 2: 0, 1, 2 and 0, 1, 5; the line rises by 5/2, residuals 1/2, -1, 1/2."""
    exponent, error = growth_exponent([1.0, 2.0, 4.0], [1.0, 2.0, 32.0])
    assert exponent == pytest.approx(2.5)
    assert error == pytest.approx(math.sqrt((0.25 + 1 + 0.25) / 1 / 2))


# What is refused

X = torch.zeros(2)
SQUARE = [1.0, 4.0, 16.0]


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: kept_bytes(None, X), TypeError, "function", "None"),
        (lambda: kept_bytes(torch.exp, [0.0]), TypeError, "inputs", "list"),
        (lambda: seconds_in_turn([len], 1), TypeError, "ways", "list"),
        (lambda: seconds_in_turn({}, 0), ValueError, "repeats", "0"),
        (lambda: measure_cost({}, [4]), ValueError, "ways", "none"),
        (lambda: measure_cost(WAYS, []), ValueError, "lengths", "[]"),
        (lambda: measure_cost(WAYS, [4, 0]), ValueError, "lengths", "[4, 0]"),
        (lambda: measure_cost(WAYS, [4], d_k=2.0), TypeError, "d_k", "2.0"),
        (lambda: measure_cost(WAYS, [4], repeats=0), ValueError, "repeats", "0"),
        (lambda: growth_exponent(4, SQUARE), TypeError, "lengths", "4"),
        (lambda: growth_exponent([1, 2, 2], SQUARE), ValueError, "lengths", "[1, 2, 2]"),
        (lambda: growth_exponent([1, 2, 4], SQUARE[:2]), ValueError, "costs", "2"),
        (lambda: growth_exponent([1, 2, 4], [1.0, 4, 16, 64]), ValueError, "costs", "4"),
        (lambda: growth_exponent([0, 2, 4], SQUARE), ValueError, "lengths", "0"),
        (lambda: growth_exponent([1, 2, 4], [-1.0, 4, 16]), ValueError, "costs", "-1.0"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error, name, came):
    with refused(error, name, came):
        call()


# What the page builds: attention tile by tile, and the bytes it moves

NOTEBOOK = Path(__file__).parents[2] / "book" / "19_cost.ipynb"
PAGE = {"torch": torch}  # what the page defines, as a reader copies it
for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
    if cell.id in ("tiled-attention", "moved-count", "moved-live"):
        exec(cell.source, PAGE)


def tiled(queries, keys, values, size):
    return PAGE["tiled_attention"](queries, keys, values, size)


def without_shrinking(queries, keys, values, size):
    scores = (queries @ keys.mT / queries.shape[-1] ** 0.5).split(size, dim=1)
    largest = torch.stack([torch.cat(scores[: n + 1], 1).amax(1) for n in range(len(scores))])
    powers = [(tile - most[:, None]).exp() for tile, most in zip(scores, largest, strict=True)]
    mix = sum(tile @ some for tile, some in zip(powers, values.split(size), strict=True))
    return mix / sum(tile.sum(1, keepdim=True) for tile in powers)


def without_the_last_tile(queries, keys, values, size):
    whole = max(len(keys) // size, 1) * size
    return tiled(queries, keys[:whole], values[:whole], size)


few_rows = {"n_queries": sizes, "n_keys": sizes, "d_k": sizes, "size": st.integers(1, 9)}


def equals_attention_in_tiles(function, generator, n_queries, n_keys, d_k, size, factor=1.0):
    queries = factor * normal(generator, n_queries, d_k, dtype=torch.float64)
    keys = normal(generator, n_keys, d_k, dtype=torch.float64)
    values = normal(generator, n_keys, 3, dtype=torch.float64)
    with untouched(queries, keys, values):
        found = function(queries, keys, values, size)
    wanted = attention(queries, keys, values)[0]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def in_tiles(function):
    def compare(**drawn):
        equals_attention_in_tiles(function, **drawn)

    return compare


@pytest.mark.parametrize("factor", [1.0, 1000.0])
def test_attention_tile_by_tile_is_attention(factor):
    """Whatever the tile, the last of which may be smaller, and without overflow."""
    drawn = {"generator": generators, "factor": st.just(factor), **few_rows}
    holds_for_all(in_tiles(tiled), 100, **drawn)


TILED = [without_shrinking, without_the_last_tile]


@pytest.mark.parametrize("mistake", TILED, ids=names(TILED))
def test_the_comparison_of_tiles_rejects(mistake):
    rejects(in_tiles(mistake), generator=generators, **few_rows)


@pytest.mark.parametrize("size", [1, 5, 12, 20])
def test_the_bytes_of_the_theory_are_those_that_travel(size):
    q, k, v = torch.randn(3, 12, 4)
    PAGE["travelled"] = 0
    PAGE["naive_moving"](q, k, v)
    assert PAGE["travelled"] == PAGE["naive_bytes"](12, 4)
    PAGE["travelled"] = 0
    found = PAGE["tiled_moving"](q, k, v, size)
    assert PAGE["travelled"] == PAGE["tiled_bytes"](12, 4, size)
    torch.testing.assert_close(found, attention(q, k, v)[0], rtol=0, atol=1e-5)
