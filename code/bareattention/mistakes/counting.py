"""What a model has in parameters and in memory, counted, and how one miscounts."""

from bareattention.mistakes import Case, Mistake, Reference, Wrong

MATRICES = (
    Mistake("one_matrix", "Attention has three matrices, and one is counted."),
    Mistake("two_matrices", "Attention has three matrices, and two are counted."),
    Mistake("four_matrices", "This attention has three matrices: none stands behind the values."),
    Mistake("for_each_token", "All tokens share the three matrices; they are counted per token."),
    Mistake("not_squared", "A matrix has d_model rows of d_model numbers, not d_model numbers."),
    Mistake("attention_biases", "The three matrices have no biases."),
    Mistake("from_pixels", "The three matrices are counted with seq_len rows or columns."),
    Mistake("no_attention", "The three matrices of attention are missing."),
)
OUTPUTS = (
    Mistake("no_bias", "The ten biases of the linear layer, one a class, are missing."),
    Mistake("bias_per_input", "The biases are counted once per input; there is one per class."),
    Mistake("channels_forgotten", "The linear layer has a weight for each channel of each token."),
    Mistake("tokens_forgotten", "The linear layer has a weight for each token: it reads all."),
    Mistake("one_class", "The linear layer has a row of weights for each class, not one row."),
)
TABLES = (Mistake("table_counted", "The table of weights is computed, not learned: no parameter."),)


def parameters(wrong: Wrong, seq_len: int, d_model: int, n_classes: int) -> int:
    """Parameters of one head and a linear layer."""
    attention = 3 * d_model**2
    places = {
        "one_matrix": d_model**2,
        "two_matrices": 2 * d_model**2,
        "four_matrices": 4 * d_model**2,
        "for_each_token": seq_len * attention,
        "not_squared": 3 * d_model,
        "attention_biases": attention + 3 * d_model,
        "from_pixels": 3 * seq_len * d_model,
        "no_attention": 0,
    }
    attention = next((places[name] for name in wrong if name in places), attention)
    inputs, biases = seq_len * d_model, n_classes
    if "channels_forgotten" in wrong:
        inputs = seq_len
    if "tokens_forgotten" in wrong:
        inputs = d_model
    if "no_bias" in wrong:
        biases = 0
    if "bias_per_input" in wrong:
        biases = inputs
    if "one_class" in wrong:
        n_classes = biases = 1
    return attention + n_classes * inputs + biases + ("table_counted" in wrong) * seq_len**2


def sizes() -> list[Case]:
    """Sizes to count on fingers, and others."""
    return [Case(each) for each in [(3, 2, 5), (784, 1, 10), (28, 28, 10), (7, 11, 13)]]


PARAMETERS = Reference(parameters, (MATRICES, OUTPUTS, TABLES), sizes)

BYTES = (
    Mistake("bits_as_bytes", "Bits are taken for bytes: eight bits make one byte."),
    Mistake("times_8", "The bits are multiplied by eight: eight bits make one byte."),
    Mistake("numbers_counted", "The numbers are counted, not their bytes."),
    Mistake("always_32", "The numbers are taken to have 32 bits, whatever `bits` says."),
)
UNITS = (
    Mistake("million", "A megabyte is taken for a million bytes; here it is 2²⁰ of them."),
    Mistake("in_bytes", "The result is in bytes, not in megabytes."),
    Mistake("in_kilobytes", "The result is in kilobytes: it was divided by 1,024 once, not twice."),
    Mistake("in_gigabytes", "The result is in gigabytes: it was divided by 1,024 once too often."),
)
SIDES = (
    Mistake("linear", "There is a weight for each *pair* of tokens: the tokens are not squared."),
    Mistake("half", "Only half of the pairs are counted: each token looks at every other."),
    Mistake("without_self", "The weights of tokens for themselves are not counted."),
)
BATCHES = (
    Mistake("one_digit", "The table of one digit is counted; each digit of a batch has its own."),
    Mistake("mixed", "All digits are counted as one long sequence; digits do not look at another."),
)
KEPT = (Mistake("scores_too", "The scores are counted as well: the table of weights was asked."),)


def megabytes(wrong: Wrong, batch_size: int, seq_len: int, bits: int) -> float:
    """Memory for the tables of weights of a batch, in units of 2²⁰ bytes."""
    pairs = {
        "linear": seq_len,
        "half": seq_len * (seq_len + 1) / 2,
        "without_self": seq_len * (seq_len - 1),
    }
    tables = next((pairs[name] for name in wrong if name in pairs), seq_len**2)
    tables *= 2 if "scores_too" in wrong else 1
    if "mixed" in wrong:
        batch_size **= 2
    if "one_digit" in wrong:
        batch_size = 1
    bytes_each = {"always_32": 4, "numbers_counted": 1, "bits_as_bytes": bits, "times_8": 8 * bits}
    each = next((bytes_each[name] for name in wrong if name in bytes_each), bits / 8)
    places = {"million": 10**6, "in_bytes": 1, "in_kilobytes": 2**10, "in_gigabytes": 2**30}
    unit = next((places[name] for name in wrong if name in places), 2**20)
    return batch_size * tables * each / unit


def batches() -> list[Case]:
    """Round numbers first: 16 digits of 1,024 tokens in 32 bits."""
    return [Case(each) for each in [(16, 1024, 32), (256, 784, 16), (3, 4096, 64)]]


MEGABYTES = Reference(megabytes, (BYTES, UNITS, SIDES, BATCHES, KEPT), batches)
