"""Checkpoints: a changed bit is noticed, and a training goes on as if unbroken."""

from types import SimpleNamespace

import pytest
import torch
from expectations import full_disk

from bareattention.chapters.training import EarlyStopping
from bareattention.experiments import checkpoints
from bareattention.experiments.checkpoints import (
    Checkpoint,
    CheckpointError,
    alone,
    load_checkpoint,
    save_checkpoint,
)

ABOUT = {"model": "linear", "threads": 1, "versions": {"torch": "1.0"}}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_single_changed_bit_is_noticed_wherever_it_is(tmp_path):
    file = tmp_path / "x.checkpoint"
    save_checkpoint(file, {"epochs": [1, 2], "w": torch.ones(2)})
    whole = file.read_bytes()
    state = load_checkpoint(file)
    assert state["epochs"] == [1, 2] and torch.equal(state["w"], torch.ones(2))
    harmed = [whole[:i] + bytes([b ^ 1 << i % 8]) + whole[i + 1 :] for i, b in enumerate(whole)]
    harmed += [b"", b"precious", whole[:-1], whole[:30], whole + b"\0"]
    for content in harmed:
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match=rf"^{file}: wanted .*, got a damaged one$"):
            load_checkpoint(file)


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path):
    file = tmp_path / "x.checkpoint"
    save_checkpoint(file, {"epochs": 1})
    with full_disk(500), pytest.raises(OSError, match=rf"^{file} cannot be written: "):
        save_checkpoint(file, {"epochs": 2, "w": torch.ones(999)})
    assert load_checkpoint(file) == {"epochs": 1} and names(tmp_path) == {file.name}


def teach(checkpoint, epochs, seed=0):
    """A training with everything that remembers: each epoch's numbers, and the parts."""
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.5))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    generator, stopping = torch.Generator().manual_seed(seed), EarlyStopping(9)
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule, "stopping": stopping}
    history = checkpoint.attach(generator, **parts, nothing=None)
    while len(history) < epochs:
        loss = model(torch.randn(4, 3, generator=generator)).square().sum()
        optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step()
        history.append({"validation_bits": loss.item()})
        stopping(model, history), checkpoint(model, history)
    return history, {**model.state_dict(), "best": stopping.best_parameters["0.weight"]}


def test_a_training_goes_on_as_if_unbroken(tmp_path):
    whole = teach(Checkpoint(tmp_path / "whole", ABOUT), 6)
    teach(Checkpoint(tmp_path / "broken", ABOUT), 2)
    # Another start: everything has to come from the checkpoint.
    resumed = teach(Checkpoint(tmp_path / "broken", ABOUT, resume=True), 6, seed=7)
    assert resumed[0] == whole[0]
    assert all(torch.equal(resumed[1][name], x) for name, x in whole[1].items())


def test_without_a_checkpoint_or_without_resume_it_starts_anew(tmp_path):
    file = tmp_path / "x"
    whole = teach(Checkpoint(file, ABOUT, resume=True), 2)
    assert teach(Checkpoint(file, {"model": "other"}), 2)[0] == whole[0]
    Checkpoint(file, ABOUT)
    assert not file.exists()


@pytest.mark.parametrize(
    "change, told",
    [
        ({"threads": 2}, "its threads is 1, and 2 is asked for"),
        ({"versions": {"torch": "2"}}, "its versions is {'torch': '1.0'}, and {'torch': '2'}"),
        ({"model": "rows"}, "its model is 'linear', and 'rows' is asked for"),
        ({"device": "cuda"}, "its device is None, and 'cuda' is asked for"),
        ({"model": None}, "its model is 'linear', and None is asked for"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_and_kept(tmp_path, change, told):
    file = tmp_path / "x"
    teach(Checkpoint(file, ABOUT), 1)
    before = file.read_bytes()
    with pytest.raises(CheckpointError) as refused:
        Checkpoint(file, ABOUT | change, resume=True)
    assert str(refused.value).startswith(f"{file} is of another training: {told}")
    assert file.read_bytes() == before


def test_seconds_of_all_sittings_add_up(tmp_path, monkeypatch):
    now = SimpleNamespace(wall=7.0)
    clock = {"perf_counter": lambda: now.wall, "process_time": lambda: 500 + now.wall / 2}
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(**clock))
    first = Checkpoint(tmp_path / "x", ABOUT)
    first.attach(torch.Generator())
    now.wall += 10
    first(torch.nn.Identity(), [])
    now.wall = 5000.0  # what came after the epoch is not counted
    second = Checkpoint(tmp_path / "x", ABOUT, resume=True)
    now.wall += 4
    assert second.spent() == {"seconds": 14, "cpu_seconds": 7}


def test_one_training_at_a_time(tmp_path, monkeypatch):
    """A lock file that a killed process left is in nobody's way."""
    lock = tmp_path / "x.lock"
    lock.touch()
    with alone(lock):
        with pytest.raises(CheckpointError, match=rf"^{lock}: another training .*$"), alone(lock):
            pytest.fail("two at once")
        assert lock.exists()
    with alone(lock):
        pass
    assert not names(tmp_path)


@pytest.mark.skipif(checkpoints.fcntl is None, reason="this system has no such locks")
def test_where_there_are_no_locks_a_training_runs_all_the_same(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(checkpoints.fcntl, "flock", unknown)
    with alone(tmp_path / "lock"), alone(tmp_path / "lock"):
        pass
    monkeypatch.setattr(checkpoints, "fcntl", None)
    with alone(tmp_path / "lock"), alone(tmp_path / "lock"):
        pass
