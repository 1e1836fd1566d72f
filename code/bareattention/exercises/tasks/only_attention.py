"""Chapter 18: what can only a look-up by content do?"""

from bareattention.exercises.exercise import Exercise
from bareattention.mistakes.attention import PLAIN
from bareattention.mistakes.cards import BEST, BY_HAND
from bareattention.mistakes.without_attention import LINEAR

EXERCISES = (
    Exercise(
        "18.2",
        "mended_look_up",
        "The look-up `look_up(query, keys, values)` contains one mistake. Find it from its outputs "
        "alone, and write the function as it should be, for any number of queries.",
        PLAIN,
        (
            "Values that are all 1 make the output the sum of the weights.",
            "One query and six cards: which sum is 6, and which would be 1?",
        ),
    ),
    Exercise(
        "18.4",
        "best_of",
        "Given the right digits of deals, (n_deals, n_cards), return for each deal the best share "
        "of right answers of a reader that knows them all, but not who is beside whom.",
        BEST,
        ("`F.one_hot` and a sum count how often each digit occurs in a deal.",),
    ),
    Exercise(
        "18.5",
        "by_hand",
        "Return W_query (20, d_k), W_key (20, d_k) and W_value (20, 10), with which attention "
        "answers every deal of cards that are written as two one-hot rows side by side.",
        BY_HAND,
        (
            "Channels 0 to 9 are the left digit, channels 10 to 19 the right one; in the asked "
            "token the right half is 0.",
            "Rows of an identity matrix choose channels.",
            "How far apart must two scores be for the softmax to leave one of them next to "
            "nothing?",
        ),
    ),
    Exercise(
        "18.6",
        "my_linear_attention",
        "Attention whose weights are products of features, ELU + 1, of queries and keys, divided "
        "by their sum; return the output. Make one table of keys and values first.",
        LINEAR,
        (
            "The table is (d_k, d_v): features of the keys, transposed, times the values.",
            "The sum of the weights is a product as well: of the features of a query with the sum "
            "of the features of all keys.",
        ),
    ),
)
