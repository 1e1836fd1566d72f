"""Early stopping and checkpoints, and how they go wrong."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

KEPT = (
    Mistake(
        "aliased",
        "`state_dict()` is not a copy: what is kept goes on changing with the model.",
    ),
    Mistake("last", "The parameters of the last epoch are kept, not those of the best."),
    Mistake("first", "The parameters of the first epoch are kept, whatever comes after it."),
    Mistake("not_restored", "`restore` does not change the model that it is given."),
)
WAITS = (
    Mistake("too_soon", "It stops one epoch too soon."),
    Mistake("too_late", "It stops one epoch too late."),
    Mistake("never", "It never says stop."),
    Mistake(
        "not_reset",
        "The epochs without progress are counted in all; they should be in a row: progress sets "
        "the count back.",
    ),
)
BETTER = (
    Mistake("larger", "A larger loss counts as better."),
    Mistake("ties", "A loss that falls by no more than `at_least` counts as progress."),
    Mistake("previous", "A loss is compared with that of the epoch before, not with the best."),
)
AT_LEAST = (
    Mistake("at_least_ignored", "`at_least` is not used."),
    Mistake("at_least_upside_down", "`at_least` has the wrong sign: a rise counts as progress."),
    Mistake(
        "small_kept",
        "The parameters of a progress that is too small to count are kept all the same.",
    ),
    Mistake(
        "mark_creeps",
        "A progress too small to count moves the mark all the same, so that many small ones never "
        "add up.",
    ),
)


class Keeper:
    """Early stopping, with these mistakes in it."""

    def __init__(self, wrong: Wrong, patience: int, at_least: float):
        self.wrong, self.patience, self.at_least = wrong, patience, at_least
        self.mark = self.smallest = self.before = self.parameters = None
        self.waited = 0

    def __call__(self, model: nn.Module, loss: float) -> bool:
        loss = -loss if "larger" in self.wrong else loss
        better = self._progress(loss)
        smaller = self.smallest is None or loss < self.smallest
        if better or ("mark_creeps" in self.wrong and smaller):
            self.mark = loss
        self.smallest = loss if smaller else self.smallest
        self.before = loss
        self._keep(model, smaller if "small_kept" in self.wrong else better)
        if better:
            self.waited = self.waited if "not_reset" in self.wrong else 0
        else:
            self.waited += 1
        limit = self.patience + ("too_late" in self.wrong) - ("too_soon" in self.wrong)
        return self.waited >= limit and "never" not in self.wrong

    def _progress(self, loss: float) -> bool:
        mark = self.before if "previous" in self.wrong else self.mark
        if mark is None:
            return True
        least = 0 if "at_least_ignored" in self.wrong else self.at_least
        least = -least if "at_least_upside_down" in self.wrong else least
        return mark - loss >= least if "ties" in self.wrong else mark - loss > least

    def _keep(self, model: nn.Module, better: bool) -> None:
        if "first" in self.wrong:
            better = self.parameters is None
        if better or "last" in self.wrong:
            living = model.state_dict()
            self.parameters = living if "aliased" in self.wrong else copy.deepcopy(living)

    def restore(self, model: nn.Module) -> None:
        if "not_restored" not in self.wrong:
            model.load_state_dict(self.parameters)


def stopped(
    answer: Callable[..., Any], patience: int, at_least: float, losses: tuple[float, ...]
) -> Any:
    """When it says stop, and which epoch's parameters come back."""
    keeper, model, other = answer(patience, at_least), nn.Linear(1, 1), nn.Linear(1, 1)
    says = []
    for epoch, loss in enumerate(losses, start=1):
        with torch.no_grad():
            model.weight.fill_(epoch)  # in place, as an optimizer does it
        says.append(keeper(model, loss))
        if says[-1]:
            break
    if all(each is None for each in says) and not vars(keeper):
        return None
    with torch.no_grad():
        model.weight.fill_(-1)  # a training that goes on after the stop
        other.weight.fill_(0)
    keeper.restore(other)
    found = int(other.weight.item())
    return (
        f"stop after epoch {len(says)}" if says[-1] else "no stop",
        {0: "nothing is restored", -1: "restored: what the model became since"}.get(
            found, f"restored: epoch {found}"
        ),
    )


def courses() -> list[Case]:
    """Losses of runs: down and up; up and down again; level; creeping; in leaps."""
    return [
        Case((2, 0.0, (2.0, 1.0, 1.5, 1.75, 1.25))),
        Case((2, 0.0, (1.0, 2.0, 0.5, 0.75, 0.25, 0.5, 0.75, 1.0))),
        Case((3, 0.0, (3.0, 2.0, 2.0, 2.5, 2.25, 1.0, 1.5))),
        Case((2, 0.25, (2.0, 1.875, 1.5, 1.375, 1.625, 1.0))),
        Case((3, 0.25, (2.0, 1.875, 1.75, 1.625, 1.5, 1.375, 1.25, 1.125))),
        Case((2, 0.5, (2.0, 1.5, 1.25, 1.0, 0.25))),
        Case((2, 0.5, (2.0, 2.25, 1.0, 1.25, 1.375))),
        Case((1, 0.0, (1.0, 0.5, 0.75, 0.25))),
        Case((2, 0.0, (1.0, 2.0, 1.75, 1.5, 1.25, 0.5))),
    ]


KEEPER = Reference(Keeper, (KEPT, WAITS, BETTER, AT_LEAST), courses, observe=stopped)

MODELS = (
    Mistake("model_missing", "The parameters of the model are not put back."),
    Mistake("model_aliased", "The model's `state_dict()` is not copied, and goes on changing."),
)
OPTIMIZERS = (
    Mistake("optimizer_missing", "The optimizer's memory is not put back: its means start anew."),
    Mistake("optimizer_aliased", "The optimizer's memory is not copied, and goes on changing."),
)
ORDERS = (
    Mistake("order_missing", "The generator is not put back: the digits come in another order."),
    Mistake("order_from_start", "The generator starts anew by its seed; its *state* is wanted."),
    Mistake("order_too_late", "The generator is read when it is put back: that is too late."),
)
CHANCES = (
    Mistake("dropout_missing", "PyTorch's own random state is not put back: dropout needs it."),
    Mistake("dropout_from_start", "PyTorch's random numbers start anew by their seed."),
)


class Checkpoint:
    """All that a training needs to go on, with these mistakes in it."""

    def __init__(
        self,
        wrong: Wrong,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
    ):
        self.wrong, self.generator = wrong, generator
        self.model = self._copied("model_aliased", model.state_dict())
        self.optimizer = self._copied("optimizer_aliased", optimizer.state_dict())
        self.order, self.chance = generator.get_state(), torch.get_rng_state()
        self.seeds = generator.initial_seed(), torch.initial_seed()

    def _copied(self, mistake: str, state: dict) -> dict:
        return state if mistake in self.wrong else copy.deepcopy(state)

    def put_back(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
    ) -> None:
        if "model_missing" not in self.wrong:
            model.load_state_dict(self.model)
        if "optimizer_missing" not in self.wrong:
            optimizer.load_state_dict(self.optimizer)
        self._put_back_order(generator)
        if "dropout_from_start" in self.wrong:
            torch.manual_seed(self.seeds[1])
        elif "dropout_missing" not in self.wrong:
            torch.set_rng_state(self.chance)

    def _put_back_order(self, generator: torch.Generator) -> None:
        if "order_from_start" in self.wrong:
            generator.manual_seed(self.seeds[0])
        elif "order_too_late" in self.wrong:
            generator.set_state(self.generator.get_state())
        elif "order_missing" not in self.wrong:
            generator.set_state(self.order)


def _fresh(seed: int) -> tuple[nn.Module, torch.optim.Optimizer, torch.Generator]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    return model, optimizer, torch.Generator().manual_seed(seed)


def _train(
    model: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator, epochs: int
) -> Tensor:
    x, y = numbers(1, 8, 3), numbers(2, 8, 1)
    for _ in range(epochs):
        for batch in torch.randperm(8, generator=generator).split(4):
            optimizer.zero_grad()
            (model(x[batch]) - y[batch]).square().mean().backward()
            optimizer.step()
    return torch.cat([p.detach().flatten().clone() for p in model.parameters()])


def resumed(answer: Callable[..., Any], epochs: int, more: int) -> Any:
    """The parameters of an interrupted run, and whether they are those of an unbroken one."""
    run = _fresh(3)
    _train(*run, epochs)
    checkpoint = answer(*run)
    unbroken = _train(*run, more)
    other = _fresh(4)
    before = _train(*other, 0)
    checkpoint.put_back(*other)
    if not vars(checkpoint) and torch.equal(before, _train(*other, 0)):
        return None
    broken = _train(*other, more)
    same = torch.allclose(unbroken, broken)
    return ("the same as without a break" if same else "other than without a break"), broken


def breaks() -> list[Case]:
    """One epoch before a break and one after; two and three."""
    return [Case((1, 1)), Case((2, 3))]


CHECKPOINT = Reference(Checkpoint, (MODELS, OPTIMIZERS, ORDERS, CHANCES), breaks, observe=resumed)
