"""How do we teach it?

Written from book/14_training.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.shapes import Share, Size, checked, require

__all__ = [
    "EarlyStopping",
    "Report",
    "epoch_report",
    "evaluate",
    "fit",
    "print_report",
    "report_line",
    "train_epoch",
]


# Inputs and labels: one label for each input.
_Data = tuple[Float[Tensor, "n ..."], Integer[Tensor, " n"]]
_HeldOut = tuple[
    Float[Tensor, "n_held_out ..."], Integer[Tensor, " n_held_out"]
]


def _cross_entropy(
    logits: Tensor, labels: Tensor, label_smoothing: float = 0.0
) -> Tensor:
    """In nats; of itself, PyTorch leaves out labels of -100 without a word."""
    low, high, n_classes = labels.min(), labels.max(), logits.shape[-1]
    wanted, came = f"classes 0 to {n_classes - 1}", f"{low} to {high}"
    require(low >= 0 and high < n_classes, "labels", wanted, came)
    return F.cross_entropy(
        logits, labels.long(), label_smoothing=label_smoothing
    )


class Report(NamedTuple):
    """How a model did on some digits.

    Fields:
        bits: cross-entropy, the mean surprise, in bits.
        accuracy: plain accuracy, every digit counted alike, in percent.
    """

    bits: float
    accuracy: float

    @classmethod
    @checked
    def of(
        cls,
        loss: Float[Tensor, ""],
        logits: Float[Tensor, "n n_classes"],
        labels: Integer[Tensor, " n"],
    ) -> "Report":
        """From a loss in nats, and logits with their labels."""
        # Imported here: it takes a second, and most of the book does without.
        from torchmetrics.functional.classification import multiclass_accuracy

        right = multiclass_accuracy(
            logits, labels, num_classes=logits.shape[-1], average="micro"
        )
        return cls(loss.item() / math.log(2), 100 * right.item())


@checked
@torch.no_grad()
def evaluate(model: nn.Module, data: _Data, batch_size: Size = 500) -> Report:
    """Judge a model without teaching it; dropout is off meanwhile.

    Args:
        model: gives logits `(n, n_classes)`.
        data: inputs and labels.
        batch_size: inputs treated at once; it changes memory, not the result.
    Raises: ValueError for a label that is no class.
    """
    inputs, labels = data
    was_training = model.training
    model.eval()
    try:
        logits = torch.cat([model(x) for x in inputs.split(batch_size)])
    finally:
        model.train(was_training)
    return Report.of(_cross_entropy(logits, labels), logits, labels)


@checked
def train_epoch(
    model: nn.Module,
    data: _Data,
    optimizer: torch.optim.Optimizer,
    batch_size: Size,
    generator: torch.Generator,
    replacement: bool = False,
    augment: Callable | None = None,
    after_step: Callable | None = None,
    label_smoothing: Share = 0.0,
) -> Report:
    """Show the model all data once, in random order, and learn from each batch.

    Args:
        model: gives logits `(batch_size, n_classes)`; changed in place.
        data: inputs and labels.
        batch_size: inputs in one step; the last batch may be smaller.
        generator: source of the random order.
        replacement: True draws every batch anew from all data, so that some
            come twice.
        augment: changes a batch at random, `(batch, generator) -> batch`.
        after_step: called after each step, as `schedule.step`.
        label_smoothing: share of the wanted probability that goes to all
            classes alike.
    Returns: mean over the epoch, each batch judged before it was learned from.
    Raises: ValueError for a label that is no class.
    """
    inputs, labels = data
    n = len(inputs)
    draw = torch.randint(n, (n,), generator=generator) if replacement else None
    order = torch.randperm(n, generator=generator) if draw is None else draw
    model.train()
    total, answers = torch.zeros(()), []
    for batch in order.split(batch_size):
        x = inputs[batch]
        logits = model(x if augment is None else augment(x, generator))
        loss = _cross_entropy(logits, labels[batch], label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if after_step is not None:
            after_step()
        total = total + loss.detach() * len(batch)
        answers.append(logits.detach())
    return Report.of(total / n, torch.cat(answers), labels[order])


@checked
def epoch_report(number: Size, training: Report, validation: Report) -> dict:
    """One epoch as a flat dict, which can be written down as JSON."""
    return {
        "epoch": number,
        "training_bits": training.bits,
        "training_accuracy": training.accuracy,
        "validation_bits": validation.bits,
        "validation_accuracy": validation.accuracy,
    }


@checked
def report_line(epoch: dict) -> str:
    """One epoch as a line: loss in bits and accuracy in percent."""
    parts = [
        f"{part} {epoch[f'{part}_bits']:.3f} bits "
        f"{epoch[f'{part}_accuracy']:5.1f} %"
        for part in ("training", "validation")
    ]
    return f"epoch {epoch['epoch']:3}   {'   '.join(parts)}"


@checked
def print_report(model: nn.Module, history: list[dict]) -> None:
    """A callback: print the epoch that has just ended."""
    print(report_line(history[-1]))


@checked
class EarlyStopping:
    """A callback that keeps the best parameters, and says when to stop.

    Args:
        patience: epochs without a smaller validation loss before it says stop.
            They are counted in the history, those before a resume included.
    """

    def __init__(self, patience: Size):
        self.patience, self.best_parameters = patience, None

    @checked
    def __call__(self, model: nn.Module, history: list[dict]) -> bool:
        """Take note of an epoch; True means: stop now."""
        losses = [epoch["validation_bits"] for epoch in history]
        waited = len(losses) - 1 - losses.index(min(losses))
        if waited == 0:
            # A copy: state_dict() hands over the living tensors.
            self.best_parameters = copy.deepcopy(model.state_dict())
        return waited >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Put the best parameters back into the model.

        Raises: ValueError if there was no epoch.
        """
        noted = self.best_parameters is not None
        require(noted, "restore", "an epoch to go back to", "none")
        model.load_state_dict(self.best_parameters)


@checked
def fit(
    model: nn.Module,
    training: _Data,
    validation: _HeldOut,
    epochs: Size,
    optimizer: torch.optim.Optimizer,
    batch_size: Size = 64,
    generator: torch.Generator | None = None,
    callbacks: Sequence[Callable[[nn.Module, list[dict]], bool | None]] = (),
    history: Sequence[dict] = (),
    **details: object,
) -> list[dict]:
    """Train epoch by epoch, and judge the model after each.

    A loss that is not finite ends the training, with a warning.

    Args:
        model: gives logits; changed in place.
        training, validation: inputs and labels.
        epochs: passes over the training data, those in history included.
        generator: source of the random order; None means one with seed 0.
        callbacks: called one after the other when an epoch is over, with the
            model and all epochs so far; the first that returns True ends the
            training, and those after it are not called.
        history: the epochs before a resume.
        details: what else `train_epoch` takes.
    Returns: a report for each epoch, as `epoch_report` makes it.
    """
    generator = generator or torch.Generator().manual_seed(0)
    history = list(history)
    for number in range(len(history) + 1, epochs + 1):
        learned = train_epoch(
            model, training, optimizer, batch_size, generator, **details
        )
        judged = evaluate(model, validation)
        history.append(epoch_report(number, learned, judged))
        if not math.isfinite(learned.bits + judged.bits):
            warnings.warn(
                f"training stopped: the loss of epoch {number} is not finite; "
                "a smaller learning rate may help",
                RuntimeWarning,
                stacklevel=3,
            )
            break
        if any(callback(model, history) for callback in callbacks):
            break
    return history
