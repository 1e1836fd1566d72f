"""Chapter 3: what does each token ask, offer and carry?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.projections import FINDS_NEXT, FINDS_WORDS, PROJECTED, RANK

EXERCISES = (
    Exercise(
        "3.1",
        "project_with_loops",
        "Embeddings (seq_len, d_model) times a matrix (d_model, d_out), with loops and with + and "
        "* on single numbers.",
        PROJECTED,
        (
            "Three loops: over tokens, over channels that come out, over channels that go in.",
            "The innermost loop adds; the sum is set to 0 right before it.",
        ),
    ),
    Exercise(
        "3.2",
        "ask_next",
        "Return the W_query (4, 4) with which each of four one-hot tokens finds the one after it, "
        "and the last the first; W_key is the identity.",
        FINDS_NEXT,
        ("Row i of W_query is the query of token i: let it be the key of token i + 1.",),
    ),
    Exercise(
        "3.3",
        "ask_next_word",
        'Return the W_query (3, 3) with which each word of "boat by the bank" finds the one after '
        "it, and bank finds boat; W_key is the identity.",
        FINDS_WORDS,
        (
            "Row 0 decides alone for boat, row 2 for the and, turned round, for by.",
            "Only bank has money: a large number there makes the prefer bank to itself.",
            "bank asks with row 0 + row 1 + 2 · row 2: choose row 1 last.",
        ),
    ),
    Exercise(
        "3.4",
        "largest_rank",
        "The largest rank that `queries @ keys.T` can have, from seq_len, d_model and d_k.",
        RANK,
        ("The rank of a product is at most that of each of its factors.",),
    ),
)
