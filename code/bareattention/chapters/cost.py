"""What does attention cost?

Written from book/19_cost.ipynb by tools/extract.py.
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

from bareattention.shapes import Finite, Size, checked, require

__all__ = [
    "growth_exponent",
    "kept_bytes",
    "measure_cost",
    "naive_attention",
    "seconds_in_turn",
]


def naive_attention(
    queries: Float[Tensor, "*batch n_queries d_k"],
    keys: Float[Tensor, "*batch n_keys d_k"],
    values: Float[Tensor, "*batch n_keys d_v"],
) -> Float[Tensor, "*batch n_queries d_v"]:
    """Attention with the whole table of weights, and nothing checked.

    Source: Vaswani et al. 2017, equation 1.
    """
    scores = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
    return torch.softmax(scores, dim=-1) @ values


@checked
def kept_bytes(function: Callable, *inputs: Float[Tensor, "..."]) -> int:
    """Count what PyTorch keeps for the gradients, beyond the inputs themselves.

    Args:
        function: of the inputs.
        inputs: gradients are asked for.
    Returns: bytes; what is kept twice counts once.
    """
    inputs = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    kept = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        # Detached, or the graph would hold itself, and never be freed.
        return tensor.detach()

    hooks = torch.autograd.graph.saved_tensors_hooks(note, lambda kept: kept)
    with torch.enable_grad(), hooks:
        function(*inputs)
    for tensor in inputs:
        kept.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(kept.values())


@checked
def seconds_in_turn(
    ways: Mapping[str, Callable[[], object]], repeats: Size
) -> dict[str, float]:
    """Time all ways in turn, so that a disturbance hits all of them alike.

    Args:
        ways: name -> what is timed.
        repeats: turns; one more comes first, is slower and does not count.
    Returns: name -> median wall time in seconds.
    """
    times = {name: [] for name in ways}
    on_gpu = torch.accelerator.is_available()
    for turn in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if on_gpu:  # Python goes on while the card still works
                torch.accelerator.synchronize()
            times[name] += [time.perf_counter() - start] if turn else []
    return {name: statistics.median(found) for name, found in times.items()}


def _forward_and_backward(function: Callable, inputs: Sequence[Tensor]) -> None:
    function(*inputs).sum().backward()


@checked
def measure_cost(
    ways: Mapping[str, Callable],
    lengths: Sequence[int],
    d_k: Size = 64,
    repeats: Size = 9,
) -> list[dict]:
    """Measure time and kept memory of attention, there and back, by length.

    Args:
        ways: name -> function of queries, keys and values, each
            `(1, 1, seq_len, d_k)`.
        lengths: the seq_len to measure, in tokens.
        d_k: channels of queries, keys and values.
        repeats: how often each is timed; medians count.
    Returns: one dict for each length: seq_len; times, in units of the first
        way at the first length; kept_bytes.
    Raises: ValueError for no ways, no lengths, or a length below 1.
    """
    require(ways, "ways", "at least one", "none")
    sound = lengths and min(lengths) >= 1
    require(sound, "lengths", "numbers of tokens from 1", lengths)
    rows, unit = [], None
    for seq_len in lengths:
        shape = (1, 1, seq_len, d_k)
        inputs = [torch.randn(shape, requires_grad=True) for _ in range(3)]
        both = {
            name: partial(_forward_and_backward, way, inputs)
            for name, way in ways.items()
        }
        medians = seconds_in_turn(both, repeats)
        unit = unit or next(iter(medians.values()))
        times = {name: median / unit for name, median in medians.items()}
        kept = {name: kept_bytes(way, *inputs) for name, way in ways.items()}
        rows.append({"seq_len": seq_len, "times": times, "kept_bytes": kept})
    return rows


@checked
def growth_exponent(
    lengths: Sequence[Finite], costs: Sequence[Finite]
) -> tuple[float, float]:
    """Fit a power: cost = constant × length^exponent.

    It is a straight line between logarithms.

    Args:
        lengths: positive, at least three different ones.
        costs: as many, positive, in any unit.
    Returns: the exponent, and its standard error from how far the points lie
        from the line.
    Raises: ValueError for fewer points, or numbers that are not positive.
    """
    require(len(set(lengths)) >= 3, "lengths", "three different ones", lengths)
    n = len(lengths)
    require(len(costs) == n, "costs", f"{n} of them", len(costs))
    require(min(lengths) > 0, "lengths", "positive numbers", min(lengths))
    require(min(costs) > 0, "costs", "positive numbers", min(costs))
    x = [math.log(length) for length in lengths]
    y = [math.log(cost) for cost in costs]
    line = statistics.linear_regression(x, y)
    wide = sum((a - statistics.fmean(x)) ** 2 for a in x)
    off = sum(
        (b - line.intercept - line.slope * a) ** 2
        for a, b in zip(x, y, strict=True)
    )
    return line.slope, math.sqrt(off / (len(x) - 2) / wide)
