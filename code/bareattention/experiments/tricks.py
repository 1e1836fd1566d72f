"""What was tried for the final model, and no chapter explains: bent digits, Muon, averaged weights.

    bent = random_distortion(images, generator, elastic=1.0)
    optimizer = MuonAndAdamW(model, learning_rate=3e-3, weight_decay=0.05)
    model = AveragedWeights(model, decay=0.998)

Page `results` says what each of them brought.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from bareattention.chapters.patches import decaying_adamw, random_affine_grid, resample
from bareattention.checks import check_number, check_positive_integer


def random_distortion(
    images: Float[Tensor, "n height width"],
    generator: torch.Generator,
    elastic: float = 1.0,
    knots: int = 6,
    **ranges: float,
) -> Float[Tensor, "n height width"]:
    """Turn, shift, stretch and slant each image as `random_affine` does, and bend it as well.

    Both are one look into the old image: looking twice would blur it twice.

    Args:
        images: `(n, height, width)`, square; what comes in from outside continues the edge.
        generator: source of the random numbers, on the CPU.
        elastic: standard deviation in pixels of what moves a knot, along each side.
        knots: places along one side that move independently; those between follow smoothly, and
            move less.
        ranges: degrees, pixels, size and shear, as `random_affine_grid` takes them.
    Returns: `(n, height, width)`, new images.
    Raises: TypeError, ValueError for images that are no floats or not square, a negative range, or
        knots below 2.
    Source: Simard, Steinkraus and Platt 2003, with a grid of knots in place of blurred noise.
    """
    grid = random_affine_grid(images, generator, **ranges)
    check_number("elastic", elastic, low=0.0, high=float(images.shape[-1]))
    check_positive_integer("knots", knots)
    if knots < 2:
        raise ValueError(f"knots: wanted at least 2 along a side, got {knots}")
    n, height, width = images.shape
    moves = torch.randn(n, 2, knots, knots, generator=generator).to(images)
    smooth = F.interpolate(moves, (height, width), mode="bicubic", align_corners=True)
    pixel = 2 / width  # in the units of the grid
    return resample(images, grid + elastic * pixel * smooth.permute(0, 2, 3, 1))


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon moves the matrices within the blocks, AdamW all other parameters.

    Args:
        model: with its blocks in `model.blocks`.
        learning_rate: how far a step goes at most, for both.
        weight_decay: share of a matrix taken off in each step, times the learning rate.
    Raises: TypeError, ValueError for a model without blocks, or rates that are no numbers of at
        least 0.
    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; steps brought to the
        size of AdamW's as in Liu et al. 2025, https://arxiv.org/abs/2502.16982.
    """

    def __init__(self, model: nn.Module, learning_rate: float, weight_decay: float):
        check_number("learning_rate", learning_rate, low=0.0, high=1e6)
        check_number("weight_decay", weight_decay, low=0.0, high=1e6)
        if not hasattr(model, "blocks"):
            raise TypeError(f"model: wanted one with blocks, got {type(model).__name__}")
        within = {id(p) for p in model.blocks.parameters() if p.ndim == 2}
        inner = nn.ParameterList(p for p in model.parameters() if id(p) in within)
        outer = nn.ParameterList(p for p in model.parameters() if id(p) not in within)
        self.parts = (
            torch.optim.Muon(inner, learning_rate, weight_decay, adjust_lr_fn="match_rms_adamw"),
            decaying_adamw(outer, learning_rate, weight_decay),
        )
        super().__init__([{"params": [*model.parameters()]}], {"lr": learning_rate})
        self._share_groups()

    def _share_groups(self) -> None:
        # A schedule moves these groups' learning rates; they are the parts' own.
        self.param_groups = [group for part in self.parts for group in part.param_groups]

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Move all parameters once."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the checkpoint was written."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self._share_groups()


class AveragedWeights(nn.Module):
    """A model that learns as it is, and answers with a running average of its parameters.

    In training mode inputs go through `live`, otherwise through `average`.  The optimizer moves the
    parameters of `live`; call `update` after each of its steps.

    Args:
        model: whose parameters are averaged; it becomes `live`.
        decay: share of the average that a step keeps; the rest is what the parameters are then.
    Raises: TypeError, ValueError for a decay that is no share from 0 to 1.
    Source: PyTorch's `torch.optim.swa_utils`; Polyak and Juditsky 1992.
    """

    def __init__(self, model: nn.Module, decay: float):
        check_number("decay", decay, low=0.0, high=1.0)
        super().__init__()
        self.live = model
        self._averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))

    @property
    def average(self) -> nn.Module:
        """A model of the same kind, with the averaged parameters."""
        return self._averaged.module

    def update(self) -> None:
        """Take the parameters as they are now into the average; the first time, as the average."""
        self._averaged.update_parameters(self.live)

    def forward(self, *inputs: Tensor) -> Tensor:
        """What `live` gives in training mode, and what `average` gives otherwise."""
        return (self.live if self.training else self.average)(*inputs)
