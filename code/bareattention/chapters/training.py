"""How do we teach it?

Written from book/14_training.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import copy
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.functional.classification import multiclass_accuracy
from tqdm import tqdm

from bareattention.checks import check_positive_integer

__all__ = [
    "EarlyStopping",
    "Report",
    "epoch_report",
    "evaluate",
    "fit",
    "report_line",
    "restore_training",
    "save_checkpoint",
    "train_epoch",
    "training_state",
]


# Inputs and labels.
_Data = tuple[Float[Tensor, "_ ..."], Int[Tensor, " _"]]


def _inputs_and_labels(data: _Data) -> _Data:
    inputs, labels = data
    if len(inputs) == 0 or len(inputs) != len(labels):
        raise ValueError(
            f"data: wanted inputs and labels, got {len(inputs)} and {len(labels)}"
        )
    return inputs, labels


class Report(NamedTuple):
    """How a model did on some digits.

    Fields:
        bits: cross-entropy, the mean surprise, in bits.
        accuracy: plain accuracy, every digit counted alike, in percent.
    """

    bits: float
    accuracy: float

    @classmethod
    def of(
        cls,
        loss: Float[Tensor, ""],
        logits: Float[Tensor, "n n_classes"],
        labels: Int[Tensor, " n"],
    ) -> "Report":
        """From a loss in nats `()`, logits `(n, n_classes)` and labels `(n,)`."""
        right = multiclass_accuracy(
            logits, labels, num_classes=logits.shape[-1], average="micro"
        )
        return cls(loss.item() / math.log(2), 100 * right.item())


@torch.no_grad()
def evaluate(model: nn.Module, data: _Data, batch_size: int = 500) -> Report:
    """Judge a model without teaching it; dropout is off meanwhile.

    Args:
        model: maps `(n, ...)` to logits `(n, n_classes)`.
        data: inputs `(n, ...)` and labels `(n,)`.
        batch_size: inputs treated at once; it changes memory, not the result.
    Returns: cross-entropy in bits, plain accuracy in percent.
    Raises: ValueError for no inputs, or a batch_size below 1.
    """
    check_positive_integer("batch_size", batch_size)
    inputs, labels = _inputs_and_labels(data)
    training = model.training
    model.eval()
    logits = torch.cat([model(batch) for batch in inputs.split(batch_size)])
    model.train(training)
    return Report.of(F.cross_entropy(logits, labels), logits, labels)


def train_epoch(
    model: nn.Module,
    data: _Data,
    optimizer: torch.optim.Optimizer,
    batch_size: int,
    generator: torch.Generator,
    replacement: bool = False,
    augment: Callable | None = None,
    after_step: Callable[[], None] | None = None,
    label_smoothing: float = 0.0,
) -> Report:
    """Show the model all data once, in random order, and learn from each batch.

    Args:
        model: maps `(batch_size, ...)` to logits `(batch_size, n_classes)`; changed in place.
        data: inputs `(n, ...)` and labels `(n,)`.
        optimizer: moves the model's parameters.
        batch_size: inputs in one step; the last batch may be smaller.
        generator: source of the random order.
        replacement: True draws every batch anew from all data, so that some come twice.
        augment: changes a batch of inputs at random, `(batch, generator) -> batch`.
        after_step: called after each step, to move a learning-rate schedule on.
        label_smoothing: share of the wanted probability that goes to all classes alike.
    Returns: mean over the epoch, each batch judged before it was learned from.
    Raises: ValueError for a batch_size below 1, no inputs, or not as many labels.
    """
    check_positive_integer("batch_size", batch_size)
    inputs, labels = _inputs_and_labels(data)
    n = len(inputs)
    draw = torch.randint(n, (n,), generator=generator) if replacement else None
    order = torch.randperm(n, generator=generator) if draw is None else draw
    model.train()
    total, seen = torch.zeros(()), []
    for batch in order.split(batch_size):
        x = (
            inputs[batch]
            if augment is None
            else augment(inputs[batch], generator)
        )
        logits = model(x)
        loss = F.cross_entropy(
            logits, labels[batch], label_smoothing=label_smoothing
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if after_step is not None:
            after_step()
        total = total + loss.detach() * len(batch)
        seen.append(logits.detach())
    return Report.of(total / n, torch.cat(seen), labels[order])


class EarlyStopping:
    """Remember the best parameters, and say when to stop.

    Args:
        patience: epochs without a better loss before it says stop.
    Raises: TypeError, ValueError if patience is no whole number of at least 1.
    """

    def __init__(self, patience: int):
        check_positive_integer("patience", patience)
        self.patience, self.best_loss, self.waited = patience, math.inf, 0
        self.best_parameters: dict | None = None

    def update(self, loss: float, model: nn.Module) -> bool:
        """Take note of an epoch's validation loss; True means: stop now."""
        if loss < self.best_loss:
            self.best_loss, self.waited = loss, 0
            # A copy: state_dict() hands over the living tensors.
            self.best_parameters = copy.deepcopy(model.state_dict())
        else:
            self.waited += 1
        return self.stop

    @property
    def stop(self) -> bool:
        """Whether the loss has not improved for as many epochs as patience allows."""
        return self.waited >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Put the best parameters back into the model.

        Raises: RuntimeError if no epoch was noted.
        """
        if self.best_parameters is None:
            raise RuntimeError(
                "restore: wanted at least one epoch noted with update, got none"
            )
        model.load_state_dict(self.best_parameters)


def save_checkpoint(path: str | os.PathLike, state: dict) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        path: the file; an older one is replaced at the last moment.
        state: what `torch.save` can write.
    Raises: OSError where it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        torch.save(state, unfinished)
    except (
        RuntimeError
    ) as error:  # torch's word for a full disk, or a file that is none
        raise OSError(f"{path} cannot be written: {error}") from error
    unfinished.replace(path)


def epoch_report(number: int, training: Report, validation: Report) -> dict:
    """One epoch as a flat dict, which can be written down as JSON."""
    return {
        "epoch": number,
        "training_bits": training.bits,
        "training_accuracy": training.accuracy,
        "validation_bits": validation.bits,
        "validation_accuracy": validation.accuracy,
    }


def report_line(epoch: dict) -> str:
    """One epoch as a line: loss in bits and accuracy in percent, training and validation."""
    return (
        f"epoch {epoch['epoch']:3}   "
        f"training {epoch['training_bits']:.3f} bits {epoch['training_accuracy']:5.1f} %   "
        f"validation {epoch['validation_bits']:.3f} bits {epoch['validation_accuracy']:5.1f} %"
    )


def training_state(
    parts: dict,
    generator: torch.Generator,
    history: list,
    stopping: EarlyStopping | None,
) -> dict:
    """All that a training needs to go on, as `torch.save` can write it.

    Args:
        parts: what has a state dict: the model, the optimizer, a schedule.
        generator: source of the random order; the state of dropout is taken as well.
        history: the epochs so far.
        stopping: an `EarlyStopping`, or None.
    Returns: a dict of state dicts, tensors and plain values.
    """
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {
        "generator": generator.get_state(),
        "dropout": torch.get_rng_state(),
    }
    return state | {"history": history, "stopping": stopping and vars(stopping)}


def restore_training(
    path: str | os.PathLike | None,
    parts: dict,
    generator: torch.Generator,
    stopping: EarlyStopping | None,
) -> list[dict]:
    """Bring a training back to where a checkpoint was written.

    Args:
        path: the checkpoint; where it is missing, nothing is changed.
        parts, generator, stopping: as in `training_state`; changed in place.
    Returns: the epochs so far.
    Raises: ValueError for no path, or a checkpoint of a training with other parts.
    """
    if path is None:
        raise ValueError("checkpoint: wanted a file to resume from, got None")
    if not Path(path).exists():
        return []
    state = torch.load(path, weights_only=True, map_location="cpu")
    if missing := [name for name in parts if name not in state]:
        raise ValueError(
            f"checkpoint: wanted the state of {', '.join(missing)}, got none"
        )
    known = {*parts, "generator", "dropout", "history", "stopping"}
    if more := [name for name in state if name not in known]:
        raise ValueError(f"checkpoint: wanted no {', '.join(more)}, got one")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    generator.set_state(state["generator"])
    torch.set_rng_state(state["dropout"])
    if stopping is not None and state["stopping"] is not None:
        vars(stopping).update(state["stopping"])
    return state["history"]


def fit(
    model: nn.Module,
    training: _Data,
    validation: _Data,
    epochs: int,
    optimizer: torch.optim.Optimizer,
    batch_size: int = 64,
    seed: int = 0,
    stopping: EarlyStopping | None = None,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = False,
    say: Callable | None = print,
    schedule: torch.optim.lr_scheduler.LRScheduler | None = None,
    also: dict | None = None,
    **details: object,
) -> list[dict]:
    """Train for some epochs, and report on each.

    Ctrl-C leaves the checkpoint of the last whole epoch: resume goes on from there, with the
    numbers of an unbroken run.

    Args:
        model: maps inputs to logits; changed in place.
        training, validation: inputs `(n, ...)` and labels `(n,)`.
        epochs: passes over the training data, those before a resume included.
        optimizer: made for this model's parameters.
        batch_size: inputs in one step.
        seed: start of the random order.
        stopping: watches the validation loss, and restores the best parameters at the end.
        checkpoint: file to write after each epoch.
        resume: True goes on from that file, if it is there.
        say: gets each report line; None for silence.
        schedule: a learning-rate schedule, moved on after every step.
        also: name -> anything else with a state dict that belongs into the checkpoint.
        details: replacement, augment and label_smoothing, for `train_epoch`.
    Returns: one dict for each epoch: epoch, training_bits, training_accuracy, validation_bits,
        validation_accuracy.
    Raises: ValueError for epochs below 1, or resume without a checkpoint.
    """
    check_positive_integer("epochs", epochs)
    generator = torch.Generator().manual_seed(seed)
    parts = {
        "model": model,
        "optimizer": optimizer,
        **({"schedule": schedule} if schedule else {}),
        **(also or {}),
    }
    history = (
        restore_training(checkpoint, parts, generator, stopping)
        if resume
        else []
    )
    for number in tqdm(
        range(len(history) + 1, epochs + 1), desc="epochs", disable=None
    ):
        if stopping is not None and stopping.stop:
            break
        taught = train_epoch(
            model,
            training,
            optimizer,
            batch_size,
            generator,
            **details,
            after_step=schedule and schedule.step,
        )
        history.append(
            epoch_report(number, taught, evaluate(model, validation))
        )
        if stopping is not None:
            stopping.update(history[-1]["validation_bits"], model)
        if checkpoint is not None:
            save_checkpoint(
                checkpoint, training_state(parts, generator, history, stopping)
            )
        if say is not None:
            say(report_line(history[-1]))
    if stopping is not None:
        stopping.restore(model)
    return history
