"""Bent digits, and Muon with AdamW: what the final model is taught with."""

import pytest
import torch
from expectations import names, refused, untouched
from strategies import normal

from bareattention import DigitConfig, DigitTransformer, random_affine, warm_up_and_cosine
from bareattention.experiments.tricks import AveragedWeights, MuonAndAdamW, random_distortion


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
    images = normal(seeded(1), 20, SIDE, SIDE).half()
    with untouched(images):
        found = function(images, seeded(3), elastic=0.0, knots=KNOTS, size=0.2)
    assert torch.equal(found, random_affine(images, seeded(3), size=0.2))
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


@pytest.mark.parametrize("knots", [2, 3, 5])
def test_so_many_knots_along_a_side_move_by_themselves(knots):
    moved = moves(random_distortion, n=60, knots=knots, elastic=0.1)[:, 1:-1, 1:-1]
    for along in moved.unbind(dim=-1):
        assert torch.linalg.matrix_rank(along.flatten(1), rtol=1e-8) == knots**2


def test_six_knots_and_one_pixel_unless_told_otherwise():
    images = normal(seeded(), 3, 28, 28)
    usual = random_distortion(images, seeded(1))
    assert torch.equal(usual, random_distortion(images, seeded(1), elastic=1.0, knots=6, **USUAL))


def test_the_generator_alone_decides():
    images, generator = normal(seeded(), 5, 11, 11), seeded(1)
    before = torch.get_rng_state()
    first, second = (random_distortion(images, generator, **NOTHING) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before), "PyTorch's own generator was used"
    assert torch.equal(first, random_distortion(images, seeded(1), **NOTHING))
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


@pytest.mark.parametrize("loaded_after", [None, 1, 9])
def test_a_schedule_moves_the_rates_of_both_parts(loaded_after):
    """With the same gradient again and again, a step is as long as the learning rate, times a
    number of its own; for the matrices within blocks and for all else, and after loading, too."""
    model, n_steps = small_model(), 20
    optimizer = MuonAndAdamW(model, RATE, 0.0)
    schedule = warm_up_and_cosine(optimizer, n_steps)
    first, rates = {}, []
    draw_gradients(model)
    for step in range(n_steps):
        if step == loaded_after:
            kept = optimizer.state_dict(), schedule.state_dict()
            optimizer = MuonAndAdamW(model, RATE, 0.0)
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
    x = normal(seeded(9), 5, 3)
    assert torch.equal(averaged.train()(x), averaged.live(x))
    assert torch.equal(averaged.eval()(x), averaged.average(x))


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


def bend(**how):
    return lambda: random_distortion(Z(2, 5, 5), seeded(), **how)


def no_numbers(name, act, high=None):
    """What a number from 0 up, to `high` where there is a bound, must refuse."""
    odd = [(-0.1, ValueError), (torch.nan, ValueError), ("1", TypeError), (True, TypeError)]
    odd += [(high, ValueError)] if high else []
    return [(act(value), error, name) for value, error in odd]


@pytest.mark.parametrize(
    "act, error, name",
    [
        (lambda: random_distortion(Z(2, 5, 7), seeded()), ValueError, "images"),
        (lambda: random_distortion(Z(2, 5, 5).long(), seeded()), TypeError, "images"),
        (bend(knots=1), ValueError, "knots"),
        (bend(knots=0), ValueError, "knots"),
        (bend(knots=6.0), TypeError, "knots"),
        *no_numbers("elastic", lambda x: bend(elastic=x), 5.1),
        *no_numbers("shear", lambda x: bend(shear=x)),
        *no_numbers("learning_rate", lambda x: lambda: MuonAndAdamW(small_model(), x, DECAY)),
        *no_numbers("weight_decay", lambda x: lambda: MuonAndAdamW(small_model(), RATE, x)),
        *no_numbers("decay", lambda x: lambda: AveragedWeights(torch.nn.Linear(2, 3), x), 1.5),
        (lambda: MuonAndAdamW(torch.nn.Linear(2, 3), 1e-3, 0.0), ValueError, "model"),
    ],
)
def test_what_cannot_be_is_refused_by_name(act, error, name):
    with refused(error, name, ""):
        act()


def test_the_bounds_themselves_are_taken():
    assert bend(knots=2, elastic=5.0)().shape == (2, 5, 5)
    MuonAndAdamW(small_model(), 0.0, 0.0), AveragedWeights(torch.nn.Linear(2, 3), 1.0)
