"""What does attention need to shine?

Written from book/16_patches.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.chapters.block import FeedForward
from bareattention.chapters.digits import as_patches, as_rows
from bareattention.chapters.many_heads import (
    MultiHeadAttention,
    join_heads,
    split_heads,
)
from bareattention.chapters.positions import LearnedPositions
from bareattention.chapters.weighted_values import attention
from bareattention.checks import (
    check_choice,
    check_images,
    check_number,
    check_positive_integer,
)

__all__ = [
    "DigitBlock",
    "DigitConfig",
    "DigitTokens",
    "DigitTransformer",
    "decaying_adamw",
    "random_affine",
    "random_affine_grid",
    "resample",
    "warm_up_and_cosine",
]


def _check_digit_config(config: "DigitConfig") -> None:
    for name in ("n_heads", "n_blocks", "image_size", "n_classes"):
        check_positive_integer(name, getattr(config, name))
    for name, left_out in (
        ("patch_size", None),
        ("stride", None),
        ("d_model", None),
        ("d_ff", 0),
    ):
        value = getattr(config, name)
        if type(value) is not type(left_out) or value != left_out:
            check_positive_integer(name, value)
    for name in ("positions", "residual", "norm", "scale"):
        if not isinstance(value := getattr(config, name), bool):
            raise TypeError(f"{name}: wanted True or False, got {value!r}")
    check_choice("pool", config.pool, ("mean", "flatten"))
    check_number("dropout", config.dropout, low=0.0, high=0.999)
    if type(config.padding) is not int or config.padding != 0:
        check_positive_integer("padding", config.padding)
    if config.patch_size is None and (
        config.stride is not None or config.padding != 0
    ):
        raise ValueError(
            "patch_size: wanted a size, for stride and padding to count, got None"
        )


@dataclass(frozen=True)
class DigitConfig:
    """Every choice about a `DigitTransformer`; a rung of the ladder changes one of them.

    Fields:
        patch_size: pixels along one side of a patch; None makes each row of pixels a token.
        stride, padding: as `as_patches` takes them; only for patches.
        d_model: channels of a token after the embedding; None leaves tokens as they are.
        n_heads: heads, a divisor of d_model.
        n_blocks: blocks, one after the other.
        d_ff: hidden channels of the feed-forward network; 0 leaves it out.
        positions, residual, norm: parts that can be left out.
        scale: False leaves the scores undivided.
        pool: "mean" averages the tokens before the last layer, "flatten" lays them side by side.
        dropout: share of hidden channels set to 0 while training, from 0 up to 1.
        image_size: pixels along one side of an image.
        n_classes: logits that come out.
    Raises: TypeError, ValueError for sizes that are no whole number of at least 1 (d_ff may be 0),
        a stride or padding without patches, or an unknown pool.
    """

    patch_size: int | None = None
    stride: int | None = None
    padding: int = 0
    d_model: int | None = 64
    n_heads: int = 4
    n_blocks: int = 3
    d_ff: int = 128
    positions: bool = True
    residual: bool = True
    norm: bool = True
    scale: bool = True
    pool: str = "mean"
    dropout: float = 0.0
    image_size: int = 28
    n_classes: int = 10

    def __post_init__(self):
        _check_digit_config(self)


def _look(
    module: MultiHeadAttention,
    x: Tensor,
    scale: float | None,
    with_weights: bool,
) -> tuple[Tensor, Tensor | None]:
    """What the module's forward does, fused unless somebody asks for the weights."""
    heads = [
        split_heads(projected, module.n_heads)
        for projected in module.projections(x)
    ]
    if with_weights:
        mixed, weights = attention(*heads, scale=scale)
    else:
        mixed, weights = (
            F.scaled_dot_product_attention(*heads, scale=scale),
            None,
        )
    return module.output(join_heads(mixed)), weights


class DigitBlock(nn.Module):
    """The block of chapter 10, norm first, with its parts behind switches.

    Args:
        d_model: channels of a token.
        config: says which parts there are, and how large.
    Raises: TypeError, ValueError as `MultiHeadAttention` and `FeedForward` do.
    """

    def __init__(self, d_model: int, config: DigitConfig):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, config.n_heads)
        self.attention_norm = (
            nn.LayerNorm(d_model) if config.norm else nn.Identity()
        )
        self.feed_forward = None
        if config.d_ff:
            self.feed_forward = FeedForward(
                d_model, config.d_ff, config.dropout, "gelu"
            )
            self.feed_forward_norm = (
                nn.LayerNorm(d_model) if config.norm else nn.Identity()
            )
        self.residual, self.scale = (
            config.residual,
            None if config.scale else 1.0,
        )

    def forward(
        self,
        x: Float[Tensor, "*batch seq_len d_model"],
        with_weights: bool = False,
    ) -> tuple[
        Float[Tensor, "*batch seq_len d_model"], Float[Tensor, "..."] | None
    ]:
        """Tokens `(..., seq_len, d_model)` -> the same shape, and the weights of all heads.

        Args:
            x: `(..., seq_len, d_model)`.
            with_weights: True asks for the weights; otherwise fused attention never makes them.
        Returns: output `(..., seq_len, d_model)`; weights `(..., n_heads, seq_len, seq_len)`, or
            None.
        """
        looked, weights = _look(
            self.attention, self.attention_norm(x), self.scale, with_weights
        )
        x = x + looked if self.residual else looked
        if self.feed_forward is None:
            return x, weights
        thought = self.feed_forward(self.feed_forward_norm(x))
        return (x + thought if self.residual else thought), weights


class DigitTokens(nn.Module):
    """Cut images into tokens, embed them, and add their places.

    Args:
        config: says which tokens, how wide, and whether with places.
    Raises: TypeError, ValueError for patches that do not fit the image.
    """

    def __init__(self, config: DigitConfig):
        super().__init__()
        self.config, side = config, config.image_size
        self.seq_len, channels = self.cut(torch.zeros(1, side, side)).shape[1:]
        self.d_model = config.d_model or channels
        self.embedding = (
            nn.Linear(channels, self.d_model)
            if config.d_model
            else nn.Identity()
        )
        places = LearnedPositions(self.seq_len, self.d_model)
        self.positions = places if config.positions else nn.Identity()

    def cut(
        self, images: Float[Tensor, "n height width"]
    ) -> Float[Tensor, "n seq_len channels"]:
        """Images `(n, height, width)` -> tokens as they are, `(n, seq_len, channels)`."""
        if self.config.patch_size is None:
            return as_rows(images)
        return as_patches(
            images,
            self.config.patch_size,
            self.config.stride,
            self.config.padding,
        )

    def forward(
        self, images: Float[Tensor, "n height width"]
    ) -> Float[Tensor, "n seq_len d_model"]:
        """Images `(n, height, width)` -> embedded tokens `(n, seq_len, d_model)`."""
        return self.positions(self.embedding(self.cut(images)))


class DigitTransformer(nn.Module):
    """Read digits with a transformer: tokens with their places, blocks, and one linear layer.

    Args:
        config: every choice; the default is three blocks over the rows of an image.
    Raises: TypeError, ValueError for patches that do not fit the image, or heads that do not
        divide d_model.
    Source: Dosovitskiy et al. 2021, with the mean of all tokens in place of a class token.
    """

    def __init__(self, config: DigitConfig = DigitConfig()):
        super().__init__()
        self.config, self.tokens = config, DigitTokens(config)
        d_model = self.tokens.d_model
        self.blocks = nn.ModuleList(
            DigitBlock(d_model, config) for _ in range(config.n_blocks)
        )
        self.norm = nn.LayerNorm(d_model) if config.norm else nn.Identity()
        together = 1 if config.pool == "mean" else self.tokens.seq_len
        self.output = nn.Linear(together * d_model, config.n_classes)

    def forward(
        self,
        images: Float[Tensor, "batch_size height width"],
        with_weights: bool = False,
    ) -> (
        Float[Tensor, "..."] | tuple[Float[Tensor, "..."], Float[Tensor, "..."]]
    ):
        """Classify a batch of images.

        Args:
            images: standardised, `(batch_size, image_size, image_size)`.
            with_weights: True gives the attention weights of all blocks as well.
        Returns: logits `(batch_size, n_classes)`; with_weights: a pair of the logits and the
            weights, `(batch_size, n_blocks, n_heads, seq_len, seq_len)`.
        Raises: TypeError, ValueError for images of another kind or size, or none at all.
        """
        check_images("images", images, self.config.image_size)
        x, weights = self.tokens(images), []
        for block in self.blocks:
            x, of_this_block = block(x, with_weights)
            weights.append(of_this_block)
        x = self.norm(x)
        logits = self.output(
            x.mean(dim=-2) if self.config.pool == "mean" else x.flatten(-2)
        )
        return (logits, torch.stack(weights, dim=1)) if with_weights else logits


def random_affine_grid(
    images: Float[Tensor, "n height width"],
    generator: torch.Generator,
    degrees: float = 12.0,
    pixels: float = 2.0,
    size: float = 0.12,
    shear: float = 0.15,
) -> Float[Tensor, "n height width 2"]:
    """Say for each pixel of changed images where to look in the old ones.

    Args:
        images: `(n, height, width)`, square.
        generator: source of the random numbers, on the CPU.
        degrees: largest turn, either way.
        pixels: largest shift along each side.
        size: largest share by which the square that is read grows or shrinks.
        shear: largest slant, sideways pixels for each pixel down.
    Returns: `(n, height, width, 2)`, as `F.grid_sample` takes it.
    Raises: TypeError, ValueError for images that are no floats or not square, or a negative range.
    """
    check_images("images", images)
    ranges = {
        "degrees": degrees,
        "pixels": pixels,
        "size": size,
        "shear": shear,
    }
    for name, value in ranges.items():
        check_number(name, value, low=0.0, high=180.0)
    n, height, width = images.shape
    if height != width:
        raise ValueError(
            f"images: wanted height = width, got shape {tuple(images.shape)}"
        )
    drawn = 2 * torch.rand(n, 5, generator=generator).to(images) - 1
    angle, grow, slant = (
        degrees * drawn[:, 0].deg2rad(),
        1 + size * drawn[:, 1],
        shear * drawn[:, 2],
    )
    shift = 2 * pixels * drawn[:, 3:] / width
    sine, cosine = angle.sin() * grow, angle.cos() * grow
    rows = (
        cosine,
        slant * cosine - sine,
        shift[:, 0],
        sine,
        slant * sine + cosine,
        shift[:, 1],
    )
    theta = torch.stack(rows, dim=1).view(n, 2, 3)
    return F.affine_grid(theta, (n, 1, height, width), align_corners=False)


def resample(
    images: Float[Tensor, "n height width"],
    grid: Float[Tensor, "n height width 2"],
) -> Float[Tensor, "n height width"]:
    """Fill each pixel with what stands at its place in the old image, between pixels in shares.

    Args:
        images: `(n, height, width)`; what comes in from outside continues the edge.
        grid: `(n, height, width, 2)`, across and down, from -1 to 1 within the image.
    Returns: `(n, height, width)`.
    """
    return F.grid_sample(
        images[:, None], grid, padding_mode="border", align_corners=False
    )[:, 0]


def random_affine(
    images: Float[Tensor, "n height width"],
    generator: torch.Generator,
    **ranges: float,
) -> Float[Tensor, "n height width"]:
    """Turn, shift, stretch and slant each image a little, each in its own way.

    Args:
        images: `(n, height, width)`; what comes in from outside continues the edge.
        generator: source of the random numbers, on the CPU.
        ranges: degrees, pixels, size and shear, as `random_affine_grid` takes them.
    Returns: `(n, height, width)`, new images.
    Raises: TypeError, ValueError as `random_affine_grid` does.
    """
    return resample(images, random_affine_grid(images, generator, **ranges))


def decaying_adamw(
    model: nn.Module,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.05,
    betas: tuple[float, float] = (0.9, 0.98),
) -> torch.optim.AdamW:
    """Make an AdamW that lets matrices decay, and leaves biases and norms alone.

    Args:
        model: whose parameters it moves.
        learning_rate: how far a step goes at most.
        weight_decay: share of a matrix taken off in each step, times the learning rate.
        betas: how long AdamW remembers gradients, and their squares.
    Returns: the optimizer.
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


def warm_up_and_cosine(
    optimizer: torch.optim.Optimizer, n_steps: int, warm_up: float = 0.2
) -> torch.optim.lr_scheduler.OneCycleLR:
    """Let the learning rate rise to the optimizer's own, then fall to nearly nothing.

    Args:
        optimizer: its learning rate is the highest.
        n_steps: steps of the whole training.
        warm_up: share of the steps in which the rate rises, at most 0.9; at least one step and a
            half, in very short trainings.
    Returns: a schedule, whose `step` belongs after each step of training.
    Raises: TypeError, ValueError if n_steps is no whole number of at least 1, or warm_up is no
        share from 0 to 0.9.
    Source: Smith and Topin 2018 (PyTorch's OneCycleLR).
    """
    check_positive_integer("n_steps", n_steps)
    check_number("warm_up", warm_up, low=0.0, high=0.9)
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
