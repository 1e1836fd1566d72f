"""Chapter 11."""

import random

import numpy as np
import torch
from torch.nn import functional as F


def by_permute(patches, size):
    side = int(patches.shape[-2] ** 0.5)
    six = patches.view(*patches.shape[:-2], side, side, size, size)
    return six.transpose(-3, -2).reshape(*patches.shape[:-2], side * size, side * size)


def by_fold(patches, size):
    flat = patches.flatten(0, -3) if patches.ndim > 2 else patches[None]
    side = round(patches.shape[-2] ** 0.5) * size
    images = F.fold(flat.mT, (side, side), size, stride=size)
    return images.view(*patches.shape[:-2], side, side)


def by_placing(patches, size):
    side = int(patches.shape[-2] ** 0.5)
    images = torch.zeros(*patches.shape[:-2], side * size, side * size, dtype=patches.dtype)
    for i in range(patches.shape[-2]):
        top, left = i // side * size, i % side * size
        square = patches[..., i, :].unflatten(-1, (size, size))
        images[..., top : top + size, left : left + size] = square
    return images


def by_view(patches, size):
    side = int(patches.shape[-2] ** 0.5) * size
    return patches.reshape(*patches.shape[:-2], side, side)


def with_axes(*order):
    def answer(patches, size):
        side, lead = int(patches.shape[-2] ** 0.5), patches.ndim - 2
        six = patches.view(*patches.shape[:-2], side, side, size, size)
        six = six.permute(*range(lead), *(axis + lead for axis in order))
        return six.reshape(*patches.shape[:-2], side * size, side * size)

    return answer


def fold_alone(patches, size):
    flat = patches.reshape(-1, *patches.shape[-2:])
    side = round(patches.shape[-2] ** 0.5) * size
    return F.fold(flat.mT, (side, side), size, stride=size)[:, 0]


def for_28(patches, size):
    side = 28 // size
    four = patches.unflatten(-1, (size, size)).unflatten(-3, (side, side))
    return four.transpose(-3, -2).flatten(-4, -3).flatten(-2, -1)


def averages_of(images, labels):
    return torch.stack([images[labels == c].mean(0) for c in labels.unique()])


def by_cdist(images, labels, unseen):
    averages = averages_of(images, labels).flatten(1)
    return torch.cdist(unseen.flatten(1), averages).argmin(1)


def by_loops(images, labels, unseen):
    averages = averages_of(images, labels)
    found = []
    for image in unseen:
        distances = [((image - average) ** 2).sum().item() for average in averages]
        found.append(distances.index(min(distances)))
    return found


def by_one_hot(images, labels, unseen):
    member = F.one_hot(labels).float()
    averages = (member.T @ images.flatten(1)) / member.sum(0)[:, None]
    x = unseen.flatten(1)
    return (averages.square().sum(1) - 2 * x @ averages.T).argmin(1)


def by_dot(images, labels, unseen):
    return (unseen.flatten(1) @ averages_of(images, labels).flatten(1).T).argmax(1)


def by_sums(images, labels, unseen):
    sums = torch.stack([images[labels == c].sum(0) for c in labels.unique()])
    return torch.cdist(unseen.flatten(1), sums.flatten(1)).argmin(1)


def by_neighbour(images, labels, unseen):
    return labels[torch.cdist(unseen.flatten(1), images.flatten(1)).argmin(1)]


def for_each_class(images, labels, unseen):
    return torch.cdist(unseen.flatten(1), averages_of(images, labels).flatten(1)).argmin(0)


def largest_distance(images, labels, unseen):
    return torch.cdist(unseen.flatten(1), averages_of(images, labels).flatten(1)).argmax(1)


def by_training(training, validation, test):
    mean, std = training.float().mean(), training.float().std()
    return [(part.float() - mean) / std for part in (training, validation, test)]


def in_doubles(training, validation, test):
    pixels = training.double().flatten()
    mean = pixels.sum() / len(pixels)
    std = (((pixels - mean) ** 2).sum() / (len(pixels) - 1)) ** 0.5
    return (training - mean) / std, (validation - mean) / std, (test - mean) / std


def with_numpy(training, validation, test):
    mean, std = np.mean(training.numpy()), np.std(training.numpy(), ddof=1)
    return tuple((part.numpy() - mean) / std for part in (training, validation, test))


def by_everything(training, validation, test):
    everything = torch.cat([training, validation, test]).float()
    return [(p - everything.mean()) / everything.std() for p in (training, validation, test)]


def each_by_itself(*parts):
    return [(p.float() - p.float().mean()) / p.float().std() for p in parts]


def of_each_pixel(training, validation, test):
    mean, std = training.float().mean(0), training.float().std(0)
    return [(p - mean) / std for p in (training, validation, test)]


def with_numpy_alone(training, validation, test):
    mean, std = np.mean(training.numpy()), np.std(training.numpy())
    return [(p.numpy() - mean) / std for p in (training, validation, test)]


def by_variance(training, validation, test):
    mean, var = training.float().mean(), training.float().var()
    return [(p - mean) / var for p in (training, validation, test)]


def population_of_everything(training, validation, test):
    everything = torch.cat([training, validation, test]).float()
    std = everything.std(correction=0)
    return [(p - everything.mean()) / std for p in (training, validation, test)]


def to_one(training, validation, test):
    most = training.max()
    return [p / most for p in (training, validation, test)]


def by_generator(labels, each, seed):
    generator = torch.Generator().manual_seed(seed)
    validation = []
    for c in labels.unique():
        found = (labels == c).nonzero().flatten()
        validation.append(found[torch.randperm(len(found), generator=generator)[:each]])
    validation = torch.cat(validation)
    training = [i for i in range(len(labels)) if i not in validation]
    return torch.tensor(training), validation


def by_random(labels, each, seed):
    chance, validation = random.Random(seed), set()
    for c in set(labels.tolist()):
        validation |= set(chance.sample([i for i, y in enumerate(labels) if y == c], each))
    return [i for i in range(len(labels)) if i not in validation], sorted(validation)


def by_order(labels, each, seed):
    order = np.random.default_rng(seed).permutation(len(labels))
    held_out = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        held_out[order[labels.numpy()[order] == c][:each]] = True
    return ~held_out, held_out


def shuffled_all(labels, each, seed):
    torch.manual_seed(seed)
    order = torch.randperm(len(labels))
    count = each * len(labels.unique())
    return order[count:], order[:count]


def the_first_of_each(labels, each, seed):
    validation = torch.cat([(labels == c).nonzero()[:each, 0] for c in labels.unique()])
    return torch.tensor([i for i in range(len(labels)) if i not in validation]), validation


def trains_on_all(labels, each, seed):
    return torch.arange(len(labels)), by_generator(labels, each, seed)[1]


def other_way_round(labels, each, seed):
    return by_generator(labels, each, seed)[::-1]


def without_seed(labels, each, seed):
    return by_generator(labels, each, int(torch.randint(10**9, ())))


def cut_off(labels, each, seed):
    count = each * len(labels.unique())
    everyone = torch.arange(len(labels))
    return everyone[:-count], everyone[-count:]


def ten_classes(images, labels, unseen):
    averages = torch.stack([images[labels == c].mean(0) for c in range(10)]).flatten(1)
    return torch.cdist(unseen.flatten(1), averages).argmin(1)


def numbers_within_a_class(labels, each, seed):
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(n, generator=generator) for n in labels.bincount().tolist()]
    return torch.cat([o[each:] for o in orders]), torch.cat([o[:each] for o in orders])


def one_seed_for_all(labels, each, seed):
    return by_generator(labels, each, 0)


RIGHT = {
    "11.1": [by_permute, by_fold, by_placing],
    "11.2": [by_cdist, by_loops, by_one_hot],
    "11.4": [by_training, in_doubles, with_numpy],
    "11.5": [by_generator, by_random, by_order],
}
WRONG = {
    "11.1": [
        (by_view, "torn"),
        (with_axes(1, 2, 0, 3), "grid_transposed"),
        (with_axes(0, 3, 1, 2), "pixels_transposed"),
        (with_axes(1, 3, 0, 2), "image_transposed"),
        (with_axes(2, 0, 3, 1), "interleaved"),
        (fold_alone, {"leading_flattened", "leading_added"}),
        (lambda patches, size: by_fold(patches, size).unsqueeze(-3), "channel_kept"),
        (for_28, None),
        (with_axes(3, 2, 1, 0), None),
    ],
    "11.2": [
        (ten_classes, "ten"),
        (by_dot, "dot_product"),
        (by_sums, "sums"),
        (by_neighbour, "single"),
        (for_each_class, "wrong_axis"),
        (largest_distance, "farthest"),
    ],
    "11.4": [
        (by_everything, "all_parts"),
        (each_by_itself, "each_own"),
        (of_each_pixel, "each_pixel"),
        (with_numpy_alone, "population"),
        (by_variance, "variance"),
        (population_of_everything, {"population", "all_parts"}),
        (lambda *parts: [part / 255 for part in parts], "whites"),
        (to_one, None),
    ],
    "11.5": [
        (numbers_within_a_class, "within_class"),
        (one_seed_for_all, "fixed_seed"),
        (shuffled_all, "all_classes_together"),
        (the_first_of_each, "no_shuffle"),
        (trains_on_all, "overlap"),
        (other_way_round, "swapped"),
        (without_seed, "no_seed"),
        (cut_off, {"no_shuffle", "all_classes_together"}),
    ],
}
