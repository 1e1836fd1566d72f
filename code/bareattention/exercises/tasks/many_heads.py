"""Chapter 9: why eight small heads instead of one big one?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.heads import GROUPED, MULTI_HEAD, SPLIT

EXERCISES = (
    Exercise(
        "9.1",
        "grouped",
        "Attention of 8 query heads on 2 sets of keys and values: heads 0 to 3 share the first "
        "set, 4 to 7 the second. Return the output.",
        GROUPED,
        (
            "Make eight sets of keys and of values out of two; then attention is as before.",
            "`repeat_interleave` repeats each entry, `repeat` the whole row of them.",
        ),
    ),
    Exercise(
        "9.2",
        "mended",
        "The multi-head attention `mystery` contains one mistake. Find it from its outputs alone, "
        "and write the function as it should be, for any leading axes.",
        MULTI_HEAD,
        (
            "Hold the leak meter against it, with several heads and a causal mask.",
            "With one head it is right. So what happens only with several?",
            "Before the heads are laid side by side, which axis stands where?",
        ),
    ),
    Exercise(
        "9.5",
        "my_split",
        "Cut the channels into heads and move the heads in front of the tokens, for any leading "
        "axes: (..., seq_len, d_model) to (..., n_heads, seq_len, d_model / n_heads).",
        SPLIT,
        (
            "`unflatten(-1, (n_heads, -1))` cuts the last axis in two.",
            "Then two axes change places; count them from the end.",
        ),
    ),
)
