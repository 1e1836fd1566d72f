"""The code of the book "Attention, Laid Bare".

Every public name can be taken from here: `from bareattention import attention`.
"""

from bareattention.chapters.block import Block, FeedForward
from bareattention.chapters.digits import (
    as_patches,
    as_pixels,
    as_rows,
    pixel_statistics,
    standardise,
    train_briefly,
)
from bareattention.chapters.embeddings import look_up, one_hot, random_embeddings
from bareattention.chapters.many_heads import MultiHeadAttention, join_heads, split_heads
from bareattention.chapters.masks import additive, causal_mask, leakage, padding_mask
from bareattention.chapters.one_sample_at_a_time import LoopedSelfAttentionModel
from bareattention.chapters.parameters import (
    AttentionSizes,
    SmallExample,
    count_parameters,
    small_example,
)
from bareattention.chapters.positions import LearnedPositions, sinusoidal_positions
from bareattention.chapters.queries_keys_values import Projections, project
from bareattention.chapters.scores import attention_scores
from bareattention.chapters.softmax import softmax
from bareattention.chapters.weighted_values import SelfAttention, attention
from bareattention.checks import (
    check_axis,
    check_broadcastable,
    check_choice,
    check_float_tensor,
    check_ids,
    check_mask,
    check_no_nan,
    check_not_empty,
    check_positive_integer,
    check_same_kind,
    check_tensor,
    shape_of,
)
from bareattention.data import DataError, Digits, DigitSplits, Provenance, load_digits
from bareattention.plotting import axes, bars, heatmap, panels, pictures

__all__ = [
    "AttentionSizes",
    "Block",
    "DataError",
    "DigitSplits",
    "Digits",
    "FeedForward",
    "LearnedPositions",
    "LoopedSelfAttentionModel",
    "MultiHeadAttention",
    "Projections",
    "Provenance",
    "SelfAttention",
    "SmallExample",
    "additive",
    "as_patches",
    "as_pixels",
    "as_rows",
    "attention",
    "attention_scores",
    "axes",
    "bars",
    "causal_mask",
    "check_axis",
    "check_broadcastable",
    "check_choice",
    "check_float_tensor",
    "check_ids",
    "check_mask",
    "check_no_nan",
    "check_not_empty",
    "check_positive_integer",
    "check_same_kind",
    "check_tensor",
    "count_parameters",
    "heatmap",
    "join_heads",
    "leakage",
    "load_digits",
    "look_up",
    "one_hot",
    "padding_mask",
    "panels",
    "pictures",
    "pixel_statistics",
    "project",
    "random_embeddings",
    "shape_of",
    "sinusoidal_positions",
    "small_example",
    "softmax",
    "split_heads",
    "standardise",
    "train_briefly",
]
