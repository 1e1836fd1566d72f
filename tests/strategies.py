"""What hypothesis draws for the tests of the chapters: random tensors of any shape, and masks.

Hypothesis draws the shapes and a seed; the numbers come from PyTorch, which is faster and spreads
them as the book does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

FLOATS = (torch.float32, torch.float64)
HALVES = (torch.float16, torch.bfloat16)

float_types = st.sampled_from(FLOATS)
half_types = st.sampled_from(HALVES)
sizes = st.integers(1, 7)
# None to three leading axes: one sequence, a batch, a batch of heads, and one more.
leading_shapes = st.lists(st.integers(1, 3), max_size=3).map(tuple)
generators = st.integers(0, 2**32 - 1).map(lambda seed: torch.Generator().manual_seed(seed))


def normal(generator: torch.Generator, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Random numbers of mean 0 and variance 1."""
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def booleans(generator: torch.Generator, *shape: int) -> Tensor:
    """True three times in five, at random."""
    return torch.rand(shape, generator=generator) < 0.6


@st.composite
def stretchable(draw, shape: tuple[int, ...], stated: int = 0) -> tuple[int, ...]:
    """A shape that can be stretched to `shape`: leading axes left out, other axes of length 1.

    stated: as many of the last axes are there.
    """
    kept = shape[draw(st.integers(0, max(0, len(shape) - stated))) :]
    return tuple(draw(st.sampled_from((1, size))) for size in kept)


@st.composite
def masks(draw, shape: tuple[int, ...], rows_of_nobody: bool = True, stated: int = 2) -> Tensor:
    """A mask that can be stretched to `shape`, often with rows in which nobody may be looked at."""
    generator = draw(generators)
    mask = booleans(generator, *draw(stretchable(shape, stated)))
    if rows_of_nobody:
        return mask
    # Whoever has nobody gets the first.
    first = torch.arange(mask.shape[-1]) == 0
    return mask | (first & ~mask.any(dim=-1, keepdim=True))


@dataclass(frozen=True)
class Case:
    """One call of attention, and a direction in which its output is nudged for the gradients."""

    queries: Tensor
    keys: Tensor
    values: Tensor
    mask: Tensor | None
    nudge: Tensor

    @property
    def inputs(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.queries, self.keys, self.values

    @property
    def full_mask(self) -> Tensor | None:
        """The mask in the shape of the scores."""
        n_queries, n_keys = self.queries.shape[-2], self.keys.shape[-2]
        shape = (*self.nudge.shape[:-2], n_queries, n_keys)
        return None if self.mask is None else self.mask.expand(shape)

    def to(self, dtype: torch.dtype) -> Case:
        parts = ("queries", "keys", "values", "nudge")
        return replace(self, **{name: getattr(self, name).to(dtype) for name in parts})


@st.composite
def cases(draw, types=float_types, square=False, masked=None, rows_of_nobody=True) -> Case:
    """Queries, keys, values and a mask that fit together.

    square: as many queries as keys and values as wide as keys, at least two of each, so that
        mistaken attention runs too and gives a result of the right shape.
    masked: True or False; None draws it.
    """
    dtype, generator, batch = draw(types), draw(generators), draw(leading_shapes)
    size = st.integers(2, 7) if square else sizes
    n_queries, d_k = draw(size), draw(size)
    n_keys, d_v = (n_queries, d_k) if square else (draw(size), draw(size))
    if draw(st.booleans()) if masked is None else masked:
        mask = draw(masks((*batch, n_queries, n_keys), rows_of_nobody))
    else:
        mask = None
    return Case(
        normal(generator, *batch, n_queries, d_k, dtype=dtype),
        normal(generator, *batch, n_keys, d_k, dtype=dtype),
        normal(generator, *batch, n_keys, d_v, dtype=dtype),
        mask,
        normal(generator, *batch, n_queries, d_v, dtype=dtype),
    )


def with_random_parameters(module: nn.Module, generator: torch.Generator, like: Tensor):
    """The module with new numbers in all its parameters, of the float type of `like`.

    Biases that start at 0 and norms that start at 1 would hide a mistake.
    """
    for parameter in module.to(like.dtype).parameters():
        drawn = normal(generator, *parameter.shape, dtype=like.dtype)
        parameter.data = drawn * parameter.shape[-1] ** -0.5
    return module


@dataclass(frozen=True)
class Sequences:
    """Tokens that look at each other with several heads, and who may look at whom.

    causal: nobody looks ahead.
    real: `(*batch, seq_len)`, False for padding, or None.
    other: any mask that can be stretched to `(*batch, n_heads, seq_len, seq_len)`, or None.
    """

    x: Tensor
    nudge: Tensor
    n_heads: int
    causal: bool
    real: Tensor | None
    other: Tensor | None
    generator: torch.Generator

    @property
    def future(self) -> Tensor:
        seq_len = self.x.shape[-2]
        return torch.ones(seq_len, seq_len, dtype=torch.bool).triu(diagonal=1)

    @property
    def mask(self) -> Tensor | None:
        """One mask as the book takes it: True = may look."""
        if self.other is not None:
            return self.other
        causal = ~self.future if self.causal else None
        if self.real is None:
            return causal
        keys = self.real[..., None, None, :]
        return keys if causal is None else keys & causal

    @property
    def pytorchs_masks(self) -> tuple[Tensor | None, Tensor | None]:
        """The same as `nn.MultiheadAttention` takes it: True = may not look; rows, then keys."""
        *batch, seq_len, _ = self.x.shape
        hidden = ~self.future if self.causal else None
        if self.other is not None:
            shape = (*batch, self.n_heads, seq_len, seq_len)
            hidden = self.other.expand(shape).reshape(-1, seq_len, seq_len)
        padding = None if self.real is None else ~self.flat(self.real)
        return None if hidden is None else ~hidden, padding

    def flat(self, tensor: Tensor) -> Tensor:
        """All leading axes as one, or none if there is none: PyTorch's modules take no more."""
        n = self.x.ndim - 2
        return tensor.flatten(0, n - 1) if n else tensor


few = st.integers(1, 4)
MASK_KINDS = ("none", "causal", "padding", "both", "other")


@st.composite
def sequences(
    draw,
    types=float_types,
    kinds=MASK_KINDS,
    heads=few,
    channels=few,
    tokens=sizes,
    nobody=False,
) -> Sequences:
    """Tokens and masks for modules with several heads; every kind of mask where none is named.

    channels: of one head.
    nobody: a mask of the kind "other" may leave somebody with nobody to look at.
    """
    dtype, generator, batch = draw(types), draw(generators), draw(leading_shapes)
    n_heads, seq_len = draw(heads), draw(tokens)
    d_model = n_heads * draw(channels)
    kind = draw(st.sampled_from(kinds))
    real = other = None
    if kind in ("padding", "both"):
        lengths = torch.randint(1, seq_len + 1, batch, generator=generator)
        real = torch.arange(seq_len) < lengths[..., None]
    if kind == "other":
        full = (*batch, n_heads, seq_len, seq_len)
        other = draw(masks(full, rows_of_nobody=nobody))
        if other.ndim > 2:
            # All axes or the last two: what lies between could be misread.
            other = other[(None,) * (len(full) - other.ndim)]
    shape = (*batch, seq_len, d_model)
    return Sequences(
        normal(generator, *shape, dtype=dtype),
        normal(generator, *shape, dtype=dtype),
        n_heads,
        kind in ("causal", "both"),
        real,
        other,
        generator,
    )
