"""What tools/fuzz.py tries: a valid call of every public callable, and what may be wrong in it.

`Block.forward` is called on what the example of `Block` makes.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import bareattention as ba
from bareattention.experiments.runs import Record

SHA = "a" * 64
SIZES = {"d_model": 6, "n_heads": 2}
HEAD = {"d_model": 6, "d_k": 3, "d_v": 2, "bias": True}
SMALL = {"seq_len": 4, "d_model": 6, "n_classes": 3}
EPOCH = {
    **{"epoch": 1, "training_bits": 1.0, "training_accuracy": 50.0},
    **{"validation_bits": 1.0, "validation_accuracy": 50.0},
}


def floats(*shape):
    return torch.rand(shape)


def mask(*shape):
    return torch.ones(shape, dtype=torch.bool)


def whole(*shape):
    return torch.arange(torch.Size(shape).numel()).reshape(shape) % 3


def linear():
    return nn.Linear(6, 3)


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def generator():
    return torch.Generator().manual_seed(0)


def taught(model, **others):
    return {"model": model, "optimizer": sgd(model), "batch_size": 4, **others}


def details():
    return {
        **{"generator": generator(), "replacement": False, "label_smoothing": 0.1},
        **{"augment": lambda x, generator: x, "after_step": lambda: None},
    }


def heads():
    return {"queries": floats(2, 4, 6), "keys": floats(2, 5, 6), "values": floats(2, 5, 3)}


def alike():
    return {name: floats(2, 4, 6) for name in ("queries", "keys", "values")}


def cards():
    return {"left": floats(2, 3, 4, 4), "right": floats(2, 3, 4, 4), "asked": floats(2, 4, 4)}


def language():
    return ba.CausalLanguageModel(3, d_model=8, n_heads=2, n_blocks=1)


def seen():
    return {"x": floats(2, 4, 6), "mask": mask(4, 4)}


def digits():
    return ba.Digits(torch.zeros(2, 28, 28, dtype=torch.uint8), whole(2))


def provenance():
    return {"source": "mnist", "digits": "a", "split": "b", "seed": 0, "files": {"x": SHA}}


def record():
    return {
        **{"model": "a", "seed": 0, "configuration": {}, "n_parameters": 1, "seconds": 1.0},
        **{"curve": [{"bits": 1.0}], "versions": {"torch": "2"}, "machine": "m", "command": "c"},
        "data": ba.Provenance(**provenance()),
    }


def config(**changed):
    fields = {"patch_size": 4, "stride": 4, "padding": 0, "d_model": 4, "n_heads": 2}
    return {**fields, "n_blocks": 1, "d_ff": 4, "image_size": 8, "n_classes": 3, **changed}


def transformer():
    return ba.DigitTransformer(ba.DigitConfig(**config()))


def labels():
    return floats(5, 6), whole(5)


EXAMPLES = {
    "AttentionSizes": lambda: {**SIZES, "d_k": 3, "d_v": 3},
    "AttentionSizes.divided": lambda: SIZES,
    "Block": lambda: {**SIZES, "d_ff": 8, "dropout": 0.1},
    "Block.forward": lambda: {**seen(), "attend": ba.attention},
    "CardReader": lambda: {"d_model": 6, "image_size": 4},
    "CardReader.forward": cards,
    "CausalLanguageModel": lambda: {
        "d_model": 8,
        "n_heads": 2,
        "n_tokens": 3,
        "n_blocks": 1,
        "dropout": 0.1,
    },
    "CausalLanguageModel.forward": lambda: {"ids": whole(2, 4)},
    "DigitConfig": config,
    "DigitSplits": lambda: {
        **dict.fromkeys(("training", "validation", "test"), digits()),
        "provenance": ba.Provenance(**provenance()),
    },
    "DigitTokens": lambda: {"config": ba.DigitConfig(**config())},
    "DigitTokens.forward": lambda: {"images": floats(2, 8, 8)},
    "DigitTokens.cut": lambda: {"images": floats(2, 8, 8)},
    "DigitTransformer": lambda: {"config": ba.DigitConfig(**config()), "attend": ba.attention},
    "DigitTransformer.forward": lambda: {"images": floats(2, 8, 8), "with_weights": True},
    "Digits": lambda: {"images": digits().images, "labels": digits().labels},
    "EarlyStopping": lambda: {"patience": 2},
    "EarlyStopping.__call__": lambda: {"model": linear(), "history": [EPOCH, EPOCH]},
    "FeedForward": lambda: {"d_model": 6, "d_ff": 8, "dropout": 0.1},
    "FeedForward.forward": lambda: {"x": floats(2, 4, 6)},
    "LearnedPositions": lambda: {"seq_len": 4, "d_model": 6},
    "KeyValueCache": dict,
    "LearnedPositions.forward": lambda: {"x": floats(2, 4, 6)},
    "LoopedSelfAttentionModel": lambda: SMALL,
    "LoopedSelfAttentionModel.forward": lambda: {"x": floats(2, 4, 6)},
    "MeanOfCards": lambda: {"d_model": 6, "d_hidden": 5},
    "MeanOfCards.forward": alike,
    "MultiHeadAttention": lambda: SIZES,
    "MultiHeadAttention.forward": lambda: {
        **{"x": floats(2, 4, 6), "mask": mask(4, 5), "context": floats(2, 5, 6)}
    },
    "Projections": lambda: HEAD,
    "Projections.forward": lambda: {"embeddings": floats(2, 4, 6)},
    "Provenance": provenance,
    "Recipe": lambda: {"says": "a", "transformer": ba.DigitConfig(**config())},
    "Recipe.preparation": lambda: {"images": floats(2, 28, 28)},
    "Report": lambda: {"bits": 1.0, "accuracy": 50.0},
    "Report.of": lambda: {"loss": floats()[()], "logits": floats(5, 3), "labels": whole(5)},
    "Run": lambda: {**record(), "path": "a.json", "parameters": None},
    "SelfAttention": lambda: HEAD,
    "SelfAttention.forward": seen,
    "SelfAttentionModel": lambda: SMALL,
    "SelfAttentionModel.forward": lambda: {"x": floats(2, 4, 6)},
    "SmallExample": lambda: ba.small_example()._asdict(),
    "WithoutAttention": lambda: {"model": ba.SelfAttentionModel(**SMALL), "by": "uniform"},
    "WithoutAttention.forward": lambda: {"x": floats(2, 4, 6)},
    "additive": lambda: {"mask": mask(4, 4)},
    "attention_in_heads": lambda: {**alike(), "n_heads": 2},
    "deal_cards": lambda: {
        **{"labels": torch.arange(20) % 10, "n_deals": 2, "n_cards": 3, "generator": generator()}
    },
    "generate": lambda: {"model": language(), "ids": whole(3), "n_new": 2, "temperature": 0.5},
    "linear_attention": alike,
    "load_text": dict,
    "mean_of_products": alike,
    "mean_of_sums": alike,
    "product": lambda: {
        **{"left": floats(1, 2), "right": floats(2, 3), "titles": ["a", "b", "c"]},
        **{"says": ["a", "b", "c"], "labels": [["a"], ["a", "b"], ["a", "b", "c"]]},
    },
    "rotary_attention": lambda: {**alike(), "mask": mask(4, 4)},
    "rotate_positions": lambda: {"x": floats(2, 4, 6), "first": 1},
    "sigmoid_attention": alike,
    "train_on_cards": lambda: {
        **{"model": ba.CardReader(6, image_size=4), "images": floats(20, 4, 4)},
        **{"labels": torch.arange(20) % 10, "n_cards": 2, "steps": 1},
    },
    "whole_head": lambda: ba.small_example()._asdict(),
    "as_patches": lambda: {"images": floats(2, 8, 8), "size": 4, "stride": 2, "padding": 1},
    "as_pixels": lambda: {"images": floats(2, 8, 8)},
    "as_rows": lambda: {"images": floats(2, 8, 8)},
    "attention": lambda: {**heads(), "mask": mask(4, 5), "scale": 0.5},
    "attention_maps": lambda: {"model": transformer(), "images": floats(2, 8, 8)},
    "attention_scores": lambda: {"queries": floats(2, 4, 6), "keys": floats(2, 5, 6)},
    "axes": lambda: {"x": "a", "y": "b", "title": "c", "size": (2.0, 2.0)},
    "bars": lambda: {"values": [1.0, 2.0], "labels": ["a", "b"], "unit": "u", "size": (2.0, 2.0)},
    "causal_mask": lambda: {"seq_len": 4},
    "count_parameters": lambda: {"module": linear()},
    "decaying_adamw": lambda: {"model": linear()},
    "epoch_report": lambda: {
        **{"number": 1, "training": ba.Report(1.0, 50.0), "validation": ba.Report(1.0, 50.0)}
    },
    "evaluate": lambda: {"model": linear(), "data": labels(), "batch_size": 2},
    "fit": lambda: taught(
        *[linear()], training=labels(), validation=labels(), epochs=2, history=[EPOCH], **details()
    ),
    "fused_attention": lambda: {**heads(), "mask": mask(4, 5), "scale": 0.5},
    "growth_exponent": lambda: {"lengths": [1.0, 2.0, 4.0], "costs": [1.0, 2.0, 4.0]},
    "heatmap": lambda: {
        **{"matrix": floats(2, 3), "rows": "a", "columns": "b", "row_labels": ["a", "b"]},
        **{"column_labels": ["a", "b", "c"], "mask": mask(2, 3), "limits": (0.0, 1.0)},
        "size": (2.0, 2.0),
    },
    "join_heads": lambda: {"x": floats(2, 2, 4, 3)},
    "kept_bytes": lambda: {"function": torch.exp, "inputs": floats(2, 3)},
    "leakage": lambda: {"module": linear(), "embeddings": floats(4, 6)},
    "load_digits": lambda: {"source": "mnist5k"},
    "look_up": lambda: {"table": floats(5, 6), "ids": whole(2, 3)},
    "measure_cost": lambda: {
        **{"ways": {"a": ba.naive_attention}, "lengths": [2, 3], "d_k": 2, "repeats": 1}
    },
    "naive_attention": heads,
    "occlusion_map": lambda: {
        **{"model": nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), "image": floats(8, 8)},
        **{"size": 4, "cover": 0.0},
    },
    "one_hot": lambda: {"ids": whole(2, 3), "n": 3},
    "padding_mask": lambda: {"lengths": whole(3), "seq_len": 4},
    "panels": lambda: {"n": 2, "columns": 2, "titles": ["a", "b"], "x": "a", "y": "b"},
    "pictures": lambda: {"images": floats(2, 3, 3), "titles": ["a", "b"], "limits": (0.0, 1.0)},
    "pixel_statistics": lambda: {"images": floats(2, 8, 8)},
    "print_report": lambda: {"model": linear(), "history": [EPOCH]},
    "project": lambda: {
        **{"embeddings": floats(2, 4, 6), "W_query": floats(6, 3), "W_key": floats(6, 3)},
        "W_value": floats(6, 2),
    },
    "random_affine": lambda: {
        **{"images": floats(2, 8, 8), "generator": generator(), "degrees": 1.0, "pixels": 1.0},
        **{"size": 0.1, "shear": 0.1},
    },
    "random_affine_grid": lambda: {"images": floats(2, 8, 8), "generator": generator()},
    "random_embeddings": lambda: {"n_tokens": 4, "d": 3, "seed": 0},
    "recorded": lambda: {"name": "a", "folder": "."},
    "recorded_measurement": lambda: {"name": "a", "folder": "."},
    "report_line": lambda: {"epoch": EPOCH},
    "resample": lambda: {"images": floats(2, 8, 8), "grid": floats(2, 8, 8, 2)},
    "roll_out": lambda: {"maps": floats(2, 2, 2, 4, 4).softmax(-1)},
    "save_run": lambda: {
        **{"path": "saved", "record": Record(**record()), "parameters": {"a": floats(2)}},
        "overwrite": True,
    },
    "load_run": lambda: {"path": "saved"},  # what the one above saved
    "seconds_in_turn": lambda: {"ways": {"a": lambda: None}, "repeats": 1},
    "sinusoidal_positions": lambda: {"seq_len": 4, "d_model": 6},
    "small_example": dict,
    "softmax": lambda: {"scores": floats(2, 4), "temperature": 0.5, "mask": mask(2, 4)},
    "split_heads": lambda: {"x": floats(2, 4, 6), "n_heads": 2},
    "standardise": lambda: {"images": floats(2, 8, 8), "mean": 0.0, "std": 1.0},
    "tone_curve": lambda: {"levels": floats(3), "counts": whole(2, 3), "query_key": 1.0},
    "train_briefly": lambda: {
        **{"model": linear(), "inputs": floats(5, 6), "labels": whole(5), "epochs": 1}
    },
    "train_epoch": lambda: taught(linear(), data=labels(), **details()),
    "uniform_attention": heads,
    "warm_up_and_cosine": lambda: {"optimizer": sgd(linear()), "n_steps": 5},
    "with_attention_replaced": lambda: {"model": ba.SelfAttentionModel(**SMALL), "by": "uniform"},
}


def wrong_values(valid):
    """Pairs (value, exotic): what an argument may be mistaken for; some happen to be legal."""
    plain = [None, "x", "", b"x", True, False, 1j, Fraction(1, 2), float("nan"), float("inf")]
    plain += [-float("inf"), -1, 0, 1, 3, 0.5, -1.5, 1e30, 1e-320, np.float64(0.5), np.int64(2)]
    plain += [
        [],
        [None],
        ["x"],
        [[1.0]],
        [-1],
        (),
        (0, 0),
        {},
        {"x": None},
        {1: 2},
        {"x"},
        object(),
    ]
    plain += [np.zeros(3), np.array(["x"]), int, torch.float32, torch.int64, Path("nowhere")]
    plain += [torch.Generator(), nn.Identity(), nn.Linear(3, 3), len, F.relu, lambda *_: None]
    plain += [
        lambda: None,
        lambda *_: (1, 2),
        range(3),
        torch.optim.SGD(nn.Linear(1, 1).parameters()),
    ]
    tensors = [torch.zeros(shape) for shape in [(), 0, 3, (2, 3), (0, 4), (1, 1, 1), (1, 2, 3, 4)]]
    tensors += [torch.arange(3), torch.ones(2, 2, dtype=torch.bool)]
    exotic = [2**31, 2**63, -(2**63) - 1, 10**400]
    if isinstance(valid, Tensor):
        exotic += [valid.to(torch.complex64), valid.to("meta"), valid.to_sparse()]
        exotic += [torch.nested.nested_tensor([torch.zeros(1, 2), torch.zeros(3, 2)])]
        tensors += [valid[None], valid.unsqueeze(-1), valid.flatten(), valid.movedim(0, -1)]
        for axis, n in enumerate(valid.shape):
            tensors += [valid.narrow(axis, 0, k) for k in {0, 1, n - 1} if 0 <= k < n]
            tensors += [torch.cat([valid, valid], axis), valid.select(axis, 0)]
        kinds = "bool uint8 int8 int32 int64 float16 bfloat16 float32 float64"
        tensors += [valid.to(getattr(torch, kind)) for kind in kinds.split()]
        tensors += [valid.numpy(), valid.tolist(), valid.logical_not(), -valid.long() - 100]
        if valid.is_floating_point():
            tensors += [valid * nan for nan in (float("nan"), float("inf"))]
            tensors += [valid.clone().requires_grad_()]
        else:
            tensors += [valid.long() + 1000]
    if isinstance(valid, tuple | list):
        plain += [valid[:-1], [*valid, *valid], *valid]
        for i, part in enumerate(valid):
            for wrong, is_exotic in wrong_values(part):
                changed = [*valid[:i], wrong, *valid[i + 1 :]]
                changed = tuple(changed) if isinstance(valid, tuple) else changed
                (exotic if is_exotic else plain).append(changed)
    if isinstance(valid, dict):
        for key in valid:
            plain += [{**valid, key: wrong} for wrong in (None, "x", -1, 1.5, F.relu, [1])]
            plain += [{k: valid[k] for k in valid if k != key}, {**valid, 1: valid[key]}]
    return [(value, False) for value in plain + tensors] + [(value, True) for value in exotic]
