"""What happened when the code was run for real: runs and measurements, written down.

    path = save_run("runs", record, parameters=model.state_dict())
    run = load_run(path)                     # checked field by field, parameters by checksum
    runs = recorded("patches")               # those that travel with the package, [] if none do
    table = recorded_measurement("cost")     # None where it is not yet recorded

A run is a JSON file, with its parameters beside it as safetensors.  Both appear whole or not at
all, and neither ever holds a path or the name of the machine that wrote it.
"""

import dataclasses
import hashlib
import json
import math
import os
import platform
import re
import shlex
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

__all__ = [
    "RecordError",
    "Run",
    "load_run",
    "recorded",
    "recorded_measurement",
    "save_measurement",
    "save_run",
]

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

FORMAT = 1
RECORDED = Path(__file__).parent / "recorded"
PACKAGES = ("torch", "torchvision", "bareattention")
STORED_KINDS = {torch.float32: "float32", torch.float16: "float16"}
NAME = re.compile(r"[a-z0-9_]+(-[a-z0-9_]+)*")
SHA256 = re.compile(r"[0-9a-f]{64}")
# A path from the root, from someone's home, from a drive or a share; not a URL, not `runs/x`.
LOCAL_PATH = re.compile(
    r"(?<![\w./)\]])/(?!/)[\w.~@-][^\s'\",;]*"
    r"|file:/+[^\s'\",;]*"
    r"|(?<![\w/.-])~(?!\d)[\w.-]*/[^\s'\",;]*"
    r"|\b[A-Za-z]:(?:\\|/(?!/))[^\s'\",;]*"
    r"|\\\\[\w.-]+\\[^\s'\",;]*"
)


class RecordError(ValueError):
    """A record is missing, damaged, incomplete or names this machine, or it would be overwritten.

    The message names the file, or the argument, and the field.
    """


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Run:
    """One training run as it was recorded.

    path: the record's file.
    record: its content; `save_run` says which fields.
    parameters: name -> tensor as it was stored (`float16` where `half=True`, which
        `load_state_dict` turns into the model's own kind), or None where none were stored.
    """

    path: Path
    record: dict[str, Any]
    parameters: dict[str, Tensor] | None

    @property
    def model(self) -> str:
        """The model's name, as `recorded` takes it."""
        return self.record["model"]

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.record["seed"]

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that was chosen: sizes, steps, rates."""
        return self.record["configuration"]

    @property
    def curve(self) -> list[dict[str, Any]]:
        """One entry for each epoch."""
        return self.record["curve"]

    @property
    def final(self) -> dict[str, Any] | None:
        """The final figures, or None while the test digits have not been looked at."""
        return self.record.get("final")

    @property
    def n_parameters(self) -> int:
        """How many numbers the model learned."""
        return self.record["n_parameters"]

    @property
    def seconds(self) -> float:
        """Wall seconds of the training."""
        return self.record["seconds"]

    @property
    def cpu_seconds(self) -> float | None:
        """Processor seconds of the training, or None where they were not counted, as on a GPU."""
        return self.record.get("cpu_seconds")

    def __repr__(self) -> str:
        # No path: a chapter that prints a run must print the same on every machine.
        return (
            f"Run({self.model}, seed {self.seed}: {len(self.curve):,} epochs, "
            f"{self.n_parameters:,} parameters, {self.seconds:,.0f} s)"
        )


# --- runs -------------------------------------------------------------------------------------


def save_run(
    folder_or_stem: str | os.PathLike[str],
    record: Mapping[str, Any],
    parameters: Mapping[str, Tensor] | None = None,
    half: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write a run down: a JSON record and, beside it, its parameters.

    folder_or_stem: a folder that is there, or a name that ends in a slash: the run is then called
        `<model>-seed<seed>` in it.  Anything else is the stem itself: `runs/try` gives
        `runs/try.json` and `runs/try.safetensors`.  Folders that are missing are made.
    record: a mapping with the fields
        model: the model's name, such as `"patches"`;
        seed: an integer, 0 or more;
        configuration: a dict of everything that was chosen;
        data: the `provenance` of the digits, or a dict with its fields;
        n_parameters: how many numbers the model learns;
        seconds: wall seconds of the training;
        cpu_seconds: processor seconds of the training, which other programs disturb less; may be
            left out;
        curve: a list with a dict for each epoch; its `epoch` is 1 or more and rises;
        final: a dict of the final figures; left out until the test digits were looked at;
        versions, machine, command: filled in by `versions()`, `machine_class()` and
            `command_line()` where they are left out.
        Dataclasses become dicts, and tuples lists.  JSON knows no NaN: write None.  `record` of
        a run that was read can be given again, with `final` added to it.
    parameters: name -> tensor, such as `model.state_dict()`, of any shape.  Floating tensors are
        stored as `float32`, integers as they are.
    half: store floating tensors as `float16`, in half the room.
    overwrite: replace a run of that stem.  If the process is killed just between the two files of
        a run that is being replaced, `load_run` says that they do not belong together.

    Returns the path of the JSON file.  Nothing is written unless everything can be.

    Raises RecordError if a field is missing, unknown or not what it should be, if it holds a path
    or the name of this machine, if a run of that stem is there and `overwrite` is not set, or if
    the files cannot be written; and ValueError for parameters that are no floats of at most 32
    bits or integers, or that `float16` cannot hold.
    """
    if not isinstance(record, Mapping):
        raise RecordError(f"record: wanted a dict, got {_short(record)}")
    content = {**_filled_in(_plain(record, "record")), "format": FORMAT, "kind": "run"}
    # A run that was read may be written again with its final figures: its files are new ones.
    content.pop("parameters_file", None)
    if "data" in content:
        content["data"] = _with_files_by_name(content["data"])
    stored = None
    if parameters is not None:
        stored = safetensors.torch.save(_as_stored(parameters, half), {"format": "pt"})
        kind = "float16" if half else "float32"
        content["parameters_file"] = {"dtype": kind, "sha256": _sha256(stored)}
    _check(content, RUN_FIELDS, "record")
    check_portable(content, "record")

    stem = _stem(folder_or_stem, f"{content['model']}-seed{content['seed']}")
    _write(stem, _layout(content), stored, overwrite)
    return _json(stem)


def load_run(path: str | os.PathLike[str]) -> Run:
    """Read a run, checking every field and the checksum of its parameters.

    path: the stem that `save_run` was given, or either of its two files.

    Raises RecordError, naming file and field, where the record or its parameters are missing,
    damaged, or do not belong together.
    """
    stem = _without_suffix(Path(path))
    file = _json(stem)
    with _locked(file.parent, shared=True):
        content = _read_json(file)
        _check(content, RUN_FIELDS, str(file))
        about = content.get("parameters_file")
        parameters = None if about is None else _read_parameters(stem, about)
    return Run(file, content, parameters)


def recorded(name: str, folder: str | os.PathLike[str] | None = None) -> list[Run]:
    """All recorded runs of a model, sorted by seed; an empty list where none is recorded yet.

    name: the model's name, such as `"patches"`.
    folder: where to look; without it, among the runs that travel with the package.

    Raises ValueError if name cannot be a model's, and RecordError where a record is damaged or is
    of another model or seed than its file's name says.
    """
    _check_name(name)
    pattern = re.compile(rf"{re.escape(name)}-seed(0|[1-9]\d*)\.json")
    runs = []
    for file in _listed(folder):
        if found := pattern.fullmatch(file.name):
            run = load_run(file)
            for field, wanted in (("model", name), ("seed", int(found[1]))):
                if run.record[field] != wanted:
                    raise RecordError(
                        f"{file}: {field}: wanted {wanted!r} as in the file's name, "
                        f"got {run.record[field]!r}"
                    )
            runs.append(run)
    return sorted(runs, key=lambda run: run.seed)


# --- measurements -----------------------------------------------------------------------------


def save_measurement(
    name: str,
    measured: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    machine: str | None = None,
    versions: Mapping[str, str] | None = None,
    command: str | None = None,
    folder: str | os.PathLike[str] = "runs",
    overwrite: bool = False,
) -> Path:
    """Write a table of measurements down, as `<name>-measured.json`.

    name: lower-case letters, digits, `_` and `-`, such as `"cost"`.
    measured: what was measured, with units, in words.
    rows: one dict for each row, all with the same keys.
    machine, versions, command: found out where they are left out, as in `save_run`.
    folder: where to; it is made if it is missing.
    overwrite: replace a table of that name.

    Returns the path of the file, which appears whole or not at all.

    Raises ValueError for a name that cannot be used, and RecordError as `save_run` does.
    """
    _check_name(name)
    given = {
        **{"name": name, "measured": measured, "rows": rows},
        **{"machine": machine, "versions": versions, "command": command},
    }
    content = {**_filled_in(_plain(given, "measurement")), "format": FORMAT, "kind": "measurement"}
    _check(content, MEASUREMENT_FIELDS, "measurement")
    check_portable(content, "measurement")
    stem = Path(folder) / f"{name}-measured"
    _write(stem, _layout(content), None, overwrite)
    return _json(stem)


def recorded_measurement(
    name: str, folder: str | os.PathLike[str] | None = None
) -> dict[str, Any] | None:
    """A recorded table of measurements, or None where it is not recorded yet.

    name: as it was given to `save_measurement`.
    folder: where to look; without it, among the tables that travel with the package.

    Returns a dict with `name`, `measured`, `rows`, `machine`, `versions` and `command`.

    Raises ValueError for a name that cannot be one, and RecordError where the file is damaged.
    """
    _check_name(name)
    wanted = f"{name}-measured.json"
    for file in _listed(folder):
        if file.name == wanted:
            content = _read_json(file)
            _check(content, MEASUREMENT_FIELDS, str(file))
            if content["name"] != name:
                raise RecordError(
                    f"{file}: name: wanted {name!r} as in the file's name, got {content['name']!r}"
                )
            return content
    return None


# --- what a run was made with -----------------------------------------------------------------


def versions() -> dict[str, str]:
    """The versions of Python, torch, torchvision and this package; `"none"` if not installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "none"
    return found


def machine_class(device: str | torch.device = "cpu") -> str:
    """What kind of machine this is, in words, such as "AMD EPYC (AVX512), 2 cores, 1 thread".

    device: where the work is done.  For a GPU its name is given instead.  Never a host's name.

    The instruction set stands in brackets: sums come out differently in the last digits with
    another one.  Cores are those that this process may use, threads those that torch uses.

    Raises RuntimeError for a device that is none or that is not there.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_name(device)
    if kind != "cpu":
        return f"{_processor()}, {kind} device"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    instructions = torch.backends.cpu.get_cpu_capability()
    threads = torch.get_num_threads()
    return (
        f"{_processor()} ({instructions}), {_counted(cores or 1, 'core')}, "
        f"{_counted(threads, 'thread')}"
    )


def command_line(arguments: Sequence[str] | None = None) -> str:
    """The command that started this process, as a reader would type it elsewhere.

    arguments: the interpreter and what follows it; `sys.orig_argv` where they are left out.

    The interpreter is called `python`.  A path within the current folder is given from there, and
    of any other absolute path only the last name is kept.
    """
    arguments = sys.orig_argv if arguments is None else arguments
    return shlex.join(["python", *(_without_folders(argument) for argument in arguments[1:])])


def check_portable(value: Any, where: str) -> None:
    """Refuse text that holds a local path or the name of this machine, at any depth, keys included.

    value: what JSON can hold.
    where: what the error calls it.  Long trainings call this before they start.

    Raises RecordError that names the field.
    """
    for field, text in _texts(value, where):
        if found := LOCAL_PATH.search(text):
            raise RecordError(f"{field}: wanted no path of this machine, got {found[0]!r}")
        for host in _host_names():
            if re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text, re.I):
                raise RecordError(f"{field}: wanted no name of this machine, got {text!r}")


def _processor() -> str:
    """The processor's model, as its maker calls it."""
    name = ""
    with suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "linux":
            info = Path("/proc/cpuinfo").read_text("utf8", errors="replace")
            found = re.search(r"^model name\s*:(.*)$", info, re.M)
            name = found[1] if found else ""
        elif sys.platform == "darwin":
            ask = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            name = subprocess.run(ask, capture_output=True, text=True, timeout=5).stdout
        else:
            name = platform.processor()
    name = re.sub(r"\((R|TM|C)\)", "", name, flags=re.I)
    return " ".join(name.split()) or f"{platform.machine() or 'unknown'} processor"


def _counted(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _without_folders(argument: str) -> str:
    option, equals, value = argument.partition("=") if argument[:1] == "-" else ("", "", argument)
    if PurePath(value).is_absolute():  # as a whole: a path may contain spaces
        return option + equals + _shortened(value)
    return LOCAL_PATH.sub(lambda found: _shortened(found[0]), argument)


def _shortened(path: str) -> str:
    if PurePath(path).is_relative_to(Path.cwd()):
        return PurePath(path).relative_to(Path.cwd()).as_posix()
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1] or "."


def _host_names() -> set[str]:
    full = {socket.gethostname(), platform.node()}
    names = full | {name.partition(".")[0] for name in full}
    return names - {"", "localhost"}


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield f"{where}: a key", key
            yield from _texts(part, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for i, part in enumerate(value):
            yield from _texts(part, f"{where}[{i}]")


# --- what a record holds ----------------------------------------------------------------------


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_integer(value) and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_seconds(value: Any) -> bool:
    return (_is_integer(value) or isinstance(value, float)) and 0 <= value < math.inf


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(NAME.fullmatch(value))


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and bool(SHA256.fullmatch(value))


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_sha256, value.values()))


def _is_curve(value: Any) -> bool:
    if not isinstance(value, list) or not all(map(_is_dict, value)):
        return False
    epochs = [entry.get("epoch") for entry in value]
    whole = all(_is_integer(epoch) and epoch >= 1 for epoch in epochs)
    return whole and all(before < after for before, after in pairwise(epochs))


def _are_rows(value: Any) -> bool:
    filled = isinstance(value, list) and bool(value) and all(map(_is_dict, value))
    return filled and bool(value[0]) and all(row.keys() == value[0].keys() for row in value)


@dataclasses.dataclass(frozen=True)
class _Field:
    """What a field must be: a test or fields of its own, the words for it, and whether it must."""

    wanted: str
    fits: Callable[[Any], bool]
    parts: "dict[str, _Field] | None" = None
    optional: bool = False


_TEXT = _Field("text", _is_text)
_FORMAT = _Field(
    f"{FORMAT} (a later bareattention may have written it)",
    lambda n: _is_integer(n) and n == FORMAT,
)
_VERSIONS = _Field("a dict of versions", _is_dict, dict.fromkeys(("python", *PACKAGES), _TEXT))
_DATA = {
    "source": _TEXT,
    "digits": _TEXT,
    "split": _TEXT,
    "seed": _Field("an integer or null", lambda seed: seed is None or _is_integer(seed)),
    "files": _Field("a dict of a file's name -> its SHA-256, at least one", _are_files),
}
_PARAMETERS_FILE = {
    "dtype": _Field("float32 or float16", lambda kind: kind in STORED_KINDS.values()),
    "sha256": _Field("64 hexadecimal digits", _is_sha256),
}
_MADE_WITH = {"versions": _VERSIONS, "machine": _TEXT, "command": _TEXT}
RUN_FIELDS = {
    "format": _FORMAT,
    "kind": _Field("'run'", lambda kind: kind == "run"),
    "model": _Field("a name of lower-case letters, digits, _ and -", _is_name),
    "seed": _Field("an integer, 0 or more", _is_count),
    "configuration": _Field("a dict", _is_dict),
    "data": _Field("a dict", _is_dict, _DATA),
    "n_parameters": _Field("an integer, 0 or more", _is_count),
    "seconds": _Field("a number, 0 or more", _is_seconds),
    "cpu_seconds": _Field("a number, 0 or more", _is_seconds, optional=True),
    "curve": _Field("a list of dicts whose epoch is 1 or more and rises", _is_curve),
    "final": _Field("a dict", _is_dict, optional=True),
    "parameters_file": _Field("a dict", _is_dict, _PARAMETERS_FILE, optional=True),
    **_MADE_WITH,
}
MEASUREMENT_FIELDS = {
    "format": _FORMAT,
    "kind": _Field("'measurement'", lambda kind: kind == "measurement"),
    "name": _Field("a name of lower-case letters, digits, _ and -", _is_name),
    "measured": _TEXT,
    "rows": _Field("a list of dicts with the same keys, at least one", _are_rows),
    **_MADE_WITH,
}


def _check(content: Any, fields: dict[str, _Field], where: str) -> None:
    """Hold content against its fields; the error names the first that is odd."""
    if not isinstance(content, dict):
        raise RecordError(f"{where}: wanted a dict, got {_short(content)}")
    for name, field in fields.items():
        if name not in content:
            if field.optional:
                continue
            raise RecordError(f"{where}: {name} is missing: wanted {field.wanted}")
        value = content[name]
        if not field.fits(value):
            raise RecordError(f"{where}: {name}: wanted {field.wanted}, got {_short(value)}")
        if field.parts is not None:
            _check(value, field.parts, f"{where}: {name}")
    if unknown := sorted(content.keys() - fields.keys()):
        raise RecordError(f"{where}: {unknown[0]} is no field; known are {', '.join(fields)}")


def _check_name(name: str) -> None:
    if not _is_name(name):
        raise ValueError(f"name must be lower-case letters, digits, _ and -, got {name!r}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _plain(value: Any, where: str) -> Any:
    """A copy of value out of what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise RecordError(f"{where}: keys must be text, got {odd[0]!r}")
        return {_plain(key, where): _plain(part, f"{where}.{key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{where}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise RecordError(f"{where}: JSON has no word for {value}; write None")
    if isinstance(value, str):
        try:
            value.encode("utf8")
        except UnicodeEncodeError as error:
            raise RecordError(f"{where}: {value!r} is no Unicode text") from error
    # Exactly these: NumPy's float64 is a float as well, and would not load back as what it was.
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise RecordError(
        f"{where}: wanted text, a number, None, a dict or a list, got {type(value).__name__}"
    )


def _filled_in(given: dict[str, Any]) -> dict[str, Any]:
    found_out = {"versions": versions, "machine": machine_class, "command": command_line}
    missing = [field for field in found_out if given.get(field) is None]
    return {**given, **{field: found_out[field]() for field in missing}}


def _with_files_by_name(data: Any) -> Any:
    """A provenance lists its files as pairs; a record looks them up by name."""
    files = data.get("files") if isinstance(data, dict) else None
    if isinstance(files, list) and all(isinstance(p, list) and len(p) == 2 for p in files):
        with suppress(TypeError):  # a name that cannot be a key: _check says so
            return {**data, "files": dict(files)}
    return data


def _layout(content: dict[str, Any]) -> bytes:
    """JSON in one layout: fields sorted, each epoch or row on a line of its own."""
    lines = []
    for name in sorted(content):
        value = content[name]
        if isinstance(value, list) and value:
            entries = ",\n".join(f"    {_dumped(entry)}" for entry in value)
            text = f"[\n{entries}\n  ]"
        else:
            text = _dumped(value, indent=2).replace("\n", "\n  ")
        lines.append(f"  {_dumped(name)}: {text}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode("utf8")


def _dumped(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=indent)


def _read_json(file: Path) -> Any:
    try:
        text = file.read_bytes().decode("utf8")
    except FileNotFoundError as error:
        raise RecordError(f"{file}: there is no such record") from error
    except OSError as error:
        raise RecordError(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{file} is damaged: {error}") from error
    try:
        return json.loads(text, object_pairs_hook=_each_key_once, parse_constant=_no_nan)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{file} is damaged or truncated: {error}") from error


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice} is there twice")
    return found


def _no_nan(word: str) -> None:
    raise ValueError(f"JSON has no word {word}")


# --- parameters -------------------------------------------------------------------------------


def _as_stored(parameters: Mapping[str, Tensor], half: bool) -> dict[str, Tensor]:
    if not parameters:
        raise ValueError("parameters must hold at least one tensor, got none")
    stored = {}
    for name, tensor in parameters.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"parameters: {name} must be a tensor, got {type(tensor).__name__}")
        # A copy: safetensors refuses tensors that share memory, as tied parameters do.
        tensor = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        if tensor.is_complex() or tensor.dtype == torch.float64:
            raise ValueError(
                f"parameters: {name} must be floats of at most 32 bits or integers, "
                f"got {tensor.dtype}"
            )
        if tensor.is_floating_point():
            kept = tensor.to(torch.float16 if half else torch.float32)
            if (kept.isinf() & ~tensor.isinf()).any():
                raise ValueError(
                    f"parameters: {name} must stay below 65,520 for float16, "
                    f"got {tensor.abs().max().item():g}; store it with half=False"
                )
            tensor = kept
        stored[name] = tensor
    return stored


def _read_parameters(stem: Path, about: dict[str, str]) -> dict[str, Tensor]:
    file = _safetensors(stem)
    field = f"{_json(stem)}: parameters_file"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RecordError(f"{field}: {file} cannot be read: {error.strerror or error}") from error
    found = _sha256(content)
    if found != about["sha256"]:
        raise RecordError(
            f"{field}.sha256: {file} is damaged or belongs to another run: "
            f"wanted {about['sha256']}, got {found}"
        )
    try:
        parameters = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise RecordError(f"{field}: {file} holds no parameters: {error}") from error
    for name, tensor in parameters.items():
        if tensor.is_floating_point() and STORED_KINDS.get(tensor.dtype) != about["dtype"]:
            raise RecordError(
                f"{field}.dtype: {file}: wanted {about['dtype']}, got {tensor.dtype} for {name}"
            )
    return parameters


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- files ------------------------------------------------------------------------------------


def _json(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.json")  # no with_suffix: a stem may contain a dot


def _safetensors(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.safetensors")


def _without_suffix(path: Path) -> Path:
    return path.with_suffix("") if path.suffix in (".json", ".safetensors") else path


def _stem(folder_or_stem: str | os.PathLike[str], name: str) -> Path:
    path = Path(folder_or_stem)
    if path.is_dir() or os.fspath(folder_or_stem).endswith(("/", os.sep)):
        return path / name
    return _without_suffix(path)


def _listed(folder: str | os.PathLike[str] | None) -> list[Path]:
    # Not importlib.resources.files("bareattention.recorded"): that imports the folder, and the
    # package's name `recorded` would then mean the folder in place of the function.
    folder = RECORDED if folder is None else Path(folder)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _write(stem: Path, record: bytes, parameters: bytes | None, overwrite: bool) -> None:
    """Put the files in their places: each whole, the record last, one writer at a time."""
    file, beside = _json(stem), _safetensors(stem)
    unfinished: list[Path] = []
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        ready = [(_unfinished(stem, record, unfinished), file)]
        if parameters is not None:
            # First: parameters without a record are nothing, a record without them is a lie.
            ready.insert(0, (_unfinished(stem, parameters, unfinished), beside))
        with _locked(file.parent, shared=False):
            if file.exists() and not overwrite:
                raise RecordError(f"{file} is there already; overwrite=True replaces it")
            for source, target in ready:
                source.replace(target)  # one step, and it replaces on Windows too
            if parameters is None:
                beside.unlink(missing_ok=True)
    except OSError as error:
        raise RecordError(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        for path in unfinished:
            path.unlink(missing_ok=True)


def _unfinished(stem: Path, content: bytes, unfinished: list[Path]) -> Path:
    """A file in the same folder that has it all; os.replace cannot cross from another disk."""
    # Not tempfile: its files are for their owner only, and others will read what is recorded.
    path = stem.with_name(f".unfinished-{uuid.uuid4().hex}")
    with path.open("xb") as file:
        unfinished.append(path)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path


@contextmanager
def _locked(folder: Path, shared: bool) -> Iterator[None]:
    """Keep a record and its parameters together while other processes write to the same folder.

    The folder itself is locked, so no lock file is left lying, not even by a process that is
    killed.  Windows and some network disks know no such lock: there the checksum has to tell.
    """
    handle = None
    if fcntl is not None:
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)
