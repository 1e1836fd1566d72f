"""Hand every public callable wrong inputs, one argument at a time, and count how it answers.

python tools/fuzz.py [--seed 0] [--show]     # --show lists the failures that name nothing

returned  a result: the input was legal, or did no harm
named     TypeError or ValueError that begins with an argument (`mask: wanted ...`), or a
          failure that the docstring tells (DataError, RecordError)
unnamed   TypeError or ValueError that does not
leaked    any other failure
theirs    raised inside the callable or module that was handed over, or by calling it
exotic    failures of sparse, nested, complex and meta tensors and of astronomical sizes
"""

import argparse
import contextlib
import inspect
import io
import os
import re
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path
from random import Random

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import bareattention as ba
from fuzz_examples import EXAMPLES  # tools/ is on the path

ANSWERS = ("returned", "named", "unnamed", "leaked", "theirs", "exotic")
SECONDS, BYTES = 3, 2**30
BINDING = re.compile(r"takes .*argument|missing \d+ required|unexpected keyword|multiple values")
DOCUMENTED = (ba.DataError, ba.RecordError)


class TooLong(BaseException):
    """The alarm: no `except Exception` on the way holds it up."""


def wrong_values(valid):
    """Pairs (value, exotic): what an argument may be mistaken for; some happen to be legal."""
    plain = [None, "x", "", b"x", True, False, 1j, Fraction(1, 2), float("nan"), float("inf")]
    plain += [-float("inf"), -1, 0, 1, 3, 0.5, -1.5, 1e30, 1e-320, np.float64(0.5), np.int64(2)]
    plain += [[], [None], ["x"], [[1.0]], [-1], (), (0, 0), {}, {"x": None}, {1: 2}, {"x"}, object()]
    plain += [np.zeros(3), np.array(["x"]), int, torch.float32, torch.int64, Path("nowhere")]
    plain += [torch.Generator(), nn.Identity(), nn.Linear(3, 3), len, F.relu, lambda *_: None]
    plain += [lambda: None, lambda *_: (1, 2), range(3), torch.optim.SGD(nn.Linear(1, 1).parameters())]
    tensors = [torch.zeros(shape) for shape in [(), 0, 3, (2, 3), (0, 4), (1, 1, 1), (1, 2, 3, 4)]]
    tensors += [torch.arange(3), torch.ones(2, 2, dtype=torch.bool)]
    exotic = [2**31, 2**63, -(2**63) - 1, 10**400]
    if isinstance(valid, Tensor):
        exotic += [valid.to(torch.complex64), valid.to("meta"), valid.to_sparse()]
        exotic += [torch.nested.nested_tensor([torch.zeros(1, 2), torch.zeros(3, 2)])]
        tensors += [valid[None], valid.unsqueeze(-1), valid.flatten(), valid.mT if valid.ndim > 1 else valid]
        for axis in range(valid.ndim):
            n = valid.shape[axis]
            tensors += [valid.narrow(axis, 0, k) for k in {0, 1, n - 1} if 0 <= k < n]
            tensors += [torch.cat([valid, valid], axis), valid.select(axis, 0)]
        kinds = "bool uint8 int8 int32 int64 float16 bfloat16 float32 float64"
        tensors += [valid.to(getattr(torch, kind)) for kind in kinds.split()]
        tensors += [valid.numpy(), valid.tolist(), valid.logical_not(), -valid.long() - 100]
        if valid.is_floating_point():
            tensors += [valid * nan for nan in (float("nan"), float("inf"))]
            tensors += [valid.clone().requires_grad_()]
        else:
            tensors += [valid.long() + 1000]
    if isinstance(valid, tuple | list):
        plain += [valid[:-1], [*valid, *valid], *valid]
        for i, part in enumerate(valid):
            for wrong, is_exotic in wrong_values(part):
                changed = [*valid[:i], wrong, *valid[i + 1 :]]
                changed = tuple(changed) if isinstance(valid, tuple) else changed
                (exotic if is_exotic else plain).append(changed)
    if isinstance(valid, dict):
        for key in valid:
            plain += [{**valid, key: wrong} for wrong in (None, "x", -1, 1.5, F.relu, [1])]
            plain += [{k: valid[k] for k in valid if k != key}, {**valid, 1: valid[key]}]
    return [(value, False) for value in plain + tensors] + [(value, True) for value in exotic]


def answer(call, arguments, changed=None, exotic=False):
    """How a call answers, and what it raised."""
    wrong = arguments.get(changed)
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            call(**arguments)
        return "returned", None
    except TooLong:
        return ("exotic" if exotic else "leaked"), TooLong("no answer")
    except Exception as error:
        named = re.match(r"(\w+)(\[[^]]*\])*: ", str(error))
        if isinstance(error, TypeError | ValueError) and named and named[1] in arguments:
            return "named", error
        if isinstance(error, DOCUMENTED):
            return "named", error
        if exotic:
            return "exotic", error
        if _inside(error, wrong) or (callable(wrong) and BINDING.search(str(error))):
            return "theirs", error
        return ("unnamed" if isinstance(error, TypeError | ValueError) else "leaked"), error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _ring(*_):
    raise TooLong


def _inside(error, wrong):
    """Whether what was handed over was at work when it was raised."""
    code, step = getattr(wrong, "__code__", wrong), error.__traceback__
    while step is not None and wrong is not None:
        frame = step.tb_frame
        if frame.f_code is code or frame.f_locals.get("self") is wrong:
            return True
        step = step.tb_next
    return False


def valid_call(name):
    """What a name of the table stands for, and all arguments of a valid call of it."""
    owner, _, method = name.partition(".")
    call = getattr(ba, owner)
    if method:
        static = isinstance(vars(call)[method], classmethod)
        call = getattr(call if static else call(**EXAMPLES[owner]()), method)
    if name == "kept_bytes":
        kept_bytes, call = call, lambda function, inputs: kept_bytes(function, inputs)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(call).parameters.values()
    return call, {p.name: p.default for p in parameters if p.kind in named} | EXAMPLES[name]()


def warm_up():
    """See that what is called valid is, and load what is loaded late, before alarms are set."""
    for name in EXAMPLES:
        call, arguments = valid_call(name)
        with contextlib.redirect_stdout(io.StringIO()):
            call(**arguments)


def cases():
    """Name, argument and number of the wrong value of every call that there is to try."""
    for name in EXAMPLES:
        for argument, value in valid_call(name)[1].items():
            for number in range(len(wrong_values(value))):
                yield name, argument, number


def tried(name, argument, number, seed=0):
    """The answer to one wrong input, what was raised, and the input."""
    torch.manual_seed(seed)
    call, arguments = valid_call(name)
    value, exotic = wrong_values(arguments[argument])[number]
    return *answer(call, arguments | {argument: value}, argument, exotic), value


def share(counts):
    """Per cent of the failures, exotic layouts and other people's code apart, that are named."""
    failures = counts["named"] + counts["unnamed"] + counts["leaked"]
    return 100 * counts["named"] / max(failures, 1)


def main():
    """Try everything, in a folder of its own, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="list what is not named")
    parser.add_argument("--only", default="", help="names that begin so")
    options = parser.parse_args()
    mpl.use("Agg")
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + BYTES, -1))
    table, worst = {}, Counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        warm_up()
        for name, argument, number in cases():
            if not name.startswith(options.only):
                continue
            found, error, value = tried(name, argument, number, options.seed)
            table.setdefault(name, Counter())[found] += 1
            if found in ("unnamed", "leaked"):
                message = str(error).partition("\n")[0][:70]
                worst[f"{found:8}{name}({argument}): {type(error).__name__}: {message}"] += 1
                if options.show: print(name, argument, repr(value)[:60].replace("\n", " "), "->", type(error).__name__, message, flush=True)
            plt.close("all")
    for name, counts in [*table.items(), ("all", sum(table.values(), Counter()))]:
        print(f"{name:34}{counts.total():7,}" + "".join(f"{counts[each]:9,}" for each in ANSWERS))
    print(f"{share(counts):.1f} % of the failures without exotic layouts are named or documented")


if __name__ == "__main__":
    main()
