"""Chapter 14: reports, one epoch, early stopping that copies, fit and what is called back."""

import inspect
import json
import math
import sys
from pathlib import Path

import nbformat
import pytest
import torch
from expectations import refused, untouched
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from bareattention import EarlyStopping, evaluate, fit, print_report, train_briefly, train_epoch

NOTEBOOK = Path(__file__).parents[2] / "book" / "14_training.ipynb"


def seeded(n):
    return torch.Generator().manual_seed(n)


def data(n=23, seed=0):
    """Three noisy heaps of points, and which heap each is from."""
    generator = seeded(seed)
    labels = torch.randint(3, (n,), generator=generator)
    return F.one_hot(labels, 4) + torch.randn(n, 4, generator=generator), labels


HELD_OUT = data(11, seed=1)


def small_model(seed=0, dropout=0.5):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3))


def sgd(model, lr=0.1):
    return torch.optim.SGD(model.parameters(), lr=lr)


def same(one, other):
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def by_hand(logits, labels, smoothing=0.0):
    """Cross-entropy in nats: `smoothing` of what is wanted goes to all classes alike."""
    wanted = (1 - smoothing) * F.one_hot(labels, logits.shape[1]) + smoothing / logits.shape[1]
    return -(wanted * logits.double().log_softmax(dim=1)).sum(dim=1).mean()


def shown(model):
    """The inputs that a model is shown from now on, and whether it is in training then."""
    seen = []
    model.register_forward_pre_hook(lambda model, x: seen.append((x[0], model.training)))
    return seen


@pytest.mark.parametrize("how, sizes", [({}, [500, 1]), ({"batch_size": 200}, [200, 200, 101])])
def test_the_size_of_batches_does_not_change_the_verdict(how, sizes):
    model, (inputs, labels) = small_model(), data(501)
    seen = shown(model)
    with untouched(inputs, labels, *model.parameters()):
        found = evaluate(model, (inputs, labels), **how)
    assert [len(batch) for batch, _ in seen] == sizes
    logits = model.eval()(inputs).detach()
    bits = by_hand(logits, labels).item() / math.log(2)
    right = (logits.argmax(dim=1) == labels).double().mean().item()
    assert found == pytest.approx((bits, 100 * right), rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_meanwhile_and_the_mode_comes_back(training):
    model, kept, before = small_model().train(training), [], torch.get_rng_state()
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda kept: kept):
        assert evaluate(model, data()) == evaluate(model, data())
    assert not kept, "a tensor was kept for gradients"
    with pytest.raises(RuntimeError):  # inputs that do not fit
        evaluate(model, (torch.zeros(2, 9), torch.zeros(2).long()))
    assert model.training is training and model[2].training is training
    assert torch.equal(torch.get_rng_state(), before)


def evaluated(data, size=5):
    return evaluate(small_model(), data, size)


def trained(data, size=5):
    model = small_model()
    return train_epoch(model, data, sgd(model), size, seeded(0))


def fitted(data, size=5):
    model = small_model()
    return fit(model, data, HELD_OUT, 1, sgd(model), size)


ALL = pytest.mark.parametrize("judge", [evaluated, trained, fitted])
SOME = torch.zeros(4, 4)


@ALL
@pytest.mark.parametrize(
    "inputs, labels, error, name, came, wanted",
    [
        (torch.zeros(0, 4), torch.zeros(0).long(), ValueError, "[0]", "(0, 4)", "shape (n"),
        (SOME, torch.zeros(3).long(), ValueError, "[1]", "(3,)", "shape (n"),
        (SOME, torch.full((4, 3), 1 / 3), TypeError, "[1]", "float32", "whole numbers"),
        # PyTorch leaves -100 out of the loss, and the accuracy would count it.
        (SOME, torch.tensor([0, 2, 1, -100]), ValueError, "labels", "-100 to 2", "classes 0 to 2"),
        (SOME, torch.tensor([0, -1, 1, 1]), ValueError, "labels", "-1 to 1", "classes 0 to 2"),
        (SOME, torch.tensor([0, 2, 1, 3]), ValueError, "labels", "0 to 3", "classes 0 to 2"),
        (SOME, torch.tensor([0, 2, 1, 4]), ValueError, "labels", "0 to 4", "classes 0 to 2"),
    ],
)
def test_data_without_a_class_for_each_input_is_refused(
    judge, inputs, labels, error, name, came, wanted
):
    with refused(error, name, came, wanted):
        judge((inputs, labels))


@ALL
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32])
def test_labels_may_be_any_whole_numbers(judge, dtype):
    inputs, labels = data()
    assert judge((inputs, labels.to(dtype))) == judge((inputs, labels))


@pytest.mark.parametrize("size, error", [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_sizes_that_are_none_are_refused(size, error):
    calls = [("batch_size", judge) for judge in (evaluated, trained, fitted)]
    calls.append(("epochs", lambda data, n: fit(nn.ReLU(), data, data, n, sgd(small_model()))))
    calls.append(("patience", lambda _, patience: EarlyStopping(patience)))
    for name, call in calls:
        with refused(error, name, str(size), "a whole number"):
            call(data(), size)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_each_batch_is_judged_and_then_learned_from(share):
    """Three steps down the slopes of the loss by hand; the last batch counts less."""
    model, theirs, (inputs, labels) = small_model(dropout=0.0), small_model(dropout=0.0), data(9)
    how = {"label_smoothing": share} if share else {}
    report, losses, right = train_epoch(model, data(9), sgd(model), 4, seeded(0), **how), 0, 0
    for batch in torch.randperm(9, generator=seeded(0)).split(4):
        logits = theirs(inputs[batch])
        loss = by_hand(logits, labels[batch], share)
        losses += loss.item() * len(batch)
        right += (logits.argmax(dim=1) == labels[batch]).sum().item()
        slopes = torch.autograd.grad(loss, [*theirs.parameters()])
        for each, slope in zip(theirs.parameters(), slopes, strict=True):
            each.data -= 0.1 * slope
    torch.testing.assert_close(model.state_dict(), theirs.state_dict(), rtol=1e-5, atol=1e-6)
    assert report == pytest.approx((losses / 9 / math.log(2), 100 * right / 9), rel=1e-5)


def test_with_replacement_some_come_twice_and_a_third_does_not_come():
    """Each with its own label: a model that tells them apart is right on all of them."""
    labels, model = torch.arange(4001) % 3, nn.Linear(3, 3, bias=False)
    model.weight.data, seen = 5 * torch.eye(3), shown(model)
    inputs = F.one_hot(labels).float() + torch.arange(4001)[:, None] / 8192
    report = train_epoch(model, (inputs, labels), sgd(model, 0.0), 500, seeded(3), replacement=True)
    numbers = torch.cat([batch.amin(dim=1) for batch, _ in seen])
    assert report.accuracy == 100 and len(numbers) == 4001
    assert (8192 * numbers).aminmax() == (0, 4000), "the first or the last is never drawn"
    assert len(numbers.unique()) / 4001 == pytest.approx(1 - 1 / math.e, abs=0.02)


def test_what_a_step_consists_of():
    """Inputs changed with the chance of the order, in training mode, then what comes after."""
    model, generator, after = small_model().eval(), seeded(0), []
    seen, some = shown(model), data(10)

    def augment(batch, source):
        return batch + 100 * (source is generator)

    how = {"augment": augment, "after_step": lambda: after.append(str(model[3].bias))}
    train_epoch(model, some, sgd(model), 4, generator, **how)
    order = torch.randperm(10, generator=seeded(0)).split(4)
    for (found, training), batch in zip(seen, order, strict=True):
        assert training and torch.equal(found, some[0][batch] + 100)
    assert len({*after}) == 3 and after[-1] == str(model[3].bias)


all_losses = st.lists(st.sampled_from([0.5, 1.0, 1.5, 2.0]), min_size=1, max_size=12)


def said(stopping, losses, seen=0):
    """What it says after each epoch; the parameter is the number of the epoch."""
    model, history = nn.Linear(1, 1), [{"validation_bits": loss} for loss in losses]
    for number in range(seen, len(losses)):
        model.weight.data.fill_(float(number))  # in place, as an optimizer does it
        yield stopping(model, history[: number + 1])


@given(losses=all_losses, patience=st.integers(1, 4), broken_after=st.integers(0, 3))
def test_it_keeps_a_copy_of_the_best_and_says_stop_after_patience(losses, patience, broken_after):
    stopping, model = EarlyStopping(patience), nn.Linear(1, 1)
    with refused(ValueError, "restore", "none", "an epoch"):
        stopping.restore(model)
    bests = [losses.index(min(losses[: n + 1])) for n in range(len(losses))]
    says = [number - best >= patience for number, best in enumerate(bests)]
    assert [*said(stopping, losses)] == says
    # Patience is that of the object, and epochs before a resume count.
    assert [*said(EarlyStopping(patience), losses, broken_after)] == says[broken_after:]
    for _ in range(2):  # training on changes nothing of what is remembered
        stopping.restore(model)
        assert model.weight.item() == bests[-1]
        model.weight.data.add_(1)


@pytest.mark.parametrize("how, seed", [({}, 0), ({"generator": seeded(3)}, 3)])
def test_fit_equals_the_shortest_loop_of_chapter_11(how, seed):
    """In batches of 64, and in the order of seed 0, unless told otherwise."""
    ours, theirs = small_model(dropout=0.0), small_model(dropout=0.0)
    before = torch.get_rng_state()
    optimizer = torch.optim.Adam(ours.parameters(), lr=0.02)
    with untouched(*data(100)):
        fit(ours, data(100), HELD_OUT, 4, optimizer, **how)
    assert torch.equal(torch.get_rng_state(), before), "other chance was disturbed"
    train_briefly(theirs, *data(100), 4, 64, 0.02, seed)
    assert same(ours, theirs)


def test_a_report_is_that_of_an_epoch_and_of_a_validation(capsys):
    """Details go to the training alone: validation is judged by what is right."""
    model, theirs, how = small_model(), small_model(), {"label_smoothing": 0.3}
    torch.manual_seed(9)
    (found,) = fit(model, data(), HELD_OUT, 1, sgd(model), 5, **how)
    torch.manual_seed(9)
    learned = train_epoch(theirs, data(), sgd(theirs), 5, seeded(0), **how)
    parts = "training_bits", "training_accuracy", "validation_bits", "validation_accuracy"
    judged = evaluate(theirs, HELD_OUT)
    assert found == {"epoch": 1} | dict(zip(parts, (*learned, *judged), strict=True))
    assert json.loads(json.dumps(found)) == found
    assert capsys.readouterr() == ("", "")


def test_callbacks_are_called_after_each_epoch_until_one_says_stop():
    calls, model = [], small_model()

    def note(*given):
        calls.append((given[0] is model, len(given[1])))

    some = [note, lambda _, history: len(history) == 2, note]
    assert len(fit(model, data(), HELD_OUT, 9, sgd(model), callbacks=some)) == 2
    assert calls == [(True, 1), (True, 1), (True, 2)]


def test_a_printed_report(capsys):
    epoch = {"epoch": 7, "training_bits": 1.23456, "training_accuracy": 9.87}
    print_report(
        nn.Identity(), [{}, epoch | {"validation_bits": 0.5, "validation_accuracy": 100.0}]
    )
    line = "epoch   7   training 1.235 bits   9.9 %   validation 0.500 bits 100.0 %"
    assert capsys.readouterr().out == f"{line}\n"


@pytest.mark.parametrize("batch_size", [5, 23])
def test_a_training_that_diverges_stops_with_a_word_and_keeps_its_history(batch_size):
    """In a single batch the loss of the training is still finite, that of the validation is not."""
    model, seen, before = small_model(), [], [{"epoch": 1, "validation_bits": 1.0}]
    how = {"callbacks": [lambda *_: seen.append(1), EarlyStopping(2)], "history": before}
    with pytest.warns(RuntimeWarning, match=r"^training stopped: the loss of epoch 2 ") as caught:
        history = fit(model, data(), HELD_OUT, 9, sgd(model, lr=1e30), batch_size, **how)
    assert len(history) == 2 and math.isfinite(history[1]["training_bits"]) == (batch_size == 23)
    assert not math.isfinite(history[1]["validation_bits"]) and len(before) == 1
    assert not seen, "such an epoch is in no checkpoint, and nobody's best"
    assert caught[0].filename == __file__


# An interrupted training goes on with the numbers of an unbroken one

PAGE = {"torch": torch}  # what the page defines: `checkpoint` and `resume`, as a reader copies them
for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
    if cell.id in ("checkpoint-save", "checkpoint-load", "adam-hand"):
        exec(cell.source, PAGE)
EPOCHS = 7


TRAININGS = [
    {"replacement": True},
    {"augment": lambda batch, generator: batch + torch.randn(batch.shape, generator=generator)},
    {"patience": 2, "lr": 0.3},
]


def training(file, epochs=EPOCHS, seed=0, patience=EPOCHS, lr=0.01, **how):
    """Everything made anew, then brought to where the file was written, then trained."""
    model, generator, stopping = small_model(seed), seeded(seed), EarlyStopping(patience)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    before = PAGE["resume"](file, model, optimizer, generator) if file.exists() else []
    save = PAGE["checkpoint"](file, optimizer, generator)
    some = data(), HELD_OUT, epochs, optimizer, 5, generator, [stopping, save], before
    return fit(model, *some, **how), model


@pytest.mark.parametrize("how", TRAININGS)
@pytest.mark.parametrize("broken_after", [1, 4, EPOCHS])
def test_a_resumed_training_has_exactly_the_numbers_of_an_unbroken_one(tmp_path, how, broken_after):
    unbroken = training(tmp_path / "unbroken", **how)
    assert (len(unbroken[0]) < EPOCHS) == ("patience" in how), "the case is not one"
    begun, _ = training(tmp_path / "broken", broken_after, **how)
    assert begun == unbroken[0][:broken_after]
    # Another start: everything has to come from the checkpoint.
    resumed = training(tmp_path / "broken", seed=77, **how)
    assert resumed[0] == unbroken[0] and same(resumed[1], unbroken[1])


@pytest.mark.parametrize("batch", [3, 13])
def test_ctrl_c_leaves_the_last_whole_epoch_and_a_resume_goes_on(tmp_path, batch):
    """In the middle of the five batches of an epoch; the random numbers are used up half."""
    file, unbroken, left = tmp_path / "broken", training(tmp_path / "unbroken"), [*range(batch)]

    def interrupted(batch, generator):
        if not left:
            raise KeyboardInterrupt
        return batch + 0 * left.pop()

    with pytest.raises(KeyboardInterrupt):
        training(file, augment=interrupted)
    assert not file.exists() if batch < 5 else torch.load(file)["history"] == unbroken[0][:2]
    resumed = training(file)
    assert resumed[0] == unbroken[0] and same(resumed[1], unbroken[1])


@pytest.mark.parametrize("part", ["model", "optimizer", "order", "dropout"])
def test_a_checkpoint_needs_each_of_its_parts(tmp_path, part):
    """So the comparisons above can fail."""
    for name, seed in (("one", 0), ("other", 5)):
        training(tmp_path / name, 2, seed)
    states = {name: torch.load(tmp_path / name) for name in ("one", "other")}
    torch.save(states["one"] | {part: states["other"][part]}, tmp_path / "one")
    assert training(tmp_path / "one")[0] != training(tmp_path / "unbroken")[0]


def test_an_error_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    history, _ = training(tmp_path / "kept", 2)
    monkeypatch.setattr(torch, "save", lambda state, path: Path(path).write_bytes(b"half") / 0)
    with pytest.raises(ZeroDivisionError):
        training(tmp_path / "kept")
    assert torch.load(tmp_path / "kept")["history"] == history


def test_the_chapter_loads_torchmetrics_only_when_it_counts():
    """It takes a second, which `import bareattention` would take longer."""
    assert "\nfrom torchmetrics" not in inspect.getsource(sys.modules[fit.__module__])


@given(seed=st.integers(0, 99), steps=st.integers(1, 30), rate=st.sampled_from([1e-3, 0.1]))
def test_a_step_of_adam_written_out_is_that_of_pytorch(seed, steps, rate):
    gradients = torch.randn(steps, 5, generator=seeded(seed), dtype=torch.float64)
    theirs = torch.zeros(5, dtype=torch.float64, requires_grad=True)
    optimizer, ours = torch.optim.Adam([theirs], lr=rate), torch.zeros(3, 5, dtype=torch.float64)
    for n, gradient in enumerate(gradients, start=1):
        theirs.grad = gradient.clone()
        optimizer.step()
        ours = PAGE["adam_step"](ours[0], gradient, *ours[1:], n, rate=rate)
    torch.testing.assert_close(ours[0], theirs.detach(), rtol=0, atol=1e-12)
