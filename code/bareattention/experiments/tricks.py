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
from bareattention.shapes import NonNegative, Size, checked, require


@checked
def random_distortion(
    images: Float[Tensor, "n side side"],
    generator: torch.Generator,
    elastic: NonNegative = 1.0,
    knots: Size = 6,
    **ranges: NonNegative,
) -> Float[Tensor, "n side side"]:
    """Turn, shift, stretch and slant each image as `random_affine` does, and bend it as well.

    Both are one look into the old image: looking twice would blur it twice.

    Args:
        images: what comes in from outside continues the edge.
        generator: source of the random numbers, on the CPU.
        elastic: standard deviation in pixels of what moves a knot, along each side.
        knots: places along a side that move independently; those between follow smoothly, and less.
        ranges: degrees, pixels, size and shear, as `random_affine_grid` takes them.
    Raises: ValueError for knots below 2, or elastic beyond the side of an image.
    Source: Simard, Steinkraus and Platt 2003, with a grid of knots in place of blurred noise.
    """
    grid = random_affine_grid(images, generator, **ranges)
    n, side, _ = images.shape
    require(elastic <= side, "elastic", f"at most the side of an image, {side}", elastic)
    require(knots >= 2, "knots", "at least 2 along a side", knots)
    moves = torch.randn(n, 2, knots, knots, generator=generator).to(images)
    smooth = F.interpolate(moves, (side, side), mode="bicubic", align_corners=True)
    pixel = 2 / side  # in the units of the grid
    return resample(images, grid + elastic * pixel * smooth.permute(0, 2, 3, 1))


@checked
class MuonAndAdamW(torch.optim.Optimizer):
    """Muon moves the matrices within the blocks, AdamW all other parameters.

    Args:
        model: with its blocks in `model.blocks`.
        learning_rate: how far a step goes at most, for both.
        weight_decay: share of a matrix taken off in each step, times the learning rate.
    Raises: ValueError for a model without blocks.
    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; steps brought to the
        size of AdamW's as in Liu et al. 2025, https://arxiv.org/abs/2502.16982.
    """

    def __init__(self, model: nn.Module, learning_rate: NonNegative, weight_decay: NonNegative):
        require(hasattr(model, "blocks"), "model", "one with blocks", type(model).__name__)
        muons = hasattr(torch.optim, "Muon")
        require(muons, "torch", "2.9 or newer, which has Muon", str(torch.__version__))
        within = {id(p) for p in model.blocks.parameters() if p.ndim == 2}
        inner = nn.ParameterList(p for p in model.parameters() if id(p) in within)
        outer = nn.ParameterList(p for p in model.parameters() if id(p) not in within)
        muon = torch.optim.Muon(inner, learning_rate, weight_decay, adjust_lr_fn="match_rms_adamw")
        self.parts = (muon, decaying_adamw(outer, learning_rate, weight_decay))
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


@checked
class AveragedWeights(nn.Module):
    """A model that learns as it is, and answers with a running average of its parameters.

    In training mode inputs go through `live`, otherwise through `average`.  The optimizer moves the
    parameters of `live`; call `update` after each of its steps.

    Args:
        model: whose parameters are averaged; it becomes `live`.
        decay: share of the average that a step keeps; the rest is what the parameters are then.
    Raises: ValueError for a decay that is no share from 0 to 1.
    Source: PyTorch's `torch.optim.swa_utils`; Polyak and Juditsky 1992.
    """

    def __init__(self, model: nn.Module, decay: float):
        require(0 <= decay <= 1, "decay", "a share from 0 to 1", decay)
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
