"""A model gets a new last layer and is trained again, and how that goes wrong."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_post_hook

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

PARAMETERS = (
    Mistake(
        "old_optimizer",
        "The optimizer was made before the new last layer, and still holds the parameters of the "
        "one that was thrown away.",
    ),
    Mistake("only_output", "The new last layer alone learns: the rest of the model stands still."),
    Mistake(
        "layer_last",
        "The new last layer is put in after the training, and has learned nothing.",
    ),
    Mistake("old_layer", "The model keeps its old last layer, and was to get a new one."),
    Mistake(
        "layer_each_step", "The last layer is new in every step, so it forgets what it learned."
    ),
)
STEPS = (
    Mistake("not_forgotten", "The gradients are not forgotten between steps."),
    Mistake(
        "nothing_moves",
        "Nothing moves: there is no `step`, or the gradients are forgotten right before it.",
    ),
)


def retrain(wrong: Wrong, model: nn.Module, x: Tensor, y: Tensor, steps: int) -> nn.Module:
    """Give a model a new last layer, then learn one batch by heart."""
    replaced = (
        []
        if wrong & {"old_layer", "layer_last"}
        else range(steps if "layer_each_step" in wrong else 1)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    if 0 in replaced:
        model.output = nn.Linear(model.output.in_features, 10)
    if "only_output" in wrong:
        optimizer = torch.optim.Adam(model.output.parameters(), lr=2e-3)
    elif "old_optimizer" not in wrong:
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for step in range(steps):
        if step and step in replaced:
            model.output = nn.Linear(model.output.in_features, 10)
        if "not_forgotten" not in wrong:
            optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        if "nothing_moves" not in wrong:
            optimizer.step()
    if "layer_last" in wrong:
        model.output = nn.Linear(model.output.in_features, 10)
    return model


class Body(nn.Module):
    """Features and a last layer; notes which parameters have old gradients on the way back."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.output = nn.Linear(12, 200), nn.Linear(200, 10)
        self.added_up: set[str] = set()
        self.used: list[nn.Module] = []  # last layers: a list hides them from PyTorch
        self.ways_back = 0

    def forward(self, x: Tensor) -> Tensor:
        logits = self.output(self.features(x.flatten(1)).tanh())
        if not self.used or self.used[-1] is not self.output:
            self.used.append(self.output)
        if logits.requires_grad:
            logits.register_hook(self._look)
        return logits

    def _look(self, _: Tensor) -> None:
        self.ways_back += 1
        self.added_up |= {
            name for name, p in self.named_parameters() if p.grad is not None and p.grad.any()
        }

    def __repr__(self) -> str:
        return "a model with a last layer `output`"


def from_outside(answer: Callable[..., Any], model: Body, x: Tensor, y: Tensor, steps: int) -> Any:
    """What one sees without reading the code: what moves, what is new, what is known by heart."""
    ends = []
    for count in (0, steps):  # without a step, its parameters are those at the start
        torch.manual_seed(1)
        trained = copy.deepcopy(model)
        before = trained.output
        returned = answer(trained, x, y, count)
        ends.append(returned if isinstance(returned, nn.Module) else trained)
    replaced = ends[1] is trained and trained.output is not before
    start, end = (dict(each.named_parameters()) for each in ends)
    moves = {name for name in start if not torch.equal(start[name], end[name])}
    if not moves and not ends[1].added_up and returned is None:
        return None
    age = _age(model, *ends, replaced)
    with torch.no_grad():
        bits = F.cross_entropy(ends[1](x), y) / math.log(2)
    added = moves & ends[1].added_up
    return (
        f"never moves: {', '.join(name for name in start if name not in moves) or 'nothing'}",
        f"last layer: {age}",
        f"ways back: {ends[1].ways_back}",
        f"old gradients: {'added up' if added else 'forgotten'}",
        f"by heart: {'yes' if bits < 0.1 else 'no'}",
    )


def _age(model: Body, start: Body, end: Body, replaced: bool) -> str:
    if end.output not in end.used:
        return "new, and never used"
    if len(end.used) > 1:
        return "another in each step"
    began_old = torch.equal(start.output.weight, model.output.weight)
    return "the old one" if began_old and not replaced else "new"


def one_batch() -> list[Case]:
    """Sixteen random inputs of one channel, a hundred steps."""
    torch.manual_seed(0)
    model = Body()
    return [Case((model, numbers(1, 16, 3, 4), torch.arange(16) % 10, 100))]


def memory_lost(answer: Callable[..., Any]) -> str | None:
    """Whether a new optimizer takes each step, which parameters alone hardly show."""
    model, x, y, _ = one_batch()[0].args
    took_steps: list[torch.optim.Optimizer] = []  # kept, so that no two have the same id
    noting = register_optimizer_step_post_hook(lambda each, *_: took_steps.append(each))
    try:
        answer(model, x, y, 3)
    finally:
        noting.remove()
    says = "each step has a new optimizer, and Adam forgets the means that it keeps."
    return says if len({id(each) for each in took_steps}) > 1 else None


RETRAIN = Reference(
    retrain,
    (PARAMETERS, STEPS),
    one_batch,
    observe=from_outside,
    may_change=("model",),
    beyond=memory_lost,
)
