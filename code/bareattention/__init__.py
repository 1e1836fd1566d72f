"""The code of the book "Attention, Laid Bare".

Every public name can be taken from here: `from bareattention import attention`.
"""

from bareattention.chapters.all_at_once import SelfAttentionModel
from bareattention.chapters.block import Block, FeedForward
from bareattention.chapters.cost import (
    growth_exponent,
    kept_bytes,
    measure_cost,
    naive_attention,
)
from bareattention.chapters.digits import (
    as_patches,
    as_pixels,
    as_rows,
    pixel_statistics,
    standardise,
    train_briefly,
)
from bareattention.chapters.embeddings import look_up, one_hot, random_embeddings
from bareattention.chapters.inside import attention_maps, occlusion_map, roll_out
from bareattention.chapters.is_attention_doing_anything import (
    WithoutAttention,
    tone_curve,
    with_attention_replaced,
)
from bareattention.chapters.many_heads import MultiHeadAttention, join_heads, split_heads
from bareattention.chapters.masks import additive, causal_mask, leakage, padding_mask
from bareattention.chapters.one_sample_at_a_time import LoopedSelfAttentionModel
from bareattention.chapters.parameters import (
    AttentionSizes,
    SmallExample,
    count_parameters,
    small_example,
)
from bareattention.chapters.patches import (
    DigitBlock,
    DigitConfig,
    DigitTokens,
    DigitTransformer,
    decaying_adamw,
    random_affine,
    random_affine_grid,
    resample,
    warm_up_and_cosine,
)
from bareattention.chapters.positions import LearnedPositions, sinusoidal_positions
from bareattention.chapters.queries_keys_values import Projections, project
from bareattention.chapters.scores import attention_scores
from bareattention.chapters.softmax import softmax
from bareattention.chapters.training import (
    EarlyStopping,
    Report,
    epoch_report,
    evaluate,
    fit,
    print_report,
    report_line,
    train_epoch,
)
from bareattention.chapters.weighted_values import SelfAttention, attention
from bareattention.checks import (
    check_axis,
    check_batch,
    check_broadcastable,
    check_choice,
    check_float_tensor,
    check_float_type,
    check_ids,
    check_images,
    check_leading_axes,
    check_mask,
    check_matrix,
    check_no_nan,
    check_not_empty,
    check_number,
    check_positive_integer,
    check_same_kind,
    check_tensor,
    shape_of,
)
from bareattention.data import DataError, Digits, DigitSplits, Provenance, load_digits
from bareattention.plotting import axes, bars, heatmap, panels, pictures
from bareattention.recipes import LADDER, PIXELS, RECIPES, REMOVALS, WITHOUT_ATTENTION, Recipe
from bareattention.records import (
    RecordError,
    Run,
    load_run,
    recorded,
    recorded_measurement,
    save_measurement,
    save_run,
)

__all__ = [
    "LADDER",
    "PIXELS",
    "RECIPES",
    "REMOVALS",
    "WITHOUT_ATTENTION",
    "AttentionSizes",
    "Block",
    "DataError",
    "DigitBlock",
    "DigitConfig",
    "DigitSplits",
    "DigitTokens",
    "DigitTransformer",
    "Digits",
    "EarlyStopping",
    "FeedForward",
    "LearnedPositions",
    "LoopedSelfAttentionModel",
    "MultiHeadAttention",
    "Projections",
    "Provenance",
    "Recipe",
    "RecordError",
    "Report",
    "Run",
    "SelfAttention",
    "SelfAttentionModel",
    "SmallExample",
    "WithoutAttention",
    "additive",
    "as_patches",
    "as_pixels",
    "as_rows",
    "attention",
    "attention_maps",
    "attention_scores",
    "axes",
    "bars",
    "causal_mask",
    "check_axis",
    "check_batch",
    "check_broadcastable",
    "check_choice",
    "check_float_tensor",
    "check_float_type",
    "check_ids",
    "check_images",
    "check_leading_axes",
    "check_mask",
    "check_matrix",
    "check_no_nan",
    "check_not_empty",
    "check_number",
    "check_positive_integer",
    "check_same_kind",
    "check_tensor",
    "count_parameters",
    "decaying_adamw",
    "epoch_report",
    "evaluate",
    "fit",
    "growth_exponent",
    "heatmap",
    "join_heads",
    "kept_bytes",
    "leakage",
    "load_digits",
    "load_run",
    "look_up",
    "measure_cost",
    "naive_attention",
    "occlusion_map",
    "one_hot",
    "padding_mask",
    "panels",
    "pictures",
    "pixel_statistics",
    "print_report",
    "project",
    "random_affine",
    "random_affine_grid",
    "random_embeddings",
    "recorded",
    "recorded_measurement",
    "report_line",
    "resample",
    "roll_out",
    "save_measurement",
    "save_run",
    "shape_of",
    "sinusoidal_positions",
    "small_example",
    "softmax",
    "split_heads",
    "standardise",
    "tone_curve",
    "train_briefly",
    "train_epoch",
    "warm_up_and_cosine",
    "with_attention_replaced",
]
