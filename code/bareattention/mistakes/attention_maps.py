"""Attention followed through the blocks, and how it goes wrong."""

import torch
from torch import Tensor

from bareattention.mistakes import Alike, Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

ORDERS = (
    Mistake(
        "reversed", "The blocks are multiplied in the reverse order: the last one stands left."
    ),
    Mistake("averaged", "The blocks are averaged, though each looks at what the one before made."),
    Mistake(
        "elementwise", "The blocks are multiplied number by number (`*`), not as tables (`@`)."
    ),
    Mistake("last_only", "Only the last block is looked at."),
)
SHARES = (
    Mistake("exchanged", "`own` is given to the map, and the rest to the residual."),
    Mistake("half", "`own` is ignored: the residual always gets one half."),
    Mistake("no_residual", "The residual is left out."),
    Mistake("not_shared", "The residual is added whole, so that rows sum to more than 1."),
    Mistake("unweighted", "Residual and map are added whole, whatever `own` is: rows sum to 2."),
)
HEADS = (
    Mistake("largest_head", "The largest head counts alone, not the mean of all."),
    Mistake("first_head", "One head counts alone, not the mean of all."),
    Mistake("heads_summed", "The heads are summed, not averaged."),
)
TABLES = (
    Mistake("transposed", "The maps are transposed: their rows are queries."),
    Mistake("turned", "The result is transposed: its rows are those who look, not who is seen."),
)


def roll_out(wrong: Wrong, maps: Tensor, own: float) -> Tensor:
    """How much of each first token reaches each last one; `own` is the residual's share."""
    tables = maps.mean(2)
    if "largest_head" in wrong:
        tables = maps.amax(2)
    if "first_head" in wrong:
        tables = maps[:, :, 0]
    if "heads_summed" in wrong:
        tables = maps.sum(2)
    if "transposed" in wrong:
        tables = tables.mT
    eye = torch.eye(maps.shape[-1])
    rest = 1 - own
    if "exchanged" in wrong:
        own, rest = rest, own
    if "half" in wrong:
        own = rest = 0.5
    if "no_residual" in wrong:
        own, rest = 0.0, 1.0
    if "not_shared" in wrong:
        own = 1.0
    if "unweighted" in wrong:
        own = rest = 1.0
    blocks = (own * eye + rest * tables).unbind(1)
    if "last_only" in wrong:
        return _turned(wrong, blocks[-1])
    if "averaged" in wrong:
        return _turned(wrong, torch.stack(blocks).mean(0))
    if "elementwise" in wrong:
        return _turned(wrong, torch.stack(blocks).prod(0))
    shares = eye.expand_as(blocks[0])
    for block in blocks:
        shares = shares @ block if "reversed" in wrong else block @ shares
    return _turned(wrong, shares)


def _turned(wrong: Wrong, shares: Tensor) -> Tensor:
    return shares.mT if "turned" in wrong else shares


def looks() -> list[Case]:
    """Two blocks over two tokens by hand, and three blocks with two heads."""
    first, second = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.5, 0.5], [0.0, 1.0]])
    small = torch.stack([first, second])[None, :, None]
    drawn = numbers(5, 2, 3, 2, 4, 4).mul(2).softmax(-1)
    return [Case((small, 0.5)), Case((small, 0.2)), Case((drawn, 0.5)), Case((drawn, 0.3))]


# Three ways to turn a product round, of which any two are the third.
TURNS = ("reversed", "transposed", "turned")
ALIKE = tuple(
    Alike(
        frozenset({"reversed", other}),
        frozenset({one}),
        "The transpose of a product is the product of the transposes in the reverse order.",
    )
    for one, other in (TURNS[1:], TURNS[:0:-1])
)
ROLL_OUT = Reference(roll_out, (ORDERS, SHARES, HEADS, TABLES), looks, alike=ALIKE)
