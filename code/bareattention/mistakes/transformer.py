"""The parameters of a transformer, counted, and how the count goes wrong."""

from bareattention.mistakes import Alike, Case, Mistake, Reference, Wrong

PROJECTIONS = (
    Mistake("three_projections", "A block has a fourth projection, that of the output."),
    Mistake("projections_bare", "The projections of a block have biases as well."),
)
FEED_FORWARD = (
    Mistake("one_layer", "The feed-forward network has two layers, and one is counted."),
    Mistake("feed_forward_bare", "The two layers of the feed-forward network have biases as well."),
)
NORMS = (
    Mistake("norms_bare", "A norm has a bias for each channel beside its weight."),
    Mistake("one_norm", "A block has two norms, and one is counted, or both by half."),
    Mistake("no_norms", "The norms are missing altogether."),
)
LAST_NORM = (Mistake("no_last_norm", "The norm after the last block is missing."),)
TOKENS = (
    Mistake("embedding_bare", "The embedding has a bias as well."),
    Mistake("no_positions", "The positions are missing."),
    Mistake("one_position", "Each place of the sequence has a row of its own."),
    Mistake("positions_before", "Positions are added after the embedding, and are as wide as it."),
)
BLOCKS = (Mistake("one_block", "The blocks do not share their parameters: each has its own."),)
LAST = (
    Mistake("last_bare", "The last layer has biases as well, one for each class."),
    Mistake("last_flat", "The last layer reads the mean of the tokens, not all side by side."),
    Mistake("no_last", "The last layer is missing."),
)


def parameters(
    wrong: Wrong, channels: int, seq_len: int, d_model: int, d_ff: int, n_blocks: int
) -> int:
    """Parameters of a `DigitTransformer` that embeds its tokens and averages them."""
    d = d_model
    attention = (3 if "three_projections" in wrong else 4) * (
        d * d + ("projections_bare" not in wrong) * d
    )
    norm = d if "norms_bare" in wrong else 2 * d
    norms = (1 if "one_norm" in wrong else 2) * norm
    once = 0 if "no_last_norm" in wrong else norm
    if "no_norms" in wrong:
        norms = once = 0
    block = attention + _feed_forward(wrong, d, d_ff) + norms
    once += _tokens(wrong, channels, seq_len, d)
    if "no_last" not in wrong:
        read = seq_len * d if "last_flat" in wrong else d
        once += 10 * read + (0 if "last_bare" in wrong else 10)
    return (1 if "one_block" in wrong else n_blocks) * block + once


def _feed_forward(wrong: Wrong, d: int, d_ff: int) -> int:
    if "one_layer" in wrong:
        return d * d_ff + d_ff
    return 2 * d * d_ff + (0 if "feed_forward_bare" in wrong else d_ff + d)


def _tokens(wrong: Wrong, channels: int, seq_len: int, d: int) -> int:
    embedding = channels * d + (0 if "embedding_bare" in wrong else d)
    places = {"no_positions": 0, "one_position": d, "positions_before": seq_len * channels}
    positions = next((places[name] for name in wrong if name in places), seq_len * d)
    return positions + embedding


def sizes() -> list[Case]:
    """A model for a pencil, the last rung, rows, squares, and odd sizes."""
    rows = [
        (1, 2, 3, 4, 2),
        (100, 16, 64, 128, 3),
        (28, 28, 64, 128, 3),
        (49, 16, 64, 128, 2),
        (7, 5, 11, 13, 3),
        (3, 17, 8, 29, 5),
    ]
    return [Case(row) for row in rows]


DIALS = (PROJECTIONS, FEED_FORWARD, NORMS, LAST_NORM, TOKENS, BLOCKS, LAST)
ALIKE = (
    Alike(
        frozenset({"norms_bare"}),
        frozenset({"one_norm", "embedding_bare"}),
        "The bias of the last norm is as long as that of the embedding.",
    ),
    Alike(
        frozenset({"no_norms"}),
        frozenset({"projections_bare", "no_last_norm"}),
        "Two norms of a block have as many parameters as the biases of its four projections.",
    ),
)
PARAMETERS = Reference(parameters, DIALS, sizes, alike=ALIKE)
