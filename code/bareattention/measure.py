"""Measure what the book says about speed and memory, and write it down.

    python -m bareattention.measure batching          # writes runs/batching-measured.json
    python -m bareattention.measure cost --repeats 3  # quicker, noisier
    python -m bareattention.measure tone_curve
    python -m bareattention.measure cards --repeats 5  # trains readers with five seeds each

Ways are measured in turn, again and again, so that a disturbance hits all of them alike, and what
counts is the ratio of their medians.  The book reads the tables that travel with the package.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from bareattention.chapters.all_at_once import SelfAttentionModel
from bareattention.chapters.cost import measure_cost, naive_attention, seconds_in_turn
from bareattention.chapters.is_attention_doing_anything import tone_curve
from bareattention.chapters.one_sample_at_a_time import LoopedSelfAttentionModel
from bareattention.experiments import cards
from bareattention.experiments.runs import (
    Measurement,
    check_place,
    machine_class,
    save_measurement,
    versions,
)

CLASSES = 10
# (tokens, channels, batch): pixels as tokens, small patches, pixels with a wide embedding
BATCHES = ((784, 1, 16), (784, 1, 256), (49, 64, 16), (49, 64, 256), (784, 64, 64))
LENGTHS, D_K = (256, 512, 1024, 2048, 4096), 64
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


ATTENTIONS: dict[str, Callable[..., Tensor]] = {
    "naive": naive_attention,
    "fused": F.scaled_dot_product_attention,
}
WAYS: dict[str, Callable[[int, int], nn.Module]] = {
    "loop": lambda seq_len, d_model: LoopedSelfAttentionModel(seq_len, d_model, CLASSES),
    "naive batch": lambda seq_len, d_model: SelfAttentionModel(seq_len, d_model, CLASSES),
    "fused": lambda seq_len, d_model: SelfAttentionModel(seq_len, d_model, CLASSES, backend="sdpa"),
    "module": WithModule,
}


def step(model: nn.Module, x: Tensor) -> None:
    """Run a model forward and backward, as one step of training does."""
    model(x).square().sum().backward()


def times_faster(
    ways: dict[str, Callable[[], object]], repeats: int, digits: int
) -> dict[str, float]:
    """Return how many times faster than the way named loop each way is, by medians of seconds."""
    medians = seconds_in_turn(ways, repeats)
    return {name: round(medians["loop"] / found, digits) for name, found in medians.items()}


def _peak_kilobytes() -> int:
    # Linux hands getrusage's peak on from the process that started this one; its own stands here.
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak  # macOS counts in bytes


def _report_peak(way: str, sizes: tuple[int, ...], threads: int, pipe) -> None:
    torch.set_num_threads(threads)
    if way in ATTENTIONS:
        x = torch.randn(1, 1, *sizes)

        def run(length: int) -> None:
            part = [x[..., :length, :].clone().requires_grad_() for _ in range(3)]
            ATTENTIONS[way](*part).sum().backward()
    else:
        seq_len, d_model, batch_size = sizes
        model, x = WAYS[way](seq_len, d_model), torch.randn(batch_size, seq_len, d_model)

        def run(length: int) -> None:
            step(model, x[:length])

    run(1)
    before = _peak_kilobytes()
    run(max(x.shape))
    pipe.send((_peak_kilobytes() - before) / 1024)


def peak_megabytes(way: str, sizes: tuple[int, ...]) -> float:
    """Return how much memory one step takes beyond a step with one sample or token, in MB.

    Sizes are those of a row of BATCHES for a way of WAYS, and tokens and channels for a way of
    ATTENTIONS.  Each way has a process of its own, since a process does not give its peak back.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    arguments = (way, sizes, torch.get_num_threads(), there)
    process = context.Process(target=_report_peak, args=arguments)
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        raise RuntimeError(f"{way} at {sizes} ended without an answer: out of memory?") from None
    finally:
        process.join()


def measure_batching(repeats: int) -> list[dict]:
    """Measure a loop over samples against three ways to treat a batch at once.

    Args:
        repeats: how often each way is timed; the medians are compared.
    Returns: one dict for each size, with the ways' speeds relative to the loop and their memory.
    """
    rows = []
    for sizes in tqdm(BATCHES, desc="sizes", file=sys.stderr):
        seq_len, d_model, batch_size = sizes
        torch.manual_seed(0)
        models = {name: make(seq_len, d_model) for name, make in WAYS.items()}
        x = torch.randn(batch_size, seq_len, d_model)
        ways = {name: partial(step, model, x) for name, model in models.items()}
        rows.append(
            {
                **{"seq_len": seq_len, "d_model": d_model, "batch_size": batch_size},
                "times_faster": times_faster(ways, repeats, digits=2),
                "megabytes": {name: round(peak_megabytes(name, sizes), 1) for name in models},
            }
        )
    return rows


def measure_growth(repeats: int) -> list[dict]:
    """Measure how time and memory of attention grow with the number of tokens.

    Args:
        repeats: how often each way is timed at each length.
    Returns: one dict for each length, as `measure_cost` gives it, and the memory of a process.
    """
    torch.manual_seed(0)
    return [
        {
            "seq_len": row["seq_len"],
            "d_k": D_K,
            "times": {name: round(times, 3) for name, times in row["times"].items()},
            "kept_megabytes": {
                name: round(kept / 2**20, 3) for name, kept in row["kept_bytes"].items()
            },
            "megabytes": {
                name: round(peak_megabytes(name, (row["seq_len"], D_K)), 1) for name in ATTENTIONS
            },
        }
        for row in measure_cost(ATTENTIONS, LENGTHS, D_K, repeats)
    ]


def _ways_with_one_channel(images: Tensor) -> dict[str, Callable[[], Tensor]]:
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
    """Measure attention with one channel against its tone curve from a histogram.

    Args:
        repeats: how often each way is timed; the medians are compared.
    Returns: one dict for each batch size, with the ways' speeds relative to the loop.
    """
    rows = []
    for n in tqdm(IMAGES, desc="batches", file=sys.stderr):
        images = torch.randint(LEVELS, (n, PIXELS), generator=torch.Generator().manual_seed(0))
        faster = times_faster(_ways_with_one_channel(images), repeats, digits=1)
        rows.append({"batch_size": n, "seq_len": PIXELS, "times_faster": faster})
    return rows


MEASUREMENTS = {
    "batching": (
        measure_batching,
        "forward and backward pass of one batch: how many times faster than a loop over samples "
        "(ratio of medians), and memory in MB beyond that of one sample",
    ),
    "cost": (
        measure_growth,
        "forward and backward pass of one head: time in units of the naive way at the shortest "
        "length (medians), memory in MB that is kept for the gradients, and memory in MB of a "
        "process beyond that for one token",
    ),
    "tone_curve": (
        measure_tone_curve,
        "attention with one channel over random pixels of 256 levels, forward: how many times "
        "faster than a loop over images (ratio of medians)",
    ),
    "cards": (cards.measure_cards, cards.SAYS),
    "cards_mnist": (cards.measure_cards_mnist, cards.SAYS),
}


def main(arguments: list[str] | None = None) -> int:
    """Measure and record what the command line asks for; 0 if all went well."""
    parser = argparse.ArgumentParser(
        prog="python -m bareattention.measure", description="Measure, and write it down."
    )
    parser.add_argument("what", choices=sorted(MEASUREMENTS))
    parser.add_argument("--repeats", type=int, default=15, help="of each way: timings, or seeds")
    parser.add_argument("--device", default="cpu", help="that trains the readers of cards (cpu)")
    parser.add_argument("--out", default="runs", help="folder for the table (default: runs)")
    parser.add_argument("--overwrite", action="store_true", help="replace a table of that name")
    asked = parser.parse_args(arguments)
    if asked.repeats < 1:
        parser.error(f"--repeats: wanted at least 1, got {asked.repeats}")
    measure, says = MEASUREMENTS[asked.what]
    command = f"python -m bareattention.measure {asked.what} --repeats {asked.repeats}"
    if asked.what.startswith("cards"):
        measure = partial(measure, device=asked.device)
        command += f" --device {asked.device}"
    file = Path(asked.out) / f"{asked.what}-measured.json"
    try:
        check_place(file, asked.overwrite)  # before minutes of measuring, not after them
        if asked.what == "cards":
            check_place(file.with_name(cards.READER), asked.overwrite)
        table = Measurement(
            name=asked.what,
            measured=says,
            rows=measure(asked.repeats),
            versions=versions(),
            machine=machine_class(asked.device),
            command=command,
        )
        save_measurement(file, table, asked.overwrite)
        if asked.what == "cards":
            cards.save_reader(file.parent, command, asked.device, asked.overwrite)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"measure: {error}", file=sys.stderr)
        return 1
    print(f"wrote {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
