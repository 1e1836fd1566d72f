"""What does attention cost?

Written from book/18_cost.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from bareattention.checks import check_number, check_positive_integer

__all__ = ["growth_exponent", "kept_bytes", "measure_cost", "naive_attention", "seconds_in_turn"]


def naive_attention(
    queries: Float[Tensor, "*batch n_queries d_k"],
    keys: Float[Tensor, "*batch n_keys d_k"],
    values: Float[Tensor, "*batch n_keys d_v"],
) -> Float[Tensor, "*batch n_queries d_v"]:
    """Attention in one line, with the whole table of weights, and nothing checked.

    Args:
        queries: `(..., n_queries, d_k)`.
        keys: `(..., n_keys, d_k)`.
        values: `(..., n_keys, d_v)`.
    Returns: `(..., n_queries, d_v)`.
    Source: Vaswani et al. 2017, equation 1.
    """
    scores = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
    return torch.softmax(scores, dim=-1) @ values


def kept_bytes(function: Callable, *inputs: Float[Tensor, "..."]) -> int:
    """Count what PyTorch keeps for the gradients of a function, beyond the inputs themselves.

    Args:
        function: of the inputs.
        inputs: tensors; gradients are asked for.
    Returns: bytes; what is kept twice counts once.
    """
    inputs = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    kept = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # or the graph would hold itself, and never be freed

    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor)
    with torch.enable_grad(), hooks:
        function(*inputs)
    for tensor in inputs:
        kept.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(kept.values())


def seconds_in_turn(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Time all ways in turn, again and again, so that a disturbance hits all of them alike.

    Args:
        ways: name -> what is timed.
        repeats: how often each is timed; a first turn is slower and does not count.
    Returns: name -> median wall time in seconds.
    """
    times = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name] += [time.perf_counter() - start] if turn else []
    return {name: statistics.median(found) for name, found in times.items()}


def _forward_and_backward(function: Callable, inputs: Sequence[Tensor]) -> None:
    function(*inputs).sum().backward()


def measure_cost(
    ways: Mapping[str, Callable],
    lengths: Sequence[int],
    d_k: int = 64,
    repeats: int = 9,
) -> list[dict]:
    """Measure time and kept memory of attention, forward and backward, for growing lengths.

    Args:
        ways: name -> function of queries, keys and values, each `(1, 1, seq_len, d_k)`.
        lengths: the seq_len to measure, in tokens.
        d_k: channels of queries, keys and values.
        repeats: how often each is timed; medians count.
    Returns: one dict for each length: seq_len; times, in units of the first way at the first
        length; kept_bytes.
    Raises: TypeError, ValueError for sizes that are no whole numbers of at least 1, or for no ways
        or no lengths.
    """
    for name, size in (("d_k", d_k), ("repeats", repeats), *(("lengths", n) for n in lengths)):
        check_positive_integer(name, size)
    if not ways or not lengths:
        came = f"{len(ways)} and {len(lengths)}"
        raise ValueError(f"ways, lengths: wanted at least one of each, got {came}")
    rows, unit = [], None
    for seq_len in lengths:
        inputs = [torch.randn(1, 1, seq_len, d_k, requires_grad=True) for _ in range(3)]
        both = {name: partial(_forward_and_backward, way, inputs) for name, way in ways.items()}
        medians = seconds_in_turn(both, repeats)
        unit = unit or next(iter(medians.values()))
        times = {name: median / unit for name, median in medians.items()}
        kept = {name: kept_bytes(way, *inputs) for name, way in ways.items()}
        rows.append({"seq_len": seq_len, "times": times, "kept_bytes": kept})
    return rows


def growth_exponent(
    lengths: Sequence[int | float], costs: Sequence[int | float]
) -> tuple[float, float]:
    """Fit a power: cost = constant × length^exponent, as a straight line between logarithms.

    Args:
        lengths: positive, at least three different ones.
        costs: as many, positive, in any unit.
    Returns: the exponent, and its standard error from how far the points lie from the line.
    Raises: TypeError, ValueError for fewer than three points, unequal numbers of them, or numbers
        that are not positive.
    """
    if len(lengths) != len(costs) or len(set(lengths)) < 3:
        raise ValueError(
            f"costs: wanted one for each of at least three lengths, "
            f"got {len(costs)} for {len(set(lengths))} different lengths"
        )
    for name, value in [*(("lengths", n) for n in lengths), *(("costs", c) for c in costs)]:
        check_number(name, value)
        if value <= 0:
            raise ValueError(f"{name}: wanted positive numbers, got {value}")
    x, y = ([math.log(value) for value in found] for found in (lengths, costs))
    line = statistics.linear_regression(x, y)
    wide = sum((value - statistics.fmean(x)) ** 2 for value in x)
    off = sum((b - line.intercept - line.slope * a) ** 2 for a, b in zip(x, y, strict=True))
    return line.slope, math.sqrt(off / (len(x) - 2) / wide)
