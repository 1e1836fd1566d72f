"""Chapter 18's readers of cards: every way to mix, trained on one budget, seed by seed."""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm import tqdm

from bareattention.chapters.digits import pixel_statistics, standardise
from bareattention.chapters.only_attention import (
    CardReader,
    MeanOfCards,
    attention_in_heads,
    deal_cards,
    linear_attention,
    mean_of_products,
    mean_of_sums,
    sigmoid_attention,
    train_on_cards,
)
from bareattention.chapters.parameters import count_parameters
from bareattention.chapters.weighted_values import attention
from bareattention.data import DigitSplits, load_digits
from bareattention.experiments import runs

N_CARDS, DEALS, SEED_OF_DEALS = 6, 2000, 1000
READER = "cards-seed0.json"
# name -> (steps of 64 deals on the 5,000 digits, makes what stands in attention's place)
MIXINGS: dict[str, tuple[int, Callable[[], Callable]]] = {
    "softmax": (1500, lambda: attention),
    "softmax, four heads": (1500, lambda: attention_in_heads),
    "softmax, no √d_k": (1500, lambda: partial(attention, scale=1.0)),
    "linear attention": (1500, lambda: linear_attention),
    "sigmoid weights": (1500, lambda: sigmoid_attention),
    "key × value, mean": (1500, lambda: mean_of_products),
    "key + value, mean": (1500, lambda: mean_of_sums),
    "whole cards, mean": (1500, MeanOfCards),
    "whole cards, wider, longer": (8000, partial(MeanOfCards, d_hidden=512)),
}
SWEPT = ("softmax", "key × value, mean", "key + value, mean", "whole cards, mean")
RATES = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
SAYS_RATES = (
    "readers of cards (chapter 18), trained with six cards at different learning rates: percent "
    "of 2,000 fresh deals of test digits that are answered right, with 6 cards"
)
SAYS = (
    "readers of cards (chapter 18), trained with six cards, 64 deals a step: percent of 2,000 "
    "fresh deals of test digits that are answered right, with 2, 6 and 10 cards"
)


def prepared(digits: DigitSplits) -> dict[str, tuple[Tensor, Tensor]]:
    """Training, validation and test pictures of 14 × 14 pixels, standardised, and their labels."""
    mean, std = pixel_statistics(digits.training.images)
    return {
        name: (F.avg_pool2d(standardise(part.images, mean, std), 2), part.labels)
        for name in ("training", "validation", "test")
        for part in [getattr(digits, name)]
    }


@torch.no_grad()
def share_right(model: CardReader, part: tuple[Tensor, Tensor], n_cards: int) -> float:
    """Percent of fresh deals that a reader answers right."""
    images, labels = part
    generator = torch.Generator().manual_seed(SEED_OF_DEALS)
    *shown, answer, _ = deal_cards(labels, DEALS, n_cards, generator)
    logits, _ = model(*(images[numbers] for numbers in shown))
    return 100 * (logits.argmax(dim=1).cpu() == labels[answer]).float().mean().item()


def reader(
    mixing: str, seed: int, part: tuple[Tensor, Tensor], longer: int = 1, rate: float = 2e-3
) -> tuple[CardReader, list[float]]:
    """Train one reader on the device of the pictures; the reader, and the loss of each step.

    longer: so many times the steps.  rate: how far a step goes.
    """
    images, labels = part
    steps, attend = MIXINGS[mixing]
    torch.manual_seed(seed)
    model = CardReader(attend=attend()).to(images.device)
    return model, train_on_cards(model, images, labels, N_CARDS, longer * steps, seed, rate)


def row_of(mixing: str, seed: int, source: str, longer: int, parts: dict) -> dict:
    """Train one reader, and say how many deals of test digits it answers."""
    model, _ = reader(mixing, seed, parts["training"], longer)
    right = {f"right_{n}": round(share_right(model, parts["test"], n), 2) for n in (2, 6, 10)}
    steps = longer * MIXINGS[mixing][0]
    about = {"steps": steps, "parameters": count_parameters(model)}
    return {"digits": source, "mixing": mixing, "seed": seed, **about, **right}


def on_device(source: str, device: str) -> dict[str, tuple[Tensor, Tensor]]:
    """Prepared digits, the pictures on the device that trains."""
    parts = prepared(load_digits(source))
    return {name: (images.to(device), labels) for name, (images, labels) in parts.items()}


def measure_cards(
    repeats: int,
    device: str = "cpu",
    source: str = "mnist5k",
    longer: int = 1,
    mixings: Sequence[str] = (*MIXINGS,),
) -> list[dict]:
    """Train every way to mix with several seeds.

    Args:
        repeats: how many seeds.
        longer: so many times the steps.
    Returns: one dict for each way and seed.
    """
    parts = on_device(source, device)
    asked = [(mixing, seed) for mixing in mixings for seed in range(repeats)]
    return [
        row_of(*each, source, longer, parts) for each in tqdm(asked, "readers", file=sys.stderr)
    ]


measure_cards_mnist = partial(
    measure_cards,
    source="mnist",
    longer=4,
    mixings=[name for name in MIXINGS if "," not in name or name.endswith("mean")],
)


def measure_rates(repeats: int, device: str = "cpu") -> list[dict]:
    """Train some ways to mix at other learning rates: is it the recipe that tells them apart?"""
    parts, rows = on_device("mnist5k", device), []
    asked = [(m, rate, seed) for m in SWEPT for rate in RATES for seed in range(repeats)]
    for mixing, rate, seed in tqdm(asked, "readers", file=sys.stderr):
        model, _ = reader(mixing, seed, parts["training"], rate=rate)
        right = round(share_right(model, parts["test"], N_CARDS), 2)
        rows.append({"mixing": mixing, "learning_rate": rate, "seed": seed, "right_6": right})
    return rows


def save_reader(folder: Path, command: str, device: str = "cpu", overwrite: bool = False) -> Path:
    """Train the reader whose parameters travel with the package, and write it down in half floats.

    Raises: RecordError as `save_run` does.
    """
    file = folder / READER
    runs.check_place(file, overwrite)
    digits = load_digits("mnist5k")
    mean, std = pixel_statistics(digits.training.images)
    parts = prepared(digits)
    images, labels = parts["training"]
    started = time.perf_counter()
    model, losses = reader("softmax", 0, (images.to(device), labels))
    seconds, model = time.perf_counter() - started, model.cpu()
    curve = [
        {"step": end, "loss": round(sum(losses[end - 100 : end]) / 100, 4)}
        for end in range(100, len(losses) + 1, 100)
    ]
    record = runs.Record(
        model="cards",
        seed=0,
        configuration={"n_cards": N_CARDS, "deals_a_step": 64, "image_size": 14}
        | {"pixel_mean": mean, "pixel_std": std, "digits": "mnist5k", "trained_on": "training"},
        data=digits.provenance,
        n_parameters=count_parameters(model),
        seconds=round(seconds, 1),
        curve=curve,
        final={f"right_{n}": round(share_right(model, parts["test"], n), 2) for n in (2, 6, 10)},
        versions=runs.versions(),
        machine=runs.machine_class(device),
        command=command,
    )
    return runs.save_run(file, record, model.state_dict(), half=True, overwrite=overwrite)
