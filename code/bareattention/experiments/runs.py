"""What happened when the code was run for real: runs and measurements, written down.

    file = save_run("runs/patches-seed0", record, parameters=model.state_dict())
    run = load_run(file)                     # decoded by type, parameters held against a checksum
    runs = recorded("patches")               # those that travel with the package, [] if none do
    table = recorded_measurement("cost")     # None where it is not yet recorded

A run is a JSON file, with its parameters beside it as safetensors.
"""

import hashlib
import json
import os
import platform
import re
import tempfile
from collections.abc import Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import safetensors.torch
import torch
from msgspec import Meta
from torch import Tensor

from bareattention.data import Provenance, Sha256
from bareattention.files import write_whole
from bareattention.shapes import checked, require

__all__ = ["RecordError", "Run", "load_run", "recorded", "recorded_measurement", "save_run"]

RECORDED = Path(__file__).parents[1] / "recorded"
PACKAGES = ("torch", "torchvision", "bareattention")

Name = Annotated[str, Meta(pattern=r"^[a-z0-9_]+(-[a-z0-9_]+)*$")]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
Text = Annotated[str, Meta(min_length=1)]
Figures = dict[str, int | float]
AnyPath = str | os.PathLike[str]


class RecordError(ValueError):
    """A record is missing, damaged or incomplete, or it would be overwritten; one line says it."""


class ParametersFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of parameters beside a record: how floats are stored, and its checksum."""

    dtype: Literal["float32", "float16"]
    sha256: Sha256


class _Made(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """What is said of everything recorded: with what, where and by which command it was made."""

    format: Literal[1] = 1
    versions: dict[str, Text]
    machine: Text
    command: Text


class Record(_Made, frozen=True, kw_only=True, tag="run"):
    """One training: what was chosen, what it was made with, and how it went.

    configuration: everything that was chosen: sizes, steps, rates.
    seconds, cpu_seconds: wall and processor time; None where the processor only waited.
    curve: one entry for each epoch.
    final: the final figures; None until the test digits were looked at.
    wrong: which test digits it gets wrong, by their place, so that two models can be compared
        digit by digit; None until then, and in records older than this field.
    """

    model: Name
    seed: Count
    configuration: dict[str, Any]
    data: Provenance
    n_parameters: Count
    seconds: Seconds
    cpu_seconds: Seconds | None = None
    curve: list[Figures]
    final: Figures | None = None
    wrong: list[Count] | None = None
    parameters_file: ParametersFile | None = None


class Run(Record, frozen=True, kw_only=True, eq=False):
    """A record as it was read, with its file and its parameters, None where none were stored."""

    path: Path
    parameters: dict[str, Tensor] | None

    def __repr__(self) -> str:
        # No path: a chapter that prints a run must print the same on every machine.
        return (
            f"Run({self.model}, seed {self.seed}: {len(self.curve):,} epochs, "
            f"{self.n_parameters:,} parameters, {self.seconds:,.0f} s)"
        )


class Measurement(_Made, frozen=True, kw_only=True, tag="measurement"):
    """A table of measurements: what was measured, with units, and one dict for each row."""

    name: Name
    measured: Text
    rows: Annotated[list[dict[str, Any]], Meta(min_length=1)]


Kind = TypeVar("Kind", Record, Measurement)


def check_place(file: Path, overwrite: bool) -> None:
    """Make the folder of a file, and refuse before the work what would be refused after it.

    Raises: RecordError for a file that is there and is to stay, or a folder that cannot be written.
    """
    if file.exists() and not overwrite:
        raise RecordError(f"{file} is there already; --overwrite replaces it")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=file.parent).close()
    except OSError as error:
        raise RecordError(f"{file.parent} cannot be written: {error.strerror}") from error


def check_record(record: Kind) -> Kind:
    """Hold a record against its own types, which making one does not do.

    Raises: RecordError that names the field.
    """
    try:
        content = msgspec.json.encode(record)
    except (TypeError, ValueError) as error:
        raise RecordError(f"record: {error}") from error
    return _decoded(content, type(record), "record")


@checked
def save_run(
    path: AnyPath,
    record: Record,
    parameters: Mapping[str, Tensor] | None = None,
    half: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write a run down: a JSON record and, beside it, its parameters.

    path: of the record, with or without `.json`.
    parameters: name -> tensor, such as `model.state_dict()`; floats are stored as float32.
    half: store floats as float16, in half the room.

    Returns: the path of the record.
    Raises: RecordError where a run is there already, the record is none, or it cannot be written;
        ValueError for parameters that would not load back.
    """
    file, beside = _pair(path)
    check_place(file, overwrite)
    about = None
    if parameters is not None:
        content = safetensors.torch.save(_storable(parameters, half), {"format": "pt"})
        digest = hashlib.sha256(content).hexdigest()
        about = ParametersFile("float16" if half else "float32", digest)
    layout = _layout(check_record(msgspec.structs.replace(record, parameters_file=about)))
    # The record last: parameters without a record are nothing, a record without them is a lie.
    if about is not None:
        write_whole(beside, content)
    write_whole(file, layout)
    if about is None:
        beside.unlink(missing_ok=True)
    return file


@checked
def load_run(path: AnyPath) -> Run:
    """Read a run, its parameters held against their checksum.

    path: of either of its two files, or without their endings.

    Raises: RecordError, naming file and field, where one is missing, damaged, or of another run.
    """
    file, beside = _pair(path)
    record = _decoded(_read(file), Record, file)
    parameters = None
    if record.parameters_file is not None:
        content = _read(beside)
        if hashlib.sha256(content).hexdigest() != record.parameters_file.sha256:
            raise RecordError(f"{beside} is damaged, or belongs to another run than {file}")
        parameters = safetensors.torch.load(content)
    return Run(**msgspec.structs.asdict(record), path=file, parameters=parameters)


@checked
def recorded(name: str, folder: AnyPath | None = None) -> list[Run]:
    """All recorded runs of a model, sorted by seed; an empty list where none is recorded yet.

    name: the model's name, such as `"patches"`.
    folder: where to look; without it, among the runs that travel with the package.

    Raises: RecordError where a record is damaged, or is not what its file's name says.
    """
    runs = []
    for file in Path(folder or RECORDED).glob("*.json"):
        if found := re.fullmatch(rf"{re.escape(name)}-seed(\d+)", file.stem):
            run = load_run(file)
            if (run.model, str(run.seed)) != (name, found[1]):
                raise RecordError(f"{file}: wanted its own name, got {run.model}-seed{run.seed}")
            runs.append(run)
    return sorted(runs, key=lambda run: run.seed)


def save_measurement(file: Path, measurement: Measurement, overwrite: bool = False) -> None:
    """Write a table of measurements down; `recorded_measurement` looks for `<name>-measured.json`.

    Raises: RecordError as `save_run` does.
    """
    check_place(file, overwrite)
    write_whole(file, _layout(check_record(measurement)))


@checked
def recorded_measurement(name: str, folder: AnyPath | None = None) -> dict[str, Any] | None:
    """A recorded table of measurements, or None where it is not recorded yet.

    folder: where to look; without it, among the tables that travel with the package.

    Returns: a dict with `name`, `measured`, `rows`, `machine`, `versions` and `command`.
    Raises: RecordError where the file is damaged, or is not what its name says.
    """
    file = Path(folder or RECORDED) / f"{name}-measured.json"
    if not file.exists():
        return None
    found = _decoded(_read(file), Measurement, file)
    if found.name != name:
        raise RecordError(f"{file}: wanted its own name, got {found.name}")
    return msgspec.to_builtins(found)


def versions() -> dict[str, str]:
    """The versions of Python, torch, torchvision and this package; `"none"` if not installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "none"
    return found


def processor(device: str | torch.device = "cpu") -> str:
    """The kind of processor that does the work, such as "AMD EPYC (AVX512)"; a GPU by its name.

    In brackets stands the instruction set: with another one sums differ in their last digits.

    Raises: RuntimeError for a device that is none or that is not there.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists() and (found := re.search(r"^model name\s*:(.*)$", info.read_text(), re.M)):
        name = re.sub(r"\((R|TM|C)\)", "", found[1], flags=re.I)
    return f"{' '.join(name.split())} ({torch.backends.cpu.get_cpu_capability()})"


def machine_class(device: str | torch.device = "cpu") -> str:
    """What kind of machine this is, in words, such as "AMD EPYC (AVX512), 2 cores, 1 thread".

    Cores are those that this process may use, threads those that torch uses.
    """
    if torch.device(device).type == "cuda":
        return processor(device)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    counts = {"core": cores, "thread": torch.get_num_threads()}
    return ", ".join([processor(device), *(f"{n} {x}{'s' * (n > 1)}" for x, n in counts.items())])


def _pair(path: AnyPath) -> tuple[Path, Path]:
    """The paths of a record and of its parameters."""
    stem = re.sub(r"\.(json|safetensors)$", "", os.fspath(path))  # any other dot is the name's
    return Path(f"{stem}.json"), Path(f"{stem}.safetensors")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RecordError(f"{file} cannot be read: {error.strerror}") from error


def _decoded(content: bytes, kind: type[Kind], where: str | Path) -> Kind:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordError(f"{where}: {error}") from error


def _layout(record: Record | Measurement) -> str:
    """JSON in one layout: fields sorted, each epoch or row on a line of its own."""
    as_json = partial(json.dumps, ensure_ascii=False)
    fields = []
    for name, value in msgspec.to_builtins(record, order="sorted").items():
        text = as_json(value)
        if isinstance(value, dict):
            text = as_json(value, indent=2).replace("\n", "\n  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n    " + ",\n    ".join(map(as_json, value)) + "\n  ]"
        fields.append(f"  {as_json(name)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _storable(parameters: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    stored = {}
    for name, tensor in parameters.items():
        # A copy: safetensors refuses tensors that share memory, as tied parameters do.
        kept = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        if kept.is_floating_point():
            kept = kept.to(torch.float16 if half else torch.float32)
        fits = not (kept.is_complex() or (kept.isinf() & tensor.cpu().isfinite()).any())
        wanted = f"real numbers that {kept.dtype} can hold"
        require(fits, "parameters", wanted, f"others in {name}")
        stored[name] = kept
    return stored
