"""Every model that the book trains in full, by name: what it is made of, and how it is taught.

    recipe = RECIPES["patches"]
    model = recipe.model()                                # drawn from torch's own random numbers
    prepare = recipe.preparation(digits.training.images)  # looks at the training digits only
    logits = model(prepare(digits.validation.images))

`LADDER` climbs from a linear layer to a transformer, one change at a time.  `REMOVALS` takes the
last rung and leaves one part out; `WITHOUT_ATTENTION` leaves attention out of three rungs.
`PIXELS` asks what attention does in the smallest model, `FEATURES` in an older one.  `TRIED` led
to the final model, which is trained as "final" on the training digits, and as "final_all" on the
validation digits too; out of `TRIED_SINCE` came "final_25".  "apart" splits the last rung.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from torch import Tensor, nn

from bareattention.chapters.all_at_once import SelfAttentionModel
from bareattention.chapters.digits import as_pixels, pixel_statistics, standardise
from bareattention.chapters.is_attention_doing_anything import with_attention_replaced
from bareattention.chapters.patches import DigitConfig, DigitTransformer, uniform_attention
from bareattention.experiments.features import FeatureModel
from bareattention.shapes import NonNegative, Share, Size, checked, require

__all__ = ["LADDER", "PIXELS", "RECIPES", "REMOVALS", "WITHOUT_ATTENTION", "Recipe"]

PIXEL_COUNT, CLASSES = 28 * 28, 10
# What can stand in attention's place, by kind.
IN_PLACE = {
    "pixels": ("uniform", "identity"),
    "features": ("identity", "relu"),
    "transformer": ("uniform",),
}


@checked
@dataclass(frozen=True)
class Recipe:
    """One model, and everything that is chosen about its training.

    Fields:
        says: the model in a few words.
        kind: "linear", one layer on the pixels; "pixels", the smallest attention model, a pixel a
            token; "features", attention over an image's features; or "transformer".
        transformer: what that is made of, and None for the other kinds.
        in_place_of_attention: "uniform", the mean of all values, "identity" or "relu", where
            `IN_PLACE` has it for the kind; None keeps attention.
        one_normalisation: True brings all pixels to size with one mean and one deviation; False
            with each pixel's own mean and one odd divisor, as NakedAttention does.
        epochs: passes over the training digits.
        batch_size: digits in a step.
        learning_rate: how far a step goes at most.
        optimizer: "adamw", with decay and a schedule; "muon", the same with Muon for the matrices
            within blocks; or plain "adam".
        weight_decay: share of a matrix taken off in a step, times the learning rate; unless "adam".
        augmentation: True turns, shifts, stretches and slants each digit anew in each epoch.
        elastic: by how many pixels augmentation bends a digit, as `random_distortion` takes it.
        label_smoothing: share of the wanted probability that goes to all classes alike.
        replacement: True draws each batch anew from all digits.
        keep_best: True keeps the parameters of the best epoch by validation loss, False the last.
        with_validation: True trains on the validation digits too, once all choices are made.
        averaged: share of the parameters' running average that a step keeps; 0 averages none.
        begins_with: a recipe whose recorded parameters, of the same seed, this one goes on from.
    Raises: ValueError for Muon without blocks; for bending without augmentation; for a transformer
        that is not described; for choosing an epoch by digits that it is trained on.
    """

    says: str
    kind: Literal["linear", "pixels", "features", "transformer"] = "transformer"
    transformer: DigitConfig | None = None
    in_place_of_attention: Literal["uniform", "identity", "relu"] | None = None
    one_normalisation: bool = True
    epochs: Size = 8
    batch_size: Size = 128
    learning_rate: NonNegative = 3e-3
    optimizer: Literal["adamw", "muon", "adam"] = "adamw"
    weight_decay: NonNegative = 0.05
    augmentation: bool = False
    elastic: NonNegative = 0.0
    label_smoothing: Share = 0.0
    replacement: bool = False
    keep_best: bool = False
    with_validation: bool = False
    averaged: Share = 0.0
    begins_with: str | None = None

    def __post_init__(self) -> None:
        kind, instead, elastic = self.kind, self.in_place_of_attention, self.elastic
        has_one = instead in IN_PLACE.get(kind, ())
        require(has_one or not instead, "in_place_of_attention", f"no such part of {kind}", instead)
        blocks = self.optimizer != "muon" or kind == "transformer"
        require(blocks, "optimizer", "no 'muon' without blocks", f"kind {kind!r}")
        require(self.augmentation or not elastic, "elastic", "0 without augmentation", elastic)
        honest = not (self.keep_best and self.with_validation)
        require(honest, "keep_best", "False where validation digits are trained on", True)
        described = (self.transformer is not None) == (kind == "transformer")
        require(described, "transformer", f"what kind {kind!r} asks for", self.transformer)

    def model(self) -> nn.Module:
        """Build the model; its parameters are drawn from torch's random numbers."""
        instead = self.in_place_of_attention
        if self.kind == "linear":
            return nn.Sequential(nn.Flatten(), nn.Linear(PIXEL_COUNT, CLASSES))
        if self.kind == "transformer":
            return DigitTransformer(self.transformer, uniform_attention if instead else None)
        if self.kind == "features":
            return FeatureModel(instead)
        model = SelfAttentionModel(PIXEL_COUNT, 1, CLASSES, backend="sdpa")
        return with_attention_replaced(model, by=instead) if instead else model

    def preparation(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        """Look at the training images, and say how all images are prepared.

        Args:
            images: `(n, 28, 28)`, pixels from 0 to 255, of the training digits alone.
        Returns: a function of images `(n, 28, 28)` that gives what the model reads.
        """
        if self.one_normalisation:
            mean, std = pixel_statistics(images)
        else:
            pixels = images.double()
            mean, std = pixels.mean(dim=0).float(), pixels.var(dim=0).std().item()

        def prepare(images: Tensor) -> Tensor:
            one = self.one_normalisation
            ready = standardise(images, mean, std) if one else (images.float() - mean) / std
            return as_pixels(ready) if self.kind == "pixels" else ready

        return prepare


def _changed(before: Recipe, says: str, **changes: object) -> Recipe:
    """The same but for some choices: of how it is taught, or of what its transformer is made of."""
    taught = {name: changes.pop(name) for name in vars(before).keys() & changes.keys()}
    if changes:
        taught["transformer"] = replace(before.transformer, **changes)
    return replace(before, says=says, **taught)


def _without(before: Recipe, instead: str = "uniform", of: str = "") -> Recipe:
    """The same with something else in attention's place; `of` says which model that was."""
    says = {"uniform": "the mean", "identity": "the identity", "relu": "a ReLU"}[instead]
    return _changed(before, f"{of}{says} in place of attention", in_place_of_attention=instead)


def _family(name: str, first: Recipe | None = None, **others: Recipe) -> Mapping[str, Recipe]:
    """Recipes that begin with one name; nobody can add to them, or take from them."""
    begun = {} if first is None else {name: first}
    return MappingProxyType(begun | {f"{name}-{end}": recipe for end, recipe in others.items()})


LINEAR = Recipe("a linear layer on the pixels", kind="linear")
# Nothing but attention over the rows of a digit: the other rungs switch one thing on.
BARE = {"d_model": None, "n_heads": 1, "n_blocks": 1, "d_ff": 0, "pool": "flatten"}
BARE |= {"positions": False, "residual": False, "norm": False}
ROWS = Recipe("rows as tokens, one head", transformer=DigitConfig(**BARE))
# What each rung says, and changes in the one before.
RUNGS = {
    "positions": ("+ learned positions", {"positions": True}),
    "embedding": ("+ embedding to 64 channels", {"d_model": 64}),
    "heads": ("+ four heads in place of one", {"n_heads": 4}),
    "residual": ("+ residual and norm", {"residual": True, "norm": True}),
    "feed_forward": ("+ feed-forward network", {"d_ff": 128}),
    "depth": ("+ three blocks in place of one", {"n_blocks": 3}),
    "mean": ("+ mean of the tokens in place of all of them", {"pool": "mean"}),
    "augmentation": ("+ augmentation", {"augmentation": True}),
    "patches": (
        "+ overlapping patches in place of rows",
        {"patch_size": 10, "stride": 7, "padding": 2},
    ),
}


def _climb() -> Mapping[str, Recipe]:
    rungs = {"linear": LINEAR, "rows": ROWS}
    for name, (says, changes) in RUNGS.items():
        *_, last = rungs.values()
        rungs[name] = _changed(last, says, **changes)
    return MappingProxyType(rungs)


LADDER = _climb()
PATCHES = LADDER["patches"]
REMOVALS = _family(
    "patches",
    no_scale=_changed(PATCHES, "scores not divided by √d_k", scale=False),
    no_positions=_changed(PATCHES, "no positions", positions=False),
    no_feed_forward=_changed(PATCHES, "no feed-forward network", d_ff=0),
    no_residual=_changed(PATCHES, "no residual", residual=False),
    no_norm=_changed(PATCHES, "no norm", norm=False),
    one_head=_changed(PATCHES, "one head in place of four", n_heads=1),
    no_augmentation=_changed(PATCHES, "no augmentation", augmentation=False),
)
# Three rungs again: every token takes the plain mean of all values, wherever it would look.
WITHOUT_ATTENTION = MappingProxyType(
    {
        f"{rung}-no_attention": _without(LADDER[rung], of=f"{rung}, ")
        for rung in ("heads", "feed_forward", "patches")
    }
)
# What was tried on the way to the final model: short trainings, judged by the validation digits.
SIXTEEN = _changed(PATCHES, "16 patches, 4 blocks", n_blocks=4, epochs=12)
MUON = _changed(SIXTEEN, "Muon", optimizer="muon")
LONG = _changed(MUON, "Muon, 24 epochs", epochs=24)
LONG_BENT = _changed(LONG, "Muon, 24 epochs, bent by 0.6", elastic=0.6)
SMALLER = {"patch_size": 8, "stride": 5, "padding": 0}  # patches: 25 of them
TRIED = _family(
    "tried",
    sixteen=SIXTEEN,
    elastic=_changed(SIXTEEN, "bent by 1 pixel", elastic=1.0),
    smoothing=_changed(SIXTEEN, "label smoothing 0.05", label_smoothing=0.05),
    muon=MUON,
    muon_faster=_changed(MUON, "Muon, twice as fast", learning_rate=6e-3),
    twenty_five=_changed(MUON, "Muon, 25 patches, 5 blocks", n_blocks=5, **SMALLER),
    long=LONG,
    long_elastic=LONG_BENT,
)
FINAL = _changed(LONG_BENT, "final model, 50,000 digits", n_blocks=5, epochs=64, learning_rate=4e-3)
# What was tried when the final model was there, by the validation digits again.
FINER = _changed(FINAL, "final, 25 patches, 56 epochs", epochs=56, **SMALLER)
MORE = replace(FINAL, epochs=3, learning_rate=5e-4, begins_with="final")
TRIED_SINCE = _family(
    "tried",
    averaged=_changed(LONG_BENT, "24 epochs, weights averaged", averaged=0.998),
    more=_changed(MORE, "final, 3 epochs more"),
    more_bent=_changed(MORE, "final, 3 more, bent by 1", elastic=1.0),
    more_plain=_changed(MORE, "final, 3 more, undistorted", elastic=0.0, augmentation=False),
    longest=FINER,
)
# How NakedAttention teaches, but for eight epochs and with pixels of ordinary size.
AS_TAUGHT_THERE = {"batch_size": 16, "learning_rate": 0.01, "weight_decay": 0.0}
AS_TAUGHT_THERE |= {"optimizer": "adam", "replacement": True, "keep_best": True}
PIXEL_MODEL = Recipe("pixels as tokens, one channel", kind="pixels", **AS_TAUGHT_THERE)
PIXELS = _family(
    "pixels",
    PIXEL_MODEL,
    identity=_without(PIXEL_MODEL, "identity"),
    uniform=_without(PIXEL_MODEL, "uniform"),
    linear=_changed(PIXEL_MODEL, "a linear layer, taught alike", kind="linear"),
)
# Attention over the features of one vector, and what may stand in its place.
SLOWLY = {"learning_rate": 0.001, "keep_best": False, "epochs": 20}
FEATURE_MODEL = _changed(PIXEL_MODEL, "attention over 32 features", kind="features", **SLOWLY)
FEATURES = _family(
    "features",
    FEATURE_MODEL,
    identity=_without(FEATURE_MODEL, "identity", of="features, "),
    relu=_without(FEATURE_MODEL, "relu", of="features, "),
)
# The last rung in two steps: patches that only touch, and from those to patches that overlap.
APART = _changed(
    LADDER["augmentation"], "patches that do not overlap in place of rows", patch_size=7, stride=7
)
RECIPES = MappingProxyType(
    {
        **LADDER,
        **REMOVALS,
        **WITHOUT_ATTENTION,
        **PIXELS,
        **FEATURES,
        **TRIED,
        **TRIED_SINCE,
        "apart": APART,
        "apart-no_positions": _changed(APART, "no overlap, no positions", positions=False),
        "final": FINAL,
        # What is attention worth in the final model?
        "final-no_attention": _without(FINAL, of="final model, "),
        # Nothing is left to choose, so the validation digits are trained on too: as many steps, on
        # more digits.
        "final_all": _changed(FINAL, "final model, 60,000 digits", epochs=54, with_validation=True),
        # What the validation digits chose; the test digits did not confirm it.
        "final_25": _changed(FINER, "final model, 25 patches"),
        "naked_attention": _changed(
            PIXEL_MODEL, "NakedAttention, mended in one point", one_normalisation=False, epochs=128
        ),
    }
)
