"""What runs on GitHub: sound, with few rights, and other people's code by its commit."""

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.stem: path.read_text("utf8") for path in sorted(FOLDER.glob("*.yml"))}
JOBS = {name: yaml.safe_load(text)["jobs"] for name, text in TEXTS.items()}


def test_zizmor_finds_nothing():
    program = Path(sysconfig.get_path("scripts")) / "zizmor"
    command = [program, "--offline", "--strict-collection", "--no-progress", FOLDER]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_an_action_is_githubs_own_and_one_commit():
    used = re.findall(r"uses: (\S+)@(\S+)(.*)", "\n".join(TEXTS.values()))
    assert used
    assert {action.split("/")[0] for action, _, _ in used} == {"actions"}
    assert len(set(used)) == len({action for action, _, _ in used}), used
    for action, commit, version in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), f"{action}: wanted the commit of a version"
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", version), f"{action}: say which version it is"


def test_who_may_write():
    """Nobody, but for what each of these jobs is there for."""
    wanted = {
        ("pages", "deploy", "pages"),
        ("pages", "deploy", "id-token"),
        ("release", "publish", "contents"),
        ("weekly", "report", "issues"),
    }
    found = {
        (name, job, right)
        for name, jobs in JOBS.items()
        for job, steps in jobs.items()
        for right, kind in steps["permissions"].items()
        if kind != "read"
    }
    assert found == wanted
    assert all(yaml.safe_load(text)["permissions"] == {} for text in TEXTS.values())


def test_pages_of_another_repository_are_not_built():
    runs = [step.get("run", "") for step in JOBS["pages"]["build"]["steps"]]
    (check,) = [i for i, run in enumerate(runs) if "tools/repository.py --check" in run]
    assert check < runs.index("make book")


@pytest.mark.parametrize("name", TEXTS)
def test_commands_are_there(name):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf8"), re.M))
    runs = [step.get("run", "") for job in JOBS[name].values() for step in job["steps"]]
    for run in runs:
        if run.startswith("make "):
            assert set(run.split()[1:]) <= targets, run
        for path in re.findall(r"(?:tools|\.ci)/[\w.]+", run):
            assert (ROOT / path).is_file(), path
