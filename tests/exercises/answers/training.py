"""Chapter 14."""

import copy
import io
import math

import torch
from torch import nn
from torch.nn import functional as F


def by_logsumexp(logits, labels):
    right = logits.gather(-1, labels[:, None])[:, 0]
    return (logits.logsumexp(dim=-1) - right).mean()


def shifted_in_doubles(logits, labels):
    z = logits.double() - logits.double().amax(-1, keepdim=True)
    logs = z - z.exp().sum(-1, keepdim=True).log()
    return -(logs * F.one_hot(labels, logits.shape[-1])).sum(-1).mean()


def digit_by_digit(logits, labels):
    losses = [row.logsumexp(0) - row[y] for row, y in zip(logits, labels, strict=True)]
    return float(sum(losses)) / len(losses)


def log_of_softmax(logits, labels):
    return -logits.softmax(-1)[torch.arange(len(labels)), labels].log().mean()


def with_epsilon(logits, labels):
    return -(logits.softmax(-1)[torch.arange(len(labels)), labels] + 1e-9).log().mean()


def clamped(logits, labels):
    return -logits.softmax(-1).clamp(min=1e-12).log().gather(1, labels[:, None]).mean()


def naive_powers(logits, labels):
    shares = logits.exp() / logits.exp().sum(-1, keepdim=True)
    return -shares[range(len(labels)), labels].log().mean()


def a_table(logits, labels):
    return -logits.log_softmax(-1)[:, labels].mean()


def one_hot_mean(logits, labels):
    return -(F.one_hot(labels, logits.shape[-1]) * logits.log_softmax(-1)).mean()


def after_softmax(logits, labels):
    return F.cross_entropy(logits.softmax(-1), labels)


def trained(model, optimizer, x, y, steps, forget=True):
    for _ in range(steps):
        if forget:
            optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


def new_layer(model):
    model.output = nn.Linear(model.output.in_features, model.output.out_features)


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def layer_first(model, x, y, steps=100):
    new_layer(model)
    return trained(model, adam(model), x, y, steps)


def another_group(model, x, y, steps=100):
    optimizer = adam(model)
    new_layer(model)
    optimizer.add_param_group({"params": model.output.parameters()})
    return trained(model, optimizer, x, y, steps)


def started_anew(model, x, y, steps=100):
    model.output.reset_parameters()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        loss = nn.CrossEntropyLoss()(model(x), y)
        model.zero_grad()
        loss.backward()
        optimizer.step()


def broken_run(model, x, y, steps=100):
    optimizer = adam(model)
    new_layer(model)
    return trained(model, optimizer, x, y, steps)


def last_layer_alone(model, x, y, steps=100):
    new_layer(model)
    return trained(model, adam(model.output), x, y, steps)


def without_new_layer(model, x, y, steps=100):
    return trained(model, adam(model), x, y, steps)


def layer_in_the_loop(model, x, y, steps=100):
    optimizer = adam(model)
    for _ in range(steps):
        new_layer(model)
        trained(model, optimizer, x, y, 1)
    return model


def layer_at_the_end(model, x, y, steps=100):
    trained(model, adam(model), x, y, steps)
    new_layer(model)
    return model


def too_slowly(model, x, y, steps=100):
    new_layer(model)
    return trained(model, torch.optim.SGD(model.parameters(), lr=2e-3), x, y, steps)


def never_forgetting(model, x, y, steps=100):
    new_layer(model)
    return trained(model, adam(model), x, y, steps, forget=False)


def without_a_step(model, x, y, steps=100):
    new_layer(model)
    optimizer = adam(model)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
    return model


class Keeper:
    def __init__(self, patience, at_least=0.0):
        self.patience, self.at_least = patience, at_least
        self.best, self.waited, self.kept = math.inf, 0, None

    def __call__(self, model, loss):
        if self.progress(loss):
            self.best, self.waited = loss, 0
            self.kept = self.copied(model)
        else:
            self.waited += 1
        return self.waited >= self.patience

    def progress(self, loss):
        return loss < self.best - self.at_least

    def copied(self, model):
        return copy.deepcopy(model.state_dict())

    def restore(self, model):
        model.load_state_dict(self.kept)


class WithHistory:
    def __init__(self, patience, at_least=0.0):
        self.settings, self.losses = (patience, at_least), []
        self.best_epoch = 0

    def __call__(self, model, loss):
        self.losses.append(loss)
        if len(self.losses) == 1 or self.losses[self.best_epoch] - loss > self.settings[1]:
            self.best_epoch = len(self.losses) - 1
            self.model = copy.deepcopy(model)
        return True if len(self.losses) - 1 - self.best_epoch >= self.settings[0] else None

    def restore(self, model):
        with torch.no_grad():
            for mine, theirs in zip(self.model.parameters(), model.parameters(), strict=True):
                theirs.copy_(mine)


class WithClones(Keeper):
    def copied(self, model):
        return {name: value.clone() for name, value in model.state_dict().items()}


class Alias(Keeper):
    def copied(self, model):
        return model.state_dict()


class Shallow(Keeper):
    def copied(self, model):
        return dict(model.state_dict())


class Impatient(Keeper):
    def __call__(self, model, loss):
        super().__call__(model, loss)
        return self.waited >= self.patience - 1


class Tardy(Keeper):
    def __call__(self, model, loss):
        super().__call__(model, loss)
        return self.waited > self.patience


class Forgetful(Keeper):
    def __call__(self, model, loss):
        waited = self.waited
        stop = super().__call__(model, loss)
        self.waited = max(self.waited, waited)
        return stop


class Eager(Keeper):
    def progress(self, loss):
        return loss <= self.best - self.at_least


class ByEpochBefore(Keeper):
    before = math.inf

    def progress(self, loss):
        better, self.before = loss < self.before - self.at_least, loss
        return better


class Unbothered(Keeper):
    def progress(self, loss):
        return loss < self.best


class LastOne(Keeper):
    def __call__(self, model, loss):
        stop = super().__call__(model, loss)
        self.kept = self.copied(model)
        return stop


class Highest(Keeper):
    def __call__(self, model, loss):
        return super().__call__(model, -loss)


class AliasByEpochBefore(ByEpochBefore, Alias):
    pass


class Checkpoint:
    def __init__(self, model, optimizer, generator):
        self.states = [copy.deepcopy(each.state_dict()) for each in (model, optimizer)]
        self.random = [generator.get_state(), torch.get_rng_state()]

    def put_back(self, model, optimizer, generator):
        model.load_state_dict(self.states[0])
        optimizer.load_state_dict(self.states[1])
        generator.set_state(self.random[0])
        torch.set_rng_state(self.random[1])


class InAFile:
    def __init__(self, model, optimizer, generator):
        self.file = io.BytesIO()
        state = model.state_dict(), optimizer.state_dict(), generator.get_state()
        torch.save((*state, torch.get_rng_state()), self.file)

    def put_back(self, model, optimizer, generator):
        self.file.seek(0)
        for_model, for_optimizer, order, chance = torch.load(self.file)
        model.load_state_dict(for_model)
        optimizer.load_state_dict(for_optimizer)
        generator.set_state(order)
        torch.random.set_rng_state(chance)


class ByHand:
    def __init__(self, model, optimizer, generator):
        self.parameters = [p.detach().clone() for p in model.parameters()]
        self.optimizer = copy.deepcopy(optimizer.state_dict())
        self.order, self.chance = generator.get_state(), torch.get_rng_state()

    def put_back(self, model, optimizer, generator):
        for parameter, kept in zip(model.parameters(), self.parameters, strict=True):
            parameter.data = kept.clone()
        optimizer.load_state_dict(self.optimizer)
        generator.set_state(self.order)
        torch.set_rng_state(self.chance)


class Elsewhere:
    def __init__(self, model, optimizer, generator):
        Elsewhere.kept = Checkpoint(model, optimizer, generator)

    def put_back(self, *others):
        Elsewhere.kept.put_back(*others)


class WithoutOptimizer(Checkpoint):
    def put_back(self, model, optimizer, generator):
        super().put_back(model, copy.deepcopy(optimizer), generator)


class WithoutOrder(Checkpoint):
    def put_back(self, model, optimizer, generator):
        super().put_back(model, optimizer, torch.Generator())


class WithoutChance(Checkpoint):
    def put_back(self, model, optimizer, generator):
        with torch.random.fork_rng():
            super().put_back(model, optimizer, generator)


class OfTheModelAlone(Checkpoint):
    def put_back(self, model, optimizer, generator):
        model.load_state_dict(self.states[0])


class Living(Checkpoint):
    def __init__(self, model, optimizer, generator):
        self.states = [model.state_dict(), optimizer.state_dict()]
        self.random = [generator.get_state(), torch.get_rng_state()]


class KeepsTheModel(Checkpoint):
    def __init__(self, model, optimizer, generator):
        super().__init__(model, optimizer, generator)
        self.states[0] = model.state_dict()


class BySeed(Checkpoint):
    def __init__(self, model, optimizer, generator):
        super().__init__(model, optimizer, generator)
        self.random[0] = torch.Generator().manual_seed(generator.initial_seed()).get_state()


def counting(model, batches):
    before, right, n = model.training, 0, 0
    model.eval()
    for x, y in batches:
        right += (model(x).argmax(-1) == y).sum().item()
        n += len(y)
    model.train(before)
    return 100 * right / n


def joined(model, batches):
    before = model.training
    model.train(False)
    x, y = (torch.cat(part) for part in zip(*batches, strict=True))
    found = (model(x).max(dim=1).indices == y).float().mean() * 100
    model.train(before)
    return found


def weighed(model, batches):
    judged = copy.deepcopy(model).eval()
    shares = [(judged(x).softmax(-1).argmax(1) == y).double().mean() for x, y in batches]
    sizes = torch.tensor([float(len(y)) for _, y in batches])
    return 100 * (torch.stack(shares) * sizes).sum() / sizes.sum()


def judged(average=None, axis=-1, evaluate=True, restore=True, factor=100):
    def answer(model, batches):
        before = model.training
        if evaluate:
            model.eval()
        right = [(model(x).argmax(axis) == y).float() for x, y in batches]
        if restore:
            model.train(before)
        return factor * (average(right) if average else torch.cat(right).mean())

    return answer


def mean_of_means(right):
    return sum(each.mean() for each in right) / len(right)


def evaluated(model, batches):
    found = counting(model, batches)
    model.train()
    return found


def epoch(
    model, optimizer, batches, mode=True, reduction="mean", report=None, forget=True, twice=False
):
    model.train(mode)
    losses, sizes = [], []
    for x, y in batches:
        logits = model(x).softmax(-1) if twice else model(x)
        loss = F.cross_entropy(logits, y, reduction=reduction)
        if forget:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item() / (len(x) if reduction == "sum" else 1))
        sizes.append(len(x))
    if report:
        return report(losses)
    return sum(a * b for a, b in zip(losses, sizes, strict=True)) / sum(sizes)


def changed(**how):
    return lambda model, optimizer, batches: epoch(model, optimizer, batches, **how)


def forgetting_after(model, optimizer, batches):
    model.train()
    total = torch.zeros(())
    for x, y in batches:
        each = -model(x).log_softmax(-1)[torch.arange(len(y)), y]
        each.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        total += each.detach().sum()
    return total / sum(len(y) for _, y in batches)


def by_model(model, optimizer, batches):
    model.train(True)
    surprises = []
    for x, y in batches:
        model.zero_grad()
        loss = F.nll_loss(model(x).log_softmax(1), y, reduction="none")
        loss.mean().backward()
        optimizer.step()
        surprises += loss.tolist()
    return sum(surprises) / len(surprises)


def forgetting_too_late(model, optimizer, batches):
    model.train()
    total, n = 0, 0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        total, n = total + loss.item() * len(x), n + len(x)
    return total / n


def optimizer_in_each_step(model, x, y, steps=100):
    new_layer(model)
    for _ in range(steps):
        trained(model, adam(model), x, y, 1)
    return model


RIGHT = {
    "14.1": [by_logsumexp, shifted_in_doubles, digit_by_digit, F.cross_entropy],
    "14.2": [layer_first, another_group, started_anew],
    "14.3": [Keeper, WithHistory, WithClones],
    "14.4": [Checkpoint, InAFile, ByHand, Elsewhere],
    "14.5": [counting, joined, weighed, judged()],
    "14.6": [epoch, forgetting_after, by_model],
}
WRONG = {
    "14.1": [
        (log_of_softmax, "log_of_softmax"),
        (with_epsilon, "floored_9"),
        (clamped, "floored_12"),
        (naive_powers, "shares_overflow"),
        (a_table, "all_pairs"),
        (one_hot_mean, "over_classes_too"),
        (after_softmax, "softmax_twice"),
        (lambda z, y: F.cross_entropy(z, y, reduction="sum"), "sum"),
        (lambda z, y: F.cross_entropy(z, y) / math.log(2), "bits"),
        (lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1), None),
    ],
    "14.2": [
        (optimizer_in_each_step, None),
        (broken_run, "old_optimizer"),
        (last_layer_alone, "only_output"),
        (without_new_layer, "old_layer"),
        (layer_in_the_loop, "layer_each_step"),
        (never_forgetting, "not_forgotten"),
        (layer_at_the_end, "layer_last"),
        (too_slowly, None),
        (without_a_step, "nothing_moves"),
    ],
    "14.3": [
        (Alias, "aliased"),
        (Shallow, "aliased"),
        (LastOne, "last"),
        (Impatient, "too_soon"),
        (Tardy, "too_late"),
        (Forgetful, "not_reset"),
        (Eager, "ties"),
        (ByEpochBefore, "previous"),
        (Unbothered, "at_least_ignored"),
        (Highest, "larger"),
        (AliasByEpochBefore, {"aliased", "previous"}),
    ],
    "14.4": [
        (WithoutOptimizer, "optimizer_missing"),
        (WithoutOrder, "order_missing"),
        (WithoutChance, "dropout_missing"),
        (OfTheModelAlone, {"optimizer_missing", "order_missing", "dropout_missing"}),
        (KeepsTheModel, "model_aliased"),
        (Living, {"model_aliased", "optimizer_aliased"}),
        (BySeed, "order_from_start"),
    ],
    "14.5": [
        (judged(mean_of_means), "mean_of_batches"),
        (judged(axis=0), "wrong_axis"),
        (judged(evaluate=False), "dropout_on"),
        (judged(restore=False), "left_in_eval"),
        (judged(factor=1), "share"),
        (judged(mean_of_means, evaluate=False), {"mean_of_batches", "dropout_on"}),
        (evaluated, "left_in_training"),
    ],
    "14.6": [
        (changed(forget=False), "not_forgotten"),
        (changed(mode=False), "stays_in_eval"),
        (changed(reduction="sum"), "summed"),
        (changed(report=lambda losses: sum(losses) / len(losses)), "mean_of_batches"),
        (changed(report=lambda losses: losses[-1]), "last_batch"),
        (changed(twice=True), "softmax_twice"),
        (forgetting_too_late, "forgotten_late"),
        (changed(forget=False, mode=False), {"not_forgotten", "stays_in_eval"}),
    ],
}
