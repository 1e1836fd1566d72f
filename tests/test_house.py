"""The house stands as it was planned: its rooms, its versions, and what it never names."""

import contextlib
import importlib.util
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
IGNORED = {".git", ".venv", "_build", "runs", "__pycache__", "node_modules", ".ipynb_checkpoints"}
IGNORED |= {".pytest_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache"}
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
ROOMS = [
    *(".ci/run", ".ci/alone", ".gitignore"),
    *(f".github/workflows/{name}.yml" for name in ("pages", "release", "test", "weekly")),
    *(".pre-commit-config.yaml", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE"),
    *("Makefile", "README.md", "_config.yml", "_toc.yml", "pyproject.toml", "requirements.in"),
    *(
        "requirements.txt",
        "binder/requirements.txt",
        "book/references.bib",
        "code/bareattention/__init__.py",
    ),
    *("tools/execute.py", "tools/extract.py"),
]


def files() -> list[Path]:
    """The project's files: not what its tools write, nor what git ignores."""
    if (ROOT / ".git").exists():
        git = ["git", "-c", "safe.directory=*", "ls-files", "-coz", "--exclude-standard"]
        listed = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not any(part in IGNORED for part in path.relative_to(ROOT).parts)
    ]


def texts() -> dict[str, str]:
    """Name -> text of every file of the project that is text."""
    data = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in sorted(files())}
    return {name: raw.decode("utf8") for name, raw in data.items() if b"\0" not in raw}


TEXTS = texts()


def by_name(lines: list[str]) -> dict[str, Requirement]:
    """Package -> requirement, of every line that names a package; none is named twice."""
    plain = [line.split("#")[0].strip() for line in lines]
    requirements = [Requirement(line) for line in plain if line and not line.startswith("-")]
    found = {canonicalize_name(requirement.name): requirement for requirement in requirements}
    assert len(found) == len(requirements), "a package is named twice"
    return found


def version(requirement: Requirement) -> Version:
    """The one version that a pin or the floor of a range names."""
    return Version(next(s.version for s in requirement.specifier if s.operator in ("==", ">=")))


CHOSEN = by_name(TEXTS["requirements.in"].splitlines())
PINNED = by_name(TEXTS["requirements.txt"].splitlines())
RANGES = by_name(PROJECT["dependencies"])
OF_TORCHS_GPU = ("nvidia-", "cuda-", "triton")


# The rooms


@pytest.mark.parametrize("name", ROOMS)
def test_room_is_there(name):
    assert TEXTS.get(name), f"{name}: missing or empty"


def test_code_is_a_folder_of_sources_and_no_package():
    assert not (ROOT / "code" / "__init__.py").exists(), "it would hide Python's own module code"
    assert not (ROOT / "code.py").exists(), "it would hide Python's own module code"


def test_import_code_is_pythons_own():
    """From the repository's root, where the folder `code` is the nearest thing of that name."""
    program = "import pdb, code; print(code.__file__)"  # pdb needs the real one
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).parent == Path(sysconfig.get_path("stdlib"))


def test_import_code_is_pythons_own_in_tests():
    assert Path(importlib.util.find_spec("code").origin).parent == Path(
        sysconfig.get_path("stdlib")
    )


def test_arrows_run_down_only():
    """The floors of the house are a contract: see [tool.importlinter] in pyproject.toml."""
    program = Path(sysconfig.get_path("scripts")) / "lint-imports"
    ran = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", ran.stdout)


# The versions


def test_make_installs_one_version_of_everything():
    """And none of torch's GPU packages: whoever takes the CPU wheels would get them as well."""
    loose = [str(r) for r in PINNED.values() if not re.fullmatch(r"==[\w.]+", str(r.specifier))]
    assert PINNED and not loose
    assert not [name for name in PINNED if name.startswith(OF_TORCHS_GPU)]


def test_what_was_chosen_is_what_is_pinned():
    """If not: `make lock`."""
    assert [
        n for n, r in CHOSEN.items() if n not in PINNED or version(PINNED[n]) not in r.specifier
    ] == []
    for line in TEXTS["requirements.txt"].splitlines()[2:]:
        pin, needed_by = line.split("# via ")
        name = canonicalize_name(re.match(r"[\w.-]+", pin)[0])
        for other in needed_by.split(", "):
            if other == "-r requirements.in":
                assert name in CHOSEN or pin.strip() == "-e .", f"{name} is no longer chosen"
            else:
                assert other in {*PINNED, PROJECT["name"]}, f"{other}, which needs {name}, is gone"


def test_what_a_pinned_package_needs_is_pinned():
    """As the installed packages say it themselves."""
    missing = []
    for name in PINNED:
        with contextlib.suppress(metadata.PackageNotFoundError):  # of another system
            for line in metadata.requires(name) or []:
                needs = Requirement(line)
                other = canonicalize_name(needs.name)
                if needs.marker and not needs.marker.evaluate({"extra": ""}):
                    continue
                if other.startswith(OF_TORCHS_GPU):
                    continue
                if other not in PINNED or version(PINNED[other]) not in needs.specifier:
                    missing.append(f"{name} needs {needs}")
    assert missing == []


def test_the_package_alone_leaves_its_readers_their_versions():
    tight = [str(r) for r in RANGES.values() if {s.operator for s in r.specifier} - {">=", "<"}]
    assert RANGES and not tight


def test_every_dependency_of_the_package_is_chosen_within_its_range():
    for name, wanted in RANGES.items():
        assert name in CHOSEN, f"requirements.in does not name {name}"
        assert version(PINNED[name]) in wanted.specifier, f"{PINNED[name]} is not {wanted}"


@pytest.mark.parametrize("stated", [RANGES, CHOSEN], ids=["floors", "pins"])
def test_torch_and_torchvision_are_a_pair(stated):
    """torchvision 0.24 is built for torch 2.9, 0.25 for 2.10, and so on."""
    assert version(stated["torchvision"]).minor == version(stated["torch"]).minor + 15


def test_versions_are_stated_once():
    """No name of a pinned package stands beside a version of it anywhere else."""
    names = "|".join(re.escape(name) for name in CHOSEN)
    pin = re.compile(rf"(?<![\w-])({names})(\[\w+\])?\s*([=~]=|@v?\d)\s*\d?", re.I)
    found = {
        name: match[0]
        for name, text in TEXTS.items()
        if not name.endswith((".ipynb", ".md")) and not name.startswith("requirements.")
        if (match := pin.search(text))
    }
    assert not found
    assert TEXTS["CITATION.cff"].count("\nversion:") == 0, "the version stands in pyproject.toml"


def test_python_versions_agree():
    oldest = re.fullmatch(r">=(3\.\d+)", PROJECT["requires-python"])[1]
    matrix = yaml.safe_load(TEXTS[".github/workflows/test.yml"])["jobs"]["test"]["strategy"]
    assert matrix["matrix"]["python"][0] == oldest
    assert f"--python-version {oldest}" in TEXTS["Makefile"]
    assert TEXTS["binder/runtime.txt"].strip() == f"python-{oldest}"
    assert f"Python {oldest}" in TEXTS["README.md"]
    assert "target-version" not in TEXTS["pyproject.toml"], "ruff reads requires-python"


def test_binder_installs_what_make_installs():
    lines = TEXTS["binder/requirements.txt"].splitlines()
    assert "-r ../requirements.txt" in lines
    assert f"--extra-index-url {CPU_WHEELS}" in lines
    assert not set(by_name(lines)) & set(PINNED)


def test_the_wheel_takes_every_file_of_the_package():
    project = tomllib.loads(TEXTS["pyproject.toml"])["tool"]["setuptools"]
    patterns = ["*.py", *project["package-data"]["bareattention"]]
    package = ROOT / "code" / "bareattention"
    inside = [path.relative_to(package) for path in files() if package in path.parents]
    assert inside
    left = [
        path
        for path in inside
        if path.name != "ruff.toml" and not any(path.match(pattern) for pattern in patterns)
    ]
    assert left == [], "say so under package-data in pyproject.toml"


# What is never named


def test_no_index_of_packages_but_pytorchs():
    """Whoever installs decides where packages come from; PyTorch's CPU wheels are the exception."""
    hosts = ["py" + "pi.org", "python" + "hosted.org", "registry.npm" + "js", "conda." + "anaconda"]
    named = [(name, host) for name, text in TEXTS.items() for host in hosts if host in text]
    assert not named
    option = re.compile(r"(?:index[-_]url|find[-_]links)[= ]\s*(\S+)", re.I)
    for name, text in TEXTS.items():
        if name != "tests/test_house.py":
            others = [url for url in option.findall(text) if "://" in url and CPU_WHEELS not in url]
            assert not others, name


def test_no_path_of_one_machine():
    path = re.compile(r"(?<![\w.:/])/(?:work|root|home|Users|mnt)/[\w.-]+")
    named = {name: match[0] for name, text in TEXTS.items() if (match := path.search(text))}
    assert not named


def test_hooks_are_local():
    hooks = yaml.safe_load(TEXTS[".pre-commit-config.yaml"])["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert {hook["language"] for hook in hooks[0]["hooks"]} == {"system"}


def test_links_of_the_papers_outside_the_book_resolve():
    """README and CONTRIBUTING point at files that are there."""
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        prose = re.sub(r"`[^`]*`", "", TEXTS[name])
        for target in re.findall(r"\]\(([^)#:]+)\)", prose):
            assert (ROOT / target).exists(), f"{name}: {target}"


def test_make_commands_in_the_papers_exist():
    targets = set(re.findall(r"^([a-z-]+):", TEXTS["Makefile"], re.M))
    for name, text in TEXTS.items():
        if name.endswith((".md", ".sh", ".yml", ".py", ".yaml")) and not name.startswith("tests/"):
            named = set(re.findall(r"`make ([a-z-]+)", text)) - targets
            assert not named, f"{name} names {named}"
