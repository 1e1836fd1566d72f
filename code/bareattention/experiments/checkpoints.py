"""Checkpoints: all that a training needs to go on, in a file that vouches for itself.

    checkpoint = Checkpoint("runs/patches-seed0.checkpoint", about, resume=True)
    history = checkpoint.attach(generator, model=model, optimizer=optimizer)
    fit(model, training, validation, 8, optimizer, 64, generator, [checkpoint], history)

A single changed bit is noticed, and so is a checkpoint of another training.
"""

import hashlib
import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bareattention.files import write_whole

try:
    import fcntl
except ImportError:  # Windows: there nobody is kept out
    fcntl = None

MARK = b"bareattention checkpoint 1\n"
LENGTH = hashlib.sha256().digest_size


class CheckpointError(RuntimeError):
    """A checkpoint is damaged, of another training, or in use; one line says which."""


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all, with its SHA-256 before it.

    state: what `torch.save` can write and `torch.load(weights_only=True)` can read.

    Raises: OSError where it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getvalue()
    write_whole(path, MARK + hashlib.sha256(content).digest() + content)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, its tensors onto the processor.

    Raises: CheckpointError for any other file, or one in which a single bit has changed.
    """
    raw = Path(path).read_bytes()
    content = raw[len(MARK) + LENGTH :]
    if raw[: len(MARK) + LENGTH] != MARK + hashlib.sha256(content).digest():
        raise CheckpointError(f"{path}: wanted a checkpoint as it was written, got a damaged one")
    return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")


@contextmanager
def alone(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a lock file; the lock ends with its process, however that ends.

    Raises: CheckpointError where another process holds it.
    """
    with Path(path).open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CheckpointError(f"{path}: another training is writing here") from None
            except OSError:
                pass  # a network disk without locks: files have names of their own all the same
        try:
            yield
        finally:
            Path(path).unlink(missing_ok=True)


class Checkpoint:
    """A callback: the file that a training goes on from, compared first, written after each epoch.

    path: of the file.
    about: what was chosen, and what else the numbers depend on; plain values.
    resume: True goes on from the file, if it is there; otherwise it is taken away.

    Raises: CheckpointError for a damaged file, or one that is about something else.
    """

    def __init__(self, path: str | os.PathLike[str], about: dict[str, Any], resume: bool = False):
        self.path, self.about = Path(path), about
        self.found: dict[str, Any] | None = None
        self.before = {"seconds": 0.0, "cpu_seconds": 0.0}
        if not resume:
            self.path.unlink(missing_ok=True)
        elif self.path.exists():
            self.found = load_checkpoint(self.path)
            self.before = self.found["spent"]
            for name in about | self.found["about"]:
                had, wanted = self.found["about"].get(name), about.get(name)
                if had != wanted:
                    differs = f"its {name} is {had!r}, and {wanted!r} is asked for"
                    raise CheckpointError(f"{self.path} is of another training: {differs}")
        self.started = _clocks()

    def attach(self, generator: torch.Generator, **parts: Any) -> list[dict]:
        """Take the parts of a training; resuming, bring them to where it stopped.

        generator: source of the random order; that of dropout is kept as well.
        parts: what has a state dict, plain objects, or None for what is not there.

        Returns: the epochs so far.
        """
        self.generator = generator
        self.parts = {name: part for name, part in parts.items() if part is not None}
        if self.found is None:
            return []
        for name, part in self.parts.items():
            load = getattr(part, "load_state_dict", vars(part).update)
            load(self.found["parts"][name])
        generator.set_state(self.found["generator"])
        torch.set_rng_state(self.found["dropout"])
        return self.found["history"]

    def __call__(self, model: nn.Module, history: list[dict]) -> None:
        """Write down all that is needed to go on after the last of these epochs."""
        states = {
            name: part.state_dict() if hasattr(part, "state_dict") else vars(part)
            for name, part in self.parts.items()
        }
        random = {"generator": self.generator.get_state(), "dropout": torch.get_rng_state()}
        state = {"about": self.about, "spent": self.spent(), "history": history, "parts": states}
        save_checkpoint(self.path, state | random)

    def spent(self) -> dict[str, float]:
        """Wall and processor seconds of all sittings together."""
        now = _clocks()
        return {name: self.before[name] + now[name] - self.started[name] for name in now}


def _clocks() -> dict[str, float]:
    return {"seconds": time.perf_counter(), "cpu_seconds": time.process_time()}
