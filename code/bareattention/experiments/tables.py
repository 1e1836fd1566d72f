"""What the recorded trainings say, taken together: figures, tables, curves, and their commands.

    told = summary("patches")     # parameters, seconds, accuracies over seeds; None if not recorded
    as_table(LADDER)              # a DataFrame, which a page shows as a table
    chance("rows", "linear")      # p: would seeds alone set the two apart as far as this?
    draw_ladder()

Everything comes from the records; `PUBLISHED` alone holds what others have reported.
"""

import math
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

from matplotlib.axes import Axes
from pandas import DataFrame

from bareattention.experiments.recipes import LADDER, RECIPES
from bareattention.experiments.runs import Run, recorded
from bareattention.plotting import axes, panels
from bareattention.shapes import require

TICKS = (0.25, 0.5, 1, 2, 4, 8, 16)  # of wrong digits in percent, on logarithmic axes


@dataclass(frozen=True)
class Published:
    """A result that others have reported, all of them with training on all 60,000 digits.

    Fields:
        says: the model, and who made it.
        n_parameters: numbers that it learned; None where the source does not say.
        test_accuracy: on the 10,000 test digits, in percent.
        distorted: True if it was trained on distorted digits as well.
        source: where that is said.
    """

    says: str
    n_parameters: int | None
    test_accuracy: float
    distorted: bool
    source: str


LECUN = "https://ieeexplore.ieee.org/document/726791"
SIMARD = "https://ieeexplore.ieee.org/document/1227801"
CIRESAN = "https://arxiv.org/abs/1202.2745"
MNISTVIT = "https://github.com/asnelt/mnistvit"
PUBLISHED = (
    Published("a linear classifier, LeCun et al. 1998", 7_850, 88.0, False, LECUN),
    Published("LeNet-5, LeCun et al. 1998", 60_000, 99.05, False, LECUN),
    Published("LeNet-5, LeCun et al. 1998", 60_000, 99.2, True, LECUN),
    Published("a convolutional network, Simard et al. 2003", None, 99.6, True, SIMARD),
    Published("35 convolutional networks, Cireşan et al. 2012", None, 99.77, True, CIRESAN),
    Published("mnistvit, a vision transformer", 11_100_000, 99.65, True, MNISTVIT),
)


def as_published() -> DataFrame:
    """Lay out what others have reported, one row each."""
    rows = [
        (x.says, f"{x.test_accuracy:g}", _whole(x.n_parameters), "yes" if x.distorted else "no")
        for x in PUBLISHED
    ]
    columns = ["model", "accuracy, %", "parameters", "distorted digits"]
    return DataFrame(rows, columns=columns).set_index("model")


@dataclass(frozen=True)
class Summary:
    """All runs of one model that were judged on the test digits.

    Fields:
        name, says: the recipe's name, and the model in a few words.
        n_parameters: numbers that it learned.
        cpu_seconds: for one training, mean over the runs; None where a run was made elsewhere.
        validation, test: accuracies in percent, by seed; no validation where it was trained on.
        seeds: their seeds.
    """

    name: str
    says: str
    n_parameters: int
    cpu_seconds: float | None
    validation: tuple[float, ...]
    test: tuple[float, ...]
    seeds: tuple[int, ...]

    @property
    def mean(self) -> float:
        """Test accuracy, mean over seeds, in percent."""
        return fmean(self.test)

    @property
    def spread(self) -> float | None:
        """Standard deviation of the test accuracy over seeds, in points; None for one seed."""
        return stdev(self.test) if len(self.test) > 1 else None

    @property
    def shown(self) -> str:
        """Test accuracy as mean ± standard deviation over seeds; one alone without a deviation."""
        return f"{self.mean:.2f}" + ("" if self.spread is None else f" ± {self.spread:.2f}")


def summary(name: str) -> Summary | None:
    """Sum up the runs of a model that were judged on the test digits.

    Args:
        name: of a recipe.
    Returns: None where no such run is recorded.
    Raises: ValueError for an unknown name.
    """
    require(name in RECIPES, "name", f"one of {', '.join(RECIPES)}", repr(name))
    runs = [run for run in recorded(name) if run.final]
    if not runs:
        return None
    seconds = [run.cpu_seconds for run in runs]
    return Summary(
        name,
        RECIPES[name].says,
        runs[0].n_parameters,
        None if None in seconds else fmean(seconds),
        tuple(run.final["validation_accuracy"] for run in runs if _validated(run)),
        tuple(run.final["test_accuracy"] for run in runs),
        tuple(run.seed for run in runs),
    )


def _validated(run: Run) -> bool:
    return run.configuration["trained_on"] == "training"


def as_table(names: Iterable[str]) -> DataFrame:
    """Lay out the recorded runs of some models, one row each.

    Args:
        names: of recipes.
    Returns: what the model is, test accuracy, parameters, processor seconds, and seeds.
    Raises: ValueError for an unknown name.
    """
    rows = {}
    for name in names:
        row = ("not yet recorded", "", "", 0)
        if told := summary(name):
            numbers = (_whole(told.n_parameters), _whole(told.cpu_seconds))
            row = (told.shown, *numbers, len(told.test))
        rows[RECIPES[name].says] = row
    columns = ["accuracy, %", "parameters", "CPU seconds", "seeds"]
    return DataFrame.from_dict(rows, "index", columns=columns).rename_axis("model")


def _whole(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def as_tried(names: Iterable[str]) -> DataFrame:
    """Lay out runs that were judged by the validation digits alone, one row each.

    Args:
        names: of recipes.
    Returns: what was tried, how the last epoch read the validation digits, epochs, CPU seconds.
    """
    rows = []
    for name in names:
        for run in filter(_validated, recorded(name)):
            last = run.curve[-1]
            read = (f"{last['validation_accuracy']:.2f}", f"{last['validation_bits']:.4f}")
            rows.append((RECIPES[name].says, *read, last["epoch"], _whole(run.cpu_seconds)))
    columns = ["tried", "accuracy, %", "bits", "epochs", "CPU seconds"]
    return DataFrame(rows, columns=columns).set_index("tried")


def chance(one: str, other: str) -> float:
    """How often seeds alone would set two models' test accuracies apart as far as this.

    Args:
        one, other: names of recipes, both recorded with two seeds or more.
    Returns: p of Welch's two-sided test, which lets the two spreads differ.
    Source: Welch 1947.
    """
    # Imported here: it takes a while, and only this asks for it.
    from scipy.stats import ttest_ind

    return float(ttest_ind(summary(one).test, summary(other).test, equal_var=False).pvalue)


def in_pairs(one: str, other: str) -> DataFrame:
    """Compare two models digit by digit: which test digits does only one of them read?

    Args:
        one, other: names of recipes, both recorded with their wrong digits.
    Returns: a row for each seed that both have: how many digits only the first reads, how many
        only the second, and p, how often fair coins would fall as unevenly.
    Source: McNemar 1947, with the exact probabilities.
    """
    from scipy.stats import binomtest

    seeds = {run.seed: run.wrong for run in recorded(other) if run.wrong is not None}
    rows = {}
    for run in recorded(one):
        if run.wrong is not None and run.seed in seeds:
            mine, theirs = set(run.wrong), set(seeds[run.seed])
            first, second = len(theirs - mine), len(mine - theirs)
            p = binomtest(first, first + second).pvalue if first + second else 1.0
            rows[run.seed] = first, second, p
    return DataFrame.from_dict(rows, "index", columns=["only the first", "only the second", "p"])


def commands(names: Iterable[str]) -> str:
    """Say with which command each recorded run was made, in lines that no page cuts off."""
    return "\n".join(_wrapped(run.command) for name in names for run in recorded(name))


def _wrapped(command: str) -> str:
    pairs = re.sub(r"(--[\w-]+) (?!-)", "\\1\0", command)  # an option and its value stay together
    return " \\\n  ".join(textwrap.wrap(pairs, 76, break_on_hyphens=False)).replace("\0", " ")


def draw_curves(names: Iterable[str]) -> Axes:
    """Draw the share of wrong validation digits, epoch by epoch, one line for each seed.

    Args:
        names: of recipes; left out if unrecorded, or trained on the validation digits.
    Returns: the axes of a new figure.
    """
    ax = axes(x="epoch (logarithmic)", y="wrong validation digits, in percent", size=(7.2, 3.8))
    ends = {}
    for i, name in enumerate(names):
        for run in filter(_validated, recorded(name)):
            wrong = [100 - epoch["validation_accuracy"] for epoch in run.curve]
            ax.plot(range(1, len(wrong) + 1), wrong, color=f"C{i}", alpha=0.7)
            ends.setdefault(name, (f"C{i}", []))[1].append(wrong[-1])
    # Doubling, so that a training of 128 epochs leaves room for those of eight.
    ax.set(xscale="log", yscale="log")
    longest = max((len(line.get_xdata()) for line in ax.get_lines()), default=1)
    ticks = [2**n for n in range(longest.bit_length())]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    shares = [share for line in ax.get_lines() for share in line.get_ydata()]
    bottom = max((tick for tick in TICKS if tick <= min(shares, default=1)), default=TICKS[0])
    top = min((tick for tick in TICKS if tick >= max(shares, default=1)), default=100)
    _percent(ax)
    ax.set_ylim(bottom, top)
    # Names beside the axes, in the colours and the order of the curves' ends, none over another.
    below = 2.0
    for name, (colour, last) in sorted(ends.items(), key=lambda end: -fmean(end[1][1])):
        height = math.log(fmean(last) / bottom) / math.log(top / bottom)
        below = min(height, below - 0.14)
        says = textwrap.fill(RECIPES[name].says, 24)
        ax.text(1.02, below, says, color=colour, va="center", transform=ax.transAxes)
    return ax


def draw_ladder(names: Iterable[str] = (*LADDER, "final", "naked_attention")) -> list[Axes]:
    """Draw wrong test digits against parameters, and against seconds of training.

    Args:
        names: of recipes; those without a record are left out.
    Returns: two axes, one above the other; others' results in the first only, without seconds.
    """
    says = "wrong test digits, in percent"
    by_size, by_time = found = panels(2, columns=1, size=(6.4, 8.4), y=says)
    told = [each for name in names if (each := summary(name))]
    by_size.set_xlabel("parameters")
    by_time.set_xlabel("processor seconds of a training")
    for each in told:
        _point(by_size, each.n_parameters, each)
        if each.cpu_seconds is not None:
            _point(by_time, each.cpu_seconds, each)
    for other in [each for each in PUBLISHED if each.n_parameters is not None]:
        wrong = 100 - other.test_accuracy
        by_size.plot(other.n_parameters, wrong, "s", markerfacecolor="none", color="C7")
        if not (other.distorted and "LeNet" in other.says):
            says = other.says.split(",")[0].removeprefix("a ").replace(" ", "\n", 1)
            _name(by_size, other.n_parameters, wrong, says, "right" if wrong > 10 else "left")
    top = max(100 - each.mean for each in told) if told else 8
    for ax in found:
        ax.set(xscale="log", yscale="log", ylim=(0.22, 1.9 * top), xmargin=0.35)
        _percent(ax)
    return found


# The front page's three points: what each is called there, and on which side (in points of type).
CLIMB = {
    "linear": ("a linear layer\non all pixels", (-10, 0), "right", "center"),
    "rows": ("one attention head\non rows of pixels", (9, 8), "left", "center"),
    "final": ("the final model", (0, -10), "center", "top"),
}


def draw_climb() -> Axes:
    """Draw where the book begins and where it leads: three models and an arrow.

    Returns: the axes of a new figure: wrong test digits against parameters.
    """
    ax = axes(x="numbers that it learned", y="wrong digits of 100", size=(7.2, 3.4))
    ax.set(xscale="log", yscale="log", xlim=(1.8e3, 6e5), ylim=(0.2, 13))
    ink = ax.xaxis.label.get_color()
    points = []
    for name, (says, away, across, up) in CLIMB.items():
        if told := summary(name):
            points.append((told.n_parameters, 100 - told.mean))
            ax.plot(*points[-1], "o")
            at = {"xytext": away, "textcoords": "offset points", "ha": across, "va": up}
            ax.annotate(says, points[-1], color=ink, **at)
    if len(points) > 1:
        line = {"arrowstyle": "->", "color": ink, "shrinkA": 12, "shrinkB": 8}
        ax.annotate("", points[-1], points[-2], arrowprops=line)
    ax.set_xticks((1e4, 1e5), ("10,000", "100,000"))
    _percent(ax)
    return ax


MARKS = {"final": ("*", "C3"), "naked_attention": ("D", "C1")}  # rungs are blue circles
# Names in the picture, and on which side of its point each stands; other rungs go without.
NAMED = {
    "linear": ("linear\nlayer", "left"),
    "rows": ("bare attention", "right"),
    "augmentation": ("rows, augmented", "right"),
    "patches": ("last rung", "left"),
    "final": ("final model", "left"),
    "naked_attention": ("NakedAttention", "right"),
}


def _point(ax: Axes, x: int | float, told: Summary) -> None:
    wrong = 100 - told.mean
    mark, colour = MARKS.get(told.name, ("o", "C0"))
    ax.errorbar(x, wrong, yerr=told.spread, fmt=mark, color=colour, capsize=2)
    if told.name in NAMED:
        _name(ax, x, wrong, *NAMED[told.name])


def _name(ax: Axes, x: int | float, y: float, says: str, side: str) -> None:
    away, align = {"left": ((-7, 0), "right"), "right": ((7, 0), "left")}[side]
    at = {"xytext": away, "textcoords": "offset points", "ha": align, "va": "center"}
    ax.annotate(says, (x, y), **at)


def _percent(ax: Axes) -> None:
    ax.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    ax.minorticks_off()
