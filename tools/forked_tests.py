"""Run tests in a fork of a process that has imported the libraries already: Linux alone.

Nearly all of the ten seconds before a first test go into importing torch and its like.  The
package is not among them: each fork imports it anew, with whatever stands in its files.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
from collections import Counter
from pathlib import Path

LIBRARIES = "pytest hypothesis beartype jaxtyping torchvision torchmetrics mlxtend.data"
LIBRARIES += " matplotlib.pyplot safetensors.torch tqdm.auto nbformat torch._dynamo"
OPTIONS = "-x -q -p no:cacheprovider -p no:xdist -p no:nbval --basetemp=forked.tmp"
OPTIONS += " --import-mode=importlib --override-ini=addopts="
MEMORY = 12 * 2**30
LOG, SECONDS = Path("forked.log"), Path("forked.seconds")


class Quickly:
    """A pytest plugin: quick tests first, and a counterexample need not be a small one."""

    def __init__(self):
        self.known = json.loads(SECONDS.read_text()) if SECONDS.exists() else {}
        self.measured = Counter()

    def pytest_configure(self):
        from hypothesis import Phase, settings

        settings.register_profile("quickly", settings(phases=[Phase.explicit, Phase.generate]))
        settings.load_profile("quickly")

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self.known.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report):
        self.measured[report.nodeid] += report.duration

    def pytest_sessionfinish(self):
        if not self.known:
            SECONDS.write_text(json.dumps(self.measured))


def import_libraries() -> None:
    """Import what every fork would import."""
    for name in LIBRARIES.split():
        importlib.import_module(name)
    gc.freeze()  # pytest collects garbage three times a run: not theirs


def run(tests: Path, limit: int = 3600) -> tuple[bool, float]:
    """Whether the tests pass within `limit` seconds of processor time, and how many they took."""
    child = os.fork()
    if not child:
        os.setsid()
        for stream in (1, 2):
            os.dup2(os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND), stream)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        pytest = importlib.import_module("pytest")
        os._exit(pytest.main([str(tests), *OPTIONS.split()], [Quickly()]))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(6 * limit + 60)  # for those that wait: not in the child, where tests set theirs
    _, status, usage = os.wait4(child, 0)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with contextlib.suppress(ProcessLookupError):  # what the tests may have left running
        os.killpg(child, signal.SIGKILL)
    return status == 0, usage.ru_utime + usage.ru_stime
