"""Counting the parameters of attention, and how the count goes wrong."""

from bareattention.mistakes import Alike, Case, Mistake, Reference, Wrong

MATRICES = (
    Mistake("one_for_both", "Queries and keys have a matrix each, and only one is counted."),
    Mistake("values_forgotten", "The matrix of the values is not counted."),
    Mistake("one_matrix", "One matrix is counted, and a head has three."),
    Mistake("values_like_keys", "The values are counted as wide as the keys: they may differ."),
    Mistake("keys_like_values", "Queries and keys are counted as wide as the values."),
    Mistake("square", "Each matrix is counted with d_model columns, and a head's are narrower."),
    Mistake("sides_added", "The sides of each matrix are added, not multiplied."),
    Mistake("columns_only", "Only the columns are counted, and each holds d_model numbers."),
)
PROJECTION = (
    Mistake(
        "projection_counted",
        "The output projection is counted as well: it belongs to all heads together.",
    ),
)
BIASES = (
    Mistake("biases_ignored", "The biases are not counted where they are asked for."),
    Mistake("biases_always", "The biases are counted where nobody asked for them."),
    Mistake("biases_inverted", "The biases are counted where nobody asked for them, and not else."),
    Mistake(
        "biases_in", "A bias belongs to each channel that comes out, not to each that goes in."
    ),
    Mistake("biases_one", "Each matrix gets one bias, and it is one for each of its columns."),
    Mistake("biases_without_values", "The biases of the values are not counted."),
    Mistake("biases_and_projection", "The biases of the output projection are counted as well."),
    Mistake("biases_factor", "The biases are multiplied by d_model, as though they were rows."),
)


def head(wrong: Wrong, d_model: int, d_k: int, d_v: int, bias: bool = False) -> int:
    """Parameters of one head."""
    widths = {
        "one_for_both": [d_k, d_v],
        "values_forgotten": [d_k, d_k],
        "one_matrix": [d_k],
        "values_like_keys": [d_k] * 3,
        "keys_like_values": [d_v] * 3,
        "square": [d_model] * 3,
    }
    columns = next((widths[name] for name in wrong if name in widths), [d_k, d_k, d_v])
    numbers = d_model * sum(columns)
    if "sides_added" in wrong:
        numbers = sum(d_model + width for width in columns)
    if "columns_only" in wrong:
        numbers = sum(columns)
    if "projection_counted" in wrong:
        numbers += d_v * d_model
    if "biases_always" in wrong or bias != ("biases_inverted" in wrong):
        numbers += _biases(wrong, d_model, columns)
    return numbers


def _biases(wrong: Wrong, d_model: int, columns: list[int]) -> int:
    if "biases_ignored" in wrong:
        return 0
    if "biases_in" in wrong:
        return d_model * len(columns)
    if "biases_one" in wrong:
        return len(columns)
    if "biases_without_values" in wrong:
        return sum(columns[:-1])
    if "biases_and_projection" in wrong:
        return sum(columns) + d_model
    return sum(columns) * (d_model if "biases_factor" in wrong else 1)


def sizes_of_a_head() -> list[Case]:
    """The small example, and sizes that are all different, each without biases and with them."""
    sizes = [(3, 4, 2), (20, 5, 3), (7, 2, 11), (512, 64, 48)]
    return [Case((*each, *bias)) for bias in ((), (True,), (False,)) for each in sizes]


AS_LARGE = Alike(
    frozenset({"projection_counted", "values_forgotten"}),
    frozenset({"biases_without_values"}),
    "The output projection of a head has as many numbers as its matrix of values.",
)
HEAD = Reference(head, (MATRICES, PROJECTION, BIASES), sizes_of_a_head, alike=(AS_LARGE,))

HEADS = (
    Mistake("undivided", "Each head is counted d_model wide, and the heads divide the width."),
    Mistake("one_head", "One head is counted, and not all of them."),
)
OUTPUT = (
    Mistake("output_forgotten", "The matrix of the output projection is not counted."),
    Mistake("output_of_one_head", "The output projection is counted with the rows of one head."),
    Mistake("output_shared", "The output projection is counted once, and each layer has its own."),
)
ALL_BIASES = (
    Mistake("no_biases", "The biases are not counted."),
    Mistake("biases_of_heads", "The biases of the output projection are not counted."),
    Mistake("biases_of_output", "The biases of queries, keys and values are not counted."),
    Mistake("biases_once", "The biases are counted once, and each layer has its own."),
    Mistake("one_bias_each", "Each matrix gets one bias, and it is one for each of its columns."),
)
LAYERS = (Mistake("one_layer", "One layer is counted, and not all of them."),)


def stack(wrong: Wrong, d_model: int, n_heads: int, n_layers: int) -> int:
    """Parameters of the attention of all layers, with output projections and biases."""
    width = d_model if "undivided" in wrong else d_model // n_heads
    heads = 1 if "one_head" in wrong else n_heads
    in_and_out = 3 * heads * width, d_model  # biases of queries, keys and values; of the output
    if "one_bias_each" in wrong:
        in_and_out = 3 * heads, 1
    biases = {"no_biases": 0, "biases_of_heads": in_and_out[0], "biases_of_output": in_and_out[1]}
    rows = {"output_forgotten": 0, "output_of_one_head": width}
    output = next((rows[name] for name in wrong if name in rows), heads * width) * d_model
    added = next((biases[name] for name in wrong if name in biases), sum(in_and_out))
    layers = 1 if "one_layer" in wrong else n_layers
    return (
        3 * heads * width * d_model * layers
        + output * (1 if "output_shared" in wrong else layers)
        + added * (1 if "biases_once" in wrong else layers)
    )


def sizes_of_a_stack() -> list[Case]:
    """Small and large."""
    return [Case(each) for each in [(4, 2, 1), (6, 2, 3), (512, 8, 6), (20, 5, 4), (768, 12, 12)]]


STACK = Reference(stack, (HEADS, OUTPUT, ALL_BIASES, LAYERS), sizes_of_a_stack)
