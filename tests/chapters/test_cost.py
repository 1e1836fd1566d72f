"""Chapter 18: what attention costs, in time and in memory, and how fast that grows."""

import math
import statistics

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


@given(case=cases(masked=False))
def test_naive_attention_is_the_books_own_without_checks(case):
    assert_equal_numbers(naive_attention(*case.inputs), attention(*case.inputs)[0], "output", 10)


def not_scaled(queries, keys, values):
    return torch.softmax(queries @ keys.mT, dim=-1) @ values


def scaled_twice(queries, keys, values):
    return torch.softmax(queries @ keys.mT / queries.shape[-1], dim=-1) @ values


def scaled_by_the_tokens(queries, keys, values):
    return torch.softmax(queries @ keys.mT / keys.shape[-2] ** 0.5, dim=-1) @ values


def softmax_down_the_columns(queries, keys, values):
    return torch.softmax(queries @ keys.mT / queries.shape[-1] ** 0.5, dim=-2) @ values


def keys_ask(queries, keys, values):
    return naive_attention(keys, queries, values)


def scores_without_gradients(queries, keys, values):
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    return torch.softmax(scores.detach() + 0 * scores, dim=-1) @ values


MISTAKES = [
    not_scaled,
    scaled_twice,
    scaled_by_the_tokens,
    softmax_down_the_columns,
    keys_ask,
    scores_without_gradients,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_with_fused_attention_rejects(mistake):
    drawn = cases(masked=False, square=True)
    rejects(lambda case: equals_fused_attention(mistake, case), case=drawn)


# What is kept for the gradients


def views_of_one(x):
    powers = x.exp()
    return powers[:1] * powers[-1:] * powers


# Function of one tensor of n numbers -> how many numbers it keeps beside its input.
KEEPS = {
    "nothing: a copy": (lambda x: x.clone(), 0),
    "nothing: linear": (lambda x: 3 * x + x.flip(0) - 1, 0),
    "nothing: a sum": (lambda x: x.sum(), 0),
    "nothing: a view": (lambda x: x[::2], 0),
    "nothing: it is not asked": (lambda x: x.detach().exp(), 0),
    "nothing: a constant": (lambda x: torch.ones(5), 0),
    "nothing but its input": (lambda x: x * x, 0),
    "nothing but its input, upside down": (lambda x: (x.flip(0) + 1).sum() + x.sin(), 0),
    "its output": (lambda x: x.exp(), 1),
    "its output, for two": (lambda x: (lambda y: y * y)(x.exp()), 1),
    "its output, for three": (lambda x: (lambda y: y * y + y.sin())(x.exp()), 1),
    "two steps": (lambda x: x.exp().exp(), 2),
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


def numbers_in_place_of_bytes(function, x):
    return kept_bytes(function, x) // x.element_size()


def output_alone(function, x):
    return function(x).nbytes


COUNTS = {
    with_what_is_kept_twice: "its output, for two",
    with_the_input: "nothing but its input",
    numbers_in_place_of_bytes: "two steps",
    output_alone: "nothing: linear",
}


@pytest.mark.parametrize("mistake, name", COUNTS.items(), ids=names(COUNTS))
def test_the_count_to_the_byte_rejects(mistake, name):
    rejects(counting(mistake, name), **few)


@given(generator=generators, n=st.integers(2, 50), dtype=float_types)
def test_views_of_one_tensor_count_once(generator, n, dtype):
    """Beside the powers, the product of first and last is kept: one number."""
    x = normal(generator, n, dtype=dtype)
    assert kept_bytes(views_of_one, x) == (n + 1) * x.element_size()


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


@pytest.mark.parametrize("seq_len", [1, 2, 64, 100, 256, 1000])
def test_naive_attention_keeps_four_bytes_for_each_pair_of_tokens(seq_len):
    x = torch.randn(1, 1, seq_len, 64)
    # One tensor for all three: inputs are not counted, however often they come.
    assert kept_bytes(naive_attention, x, x, x) == 4 * seq_len**2


@pytest.mark.parametrize("d_k", [8, 64])
def test_fused_attention_keeps_what_grows_like_its_input(d_k):
    kept = {}
    for seq_len in (64.0, 128.0, 256.0, 512.0):
        x = torch.randn(1, 1, int(seq_len), d_k)
        kept[seq_len] = kept_bytes(fused, x, x, x)
        # Its output, and little more.
        assert x.nbytes <= kept[seq_len] <= 2 * x.nbytes
        if seq_len >= 4 * d_k:
            assert kept[seq_len] < kept_bytes(naive_attention, x, x, x) / 2
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
    """A clock that only what is timed moves on, by as much as it asks for; and who moved it."""

    class Clock:
        now, moved = 0.0, []

        def way(self, name, tells):
            def run():
                self.moved.append(name)
                self.now += tells(self.moved.count(name))

            return run

    clock = Clock()
    clock.moved = []
    monkeypatch.setattr(cost.time, "perf_counter", lambda: clock.now)
    return clock


def double(queries, keys, values):
    return 2 * (queries + keys + values)


WAYS = {"naive": naive_attention, "fused": fused, "double": double}


def test_a_row_for_each_length_with_all_ways():
    rows = measure_cost(WAYS, [3, 8, 5], d_k=2, repeats=2)
    assert [row["seq_len"] for row in rows] == [3, 8, 5]
    for row in rows:
        assert row.keys() == {"seq_len", "times", "kept_bytes"}
        assert [*row["times"]] == [*row["kept_bytes"]] == [*WAYS]
        assert min(row["times"].values()) > 0
        x = torch.zeros(1, 1, row["seq_len"], 2)
        assert row["kept_bytes"] == {name: kept_bytes(way, x, x, x) for name, way in WAYS.items()}
    assert rows[0]["times"]["naive"] == 1


@pytest.mark.parametrize("repeats", [1, 2, 5])
def test_all_ways_take_turns(clock, repeats):
    ways = {name: clock.way(name, lambda turn: 1.0) for name in ("a", "b")}
    assert seconds_in_turn(ways, repeats) == {"a": 1.0, "b": 1.0}
    assert clock.moved == ["a", "b"] * (repeats + 1)  # since a first turn is slower


def test_times_are_medians_without_the_first_turn(clock):
    """One disturbance in three moves nothing."""
    slow = {1: 1000.0, 3: 500.0}
    ways = {"a": clock.way("a", lambda turn: slow.get(turn, 2.0 + turn / 8))}
    assert seconds_in_turn(ways, 3) == {"a": 2.5}


def test_left_alone_each_way_is_timed_nine_times_with_64_channels():
    seen = []

    def looks(queries, keys, values):
        seen.append((queries, keys, values))
        return double(queries, keys, values)

    measure_cost({"looks": looks}, [7])
    assert len(seen) == 9 + 1 + 1  # a first turn, and a look at the memory
    for tensors in seen:
        assert [tuple(x.shape) for x in tensors] == [(1, 1, 7, 64)] * 3
        assert all(x.dtype == torch.float32 for x in tensors)
        assert not torch.equal(tensors[0], tensors[1]) and not torch.equal(*tensors[1:])


def test_times_are_in_units_of_the_first_way_at_the_first_length(monkeypatch):
    speed = dict(zip(WAYS, (5.0, 2.0, 0.5), strict=True))

    def seconds_in_turn(ways, repeats):
        n = next(iter(ways.values())).args[1][0].shape[-2]
        return {name: repeats * speed[name] * n**2 for name in ways}

    monkeypatch.setattr(cost, "seconds_in_turn", seconds_in_turn)
    for row in measure_cost(WAYS, [4, 2, 6], d_k=1, repeats=3):
        wanted = {name: x * row["seq_len"] ** 2 / (5 * 4**2) for name, x in speed.items()}
        assert row["times"] == pytest.approx(wanted)


def test_time_is_taken_forward_and_backward():
    ran = []

    class Watched(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            ran.append("forward")
            return x.clone()

        @staticmethod
        def backward(context, nudge):
            ran.append("backward")
            return nudge

    inputs = [torch.randn(1, 1, 3, 2, requires_grad=True) for _ in range(3)]
    cost._forward_and_backward(lambda *inputs: double(*map(Watched.apply, inputs)), inputs)
    assert ran == ["forward"] * 3 + ["backward"] * 3
    assert all(torch.equal(x.grad, torch.full_like(x, 2)) for x in inputs)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"lengths": [4, 0]}, ValueError, "lengths", "0"),
        ({"lengths": [-4]}, ValueError, "lengths", "-4"),
        ({"lengths": [4.0]}, TypeError, "lengths", "4.0"),
        ({"lengths": [True]}, TypeError, "lengths", "True"),
        ({"lengths": ["4"]}, TypeError, "lengths", "'4'"),
        ({"d_k": 0}, ValueError, "d_k", "0"),
        ({"d_k": 2.0}, TypeError, "d_k", "2.0"),
        ({"d_k": None}, TypeError, "d_k", "None"),
        ({"repeats": 0}, ValueError, "repeats", "0"),
        ({"repeats": 1.5}, TypeError, "repeats", "1.5"),
    ],
)
def test_what_are_no_sizes_is_refused(change, error, name, came):
    with refused(error, name, came):
        measure_cost(**{"ways": WAYS, "lengths": [4, 8], **change})


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, came", [({"ways": {}}, "got 0 and 1"), ({"lengths": []}, "got 3 and 0")]
)
def test_nothing_to_measure_is_refused(change, came):
    with pytest.raises(ValueError, match=f"ways, lengths: wanted at least one of each, {came}"):
        measure_cost(**{"ways": WAYS, "lengths": [4], **change})


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


def as_if_one_number_was_fitted(lengths, costs):
    return by_the_textbook(lengths, costs, free=1)


def without_logarithms(lengths, costs):
    line, covariance = numpy.polyfit(lengths, costs, 1, cov=True)
    return line[0].item(), covariance[0, 0].item() ** 0.5


def from_the_ends(lengths, costs):
    (a, b), *_, (c, d) = sorted(zip(lengths, costs, strict=True))
    return math.log(d / b) / math.log(c / a), by_the_textbook(lengths, costs)[1]


def through_the_origin(lengths, costs):
    x, y = torch.tensor([lengths, costs], dtype=torch.float64).log()
    return (x @ y / (x @ x)).item(), by_the_textbook(lengths, costs)[1]


def how_far_the_points_lie(lengths, costs):
    exponent, error = by_numpy(lengths, costs)
    return exponent, error * numpy.std(numpy.log(lengths)).item() * len(lengths) ** 0.5


def variance_for_error(lengths, costs):
    exponent, error = by_numpy(lengths, costs)
    return exponent, error**2


LINES = [
    as_if_all_points_were_free,
    as_if_one_number_was_fitted,
    without_logarithms,
    from_the_ends,
    through_the_origin,
    how_far_the_points_lie,
    variance_for_error,
]


@pytest.mark.parametrize("mistake", LINES, ids=names(LINES))
def test_the_comparison_with_numpy_rejects(mistake):
    drawn = measured(n=st.integers(4, 9))
    rejects(lambda points: equals_numpys_line(mistake, points), points=drawn)


@given(points=measured(), unit=st.sampled_from((1e-9, 1e-3, 60.0, 2.0**20)), data=st.data())
def test_units_and_order_do_not_matter(points, unit, data):
    lengths, costs = points
    wanted = pytest.approx(growth_exponent(lengths, costs), rel=1e-9, abs=1e-9)
    assert growth_exponent(lengths, [unit * found for found in costs]) == wanted
    assert growth_exponent([unit * length for length in lengths], costs) == wanted
    order = data.draw(st.permutations(range(len(lengths))))
    assert growth_exponent([lengths[i] for i in order], [costs[i] for i in order]) == wanted


def test_a_case_to_follow_by_hand():
    """Logarithms to base 2: 0, 1, 2 and 0, 1, 5; the line rises by 5/2, residuals 1/2, -1, 1/2."""
    exponent, error = growth_exponent([1.0, 2.0, 4.0], [1.0, 2.0, 32.0])
    assert exponent == pytest.approx(2.5)
    assert error == pytest.approx(math.sqrt((0.25 + 1 + 0.25) / 1 / 2))


def test_the_table_grows_with_the_square_of_the_length():
    """Whole numbers of tokens and bytes, as they are measured."""
    rows = measure_cost({"naive": naive_attention}, [16, 32, 64, 128], d_k=4, repeats=1)
    kept = [row["kept_bytes"]["naive"] for row in rows]
    exponent, error = growth_exponent([row["seq_len"] for row in rows], kept)
    assert exponent == pytest.approx(2) and error < 1e-9


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "lengths, costs, error, name, came",
    [
        ([1, 2], [1.0, 4.0], ValueError, "costs", "2"),
        ([], [], ValueError, "costs", "0"),
        ([2, 2, 2], [1.0, 1.0, 1.0], ValueError, "costs", "1 different"),
        ([1, 2, 2], [1.0, 1.0, 1.0], ValueError, "costs", "2 different"),
        ([1, 2, 4], [1.0, 4.0], ValueError, "costs", "2 for 3"),
        ([1, 2, 4], [1.0, 4.0, 16.0, 64.0], ValueError, "costs", "4 for 3"),
        ([0, 2, 4], [1.0, 4.0, 16.0], ValueError, "lengths", "0"),
        ([1, 2, -4], [1.0, 4.0, 16.0], ValueError, "lengths", "-4"),
        ([1, 2, math.inf], [1.0, 4.0, 16.0], ValueError, "lengths", "inf"),
        (["1", 2, 4], [1.0, 4.0, 16.0], TypeError, "lengths", "'1'"),
        ([True, 2, 4], [1.0, 4.0, 16.0], TypeError, "lengths", "True"),
        ([1, 2, 4], [1.0, 0.0, 16.0], ValueError, "costs", "0"),
        ([1, 2, 4], [-1.0, 4.0, 16.0], ValueError, "costs", "-1"),
        ([1, 2, 4], [1.0, math.nan, 16.0], ValueError, "costs", "nan"),
        ([1, 2, 4], [1.0, 4.0, math.inf], ValueError, "costs", "inf"),
        ([1, 2, 4], [1.0, None, 16.0], TypeError, "costs", "None"),
        ([1, 2, 4], [1.0, "4", 16.0], TypeError, "costs", "'4'"),
    ],
)
def test_what_gives_no_line_is_refused(lengths, costs, error, name, came):
    with refused(error, name, came):
        growth_exponent(lengths, costs)
