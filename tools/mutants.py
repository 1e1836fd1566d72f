"""Would the tests notice?  Small mistakes are planted in each module, one at a time.

    make mutants                          # every module, then compare with docs/mutants.json
    make mutants M=softmax                # one module
    make mutants M=outcomes EACH=999      # all of its mutants, not 20
    python tools/mutants.py --baseline    # every module, and keep the result in docs/mutants.json

mutant_sample.py draws 20 a module, always the same ones.  Only the mirrored tests run
(chapters/softmax.py: tests/chapters/test_softmax.py), on a copy of the tree in the current folder;
a mutant that makes them fail, or take twice their processor time, is killed.  Examples of
hypothesis are the same every time (tests/conftest.py), so a result repeats.

What is done stands in _build/mutants, and is not done again while the package and those tests
stay.  In docs/mutants.json, `tomorrow` says where modules and definitions have gone, and `shares`
sums under those names: [killed, all]; the seconds are those of the tests, and of everything.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from forked_tests import LOG, SECONDS, import_libraries, run

BASELINE = Path(__file__).resolve().parents[1] / "docs" / "mutants.json"
PACKAGE, DONE = Path("code/bareattention"), Path("_build/mutants")
NOT_COPIED = shutil.ignore_patterns(".*", "_build", "runs", "__pycache__", "node_modules")
VERSIONS = ("cosmic-ray", "torch", "hypothesis", "pytest", "jaxtyping", "beartype")


def mirrored(module: str) -> Path:
    """The tests of a module: chapters/softmax -> tests/chapters/test_softmax.py."""
    path = Path("tests", f"{module}.py")
    return path.with_name(f"test_{path.name}")


def state(module: str) -> str:
    """Changes with the package, the module's tests, and what tests share."""
    files = {*PACKAGE.rglob("*.py"), *Path("tests").glob("[!t]*.py"), mirrored(module)}
    parts = [file.read_bytes() for file in sorted(files) if file.exists()]
    which = module + os.environ.get("EACH", "")
    return hashlib.sha256(which.encode() + b"\0".join(parts)).hexdigest()[:16]


def survey(module: str) -> dict:
    """Plant the sample's mistakes, and say which ones the tests did not notice."""
    from mutant_sample import sample  # here, so that the rest is tested without cosmic-ray

    path, tests, started, needed = PACKAGE / f"{module}.py", mirrored(module), time.monotonic(), 0.0
    killed, survivors, chosen = Counter(), [], sample(source := path.read_text("utf8"))
    if chosen and tests.exists():
        SECONDS.unlink(missing_ok=True)
        passed, needed = run(tests)
        if not passed:
            sys.exit(f"{tests} fails without a mutant:\n{LOG.read_text()[-4000:]}")
    for when, (mutant, mutated) in enumerate(chosen):
        path.write_text(mutated, "utf8")
        os.utime(path, (when, when))  # code compiled from one of the same size is no longer current
        if tests.exists() and not run(tests, int(2 * needed) + 10)[0]:
            killed[mutant["in"]] += 1
        else:
            survivors.append(mutant)
    path.write_text(source, "utf8")
    return {
        **{"mutants": len(chosen), "killed": killed.total(), "killed_in": dict(killed)},
        "survivors": sorted(survivors, key=lambda mutant: mutant["line"]),
        "seconds": [round(needed), round(time.monotonic() - started)],
    }


def surveyed(modules: list[str]) -> dict[str, dict]:
    """Survey a copy of the tree, module by module; keep what is done."""
    results, done, tree = {}, DONE.resolve(), Path.cwd()
    done.mkdir(parents=True, exist_ok=True)
    import_libraries()
    with tempfile.TemporaryDirectory() as copy, contextlib.chdir(copy):
        shutil.copytree(tree, copy, ignore=NOT_COPIED, dirs_exist_ok=True)
        sys.path.insert(0, f"{copy}/code")
        os.environ["PYTHONPATH"] = f"{copy}/code"
        for module in modules:
            file = done / f"{module.replace('/', '.')}.json"
            kept = json.loads(file.read_text("utf8")) if file.exists() else {}
            if kept.get("state") != state(module):
                kept = {"state": state(module)} | survey(module)
                file.write_text(json.dumps(kept), "utf8")
            results[module] = {key: value for key, value in kept.items() if key != "state"}
            print(
                f"{module}: {kept['killed']} of {kept['mutants']}, {kept['seconds']} s", flush=True
            )
            for mutant in kept["survivors"]:
                print("    {line}: {was}  ->  {now}".format(**mutant), flush=True)
    return results


def shares(modules: dict[str, dict], tomorrow: dict[str, str]) -> dict[str, list[int]]:
    """[killed, all] of tomorrow's modules, and of their rooms, whose names end in a slash."""
    counts = {}
    for module, result in modules.items():
        places = [(where, n, n) for where, n in result["killed_in"].items()]
        places += [(mutant["in"], 0, 1) for mutant in result["survivors"]]
        for where, killed, n in places:
            whole = tomorrow.get(module, module)
            name = tomorrow.get(f"{module}:{where.partition('.')[0]}", whole)
            for key in (name, f"{name.partition('/')[0]}/")[: 1 + ("/" in name)]:
                before = counts.get(key, [0, 0])
                counts[key] = [before[0] + killed, before[1] + n]
    return dict(sorted(counts.items()))


def fallen(before: dict[str, list[int]], now: dict[str, list[int]]) -> list[str]:
    """Print the shares beside each other; name what fell, and what has nowhere to be found."""
    fell = []
    for name in sorted(before | now):
        pair = (before.get(name), now.get(name))
        print(f"  {name:40}", *("{:4} of {:3}".format(*n) if n else " " * 11 for n in pair))
        if pair[0] and not pair[1]:
            fell.append(f"{name}: no mutants; where has it gone?  docs/mutants.json, `tomorrow`")
        elif pair[0] and pair[1][0] * pair[0][1] < pair[0][0] * pair[1][1]:
            fell.append(name)
    return fell


def main(arguments: list[str]) -> int:
    wanted = [name for name in arguments if name != "--baseline"]
    found = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("[!_]*.py"))
    modules = sorted(str(m) for m in found if not wanted or m.name in wanted or str(m) in wanted)
    if not modules:
        print(f"M: wanted a module of bareattention, got {' '.join(wanted)}", file=sys.stderr)
        return 2
    kept, results = json.loads(BASELINE.read_text("utf8")), surveyed(modules)
    before, now = (shares(m, kept["tomorrow"]) for m in (kept.get("modules", {}), results))
    if "--baseline" in arguments:
        commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True)
        taken = {"date": time.strftime("%Y-%m-%d"), "commit": commit.strip()}
        taken |= {"python": sys.version.split()[0]} | {name: version(name) for name in VERSIONS}
        kept |= {"taken": taken, "shares": now, "modules": results}
        BASELINE.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf8")
        return 0
    if wanted:  # a room is compared as a whole
        now = {name: now[name] for name in now if not name.endswith("/")}
        before = {name: before[name] for name in before if name in now}
    if fell := fallen(before, now):
        print("The tests notice less than they did in:", *fell, sep="\n  ")
    return bool(fell)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets, too, is the same every time
        settings = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | settings)
    sys.exit(main(sys.argv[1:]))
