"""Bent digits, and Muon with AdamW: what the final model is taught with."""

import pytest
import torch
from expectations import holds_for_all, names, refused, untouched
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators, normal
from torch.nn import functional as F

from bareattention import DigitConfig, DigitTransformer, fit, random_affine, warm_up_and_cosine
from bareattention.beyond import AveragedWeights, MuonAndAdamW, random_distortion


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# Where a bent image is read

SIDE, KNOTS, APART = 37, 7, 6  # knots on every sixth pixel, the first and the last included
NOTHING = dict.fromkeys(("degrees", "pixels", "size", "shear"), 0.0)
USUAL = {"degrees": 12.0, "pixels": 2.0, "size": 0.12, "shear": 0.15}
ELASTIC = 0.8
# So far from the edge that nothing is read outside, unless moved by more than 7 deviations.
WITHIN = slice(APART, SIDE - APART)


def ramps(n, side=SIDE):
    """Images whose pixels say where they are: across, and down."""
    x = torch.arange(side, dtype=torch.float64).expand(n, side, side)
    return x.contiguous(), x.mT.contiguous()


def places(function, n, seed=0, side=SIDE, **how):
    """Where each pixel is read, `(n, side, side, 2)`; what lies outside counts as the edge."""
    return torch.stack([function(ramp, seeded(seed), **how) for ramp in ramps(n, side)], dim=-1)


def moves(function, n=400, knots=KNOTS, elastic=ELASTIC, **how):
    """By how many pixels bending alone moves each place, `(n, side, side, 2)`."""
    where = NOTHING | how
    bent = places(function, n, knots=knots, elastic=elastic, **where)
    return bent - places(function, n, knots=knots, elastic=0.0, **where)


def knots_move_as_far_as_asked(function, **how):
    """Each knot by itself, along each side by itself, in each image anew."""
    moved = moves(function, **how)[:, WITHIN, WITHIN]
    on_knots = moved[:, ::APART, ::APART]
    assert abs(on_knots.std().item() / ELASTIC - 1) < 0.03, "not as far as asked"
    assert on_knots.mean().abs() < 0.03 * ELASTIC, "leans"
    assert on_knots.mean(dim=0).abs().max() < 0.25 * ELASTIC, "equal in all images"
    assert (on_knots.std(dim=0) / ELASTIC - 1).abs().max() < 0.15, "some knots move farther"
    one_by_one = torch.corrcoef(on_knots.flatten(1).T)
    assert (one_by_one - torch.eye(len(one_by_one))).abs().max() < 0.25, "knots move together"
    assert torch.corrcoef(on_knots.flatten(1)).fill_diagonal_(0).abs().max() < 0.7


def follows_smoothly(function):
    """Between knots nothing moves farther, nothing jumps, and no slope breaks off."""
    moved = moves(function)[:, WITHIN, WITHIN]
    spread = moved.std(dim=0) / ELASTIC
    assert spread.max() < 1.15 and spread.min() > 0.6, "not between the knots"
    for axis in (1, 2):
        slopes = moved.diff(dim=axis)
        assert slopes.std() < 0.35 * ELASTIC, "no smoother than noise"
        bends = slopes.diff(dim=axis).movedim(axis, 0).flatten(1).std(dim=1)
        # The first bend is at the pixel after a knot.
        on_knots, before, after = (bends[i::APART].mean() for i in (APART - 1, APART - 2, 0))
        assert on_knots < 2 * min(before, after), "a slope breaks off at the knots"


def read_at(images, where):
    """Between four pixels, by hand."""
    low = where.floor().clamp(0, images.shape[-1] - 2).long()
    (u, v), (i, j) = (where - low).unbind(dim=-1), low.unbind(dim=-1)
    which = torch.arange(len(images))[:, None, None]
    top = (1 - u) * images[which, j, i] + u * images[which, j, i + 1]
    bottom = (1 - u) * images[which, j + 1, i] + u * images[which, j + 1, i + 1]
    return (1 - v) * top + v * bottom


def looks_once(function):
    """Noise is read where the ramps were, edges and all; a second look would blur it."""
    images = normal(seeded(1), 20, SIDE, SIDE, dtype=torch.float64)
    with untouched(images):
        found = function(images, seeded(2), elastic=2.0, knots=KNOTS)
    where = places(function, 20, seed=2, elastic=2.0, knots=KNOTS)
    torch.testing.assert_close(found, read_at(images, where), rtol=0, atol=1e-9)


def turns_as_random_affine_does(function):
    """Bending is added to it, and only that."""
    images = normal(seeded(1), 20, SIDE, SIDE)
    found = function(images, seeded(3), elastic=0.0, knots=KNOTS)
    torch.testing.assert_close(found, random_affine(images, seeded(3)), rtol=0, atol=1e-4)
    knots_move_as_far_as_asked(function, **USUAL)


PROMISES = [
    knots_move_as_far_as_asked,
    follows_smoothly,
    looks_once,
    turns_as_random_affine_does,
]


@pytest.mark.parametrize("promise", PROMISES, ids=names(PROMISES))
def test_random_distortion_keeps_its_promises(promise):
    promise(random_distortion)


def by_hand(images, generator, elastic=1.0, knots=6, mistake="", **ranges):
    """The same by hand, with one thing wrong."""
    n, side, _ = images.shape
    drawn = 2 * torch.rand(n, 5, generator=generator).to(images) - 1
    chosen = USUAL | ranges
    turn = (chosen["degrees"] * drawn[:, 0]).deg2rad()
    slant, zero, one = chosen["shear"] * drawn[:, 2], torch.zeros(n), torch.ones(n)
    turned = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(n, 2, 2)
    sheared = torch.stack([one, slant, zero, one], 1).view(n, 2, 2).to(images)
    matrix = (1 + chosen["size"] * drawn[:, 1])[:, None, None] * turned @ sheared
    theta = torch.cat([matrix, 2 * chosen["pixels"] * drawn[:, 3:, None] / side], dim=2)
    grid = F.affine_grid(theta, [n, 1, side, side], align_corners=False)
    if mistake == "every pixel by itself":
        knots = side
    shape = {"both sides alike": (n, 1), "one draw for all images": (1, 2)}.get(mistake, (n, 2))
    knot_moves = torch.randn(*shape, knots, knots, generator=generator).to(images)
    if mistake == "to one side only":
        knot_moves = knot_moves.abs()
    if mistake == "evenly spread":
        knot_moves = 2 * torch.rand(n, 2, knots, knots, generator=generator).to(images) - 1
    how = {"mode": "bicubic", "align_corners": True} | {
        "breaks off at knots": {"mode": "bilinear"},
        "jumps between knots": {"mode": "nearest", "align_corners": None},
        "knots between the pixels": {"align_corners": False},
    }.get(mistake, {})
    smooth = F.interpolate(knot_moves, (side, side), **how).permute(0, 2, 3, 1)
    unit = {"shares of a side": 1.0, "half pixels": 1 / side}.get(mistake, 2 / side)
    bent = elastic * unit * smooth
    look = {"padding_mode": "border", "align_corners": False}
    if mistake == "mirror outside":
        look["padding_mode"] = "reflection"
    if mistake == "two looks":
        plain = F.affine_grid(torch.eye(2, 3).expand(n, 2, 3).to(images), [n, 1, side, side], False)
        images, grid = F.grid_sample(images[:, None], grid, **look)[:, 0], plain
    if mistake == "bent alone":
        grid = F.affine_grid(torch.eye(2, 3).expand(n, 2, 3).to(images), [n, 1, side, side], False)
    found = F.grid_sample(images[:, None], grid + bent, **look)[:, 0]
    return images.copy_(found) if mistake == "in place" else found


MISTAKES = {
    "every pixel by itself": follows_smoothly,
    "both sides alike": knots_move_as_far_as_asked,
    "one draw for all images": knots_move_as_far_as_asked,
    "to one side only": knots_move_as_far_as_asked,
    "evenly spread": knots_move_as_far_as_asked,
    "breaks off at knots": follows_smoothly,
    "jumps between knots": follows_smoothly,
    "knots between the pixels": knots_move_as_far_as_asked,
    "shares of a side": knots_move_as_far_as_asked,
    "half pixels": knots_move_as_far_as_asked,
    "mirror outside": turns_as_random_affine_does,
    "two looks": looks_once,
    "bent alone": turns_as_random_affine_does,
    "in place": looks_once,
}


@pytest.mark.parametrize("mistake, promise", MISTAKES.items(), ids=MISTAKES.keys())
def test_mistaken_bends_are_found(mistake, promise):
    def function(images, generator, **how):
        return by_hand(images, generator, mistake=mistake, **how)

    with pytest.raises(AssertionError):
        promise(function)


@pytest.mark.parametrize("promise", PROMISES, ids=names(PROMISES))
def test_the_bends_that_mistakes_are_made_of_keep_the_promises(promise):
    promise(by_hand)


@pytest.mark.parametrize("knots", [2, 3, 5])
def test_so_many_knots_along_a_side_move_by_themselves(knots):
    moved = moves(random_distortion, n=60, knots=knots, elastic=0.1)[:, 1:-1, 1:-1]
    for along in moved.unbind(dim=-1):
        assert torch.linalg.matrix_rank(along.flatten(1), rtol=1e-8) == knots**2


def test_six_knots_and_one_pixel_unless_told_otherwise():
    images = normal(seeded(), 3, 28, 28)
    usual = random_distortion(images, seeded(1))
    assert torch.equal(usual, random_distortion(images, seeded(1), elastic=1.0, knots=6, **USUAL))


@given(
    seed=st.integers(0, 2**32 - 1),
    ranges=st.fixed_dictionaries({name: st.floats(0.0, most) for name, most in USUAL.items()}),
    n=st.integers(1, 4),
    side=st.integers(1, 12),
)
@settings(max_examples=30)
def test_not_bent_at_all_it_is_random_affine_to_the_last_digit(seed, ranges, n, side):
    images = normal(seeded(seed), n, side, side)
    found = random_distortion(images, seeded(seed), elastic=0.0, **ranges)
    assert torch.equal(found, random_affine(images, seeded(seed), **ranges))


@given(generator=generators, n=st.integers(1, 4), side=st.integers(1, 9), knots=st.integers(2, 12))
@settings(max_examples=20)
def test_images_of_any_size_stay_within_their_darkest_and_lightest(generator, n, side, knots):
    images = normal(generator, n, side, side)
    with untouched(images):
        bent = random_distortion(images, generator, elastic=float(side), knots=knots)
    assert bent.shape == images.shape and bent.data_ptr() != images.data_ptr()
    least, most = images.flatten(1).aminmax(dim=1)
    assert (bent.flatten(1) >= least[:, None] - 1e-5).all()
    assert (bent.flatten(1) <= most[:, None] + 1e-5).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_images_of_all_float_types_keep_them(dtype):
    images = torch.rand(3, 8, 8, generator=seeded()).to(dtype)
    with untouched(images):
        bent = random_distortion(images, seeded())
    assert bent.dtype == dtype and bent.shape == images.shape and bent.isfinite().all()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_the_generator_alone_decides(seed):
    images, generator = normal(seeded(seed), 5, 11, 11), seeded(seed)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second = (random_distortion(images, generator, **NOTHING) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before), "PyTorch's own generator was used"
    assert torch.equal(first, random_distortion(images, seeded(seed), **NOTHING))
    assert not torch.equal(first, second) and not torch.equal(first, images)


# Muon for the matrices within blocks, AdamW for the rest

INNER = {
    "attention.projections.query.weight",
    "attention.projections.key.weight",
    "attention.projections.value.weight",
    "attention.output.weight",
    "feed_forward.up.weight",
    "feed_forward.down.weight",
}
RATE, DECAY = 0.01, 0.07
OPTIONS = [{}, {"norm": False, "d_ff": 0}, {"positions": False}, {"n_blocks": 1, "pool": "flatten"}]


def small_model(seed=0, **change):
    torch.manual_seed(seed)
    sizes = {"d_model": 8, "n_heads": 2, "n_blocks": 2, "d_ff": 12, "image_size": 4}
    return DigitTransformer(DigitConfig(**({"patch_size": 2, "n_classes": 3} | sizes | change)))


def within_blocks(model):
    """The names of all matrices in blocks, and of all other parameters."""
    everything = {name for name, _ in model.named_parameters()}
    matrices = {f"blocks.{i}.{name}" for i in range(len(model.blocks)) for name in INNER}
    return matrices & everything, everything - matrices


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def draw_gradients(model, seed=0):
    generator = seeded(seed)
    for parameter in model.parameters():
        parameter.grad = normal(generator, *parameter.shape)


@pytest.mark.parametrize("change", OPTIONS)
def test_each_parameter_goes_to_one_part_and_to_the_right_one(change):
    model = small_model(**change)
    inner, outer = within_blocks(model)
    muon, adamw = MuonAndAdamW(model, RATE, DECAY).parts
    assert type(muon) is torch.optim.Muon and type(adamw) is torch.optim.AdamW
    called = {id(parameter): name for name, parameter in model.named_parameters()}
    for part, wanted in ((muon, inner), (adamw, outer)):
        members = [called[id(p)] for group in part.param_groups for p in group["params"]]
        assert len(members) == len({*members}) and {*members} == wanted
    assert len(inner) == (6 if model.config.d_ff else 4) * model.config.n_blocks
    assert {"tokens.embedding.weight", "output.weight", "output.bias"} < outer


def test_all_groups_of_the_parts_are_its_own():
    optimizer = MuonAndAdamW(small_model(), RATE, DECAY)
    groups = [group for part in optimizer.parts for group in part.param_groups]
    assert all(ours is theirs for ours, theirs in zip(optimizer.param_groups, groups, strict=True))
    assert [group["lr"] for group in groups] == [RATE] * 3
    assert [group["weight_decay"] for group in groups] == [DECAY, DECAY, 0.0]


def test_each_part_moves_its_parameters_as_pytorchs_own_does():
    """Three steps, so that what they remember counts as well."""
    ours, theirs = small_model(), small_model()
    inner, outer = within_blocks(theirs)
    parameters = dict(theirs.named_parameters())
    rest = [parameters[name] for name in sorted(outer)]
    adamw = [
        {"params": [p for p in rest if p.ndim == 2]},
        {"params": [p for p in rest if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizers = (
        MuonAndAdamW(ours, RATE, DECAY),
        torch.optim.Muon(
            [parameters[name] for name in sorted(inner)],
            **{"lr": RATE, "weight_decay": DECAY, "momentum": 0.95, "nesterov": True},
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(adamw, lr=RATE, weight_decay=DECAY, betas=(0.9, 0.98)),
    )
    for step in range(3):
        for model in (ours, theirs):
            draw_gradients(model, step)
        for optimizer in optimizers:
            optimizer.step()
        for name, parameter in ours.named_parameters():
            assert torch.equal(parameter, parameters[name]), f"{name} in step {step}"


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_step_of_muon_goes_equally_far_in_all_directions(scale):
    """Whatever the size of the gradient; on average each number moves by a fifth of the rate."""
    model = small_model()
    before, (inner, _) = state_of(model), within_blocks(model)
    draw_gradients(model)
    for parameter in model.parameters():
        parameter.grad *= scale
    MuonAndAdamW(model, RATE, 0.0).step()
    for name in inner:
        step = before[name] - model.get_parameter(name).detach()
        ways = torch.linalg.svdvals(step) / (0.2 * RATE * max(step.shape) ** 0.5)
        assert ways.max() < 1.3 and ways.median() > 0.6, name
        assert 0.75 < step.square().mean().sqrt() / (0.2 * RATE) < 1.2, name
        along = F.cosine_similarity(step.flatten(), model.get_parameter(name).grad.flatten(), 0)
        assert along > 0.6, f"{name} climbs"


@pytest.mark.parametrize("change", OPTIONS)
def test_a_step_changes_every_parameter(change):
    model = small_model(**change)
    before = state_of(model)
    draw_gradients(model)
    MuonAndAdamW(model, RATE, DECAY).step()
    for name, parameter in model.named_parameters():
        assert (parameter != before[name]).float().mean() > 0.9, name
        assert parameter.isfinite().all(), name


def test_matrices_decay_in_both_parts_and_biases_and_norms_do_not():
    """Without gradients, a step leaves nothing but the decay."""

    def compare(rate, decay):
        model = small_model()
        before = state_of(model)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        MuonAndAdamW(model, rate, decay).step()
        for name, parameter in model.named_parameters():
            kept = 1 - rate * decay if parameter.ndim == 2 else 1
            torch.testing.assert_close(parameter.detach(), kept * before[name], rtol=1e-6, atol=0)

    holds_for_all(compare, 20, rate=st.floats(1e-3, 0.5), decay=st.floats(0.05, 0.9))


def test_zero_grad_takes_all_gradients_away():
    model = small_model()
    optimizer = MuonAndAdamW(model, RATE, DECAY)
    draw_gradients(model)
    optimizer.zero_grad(set_to_none=False)
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in model.parameters())
    draw_gradients(model)
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_a_parameter_without_a_gradient_stays_as_it_is():
    model = small_model()
    before = state_of(model)
    draw_gradients(model)
    frozen = {"blocks.0.attention.output.weight", "output.weight", "norm.weight"}
    for name in frozen:
        model.get_parameter(name).grad = None
    MuonAndAdamW(model, RATE, DECAY).step()
    stayed = {name for name, p in model.named_parameters() if torch.equal(p, before[name])}
    assert stayed == frozen


# A schedule moves both


class SharesNever(MuonAndAdamW):
    """Its groups are copies, and the parts never hear of a schedule."""

    def _share_groups(self):
        self.param_groups = [dict(group) for part in self.parts for group in part.param_groups]


class SharesOnce(MuonAndAdamW):
    """Its groups are the parts' own until these load theirs anew."""

    def load_state_dict(self, state_dict):
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)


class Forgetful(MuonAndAdamW):
    """Loads nothing."""

    def load_state_dict(self, state_dict):
        pass


class HalfForgetful(MuonAndAdamW):
    """Loads what AdamW remembers, and shares all groups; Muon starts anew."""

    def load_state_dict(self, state_dict):
        self.parts[1].load_state_dict(state_dict["parts"][1])
        self._share_groups()


def steps_are_as_long_as_the_rate_says(make, loaded_after=None):
    """With the same gradient again and again, a step is as long as the learning rate, times a
    number of its own; for the matrices within blocks and for all else."""
    model, n_steps = small_model(), 20
    optimizer = make(model, RATE, 0.0)
    schedule = warm_up_and_cosine(optimizer, n_steps)
    first, rates = {}, []
    draw_gradients(model)
    for step in range(n_steps):
        if step == loaded_after:
            kept = optimizer.state_dict(), schedule.state_dict()
            optimizer = make(model, RATE, 0.0)
            schedule = warm_up_and_cosine(optimizer, n_steps)
            optimizer.load_state_dict(kept[0]), schedule.load_state_dict(kept[1])
        before = state_of(model)
        (rate,) = {group["lr"] for group in optimizer.param_groups}
        rates.append(rate)
        optimizer.step()
        schedule.step()
        for name, parameter in model.named_parameters():
            moved = (parameter.detach() - before[name]).square().mean().sqrt().item()
            first.setdefault(name, moved / rate)
            assert abs(moved - first[name] * rate) < 0.03 * first[name] * RATE, f"{name}, {step}"
    assert max(rates) > 0.95 * RATE and rates[0] < 0.2 * RATE and rates[-1] < 1e-3 * RATE


@pytest.mark.parametrize("loaded_after", [None, 1, 9])
def test_a_schedule_moves_the_rates_of_both_parts(loaded_after):
    """After a checkpoint was loaded, too."""
    steps_are_as_long_as_the_rate_says(MuonAndAdamW, loaded_after)


@pytest.mark.parametrize("make, loaded_after", [(SharesNever, None), (SharesOnce, 9)])
def test_rates_that_a_schedule_does_not_reach_are_found(make, loaded_after):
    with pytest.raises(AssertionError):
        steps_are_as_long_as_the_rate_says(make, loaded_after)


def test_a_rate_of_zero_stops_all_of_it_after_loading_too():
    model = small_model()
    optimizer = MuonAndAdamW(model, RATE, DECAY)
    draw_gradients(model)
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    with untouched(*model.parameters()):
        optimizer.step()


# Checkpoints


def data(n=23, seed=0):
    """Noisy pictures of three kinds."""
    kinds, generator = normal(seeded(99), 3, 4, 4), seeded(seed)
    labels = torch.randint(3, (n,), generator=generator)
    return kinds[labels] + 0.5 * normal(generator, n, 4, 4), labels


EPOCHS = 4


def bent(images, generator):
    return random_distortion(images, generator, elastic=0.2, pixels=0.2)


def training(file=None, epochs=EPOCHS, resume=False, seed=0, make=MuonAndAdamW):
    """Everything made anew, then trained: the epochs, the parameters, what the parts remember."""
    model, generator = small_model(seed, dropout=0.3), seeded(0)
    optimizer, history = make(model, 0.02, 0.05), []
    schedule = warm_up_and_cosine(optimizer, EPOCHS * 5)
    parts = [model, optimizer, schedule]
    if resume:
        *states, history, order, dropout = torch.load(file, weights_only=True)
        for part, state in zip(parts, states, strict=True):
            part.load_state_dict(state)
        generator.set_state(order), torch.set_rng_state(dropout)

    def save(_, history):
        random = generator.get_state(), torch.get_rng_state()
        torch.save([*(part.state_dict() for part in parts), history, *random], file)

    history = fit(
        model,
        data(),
        data(11, seed=1),
        epochs,
        optimizer,
        batch_size=5,
        generator=generator,
        callbacks=[save] if file else [],
        history=history,
        after_step=schedule.step,
        augment=bent,
        label_smoothing=0.1,
    )
    remembered = [part.state_dict()["state"] for part in optimizer.parts]
    return history, state_of(model), remembered


def goes_on_as_if_unbroken(file, make=MuonAndAdamW, broken_after=1):
    unbroken = training(make=make)
    begun = training(file, broken_after, make=make)
    assert begun[0] == unbroken[0][:broken_after]
    # Another start: everything has to come from the checkpoint.
    resumed = training(file, resume=True, seed=77, make=make)
    assert resumed[0] == unbroken[0], "other numbers"
    for name, wanted in unbroken[1].items():
        assert torch.equal(resumed[1][name], wanted), f"another {name}"
    for found, wanted in zip(resumed[2], unbroken[2], strict=True):
        assert found.keys() == wanted.keys()
        for key, memory in wanted.items():
            assert memory and found[key].keys() == memory.keys()
            assert all(torch.equal(found[key][name], memory[name]) for name in memory)


@pytest.mark.parametrize("broken_after", [1, 3])
def test_a_resumed_training_has_exactly_the_numbers_of_an_unbroken_one(tmp_path, broken_after):
    goes_on_as_if_unbroken(tmp_path / "checkpoint.pt", broken_after=broken_after)


FORGETFUL = [Forgetful, HalfForgetful, SharesOnce]


@pytest.mark.parametrize("make", FORGETFUL, ids=names(FORGETFUL))
def test_what_does_not_go_on_as_if_unbroken_is_found(tmp_path, make):
    with pytest.raises(AssertionError):
        goes_on_as_if_unbroken(tmp_path / "checkpoint.pt", make)


def test_it_learns():
    """A guess among three would be 1.58 bits."""
    history, _, _ = training()
    assert history[-1]["validation_bits"] < 1.3


def test_loading_takes_a_copy_that_later_steps_do_not_reach(tmp_path):
    """What was loaded twice is the same twice."""
    model = small_model()
    optimizer = MuonAndAdamW(model, RATE, DECAY)
    draw_gradients(model)
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "state.pt")
    kept, found = state_of(model), []
    for _ in range(2):
        model.load_state_dict(kept)
        optimizer.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        draw_gradients(model, 1)
        optimizer.step()
        found.append(state_of(model))
    assert all(torch.equal(found[0][name], found[1][name]) for name in kept)


# Averaged weights


def stepped(decay, steps, between=lambda averaged, number: None):
    """Plain steps of SGD; the parameters after each, the first included."""
    averaged = AveragedWeights(torch.nn.Linear(3, 2), decay)
    optimizer = torch.optim.SGD(averaged.live.parameters(), lr=0.1)
    optimizer.register_step_post_hook(lambda *_: averaged.update())
    passed = []
    for number in range(steps):
        averaged.train()(normal(seeded(number), 5, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        passed.append(state_of(averaged.live))
        between(averaged, number)
    return averaged, passed


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 1.0])
def test_weights_are_averaged_with_shares_that_fall_by_the_decay(decay):
    torch.manual_seed(0)
    averaged, passed = stepped(decay, 6)
    shares = [decay ** (6 - 1)] + [(1 - decay) * decay ** (5 - i) for i in range(1, 6)]
    assert sum(shares) == pytest.approx(1)
    for name, found in averaged.average.state_dict().items():
        wanted = sum(share * state[name] for share, state in zip(shares, passed, strict=True))
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
    assert averaged.average.weight.grad is None


def test_it_learns_with_live_parameters_and_answers_with_averaged_ones():
    torch.manual_seed(0)
    averaged, _ = stepped(0.5, 4)
    x = normal(seeded(9), 5, 3)
    assert torch.equal(averaged.train()(x), averaged.live(x))
    assert torch.equal(averaged.eval()(x), averaged.average(x))
    assert not torch.allclose(averaged.live(x), averaged.average(x))


def test_a_state_dict_brings_live_parameters_and_the_average_back():
    torch.manual_seed(0)
    kept = {}
    unbroken, _ = stepped(0.8, 5, lambda a, i: kept.update({i: state_of(a)}))
    other = AveragedWeights(torch.nn.Linear(3, 2), 0.8)
    other.load_state_dict(kept[1])
    optimizer = torch.optim.SGD(other.live.parameters(), lr=0.1)
    for number in range(2, 5):
        other.train()(normal(seeded(number), 5, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        other.update()
    for name, wanted in state_of(unbroken).items():
        assert torch.equal(state_of(other)[name], wanted), name


# Bad input

Z = torch.zeros


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "images, error, came",
    [
        (Z(2, 5, 7), ValueError, "(2, 5, 7)"),
        (Z(28, 28), ValueError, "(28, 28)"),
        (Z(2, 1, 28, 28), ValueError, "(2, 1, 28, 28)"),
        (Z(0, 28, 28), ValueError, "(0, 28, 28)"),
        (Z(2, 28, 28).long(), TypeError, "torch.int64"),
        (Z(2, 28, 28, dtype=torch.uint8), TypeError, "torch.uint8"),
        ([[[0.0]]], TypeError, "list"),
        (None, TypeError, "NoneType"),
    ],
)
def test_images_that_cannot_be_bent_are_refused(images, error, came):
    with refused(error, "images", came):
        random_distortion(images, seeded())


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "knots, error, wanted",
    [
        (1, ValueError, "at least 2"),
        (0, ValueError, "a whole number"),
        (-3, ValueError, "a whole number"),
        (2.5, TypeError, "a whole number"),
        (6.0, TypeError, "a whole number"),
        ("6", TypeError, "a whole number"),
        (True, TypeError, "a whole number"),
        (None, TypeError, "a whole number"),
    ],
)
def test_knots_that_are_no_whole_number_from_2_are_refused(knots, error, wanted):
    with refused(error, "knots", str(knots), wanted):
        random_distortion(Z(2, 5, 5), seeded(), knots=knots)
    assert random_distortion(Z(2, 5, 5), seeded(), knots=2).shape == (2, 5, 5)


NO_NUMBERS = [
    (-0.1, ValueError),
    (torch.nan, ValueError),
    (torch.inf, ValueError),
    ("1", TypeError),
    (None, TypeError),
    (True, TypeError),
]


@pytest.mark.bad_input
@pytest.mark.parametrize("value, error", [*NO_NUMBERS, (5.1, ValueError)])
def test_an_elastic_that_is_no_number_up_to_the_side_is_refused(value, error):
    with refused(error, "elastic", str(value), "a number"):
        random_distortion(Z(2, 5, 5), seeded(), elastic=value)
    assert random_distortion(Z(2, 5, 5), seeded(), elastic=5).shape == (2, 5, 5)


@pytest.mark.bad_input
@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("value, error", NO_NUMBERS)
def test_a_range_that_is_none_is_refused(name, value, error):
    with refused(error, name, str(value), "a number"):
        random_distortion(Z(2, 5, 5), seeded(), **{name: value})


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["learning_rate", "weight_decay"])
@pytest.mark.parametrize("value, error", NO_NUMBERS)
def test_a_rate_that_is_no_number_from_0_is_refused(name, value, error):
    rates = {"learning_rate": RATE, "weight_decay": DECAY} | {name: value}
    with refused(error, name, str(value), "a number"):
        MuonAndAdamW(small_model(), **rates)


@pytest.mark.bad_input
def test_a_model_without_blocks_is_refused():
    with pytest.raises(TypeError, match="model: wanted one with blocks, got Linear"):
        MuonAndAdamW(torch.nn.Linear(2, 3), 1e-3, 0.0)


@pytest.mark.bad_input
@pytest.mark.parametrize("value, error", [*NO_NUMBERS, (1.5, ValueError)])
def test_a_decay_that_is_no_share_is_refused(value, error):
    with refused(error, "decay", str(value), "a number"):
        AveragedWeights(torch.nn.Linear(2, 3), value)
