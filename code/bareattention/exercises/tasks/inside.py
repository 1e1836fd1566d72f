"""Chapter 17: what is the trained model looking at?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.attention_maps import ROLL_OUT

EXERCISES = (
    Exercise(
        "17.1",
        "my_roll_out",
        "`roll_out` of maps (n, n_blocks, n_heads, seq_len, seq_len), with the share `own` for the "
        "residual in place of one half.",
        ROLL_OUT,
        (
            "Average the heads; mix with the identity; multiply block by block.",
            "The first block meets the tokens first, so it stands rightmost in the product.",
        ),
    ),
)
