"""The code of the book "Attention, Laid Bare".

Every public name can be taken from here: `from bareattention import attention`.
Its module is loaded when it is asked for.

Written by tools/extract.py from what the chapters export.
Edit the notebooks, then run `make chapters`.
"""

# ruff: noqa: F401, SIM905
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors, which run nothing
    from bareattention.chapters.all_at_once import SelfAttentionModel, fused_attention
    from bareattention.chapters.block import Block, FeedForward
    from bareattention.chapters.cost import (
        growth_exponent,
        kept_bytes,
        measure_cost,
        naive_attention,
        seconds_in_turn,
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
    from bareattention.chapters.language import (
        CausalLanguageModel,
        KeyValueCache,
        generate,
        rotary_attention,
        rotate_positions,
    )
    from bareattention.chapters.many_heads import MultiHeadAttention, join_heads, split_heads
    from bareattention.chapters.masks import additive, causal_mask, leakage, padding_mask
    from bareattention.chapters.one_sample_at_a_time import LoopedSelfAttentionModel
    from bareattention.chapters.only_attention import (
        CardReader,
        MeanOfCards,
        attention_in_heads,
        deal_cards,
        linear_attention,
        mean_of_products,
        mean_of_sums,
        sigmoid_attention,
        train_on_cards,
    )
    from bareattention.chapters.parameters import (
        WORDS,
        AttentionSizes,
        SmallExample,
        count_parameters,
        small_example,
    )
    from bareattention.chapters.patches import (
        DigitConfig,
        DigitTokens,
        DigitTransformer,
        decaying_adamw,
        random_affine,
        random_affine_grid,
        resample,
        uniform_attention,
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
    from bareattention.data import (
        DataError,
        Digits,
        DigitSplits,
        Provenance,
        load_digits,
        load_text,
    )
    from bareattention.diagrams import product, whole_head
    from bareattention.experiments.recipes import (
        LADDER,
        PIXELS,
        RECIPES,
        REMOVALS,
        WITHOUT_ATTENTION,
        Recipe,
    )
    from bareattention.experiments.runs import (
        RecordError,
        Run,
        load_run,
        recorded,
        recorded_measurement,
        save_run,
    )
    from bareattention.plotting import axes, bars, heatmap, panels, pictures

# Each line a module, and names that it defines.
_LINES = """
chapters.all_at_once SelfAttentionModel fused_attention
chapters.block Block FeedForward
chapters.cost growth_exponent kept_bytes measure_cost naive_attention seconds_in_turn
chapters.digits as_patches as_pixels as_rows pixel_statistics standardise train_briefly
chapters.embeddings look_up one_hot random_embeddings
chapters.inside attention_maps occlusion_map roll_out
chapters.is_attention_doing_anything WithoutAttention tone_curve with_attention_replaced
chapters.language CausalLanguageModel KeyValueCache generate rotary_attention rotate_positions
chapters.many_heads MultiHeadAttention join_heads split_heads
chapters.masks additive causal_mask leakage padding_mask
chapters.one_sample_at_a_time LoopedSelfAttentionModel
chapters.only_attention CardReader MeanOfCards attention_in_heads deal_cards linear_attention
chapters.only_attention mean_of_products mean_of_sums sigmoid_attention train_on_cards
chapters.parameters AttentionSizes SmallExample WORDS count_parameters small_example
chapters.patches DigitConfig DigitTokens DigitTransformer decaying_adamw random_affine
chapters.patches random_affine_grid resample uniform_attention warm_up_and_cosine
chapters.positions LearnedPositions sinusoidal_positions
chapters.queries_keys_values Projections project
chapters.scores attention_scores
chapters.softmax softmax
chapters.training EarlyStopping Report epoch_report evaluate fit print_report report_line
chapters.training train_epoch
chapters.weighted_values SelfAttention attention
data DataError DigitSplits Digits Provenance load_digits load_text
diagrams product whole_head
experiments.recipes LADDER PIXELS RECIPES REMOVALS Recipe WITHOUT_ATTENTION
experiments.runs RecordError Run load_run recorded recorded_measurement save_run
plotting axes bars heatmap panels pictures
""".split("\n")
_HOME = {name: line.split()[0] for line in _LINES for name in line.split()[1:]}
__all__ = [*_HOME]


def __getattr__(name: str):
    """Load the module that defines a public name."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__():
    """The public names too, although they are not loaded yet."""
    return sorted({*globals(), *__all__})
