"""What the elements compute is what PyTorch and matplotlib do."""

import itertools

import matplotlib as mpl
import torch

from bareattention import plotting, softmax
from bareattention.touch.script import MAPS

N, D = 5, 4


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def head(mask, temperature: float, axis: int, scale: float) -> dict:
    queries, keys, values = (3 * numbers(N, D, seed=seed) for seed in range(3))
    scores = queries @ keys.T / scale
    turned = scores if axis == 1 else scores.T
    hidden = None if mask is None else mask if axis == 1 else mask.T
    weights = softmax(turned, mask=hidden, temperature=temperature)
    weights = weights if axis == 1 else weights.T
    how = {"temperature": temperature, "axis": axis, "scale": scale, "mask": mask}
    return {
        "how": {name: setting for name, setting in how.items() if setting is not None},
        **{"queries": queries, "keys": keys, "values": values},
        **{"scores": scores, "weights": weights, "output": weights @ values},
    }


def size_of_jacobian(scores: torch.Tensor) -> float:
    return torch.autograd.functional.jacobian(lambda s: torch.softmax(s, -1), scores).norm().item()


def test_arithmetic_and_colours(node):
    masks = [None, torch.ones(N, N, dtype=torch.bool).tril()]
    masks.append(masks[1].clone())
    masks[2][0] = False  # a row of nobody
    heads = [head(*how) for how in itertools.product(masks, (0.3, 1.0), (0, 1), (1.0, 2.0))]
    scores = [*(5 * numbers(8, 6)), torch.tensor([0.0, 800.0]).double()]
    rows = [torch.softmax(row, dim=-1) for row in scores]
    places = torch.cat([torch.linspace(0, 1, 1025).double(), torch.tensor([-1.0, 2.0])]).tolist()
    colours = {
        name: [f"#{bytes(c[:3]).hex()}" for c in mpl.colormaps[name](places, bytes=True)]
        for name in MAPS
    }
    papers = [*colours["viridis"], *colours["RdBu_r"]]
    rgb = [[int(paper[i : i + 2], 16) / 255 for i in (1, 3, 5)] for paper in papers]
    golden = {
        "heads": heads,
        "rows": rows,
        "entropies": [torch.special.entr(row).sum().item() for row in rows],
        "jacobians": [size_of_jacobian(row) for row in scores],
        **{"places": places, "colours": colours, "papers": papers},
        "inks": [plotting._ink(colour) for colour in rgb],
    }
    node("math", golden)


def test_the_script_has_the_colour_maps_of_the_figures():
    assert set(MAPS) == {colours for colours, _ in plotting.KINDS.values()}
