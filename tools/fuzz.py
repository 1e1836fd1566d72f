"""Hand every public callable wrong inputs, one argument at a time, and count how it answers.

python tools/fuzz.py [--seed 0] [--show]     # --show lists the failures that name nothing

returned  a result: the input was legal, or did no harm
named     TypeError or ValueError that begins with an argument: `mask: wanted ...`
told      other failures that the docstring tells: RecordError, DataError, a part of an argument
          (`labels: wanted ...`), everything where it says that nothing is checked
unnamed   TypeError or ValueError that begins otherwise
leaked    any other failure, and no answer in time
theirs    raised inside a callable or module that was handed over, or by Python for calling it so
exotic    failures of sparse, nested, complex and meta tensors and of astronomical sizes
"""

import argparse
import contextlib
import inspect
import io
import re
import resource
import signal
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import torch
from fuzz_inputs import EXAMPLES, wrong_values

import bareattention as ba

ANSWERS = ("returned", "named", "told", "unnamed", "leaked", "theirs", "exotic")
SECONDS, BYTES = 3, 2**30
BINDING = re.compile(r"takes .*argument|missing \d+ required|unexpected keyword|multiple values")
DOCUMENTED = (ba.DataError, ba.RecordError)


class TooLong(BaseException):
    """The alarm: no `except Exception` on the way holds it up."""


def answer(call, arguments, exotic=False):
    """How a call answers, and what it raised."""
    signal.signal(signal.SIGALRM, _ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            call(**arguments)
        return "returned", None
    except TooLong as error:
        return ("exotic" if exotic else "leaked"), error
    except Exception as error:
        return _kind(error, call, arguments, exotic), error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _ring(*_):
    raise TooLong("no answer")


def _kind(error, call, arguments, exotic):
    names, says = re.match(r"(\w+)(\[[^]]*\])*: ", str(error)), call.__doc__ or ""
    ours = isinstance(error, TypeError | ValueError)
    if ours and names and names[1] in arguments:
        return "named"
    part = ours and names and re.search(rf"\b{names[1]}\b", says)
    if part or isinstance(error, DOCUMENTED) or "nothing checked" in says:
        return "told"
    if exotic:
        return "exotic"
    if BINDING.search(str(error)) or any(_inside(error, each) for each in arguments.values()):
        return "theirs"
    return "unnamed" if ours else "leaked"


def _inside(error, handed):
    """Whether what was handed over, and is not the book's, was at work when it was raised."""
    home = getattr(handed, "__module__", None) or ""
    if handed is None or home.startswith("bareattention"):
        return False
    code = getattr(handed, "__code__", handed)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return any(frame.f_code is code or frame.f_locals.get("self") is handed for frame in frames)


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


def cases(only=""):
    """Callable, argument, number of the wrong value, and whether it is exotic."""
    for name in filter(lambda name: name.startswith(only), EXAMPLES):
        for argument, value in valid_call(name)[1].items():
            for number, (_, exotic) in enumerate(wrong_values(value)):
                yield name, argument, number, exotic


def tried(name, argument, number, exotic, seed=0):
    """The answer to one wrong value, what was raised, and the value."""
    torch.manual_seed(seed)
    call, arguments = valid_call(name)
    value, _ = wrong_values(arguments[argument])[number]
    return *answer(call, arguments | {argument: value}, exotic), value


def share(counts):
    """Per cent of the failures, neither exotic nor theirs, that are named or told."""
    good, bad = counts["named"] + counts["told"], counts["unnamed"] + counts["leaked"]
    return 100 * good / max(good + bad, 1)


def main():
    """Try everything, in a folder of its own, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="list what is unnamed or leaked")
    parser.add_argument("--only", default="", help="callables whose names begin so")
    options = parser.parse_args()
    mpl.use("Agg")
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + BYTES, -1))
    table = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        warm_up()
        for name, argument, *rest in cases(options.only):
            found, error, value = tried(name, argument, *rest, seed=options.seed)
            table.setdefault(name, Counter())[found] += 1
            if options.show and found in ("unnamed", "leaked"):
                line = f"{found} {name}({argument}={str(value)[:50]}): {error!r:.90}"
                print(line.replace("\n", " "), flush=True)
            plt.close("all")
    print(f"{'':34}{'tried':>7}" + "".join(f"{each:>9}" for each in ANSWERS))
    for name, counts in [*table.items(), ("all", sum(table.values(), Counter()))]:
        print(f"{name:34}{counts.total():7,}" + "".join(f"{counts[each]:9,}" for each in ANSWERS))
    print(f"{share(counts):.1f} % of the failures, neither exotic nor theirs, are named or told")


if __name__ == "__main__":
    main()
