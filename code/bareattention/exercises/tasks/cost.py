"""Chapter 19: what does attention cost?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.tiles import NEAR, TILED

EXERCISES = (
    Exercise(
        "19.1",
        "near",
        "A mask (seq_len, seq_len) by which each token sees itself and the `reach` tokens before "
        "it; True means that it may look.",
        NEAR,
        ("From the table of differences, place of the query minus place of the key.",),
    ),
    Exercise(
        "19.2",
        "causal_tiled_attention",
        "Causal attention, queries and keys cut into tiles of `size`, with every tile skipped that "
        "lies wholly in the future. Return the output.",
        TILED,
        (
            "Around the loop over tiles of keys stands one over tiles of queries.",
            "Only the tile on the diagonal needs a mask, and the last tile may be smaller.",
        ),
    ),
)
