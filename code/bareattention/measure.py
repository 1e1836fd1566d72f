"""Measure what the book says about speed and memory, and write it down.

    python -m bareattention.measure batching          # writes runs/batching-measured.json
    python -m bareattention.measure cost --repeats 3  # quicker, noisier
    python -m bareattention.measure cost_gpu          # on a graphics card
    python -m bareattention.measure tone_curve
    python -m bareattention.measure cards --repeats 5  # trains readers with five seeds each

One thread runs all ways in turn, again and again, so that a disturbance hits them alike, and what
counts is the ratio of their medians.  The book reads the tables that travel with the package.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from tqdm import tqdm

from bareattention.chapters.all_at_once import SelfAttentionModel
from bareattention.chapters.cost import measure_cost, naive_attention, seconds_in_turn
from bareattention.chapters.is_attention_doing_anything import tone_curve
from bareattention.chapters.one_sample_at_a_time import LoopedSelfAttentionModel
from bareattention.exercises import matrix
from bareattention.experiments import cards, failures, runs

PROGRAM = "python -m bareattention.measure"
Ways = dict[str, Callable[[], object]]  # to do the same, by name
CLASSES = 10
# (tokens, channels, batch): pixels as tokens, pixels with a wide embedding, small patches
BATCHES = ((784, 1, 16), (784, 1, 64), (784, 64, 64), (49, 64, 16), (49, 64, 256))
LENGTHS, D_K = (256, 512, 1024, 2048, 4096), 64
LONGER, NUMBERS = (8192, 16384, 32768), (torch.float32, torch.bfloat16)  # on a GPU
IMAGES, PIXELS, LEVELS = (16, 256), 784, 256


class WithModule(nn.Module):
    """`nn.MultiheadAttention` with one head, then the same linear layer as the others."""

    def __init__(self, seq_len: int, d_model: int):
        super().__init__()
        self.attention = nn.MultiheadAttention(d_model, 1, bias=False, batch_first=True)
        self.output = nn.Linear(seq_len * d_model, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `(batch_size, seq_len, d_model)` -> logits `(batch_size, n_classes)`."""
        mixed, _ = self.attention(x, x, x, need_weights=False)
        return self.output(mixed.flatten(start_dim=1))


ATTENTIONS = {"naive": naive_attention, "fused": F.scaled_dot_product_attention}
WAYS: dict[str, Callable[[int, int], nn.Module]] = {
    "loop": lambda seq_len, d_model: LoopedSelfAttentionModel(seq_len, d_model, CLASSES),
    "naive batch": lambda seq_len, d_model: SelfAttentionModel(seq_len, d_model, CLASSES),
    "fused": lambda seq_len, d_model: SelfAttentionModel(seq_len, d_model, CLASSES, backend="sdpa"),
    "module": WithModule,
}


class Alive(TorchDispatchMode):
    """Counts the bytes of the tensors that are made inside: those alive now, and at the peak."""

    now = peak = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        """Run a function of PyTorch, and note the storage of each tensor that it makes."""
        made = function(*args, **(kwargs or {}))
        given = _storages((args, kwargs))
        for key, storage in _storages(made).items():
            if key not in given:  # a view, or a tensor changed in place, takes none of its own
                self.now += storage.nbytes()
                weakref.finalize(storage, self._forget, storage.nbytes())
        self.peak = max(self.peak, self.now)
        return made

    def _forget(self, n: int) -> None:
        self.now -= n


def _storages(nested: object) -> dict[int, torch.UntypedStorage]:
    tensors = (leaf for leaf in tree_leaves(nested) if isinstance(leaf, Tensor))
    return {storage._cdata: storage for storage in (x.untyped_storage() for x in tensors)}


def step(function: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Run a function forward and backward, as one step of training does."""
    function(*inputs).square().sum().backward()


def peak_megabytes(function: Callable[..., Tensor], *inputs: Tensor) -> float:
    """Return the MB of tensors that a step makes and that are alive at once, at the peak."""
    with Alive() as alive:
        step(function, *inputs)
    return round(alive.peak / 2**20, 1)


def times_faster(ways: Ways, repeats: int, digits: int = 2) -> dict[str, list[float]]:
    """Return how many times faster than the way named loop each way is: lowest, median, highest.

    Each of the repeats compares the medians of three turns.
    """
    torch.set_num_threads(1)
    found = [seconds_in_turn(ways, 3) for _ in range(repeats)]
    ratios = {name: sorted(one["loop"] / one[name] for one in found) for name in ways}
    return {
        name: [round(x, digits) for x in (every[0], statistics.median(every), every[-1])]
        for name, every in ratios.items()
    }


def measure_batching(repeats: int) -> list[dict]:
    """Measure a loop over samples against three ways to treat a batch at once, by size."""
    rows = []
    for seq_len, d_model, batch_size in tqdm(BATCHES, desc="sizes", file=sys.stderr):
        torch.manual_seed(0)
        models = {name: make(seq_len, d_model) for name, make in WAYS.items()}
        x = torch.randn(batch_size, seq_len, d_model)
        ways = {name: partial(step, model, x) for name, model in models.items()}
        sizes = {"seq_len": seq_len, "d_model": d_model, "batch_size": batch_size}
        peak = {name: peak_megabytes(model, x) for name, model in models.items()}
        rows.append({**sizes, "megabytes": peak, "times_faster": times_faster(ways, repeats)})
    return rows


def measure_growth(repeats: int) -> list[dict]:
    """Measure how time and memory of attention grow with the number of tokens.

    Each of the repeats times three turns, in its own unit; on a graphics card longer sequences are
    measured, too, and both kinds of NUMBERS.
    """
    torch.set_num_threads(1)
    torch.manual_seed(0)
    on_gpu = torch.get_default_device().type == "cuda"
    lengths, before, rows = LENGTHS + LONGER * on_gpu, torch.get_default_dtype(), []
    for dtype in NUMBERS[: 1 + on_gpu]:
        torch.set_default_dtype(dtype)
        tables = [measure_cost(ATTENTIONS, lengths, D_K, 3) for _ in tqdm(range(repeats))]
        for same in zip(*tables, strict=True):
            seq_len, kept = same[0]["seq_len"], same[0]["kept_bytes"]
            inputs = [torch.randn(1, 1, seq_len, D_K, requires_grad=True) for _ in range(3)]
            figures = {
                "times": {name: [round(x["times"][name], 3) for x in same] for name in kept},
                "kept_megabytes": {name: round(found / 2**20, 3) for name, found in kept.items()},
                "megabytes": {name: peak_megabytes(f, *inputs) for name, f in ATTENTIONS.items()},
            }
            sizes = {"seq_len": seq_len, "d_k": D_K, "numbers": str(dtype).removeprefix("torch.")}
            rows.append({**sizes, **figures})
    torch.set_default_dtype(before)
    return rows


def _ways_with_one_channel(images: Tensor) -> Ways:
    """Three ways to attention over pixels with one channel, forward only; images hold levels."""
    levels = torch.linspace(-1, 3, LEVELS)
    pixels = levels[images][..., None]

    def by_histogram() -> Tensor:
        ones = torch.ones_like(images)
        counts = torch.zeros(len(images), LEVELS, dtype=torch.int64).scatter_add(1, images, ones)
        return tone_curve(levels, counts, query_key=1.0).gather(1, images)

    return {
        "loop": lambda: torch.stack([naive_attention(one, one, one) for one in pixels]),
        "fused": lambda: F.scaled_dot_product_attention(pixels, pixels, pixels),
        "tone curve": by_histogram,
    }


def measure_tone_curve(repeats: int) -> list[dict]:
    """Measure attention with one channel against its tone curve from a histogram, by batch."""
    rows = []
    for n in tqdm(IMAGES, desc="batches", file=sys.stderr):
        images = torch.randint(LEVELS, (n, PIXELS), generator=torch.Generator().manual_seed(0))
        found = times_faster(_ways_with_one_channel(images), repeats, digits=1)
        faster = {name: median for name, (_, median, _) in found.items()}
        rows.append({"batch_size": n, "seq_len": PIXELS, "times_faster": faster})
    return rows


MEASUREMENTS = {
    "batching": (
        measure_batching,
        "forward and backward pass of one batch: how many times faster than a loop over samples "
        "(ratio of medians: lowest, median and highest of the repeats), and MB of tensors that "
        "are alive at the peak, beyond input and parameters",
    ),
    "cost": (
        measure_growth,
        "forward and backward pass of one head: time in units of the naive way at the shortest "
        "length (each of the repeats in its own: medians of three turns), memory in MB that is "
        "kept for the gradients, and MB of tensors that are alive at the peak, beyond the inputs",
    ),
    "tone_curve": (
        measure_tone_curve,
        "attention with one channel over random pixels of 256 levels, forward: how many times "
        "faster than a loop over images (ratio of medians)",
    ),
    "cards": (cards.measure_cards, cards.SAYS),
    "cards_mnist": (cards.measure_cards_mnist, cards.SAYS),
    "cards_rates": (cards.measure_rates, cards.SAYS_RATES),
    "failures": (failures.measure_failures, failures.SAYS),
    "exercises": (matrix.measure_exercises, matrix.SAYS),
}
MEASUREMENTS |= {f"{name}_gpu": MEASUREMENTS[name] for name in ("batching", "cost")}


def main(arguments: list[str] | None = None) -> int:
    """Measure and record what the command line asks for; 0 if all went well."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Measure, and write it down.")
    parser.add_argument("what", choices=sorted(MEASUREMENTS))
    parser.add_argument("--repeats", type=int, default=15, help="of each way: timings, or seeds")
    parser.add_argument("--device", default="cpu", help="that trains the readers of cards (cpu)")
    parser.add_argument("--out", default="runs", help="folder for the table (default: runs)")
    parser.add_argument("--overwrite", action="store_true", help="replace a table of that name")
    asked = parser.parse_args(arguments)
    if asked.repeats < 1:
        parser.error(f"--repeats: wanted at least 1, got {asked.repeats}")
    measure, says = MEASUREMENTS[asked.what]
    place = "cuda" if asked.what.endswith("_gpu") else "cpu"
    command = f"{PROGRAM} {asked.what} --repeats {asked.repeats}"
    if asked.what.startswith("cards"):
        measure = partial(measure, device=asked.device)
        command += f" --device {asked.device}"
    file = Path(asked.out) / f"{asked.what}-measured.json"
    try:
        runs.check_place(file, asked.overwrite)  # before minutes of measuring, not after them
        if asked.what == "cards":
            runs.check_place(file.with_name(cards.READER), asked.overwrite)
        with torch.device(place):
            rows = measure(asked.repeats)
        table = runs.Measurement(
            name=asked.what,
            measured=says,
            rows=rows,
            versions=runs.versions(),
            machine=runs.machine_class(asked.device if place == "cpu" else place),
            command=command,
        )
        runs.save_measurement(file, table, asked.overwrite)
        if asked.what == "cards":
            cards.save_reader(file.parent, command, asked.device, asked.overwrite)
    except (ValueError, RuntimeError, AssertionError, OSError) as error:  # torch asserts a GPU
        print(f"measure: {error}", file=sys.stderr)
        return 1
    print(f"wrote {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
