"""Chapter 20: what changes for language?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.cache import CACHE
from bareattention.mistakes.language import BITS, DRAW, KEEP, TARGETS
from bareattention.mistakes.rotary import ROTATE

EXERCISES = (
    Exercise(
        "20.2",
        "keep_most_likely",
        "Return the logits with all but the k largest of each row at minus infinity.",
        KEEP,
        ("`topk` finds the k largest; the last of them is the threshold.",),
    ),
    Exercise(
        "20.3",
        "MendedCache",
        "`HerCache` contains one mistake. Find it from its outputs alone, and write the class as "
        "it should be.",
        CACHE,
        (
            "Give it a text once whole and once token by token, and see where the two part.",
            "With which keys would places not matter? Is it right then?",
            "How many keys are there already when the next piece comes?",
        ),
    ),
    Exercise(
        "20.4",
        "with_targets",
        "Return the pieces of seq_len ids that begin at `starts`, and the same pieces one step on, "
        "both (n, seq_len).",
        TARGETS,
        ("Places are starts[:, None] plus a row of steps.",),
    ),
    Exercise(
        "20.5",
        "bits_per_letter",
        "Given logits (n, seq_len, n_tokens) and the tokens that were due, (n, seq_len), how many "
        "bits each token cost, on average over all.",
        BITS,
        (
            "A token to which the share p was given costs −log₂ p bits.",
            "PyTorch's cross-entropy is in nats; how many nats has a bit?",
        ),
    ),
    Exercise(
        "20.6",
        "draw",
        "Lay the shares of all tokens, at this temperature, one after the other along a line from "
        "0 to 1, and return the number of the token on whose stretch `chance` falls.",
        DRAW,
        (
            "Logits over temperature, softmax, running sum.",
            "How many stretches end at or before `chance`?",
        ),
    ),
    Exercise(
        "20.7",
        "turn",
        "Turn each pair of neighbouring channels of x (..., seq_len, d_k) by the angle of its "
        "token's place, of which the first is `first`: place / 10,000^(2p / d_k) for pair p.",
        ROTATE,
        (
            "A pair (a, b) that is turned by an angle t becomes (a cos t − b sin t, a sin t + b "
            "cos t).",
            "`x[..., 0::2]` takes every second channel; `stack` and `flatten` weave two together.",
        ),
    ),
)
