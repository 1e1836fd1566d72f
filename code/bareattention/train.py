"""Train any model of the book in full, and write down what happened.

    python -m bareattention.train --list
    python -m bareattention.train --model patches --data mnist --seed 0 --out runs/patches
    python -m bareattention.train --model patches --data mnist --seed 0 --out runs/patches --resume

A checkpoint is written after every epoch, so a training that was interrupted goes on with
`--resume` and ends with the numbers of an unbroken one.  At the end stand a record (JSON) and the
parameters (safetensors).  The test digits stay untouched without `--final`.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
import warnings
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.chapters.digits import pixel_statistics
from bareattention.chapters.parameters import count_parameters
from bareattention.chapters.patches import decaying_adamw, random_affine, warm_up_and_cosine
from bareattention.chapters.training import EarlyStopping, Report, fit, print_report
from bareattention.data import Digits, load_digits
from bareattention.experiments import runs
from bareattention.experiments.checkpoints import Checkpoint, alone
from bareattention.experiments.recipes import RECIPES, Recipe
from bareattention.experiments.tricks import AveragedWeights, MuonAndAdamW, random_distortion

LARGEST = 2**63 - 1  # that torch can count
INTERRUPTED = 130  # what a shell expects of a program that Ctrl-C ended
UNRECORDED = ("list", "out", "resume", "overwrite")  # options that change no number


Parts = dict[str, tuple[Tensor, Tensor]]  # of the digits: as the model reads them, and labels


class TrainingError(RuntimeError):
    """A training that cannot start or go on; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    """Train and record what the command line asks for; 0 if all went well."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if asked.list:
        for name, recipe in RECIPES.items():
            print(f"{name:25} {recipe.says}")
        return 0
    if asked.model is None:
        parser.error("--model: wanted the name of a model; --list shows them")
    try:
        path = train(asked)
    except KeyboardInterrupt:
        print("\nStopped.  The same command with --resume goes on.", file=sys.stderr)
        return INTERRUPTED
    except (OSError, ValueError, RuntimeError) as error:
        # Of torch's own errors the first line says it; the others are its call stack.
        words = str(error).splitlines()[0] if type(error) is RuntimeError else error
        print(f"train: {words}", file=sys.stderr)
        return 1
    print(f"wrote {path}")
    return 0


def train(asked: argparse.Namespace) -> Path:
    """Train the model that was asked for; return the path of its record.

    Raises: RuntimeError, ValueError or OSError, before the training wherever that is possible.
    """
    names = ("epochs", "batch_size", "learning_rate", "with_validation")
    given = {name: value for name in names if (value := getattr(asked, name)) is not None}
    recipe = replace(RECIPES[asked.model], **given)
    stem = Path(asked.out) / f"{asked.model}-seed{asked.seed}"
    file, checkpoint, lock = (Path(f"{stem}.{end}") for end in ("json", "checkpoint", "lock"))
    runs.check_place(file, asked.overwrite)
    with alone(lock):
        if checkpoint.exists() and not asked.resume and not asked.overwrite:
            remedy = "--resume goes on from it, --overwrite starts anew"
            raise TrainingError(f"{checkpoint} is there already; {remedy}")
        return _trained(recipe, asked, file, checkpoint)


def _trained(recipe: Recipe, asked: argparse.Namespace, file: Path, kept: Path) -> Path:
    device = _device(asked)
    digits = load_digits(asked.data)
    training, trained_on = digits.training, "training"
    if recipe.with_validation:
        one, other = training, digits.validation
        labels = torch.cat([one.labels, other.labels])
        training = Digits(torch.cat([one.images, other.images]), labels)
        trained_on = "training and validation"
    configuration = asdict(recipe)
    del configuration["with_validation"]  # the next line says it
    configuration |= {"digits": digits.provenance.source, "trained_on": trained_on}
    if recipe.one_normalisation:
        # Whoever loads the parameters needs them to prepare images.
        mean, std = pixel_statistics(training.images)
        configuration |= {"pixel_mean": mean, "pixel_std": std}
    torch.manual_seed(asked.seed)
    model = _begun(recipe, asked).to(device)
    # Whole but for what comes out: nothing that is known now is refused after the training.
    record = runs.check_record(
        runs.Record(
            model=asked.model,
            seed=asked.seed,
            configuration=configuration,
            data=digits.provenance,
            n_parameters=count_parameters(model),
            seconds=0.0,
            curve=[],
            versions=runs.versions(),
            machine=runs.machine_class(device),
            command=_command(asked),
        )
    )
    # What the numbers depend on; the machine first, since it decides some that follow.
    about = {
        **{"threads": torch.get_num_threads(), "processor": runs.processor(device)},
        **{"versions": runs.versions(), "device": str(device), "model": asked.model},
        **{"seed": asked.seed, "flush_denormals": asked.flush_denormals},
        **configuration,
    }
    checkpoint = Checkpoint(kept, about, asked.resume)
    prepare = recipe.preparation(training.images)
    parts = {"training": training, "validation": digits.validation, "test": digits.test}
    ready = {name: (prepare(x.images).to(device), x.labels.to(device)) for name, x in parts.items()}
    curve, model = _taught(recipe, model, ready, asked.seed, checkpoint)
    spent = {name: round(seconds, 1) for name, seconds in checkpoint.spent().items()}
    if device.type != "cpu":
        del spent["cpu_seconds"]  # it only waited
    final = wrong = None
    if asked.final:
        final, wrong = _final(model, ready)
        print(f"test digits: {final['test_accuracy']:.2f} %")
    curve = [{name: round(x, 6) for name, x in epoch.items()} for epoch in curve]
    record = msgspec.structs.replace(record, curve=curve, final=final, wrong=wrong, **spent)
    parameters = None if asked.no_parameters else model.state_dict()
    return runs.save_run(file, record, parameters, half=asked.half, overwrite=asked.overwrite)


def _command(asked: argparse.Namespace) -> str:
    """The command that trains this again: from its options in one order, not as it was typed.

    So neither a path nor a name of this machine can get into a record.
    """
    words = ["python -m bareattention.train"]
    for name, value in vars(asked).items():
        if name not in UNRECORDED and value is not None and value is not False:
            words.append(f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}"))
    return " ".join(words)


def _begun(recipe: Recipe, asked: argparse.Namespace) -> nn.Module:
    model = recipe.model()
    if recipe.begins_with is not None:
        by_seed = {run.seed: run.parameters for run in runs.recorded(recipe.begins_with)}
        if not by_seed.get(asked.seed):
            raise TrainingError(
                f"--seed: {asked.model} begins with the parameters of {recipe.begins_with}, "
                f"and none are recorded for seed {asked.seed}"
            )
        model.load_state_dict(by_seed[asked.seed])
    return model


def _taught(
    recipe: Recipe, model: nn.Module, parts: Parts, seed: int, checkpoint: Checkpoint
) -> tuple[list[dict], nn.Module]:
    """Train as the recipe says, from the checkpoint on: the epochs, and the model to be judged."""
    n_steps = recipe.epochs * -(-len(parts["training"][0]) // recipe.batch_size)
    schedule = None
    if recipe.optimizer == "adam":
        optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    else:
        make = MuonAndAdamW if recipe.optimizer == "muon" else decaying_adamw
        optimizer = make(model, recipe.learning_rate, recipe.weight_decay)
        schedule = warm_up_and_cosine(optimizer, n_steps)
    judged = model
    if recipe.averaged:
        judged = AveragedWeights(model, recipe.averaged)
        optimizer.register_step_post_hook(lambda *_: judged.update())
    stopping = EarlyStopping(recipe.epochs) if recipe.keep_best else None
    generator = torch.Generator().manual_seed(seed)
    history = checkpoint.attach(
        generator, model=judged, optimizer=optimizer, schedule=schedule, stopping=stopping
    )
    elastic = recipe.elastic
    augment = partial(random_distortion, elastic=elastic) if elastic else random_affine
    # What it warns of is said below, in words of this command.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        history = fit(
            judged,
            parts["training"],
            parts["validation"],
            recipe.epochs,
            optimizer,
            recipe.batch_size,
            generator,
            [*filter(None, (print_report, stopping, checkpoint))],
            history,
            replacement=recipe.replacement,
            augment=augment if recipe.augmentation else None,
            after_step=schedule and schedule.step,
            label_smoothing=recipe.label_smoothing,
        )
    # Such an epoch met no callback: it is not gone on from.
    if not all(map(math.isfinite, history[-1].values())):
        raise TrainingError("the loss is no number any more: try a smaller --learning-rate")
    if stopping is not None:
        stopping.restore(judged)
    return history, judged.average if recipe.averaged else model


def _device(asked: argparse.Namespace) -> torch.device:
    if asked.threads is not None:
        torch.set_num_threads(asked.threads)
    if not torch.set_flush_denormal(asked.flush_denormals) and asked.flush_denormals:
        raise TrainingError("--flush-denormals: this processor cannot")
    try:
        device = torch.device(asked.device)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(f"--device: {asked.device!r} cannot be used: {reason}") from None
    return device


@torch.no_grad()
def _final(model: nn.Module, parts: Parts) -> tuple[dict[str, float | int], list[int]]:
    """Figures of the finished model on both parts, and which test digits it gets wrong."""
    figures: dict[str, float | int] = {}
    model.eval()
    for name in ("validation", "test"):
        images, labels = parts[name]
        logits = torch.cat([model(some) for some in images.split(500)])
        report = Report.of(F.cross_entropy(logits, labels), logits, labels)
        figures |= {
            f"{name}_bits": round(report.bits, 6),
            f"{name}_accuracy": round(report.accuracy, 4),
            f"{name}_digits": len(labels),
        }
        wrong = (logits.argmax(dim=1) != labels).nonzero().flatten().tolist()
    return figures, wrong


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bareattention.train",
        description="Train a model of the book in full, with a report for every epoch, and write "
        "down what happened.",
        epilog="Ctrl-C loses nothing but the epoch that was going on: --resume goes on from the "
        "checkpoint.  MNIST is read from the folder that MNIST_ROOT names, else downloaded once.",
    )
    option, flag = parser.add_argument, partial(parser.add_argument, action="store_true")
    flag("--list", help="show the models, and stop")
    option("--model", metavar="NAME", choices=[*RECIPES], help="one of the list")
    says = "mnist: all 70,000 digits (default); mnist5k: the 5,000 that come with the book"
    option("--data", default="mnist", choices=("mnist", "mnist5k"), help=says)
    option("--seed", type=partial(_whole, least=0), default=0, help="of all random numbers (0)")
    option("--out", metavar="FOLDER", default="runs", help="for all files (runs)")
    flag("--resume", help="go on from the checkpoint in FOLDER")
    flag("--overwrite", help="replace what FOLDER holds")
    says = "judge the finished model on the test digits: once, when all choices are made"
    flag("--final", help=says)
    flag(
        "--with-validation",
        default=None,  # the recipe says
        help="train on the validation digits too, when all choices are made; the validation "
        "figures then mean nothing",
    )
    flag("--half", help="store the parameters as float16")
    flag("--no-parameters", help="store no parameters")
    option("--device", default="cpu", help="such as cpu (default) or cuda")
    option("--threads", metavar="N", type=partial(_whole, most=1024), help="used")
    says = "take numbers smaller than 1e-38 for 0: faster where there are many, with --threads 1"
    flag("--flush-denormals", help=says)
    changed = parser.add_argument_group("to try something else than the recipe")
    changed.add_argument("--epochs", metavar="N", type=_whole, help="passes over the digits")
    changed.add_argument("--batch-size", metavar="N", type=_whole, help="digits in a step")
    changed.add_argument("--learning-rate", metavar="X", type=_positive, help="largest step")
    return parser


def _whole(text: str, least: int = 1, most: int = LARGEST) -> int:
    number = int(text) if re.fullmatch(r"-?\d+", text) else least - 1
    if not least <= number <= most:
        wanted = f"a whole number of at least {least}, and of {most} at most"
        raise argparse.ArgumentTypeError(f"wanted {wanted}, got {text!r}")
    return number


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"wanted a positive number, got {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
