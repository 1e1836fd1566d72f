"""Chapter 14: reports, one epoch, early stopping that copies, checkpoints, and fit."""

import json
import math
import os
import signal
from itertools import chain
from pathlib import Path

import pytest
import torch
from expectations import refused, untouched
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import bareattention.chapters.training as chapter
from bareattention import EarlyStopping, evaluate, fit, train_briefly, train_epoch
from bareattention.chapters.training import Report, report_line, save_checkpoint


def data(n=23, seed=0):
    """Three noisy heaps of points, and which heap each is from."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=generator)
    inputs = F.one_hot(labels, 4) + torch.randn(n, 4, generator=generator)
    return inputs, labels


def seeded(n):
    return torch.Generator().manual_seed(n)


def small_model(seed=0, dropout=0.5):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3))


def state_of(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Watched(nn.Module):
    """Notes which inputs it is shown; inputs are numbers `(n, 1)`."""

    def __init__(self):
        super().__init__()
        self.linear, self.batches, self.modes = nn.Linear(1, 3), [], []

    def forward(self, x):
        self.batches.append(x[:, 0].tolist())
        self.modes.append(self.training)
        return self.linear(x)


# Report: bits, and plain accuracy


@pytest.mark.parametrize("bits", [1, 2, 3, 5])
def test_a_guess_among_two_to_the_k_classes_is_k_bits(bits):
    n_classes = 2**bits
    logits, labels = torch.zeros(4, n_classes), torch.arange(4) % n_classes
    report = Report.of(F.cross_entropy(logits, labels), logits, labels)
    # 0.693 in place of log 2 would be off by two in ten thousand.
    assert report.bits == pytest.approx(bits, rel=1e-6)


def test_plain_accuracy_is_reported_not_macro_accuracy():
    """Nine of ten are right; of the second class, none."""
    labels = torch.tensor([0] * 9 + [1])
    logits = torch.tensor([[1.0, 0.0]]).expand(10, 2)
    report = Report.of(torch.tensor(1.0), logits, labels)
    assert report.accuracy == pytest.approx(90) and isinstance(report.accuracy, float)


@given(st.integers(0, 2**31))
def test_accuracy_counts_every_digit_alike(seed):
    generator = seeded(seed)
    logits = torch.randn(17, 4, generator=generator)
    labels = torch.randint(4, (17,), generator=generator)
    right = sum(int(row.argmax()) == int(label) for row, label in zip(logits, labels, strict=True))
    assert Report.of(torch.tensor(0.0), logits, labels).accuracy == pytest.approx(100 * right / 17)


# evaluate


@given(n=st.integers(1, 12), batch_size=st.integers(1, 15), seed=st.integers(0, 99))
@settings(max_examples=40)
def test_the_size_of_batches_does_not_change_the_verdict(n, batch_size, seed):
    model, (inputs, labels) = small_model(seed), data(n, seed)
    with untouched(inputs, labels, *model.parameters()):
        found = evaluate(model, (inputs, labels), batch_size)
    model.eval()
    logits = model(inputs).detach()
    right = (logits.argmax(dim=1) == labels).double().mean().item()
    assert found.bits == pytest.approx(F.cross_entropy(logits, labels).item() / math.log(2), 1e-5)
    assert found.accuracy == pytest.approx(100 * right)


def test_it_never_shows_more_than_a_batch_at_once():
    model = Watched()
    evaluate(model, (torch.arange(7.0)[:, None], torch.zeros(7).long()), 3)
    assert [len(batch) for batch in model.batches] == [3, 3, 1]
    assert [*chain.from_iterable(model.batches)] == list(range(7))


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_meanwhile_and_the_mode_comes_back(training):
    model = small_model().train(training)
    before = torch.get_rng_state()
    assert evaluate(model, data()) == evaluate(model, data())
    assert model.training is training and model[2].training is training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.bad_input
@pytest.mark.parametrize("n_inputs, n_labels", [(0, 0), (3, 0), (0, 3), (3, 4), (4, 3)])
def test_nothing_to_judge_is_refused(n_inputs, n_labels):
    with refused(ValueError, "data", f"{n_inputs} and {n_labels}", "inputs and labels"):
        evaluate(small_model(), (torch.zeros(n_inputs, 4), torch.zeros(n_labels).long()))


SIZES = [(0, ValueError), (-2, ValueError), (1.5, TypeError), (None, TypeError), (True, TypeError)]


@pytest.mark.bad_input
@pytest.mark.parametrize("size, error", SIZES)
def test_a_batch_size_that_is_none_is_refused(size, error):
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with refused(error, "batch_size", str(size), "a whole number"):
        evaluate(model, data(), size)
    with untouched(*model.parameters()), refused(error, "batch_size", str(size), "a whole number"):
        train_epoch(model, data(), optimizer, size, seeded(0))
    with untouched(*model.parameters()), refused(error, "batch_size", str(size), "a whole number"):
        fit(model, data(), data(), 1, optimizer, batch_size=size, say=None)


# train_epoch


def one_epoch(model, n=10, batch_size=4, seed=0, learning_rate=0.1, labels=None, **how):
    inputs = torch.arange(float(n))[:, None]
    labels = torch.zeros(n).long() if labels is None else labels
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    return train_epoch(model, (inputs, labels), optimizer, batch_size, seeded(seed), **how)


@given(n=st.integers(1, 30), batch_size=st.integers(1, 12), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_without_replacement_each_input_is_shown_once_in_random_order(n, batch_size, seed):
    model = Watched()
    one_epoch(model, n, batch_size, seed)
    assert model.batches == [
        batch.tolist() for batch in torch.randperm(n, generator=seeded(seed)).split(batch_size)
    ]
    assert all(model.modes)


@given(n=st.integers(1, 30), batch_size=st.integers(1, 12), seed=st.integers(0, 99))
@settings(max_examples=30)
def test_with_replacement_as_many_are_drawn_from_all(n, batch_size, seed):
    model = Watched()
    one_epoch(model, n, batch_size, seed, replacement=True)
    shown = [*chain.from_iterable(model.batches)]
    assert len(shown) == n and set(shown) <= set(range(n))
    assert [len(batch) for batch in model.batches[:-1]] == [batch_size] * (len(model.batches) - 1)


def test_with_replacement_some_come_twice_and_a_third_does_not_come():
    model = Watched()
    one_epoch(model, 4000, 500, replacement=True)
    assert len({*chain.from_iterable(model.batches)}) / 4000 == pytest.approx(
        1 - 1 / math.e, abs=0.02
    )


@pytest.mark.parametrize("replacement", [False, True])
def test_each_input_keeps_its_label(replacement):
    """A model that tells them apart is right on all of them."""
    inputs, labels = F.one_hot(torch.arange(20) % 3, 3).float(), torch.arange(20) % 3
    model = nn.Linear(3, 3, bias=False)
    model.weight.data = 5 * torch.eye(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    report = train_epoch(model, (inputs, labels), optimizer, 6, seeded(1), replacement)
    assert report.accuracy == 100 and report.bits < 0.1


def test_a_smaller_last_batch_counts_less():
    """Four inputs that are easy and one that is hard, alone in the last batch."""
    model = Watched()
    model.linear.weight.data, model.linear.bias.data = torch.eye(3)[:, :1], torch.zeros(3)
    for seed in range(5):
        found = one_epoch(model, 5, 4, seed, learning_rate=0.0)
        inputs = torch.arange(5.0)[:, None]
        wanted = evaluate(model, (inputs, torch.zeros(5).long()))
        assert found.bits == pytest.approx(wanted.bits, rel=1e-5)


def test_each_batch_is_judged_before_it_is_learned_from():
    model, labels = Watched(), torch.tensor([0, 1, 2, 1])
    before = evaluate(model, (torch.arange(4.0)[:, None], labels))
    found = one_epoch(model, 4, 4, labels=labels)
    after = evaluate(model, (torch.arange(4.0)[:, None], labels))
    assert found.bits == pytest.approx(before.bits, rel=1e-5) and after.bits != before.bits


def test_a_model_left_in_evaluation_is_trained_with_dropout_on():
    model = Watched().eval()
    one_epoch(model)
    assert model.modes == [True] * 3


def test_gradients_do_not_pile_up():
    model, theirs = Watched(), Watched()
    theirs.load_state_dict(model.state_dict())
    one_epoch(model, 8, 2)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for batch in torch.randperm(8, generator=seeded(0)).split(2):
        optimizer.zero_grad()
        loss = F.cross_entropy(theirs(batch[:, None].float()), torch.zeros(2).long())
        loss.backward()
        optimizer.step()
    assert same(state_of(model), state_of(theirs))


def test_augment_gets_each_batch_and_the_generator_of_the_order():
    model, generator, got = Watched(), seeded(0), []
    inputs = torch.arange(10.0)[:, None]

    def augment(batch, source):
        got.append(batch[:, 0].tolist())
        assert source is generator
        return batch + 100

    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with untouched(inputs):
        rest = (torch.zeros(10).long(),)
        train_epoch(model, (inputs, *rest), optimizer, 4, generator, augment=augment)
    assert [[x - 100 for x in batch] for batch in model.batches] == got
    assert sorted([*chain.from_iterable(got)]) == list(range(10))


def smoothed(logits, labels, share):
    """By hand, in nats: `share` of what is wanted goes to all classes alike, the right one too."""
    logs = logits.double().log_softmax(dim=1)
    wanted = (1 - share) * F.one_hot(labels, logits.shape[1]) + share / logits.shape[1]
    return -(wanted * logs).sum(dim=1).mean()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 1.0])
def test_label_smoothing_is_in_the_loss_that_is_reported(share):
    """And not in the accuracy; the last batch is smaller."""
    model, (inputs, labels) = small_model(dropout=0.0), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    report = train_epoch(model, (inputs, labels), optimizer, 5, seeded(0), label_smoothing=share)
    logits = model(inputs).detach()
    wanted = F.cross_entropy(logits, labels, label_smoothing=share).item()
    assert wanted == pytest.approx(smoothed(logits, labels, share).item(), rel=1e-5)
    assert report.bits == pytest.approx(wanted / math.log(2), rel=1e-5)
    assert report.accuracy == evaluate(model, (inputs, labels)).accuracy
    if share:
        assert report.bits != pytest.approx(evaluate(model, (inputs, labels)).bits, rel=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_label_smoothing_is_what_is_learned_from(share):
    """One step on all inputs equals one down the slope of the loss by hand."""
    model, theirs = small_model(dropout=0.0), small_model(dropout=0.0)
    inputs, labels = data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    train_epoch(model, (inputs, labels), optimizer, 23, seeded(0), label_smoothing=share)
    parameters = [*theirs.parameters()]
    slopes = torch.autograd.grad(smoothed(theirs(inputs), labels, share), parameters)
    for found, before, slope in zip(model.parameters(), parameters, slopes, strict=True):
        torch.testing.assert_close(found, before - 0.5 * slope, rtol=1e-5, atol=1e-6)


def test_label_smoothing_of_zero_changes_nothing():
    def taught(**how):
        model = small_model()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        return train_epoch(model, data(), optimizer, 5, seeded(0), **how), state_of(model)

    (usual, parameters), (plain, same_parameters) = taught(), taught(label_smoothing=0.0)
    assert usual == plain and same(parameters, same_parameters)
    smooth, others = taught(label_smoothing=0.2)
    assert smooth != usual and not same(parameters, others)


@pytest.mark.parametrize("n, batch_size, steps", [(10, 4, 3), (8, 4, 2), (3, 7, 1), (5, 1, 5)])
def test_after_step_is_called_after_each_step(n, batch_size, steps):
    model, seen = Watched(), []
    before = model.linear.bias.detach().clone()

    def after_step():
        assert not torch.equal(model.linear.bias, before)
        before.copy_(model.linear.bias.detach())
        seen.append(len(model.batches))

    one_epoch(model, n, batch_size, after_step=after_step)
    assert seen == list(range(1, steps + 1))


@pytest.mark.bad_input
@pytest.mark.parametrize("n_inputs, n_labels", [(0, 0), (4, 6), (4, 3)])
def test_nothing_to_learn_from_is_refused(n_inputs, n_labels):
    model = small_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrong = torch.zeros(n_inputs, 4), torch.zeros(n_labels).long()
    with untouched(*model.parameters()), refused(ValueError, "data", f"{n_inputs} and {n_labels}"):
        train_epoch(model, wrong, optimizer, 2, seeded(0))


# EarlyStopping


def restores_the_best(stopping, losses):
    """The core comparison: does it give back what it saw at the smallest loss?"""
    model = nn.Linear(1, 1)
    for epoch, loss in enumerate(losses):
        # In place, as an optimizer does it.
        model.weight.data.fill_(float(epoch))
        stopping.update(loss, model)
    model.weight.data.fill_(-1.0)
    stopping.restore(model)
    assert model.weight.item() == losses.index(min(losses))


all_losses = st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0, 3.0]), min_size=1, max_size=12)


@given(losses=all_losses)
def test_the_first_of_the_best_comes_back(losses):
    restores_the_best(EarlyStopping(3), losses)


def test_a_state_dict_that_is_not_copied_is_rejected():
    class Aliasing(EarlyStopping):
        def update(self, loss, model):
            stop = super().update(loss, model)
            if not self.waited:
                self.best_parameters = model.state_dict()
            return stop

    with pytest.raises(AssertionError):
        restores_the_best(Aliasing(3), [2.0, 1.0, 3.0])


def test_what_is_remembered_survives_a_restore():
    """Training on after a restore changes nothing of what is remembered."""
    model, stopping = nn.Linear(1, 1), EarlyStopping(2)
    stopping.update(1.0, model)
    best = state_of(model)
    for _ in range(2):
        stopping.restore(model)
        assert same(state_of(model), best)
        model.weight.data.add_(1)


@given(losses=all_losses, patience=st.integers(1, 4))
def test_it_says_stop_after_as_many_epochs_without_a_better_loss(losses, patience):
    stopping, model = EarlyStopping(patience), nn.Linear(1, 1)
    for epoch, loss in enumerate(losses):
        so_far = losses[: epoch + 1]
        waited = epoch - so_far.index(min(so_far))
        assert stopping.update(loss, model) is (waited >= patience)


def test_nothing_to_restore_is_refused():
    with refused(RuntimeError, "restore", "none", "at least one epoch"):
        EarlyStopping(2).restore(nn.Linear(1, 1))


@pytest.mark.bad_input
@pytest.mark.parametrize("patience, error", SIZES)
def test_a_patience_that_is_none_is_refused(patience, error):
    with refused(error, "patience", str(patience), "a whole number"):
        EarlyStopping(patience)


# Checkpoints


def test_a_checkpoint_loads_back_and_folders_are_made(tmp_path):
    file = tmp_path / "a" / "b" / "checkpoint.pt"
    for number in (1, 2):
        save_checkpoint(str(file), {"number": number, "x": torch.arange(3)})
        found = torch.load(file, weights_only=True)
        assert found["number"] == number and torch.equal(found["x"], torch.arange(3))
        assert [path.name for path in file.parent.iterdir()] == ["checkpoint.pt"]


def half(state, path, ending):
    with Path(path).open("wb") as file:
        file.write(b"half a file")
        file.flush()
        ending()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_killed_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "checkpoint.pt"
    save_checkpoint(file, {"number": 1})
    child = os.fork()
    if child == 0:

        def killed():
            os.kill(os.getpid(), signal.SIGKILL)

        chapter.torch.save = lambda state, path: half(state, path, killed)
        save_checkpoint(file, {"number": 2})
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert torch.load(file, weights_only=True) == {"number": 1}
    # What lies there half is in nobody's way.
    save_checkpoint(file, {"number": 3})
    assert torch.load(file, weights_only=True) == {"number": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_error_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch, error):
    file = tmp_path / "checkpoint.pt"
    save_checkpoint(file, {"number": 1})

    def fails():
        raise error

    monkeypatch.setattr(torch, "save", lambda state, path: half(state, path, fails))
    with pytest.raises(error):
        save_checkpoint(file, {"number": 2})
    assert torch.load(file, weights_only=True) == {"number": 1}


# fit: an interrupted training goes on with the numbers of an unbroken one


def jittered(batch, generator):
    return batch + 0.1 * torch.randn(batch.shape, generator=generator)


def cosine(optimizer):
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=60)


def warming_up(optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 20))


TRAININGS = {
    "plain": {},
    "with replacement": {"replacement": True},
    "with augmentation": {"augment": jittered},
    "with label smoothing": {"label_smoothing": 0.2},
    "cosine": {"schedule": cosine},
    "one cycle": {"schedule": one_cycle},
    "warming up": {"schedule": warming_up},
    "stopping": {"patience": 2, "learning_rate": 0.1},
    "stopping late": {"patience": 50},
    "all at once": {
        "replacement": True,
        "augment": jittered,
        "schedule": cosine,
        "patience": 2,
        "learning_rate": 0.1,
    },
}
EPOCHS = 9


def training(file=None, epochs=EPOCHS, resume=False, seed=0, schedule=None, patience=None, **how):
    """Everything made anew, then trained: the epochs, the model and the optimizer's memory."""
    model = small_model(seed)
    learning_rate = how.pop("learning_rate", 0.01)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    how |= {"schedule": schedule(optimizer)} if schedule else {}
    how |= {"stopping": EarlyStopping(patience)} if patience else {}
    settings = {"batch_size": 5, "seed": 4, "say": None} | how
    history = fit(
        model,
        data(),
        data(11, seed=1),
        epochs,
        optimizer,
        checkpoint=file,
        resume=resume,
        **settings,
    )
    return history, state_of(model), optimizer.state_dict()


def assert_same_training(found, wanted):
    assert found[0] == wanted[0], "other numbers"
    assert same(found[1], wanted[1]), "other parameters"
    for key, memory in wanted[2]["state"].items():
        assert same(found[2]["state"][key], memory), "the optimizer remembers something else"


@pytest.mark.parametrize("how", TRAININGS.values(), ids=TRAININGS.keys())
@pytest.mark.parametrize("broken_after", [1, 4])
def test_a_resumed_training_has_exactly_the_numbers_of_an_unbroken_one(tmp_path, how, broken_after):
    file, unbroken = tmp_path / "checkpoint.pt", training(**how)
    begun, _, _ = training(file, broken_after, **how)
    # Another start: everything has to come from the checkpoint.
    resumed = training(file, resume=True, seed=77, **how)
    assert begun == unbroken[0][: len(begun)]
    assert_same_training(resumed, unbroken)


def test_these_trainings_can_tell():
    """Without one of its parts a checkpoint gives other numbers: the comparison above is no vow."""
    model = small_model(dropout=0.5)
    assert evaluate(model, data()) != evaluate(small_model(7), data())
    assert training()[0] != training(replacement=True)[0] != training(augment=jittered)[0]
    assert training()[0] != training(schedule=cosine)[0] != training(label_smoothing=0.2)[0]
    stopped = training(**TRAININGS["stopping"])[0]
    assert 3 < len(stopped) < EPOCHS


@pytest.mark.parametrize("part", ["model", "optimizer", "schedule", "generator", "dropout"])
def test_a_checkpoint_needs_each_of_its_parts(tmp_path, part):
    file, how = tmp_path / "checkpoint.pt", {"schedule": one_cycle}
    training(file, 2, **how)
    other = tmp_path / "other.pt"
    training(other, 1, seed=5, **how)
    state = torch.load(file, weights_only=True)
    state[part] = torch.load(other, weights_only=True)[part]
    save_checkpoint(file, state)
    assert training(file, resume=True, **how)[0] != training(**how)[0]


@pytest.mark.parametrize("how", TRAININGS.values(), ids=TRAININGS.keys())
@pytest.mark.parametrize("epoch", [1, 3])
def test_ctrl_c_leaves_the_last_whole_epoch_and_a_resume_goes_on(tmp_path, how, epoch):
    """Interrupted at the third batch of five; the random numbers are used up half."""
    file, unbroken, batches = tmp_path / "checkpoint.pt", training(**how), []
    augment = how.get("augment", lambda batch, generator: batch)

    def interrupted(batch, generator):
        batches.append(batch)
        if len(batches) == 5 * (epoch - 1) + 3:
            raise KeyboardInterrupt
        return augment(batch, generator)

    with pytest.raises(KeyboardInterrupt):
        training(file, **{**how, "augment": interrupted})
    if epoch == 1:
        assert not file.exists()
    else:
        assert torch.load(file, weights_only=True)["history"] == unbroken[0][: epoch - 1]
    assert_same_training(training(file, resume=True, **how), unbroken)


def test_a_training_that_stopped_early_is_not_trained_on(tmp_path):
    how, file = TRAININGS["stopping"], tmp_path / "checkpoint.pt"
    stopped = training(file, **how)
    content = file.read_bytes()
    assert len(stopped[0]) < EPOCHS
    for epochs in (EPOCHS, 3 * EPOCHS):
        again = training(file, epochs, resume=True, seed=77, **how)
        assert_same_training(again, stopped)
        assert file.read_bytes() == content


def test_a_whole_training_is_not_trained_on(tmp_path):
    file = tmp_path / "checkpoint.pt"
    assert_same_training(training(file, 3), training(file, 3, resume=True, seed=77))


def test_without_resume_an_old_checkpoint_is_replaced(tmp_path):
    file = tmp_path / "checkpoint.pt"
    training(file, 4)
    assert_same_training(training(file, 2), training(epochs=2))
    assert len(torch.load(file, weights_only=True)["history"]) == 2


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_stopping_gives_the_best_epoch_back(patience):
    how = {**TRAININGS["stopping"], "patience": patience}
    history, parameters, _ = training(epochs=40, **how)
    losses = [epoch["validation_bits"] for epoch in history]
    best = losses.index(min(losses))
    assert len(history) == best + 1 + patience < 40
    model = small_model()
    model.load_state_dict(parameters)
    assert evaluate(model, data(11, seed=1)).bits == losses[best]


# fit: bad input


@pytest.mark.bad_input
def test_a_resume_without_a_file_is_refused():
    with refused(ValueError, "checkpoint", "None", "a file"):
        training(resume=True)


@pytest.mark.bad_input
@pytest.mark.parametrize("before, after", [({}, {"schedule": cosine}), ({"schedule": cosine}, {})])
def test_a_checkpoint_of_other_parts_is_refused(tmp_path, before, after):
    file = tmp_path / "checkpoint.pt"
    training(file, 2, **before)
    with pytest.raises(ValueError, match=r"^checkpoint: wanted .*schedule"):
        training(file, resume=True, **after)


@pytest.mark.bad_input
@pytest.mark.parametrize("epochs, error", SIZES)
def test_epochs_that_are_none_are_refused(tmp_path, epochs, error):
    with refused(error, "epochs", str(epochs), "a whole number"):
        training(tmp_path / "checkpoint.pt", epochs)
    assert not [*tmp_path.iterdir()]


# fit: what it says and returns


LINE = {
    "epoch": 7,
    "training_bits": 1.23456,
    "training_accuracy": 9.87,
    "validation_bits": 0.5,
    "validation_accuracy": 100.0,
}


def test_a_report_line():
    assert report_line(LINE) == (
        "epoch   7   training 1.235 bits   9.9 %   validation 0.500 bits 100.0 %"
    )


def test_one_line_for_each_epoch_as_it_ends():
    lines = []
    history, _, _ = training(epochs=3, say=lines.append)
    assert lines == [report_line(epoch) for epoch in history]
    assert [epoch["epoch"] for epoch in history] == [1, 2, 3]
    assert all(epoch.keys() == LINE.keys() for epoch in history)
    assert json.loads(json.dumps(history)) == history


def test_a_resumed_training_says_only_what_is_new(tmp_path):
    lines, file = [], tmp_path / "checkpoint.pt"
    training(file, 2)
    history, _, _ = training(file, 4, resume=True, say=lines.append)
    assert lines == [report_line(epoch) for epoch in history[2:]]


def test_silence_and_print(capsys):
    training(epochs=2)
    assert capsys.readouterr() == ("", "")
    history, _, _ = training(epochs=1, say=print)
    assert capsys.readouterr() == (report_line(history[0]) + "\n", "")


def test_the_report_is_that_of_an_epoch_and_of_a_validation():
    model, theirs = small_model(), small_model()
    held_out = data(11, seed=1)
    make = torch.optim.Adam
    torch.manual_seed(9)
    (found,) = fit(model, data(), held_out, 1, make(model.parameters()), 5, seed=4, say=None)
    torch.manual_seed(9)
    taught = train_epoch(theirs, data(), make(theirs.parameters()), 5, seeded(4))
    after = evaluate(theirs, held_out)
    assert [*found.values()] == [1, *taught, *after]


def test_fit_hands_label_smoothing_on_to_the_training_alone():
    """Validation is judged by what is right."""
    model, theirs, held_out = small_model(), small_model(), data(11, seed=1)
    make = torch.optim.Adam
    torch.manual_seed(9)
    optimizer = make(model.parameters())
    (found,) = fit(model, data(), held_out, 1, optimizer, 5, 4, say=None, label_smoothing=0.3)
    torch.manual_seed(9)
    optimizer = make(theirs.parameters())
    taught = train_epoch(theirs, data(), optimizer, 5, seeded(4), label_smoothing=0.3)
    assert [*found.values()] == [1, *taught, *evaluate(theirs, held_out)]
    logits = model.eval()(held_out[0]).detach()
    nats = F.cross_entropy(logits, held_out[1]).item()
    assert found["validation_bits"] == pytest.approx(nats / math.log(2), rel=1e-5)


@pytest.mark.parametrize("batch_size, seed", [(64, 0), (5, 3), (23, 1)])
def test_fit_equals_the_shortest_loop_of_chapter_11(batch_size, seed):
    ours, theirs = small_model(dropout=0.0), small_model(dropout=0.0)
    optimizer = torch.optim.Adam(ours.parameters(), lr=0.02)
    with untouched(*data()):
        fit(ours, data(), data(11, 1), 4, optimizer, batch_size, seed, say=None)
    train_briefly(theirs, *data(), 4, batch_size, 0.02, seed)
    assert same(state_of(ours), state_of(theirs))


def test_the_seed_decides_the_order_and_disturbs_no_other_chance():
    def trained(seed):
        model = small_model(dropout=0.0)
        before = torch.get_rng_state()
        optimizer = torch.optim.Adam(model.parameters())
        history = fit(model, data(), data(), 2, optimizer, 5, seed, say=None)
        assert torch.equal(torch.get_rng_state(), before)
        return history

    assert trained(1) == trained(1) != trained(2)
