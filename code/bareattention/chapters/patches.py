"""What does attention need to shine?

Written from book/16_patches.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.chapters.all_at_once import fused_attention
from bareattention.chapters.block import Block
from bareattention.chapters.digits import as_patches, as_rows
from bareattention.chapters.positions import LearnedPositions
from bareattention.chapters.weighted_values import attention
from bareattention.shapes import (
    Count,
    NonNegative,
    Share,
    Size,
    checked,
    require,
)

__all__ = [
    "DigitConfig",
    "DigitTokens",
    "DigitTransformer",
    "decaying_adamw",
    "random_affine",
    "random_affine_grid",
    "resample",
    "uniform_attention",
    "warm_up_and_cosine",
]


@checked
@dataclass(frozen=True)
class DigitConfig:
    """Every choice about a `DigitTransformer`; a rung changes one of them.

    Fields:
        patch_size: pixels along one side of a patch; None makes each row of
            pixels a token.
        stride, padding: as `as_patches` takes them; only for patches.
        d_model: channels of a token after the embedding; None leaves tokens as
            they are.
        n_heads: heads, a divisor of d_model.
        d_ff: hidden channels of the feed-forward network; 0 leaves it out.
        positions, residual, norm: parts that can be left out.
        scale: False leaves the scores undivided.
        pool: "mean" averages the tokens before the last layer, "flatten" lays
            them side by side.
        dropout: as `Block` takes it.
        image_size: pixels along one side of an image.
        n_classes: logits that come out.
    """

    patch_size: Size | None = None
    stride: Size | None = None
    padding: Count = 0
    d_model: Size | None = 64
    n_heads: Size = 4
    n_blocks: Size = 3
    d_ff: Count = 128
    positions: bool = True
    residual: bool = True
    norm: bool = True
    scale: bool = True
    pool: Literal["mean", "flatten"] = "mean"
    dropout: Share = 0.0
    image_size: Size = 28
    n_classes: Size = 10

    def __post_init__(self):
        patches = self.patch_size is not None
        cut = patches or (self.stride is None and not self.padding)
        wanted = "a size, for stride and padding to count"
        require(cut, "patch_size", wanted, self.patch_size)


@checked
def uniform_attention(
    queries: Float[Tensor, "*#batch n_queries d_k"],
    keys: Float[Tensor, "*#batch n_keys d_k"],
    values: Float[Tensor, "*#batch n_keys d_v"],
    mask: None = None,
) -> tuple[Float[Tensor, "*batch n_queries d_v"], None]:
    """Let every key count alike, whatever is asked: the mean of all values."""
    return fused_attention(queries, keys, values, scale=0.0)


@checked
class DigitTokens(nn.Module):
    """Cut images into tokens, embed them, and add their places."""

    def __init__(self, config: DigitConfig):
        super().__init__()
        self.config, self.image_size = config, config.image_size
        one = torch.zeros(1, config.image_size, config.image_size)
        self.seq_len, d_model = self.cut(one).shape[1:]
        self.embedding = nn.Identity()
        if config.d_model:
            self.embedding = nn.Linear(d_model, config.d_model)
            d_model = config.d_model
        # Drawn in any case, so that with or without them all else starts alike.
        positions = LearnedPositions(self.seq_len, d_model)
        self.positions = positions if config.positions else nn.Identity()
        self.d_model = d_model

    @checked
    def cut(
        self, images: Shaped[Tensor, "n image_size image_size"]
    ) -> Shaped[Tensor, "n seq_len channels"]:
        """Tokens as they are, before the embedding."""
        size, config = self.config.patch_size, self.config
        if size is None:
            return as_rows(images)
        return as_patches(images, size, config.stride, config.padding)

    def forward(
        self, images: Float[Tensor, "n image_size image_size"]
    ) -> Float[Tensor, "n seq_len d_model"]:
        """Embedded tokens that know their places."""
        return self.positions(self.embedding(self.cut(images)))


@checked
class DigitTransformer(nn.Module):
    """Read digits: tokens with their places, blocks, and one linear layer.

    Args:
        config: every choice; the default is three blocks over the rows.
        attend: what stands in attention's place, as `MultiHeadAttention` takes
            it; None is attention, fused unless its weights are asked for.
    Source: Dosovitskiy et al. 2021, with the mean of all tokens in place of a
        class token.
    """

    def __init__(
        self,
        config: DigitConfig = DigitConfig(),
        attend: Callable | None = None,
    ):
        super().__init__()
        self.config, self.image_size = config, config.image_size
        self.attend, self.tokens = attend, DigitTokens(config)
        sizes = self.tokens.d_model, config.n_heads, config.d_ff
        norm = nn.LayerNorm if config.norm else nn.Identity
        self.blocks = nn.ModuleList(
            Block(
                *sizes,
                dropout=config.dropout,
                activation="gelu",
                norm=norm,
                residual=config.residual,
            )
            for _ in range(config.n_blocks)
        )
        self.norm = norm(self.tokens.d_model)
        read = 1 if config.pool == "mean" else self.tokens.seq_len
        self.output = nn.Linear(read * self.tokens.d_model, config.n_classes)

    def forward(
        self,
        images: Float[Tensor, "batch_size image_size image_size"],
        with_weights: bool = False,
    ) -> (
        Float[Tensor, "batch_size n_classes"]
        | tuple[
            Float[Tensor, "batch_size n_classes"],
            Float[Tensor, "batch_size n_blocks n_heads seq_len seq_len"],
        ]
    ):
        """Logits of standardised images; with_weights, a pair with weights."""
        scale = None if self.config.scale else 1.0
        usual = attention if with_weights else fused_attention
        attend = self.attend or partial(usual, scale=scale)
        x, weights = self.tokens(images), []  # (batch_size, seq_len, d_model)
        for block in self.blocks:
            x, of_block = block(x, attend=attend)  # (..., seq_len, d_model)
            weights.append(of_block)
        x = self.norm(x)  # (batch_size, seq_len, d_model)
        if self.config.pool == "mean":
            pooled = x.mean(dim=-2)  # (batch_size, d_model)
        else:
            pooled = x.flatten(-2)  # (batch_size, seq_len * d_model)
        logits = self.output(pooled)  # (batch_size, n_classes)
        if with_weights:
            maps = torch.stack(weights, dim=1)  # (..., seq_len, seq_len)
            return logits, maps  # (batch_size, n_classes), (...)
        return logits


@checked
def random_affine_grid(
    images: Float[Tensor, "n side side"],
    generator: torch.Generator,
    degrees: NonNegative = 12.0,
    pixels: NonNegative = 2.0,
    size: Share = 0.12,
    shear: NonNegative = 0.15,
) -> Float[Tensor, "n side side 2"]:
    """Say for each pixel of changed images where to look in the old ones.

    Args:
        generator: source of the random numbers, on the CPU.
        degrees: largest turn, either way.
        pixels: largest shift along each side.
        size: largest share by which the square that is read grows or shrinks.
        shear: largest slant, sideways pixels for each pixel down.
    Returns: places as `F.grid_sample` takes them.
    """
    n, side, _ = images.shape
    drawn = 2 * torch.rand(n, 5, generator=generator).to(images) - 1
    angle, slant = degrees * drawn[:, 0].deg2rad(), shear * drawn[:, 2]
    grow, shift = 1 + size * drawn[:, 1], 2 * pixels * drawn[:, 3:] / side
    sine, cosine = angle.sin() * grow, angle.cos() * grow
    across = cosine, slant * cosine - sine, shift[:, 0]
    down = sine, slant * sine + cosine, shift[:, 1]
    theta = torch.stack([*across, *down], dim=1).view(n, 2, 3)
    return F.affine_grid(theta, (n, 1, side, side), align_corners=False)


@checked
def resample(
    images: Float[Tensor, "n height width"],
    grid: Float[Tensor, "n height width 2"],
) -> Float[Tensor, "n height width"]:
    """Fill each pixel with what stands at its place in the old image.

    Between pixels, neighbours count in shares; what comes in from outside
    continues the edge.

    Args:
        grid: places across and down, from -1 to 1 within the image.
    """
    channels = images[:, None]
    found = F.grid_sample(
        channels, grid, padding_mode="border", align_corners=False
    )
    return found[:, 0]


@checked
def random_affine(
    images: Float[Tensor, "n side side"],
    generator: torch.Generator,
    **ranges: NonNegative,
) -> Float[Tensor, "n side side"]:
    """Turn, shift, stretch and slant each image a little, in its own way.

    Args:
        generator: source of the random numbers, on the CPU.
        ranges: degrees, pixels, size and shear, as `random_affine_grid` takes
            them.
    """
    return resample(images, random_affine_grid(images, generator, **ranges))


@checked
def decaying_adamw(
    model: nn.Module,
    learning_rate: NonNegative = 3e-3,
    weight_decay: NonNegative = 0.05,
    betas: tuple[Share, Share] = (0.9, 0.98),
) -> torch.optim.AdamW:
    """Make an AdamW that lets matrices decay and leaves biases and norms alone.

    Args:
        learning_rate: how far a step goes at most.
        weight_decay: share of a matrix taken off in each step, times the
            learning rate.
        betas: how long AdamW remembers gradients, and their squares.
    Source: Loshchilov and Hutter 2019.
    """
    parameters = list(model.parameters())
    matrices = [parameter for parameter in parameters if parameter.ndim >= 2]
    others = [parameter for parameter in parameters if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate, betas=betas)


@checked
def warm_up_and_cosine(
    optimizer: torch.optim.Optimizer, n_steps: Size, warm_up: Share = 0.2
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Let the learning rate rise to the optimizer's own, then fall to nearly 0.

    Args:
        n_steps: steps of the whole training.
        warm_up: share of the steps in which the rate rises, at most 0.9; at
            least one step and a half, in very short trainings.
    Returns: a schedule, to be moved on after each step.
    Source: Smith and Topin 2018 (PyTorch's OneCycleLR).
    """
    require(warm_up <= 0.9, "warm_up", "a share of at most 0.9", warm_up)
    # With exactly one step of rising, OneCycleLR divides by zero.
    share = max(warm_up, 1.5 / max(n_steps, 2))
    highest = [group["lr"] for group in optimizer.param_groups]
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        highest,
        total_steps=n_steps,
        pct_start=share,
        cycle_momentum=False,
    )
