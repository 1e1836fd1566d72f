"""What the recorded trainings say, taken together: figures, tables, curves, and their commands.

    told = summary("patches")     # parameters, seconds, accuracies over seeds; None if not recorded
    print(as_table(LADDER))
    draw_ladder()

Everything comes from the records; `PUBLISHED` alone holds what others have reported.
"""

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, stdev

from matplotlib.axes import Axes

from bareattention.experiments.recipes import LADDER, RECIPES
from bareattention.experiments.runs import Run, recorded
from bareattention.plotting import axes, panels

NOT_YET = "not yet recorded"
WIDTH = 30  # characters for what is said of a model, so that a phone shows the accuracy beside it
TICKS = (0.25, 0.5, 1, 2, 4, 8, 16)  # of wrong digits in percent, on logarithmic axes


@dataclass(frozen=True)
class Published:
    """A result that others have reported, all of them with training on all 60,000 digits.

    Fields:
        says: the model, and who made it.
        n_parameters: numbers that it learned.
        test_accuracy: on the 10,000 test digits, in percent.
        source: where that is said.
    """

    says: str
    n_parameters: int
    test_accuracy: float
    source: str


PUBLISHED = (
    Published(
        "LeNet-5, LeCun et al. 1998", 60_000, 99.05, "https://ieeexplore.ieee.org/document/726791"
    ),
    Published(
        "mnistvit, a vision transformer", 11_100_000, 99.65, "https://github.com/asnelt/mnistvit"
    ),
)


@dataclass(frozen=True)
class Summary:
    """All runs of one model that were judged on the test digits.

    Fields:
        name, says: the recipe's name, and the model in a few words.
        n_parameters: numbers that it learned.
        cpu_seconds: of the processor for one training, mean over the runs; None where a run was
            made elsewhere.
        validation, test: accuracies in percent, one for each seed; no validation of those that were
            trained on the validation digits.
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
    if name not in RECIPES:
        raise ValueError(f"name: wanted one of {', '.join(RECIPES)}, got {name!r}")
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


def as_table(names: Iterable[str]) -> str:
    """Lay out the recorded runs of some models, one line each.

    Args:
        names: of recipes.
    Returns: lines with what the model is, test accuracy, parameters, processor seconds, and seeds;
        what takes more than its column goes on below.
    Raises: ValueError for an unknown name.
    """
    lines = [_row("model", f"{'accuracy, %':12}{'size':>10}{'CPU s':>8}{'seeds':>7}")]
    for name in names:
        told = summary(name)
        if told is None:
            lines.append(_row(RECIPES[name].says, NOT_YET))
            continue
        seconds = _seconds(told.cpu_seconds)
        size, seeds = f"{told.n_parameters:,}", len(told.test)
        lines.append(_row(told.says, f"{told.shown:12}{size:>10}{seconds:>8}{seeds:>7}"))
    return "\n".join(lines)


def _seconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:,.0f}"


def _row(says: str, figures: str) -> str:
    first, *rest = textwrap.wrap(says, WIDTH)
    return "\n".join([f"{first:{WIDTH}} {figures}", *(f"  {line}" for line in rest)])


def as_tried(names: Iterable[str]) -> str:
    """Lay out runs that were judged by the validation digits alone, one line each.

    Args:
        names: of recipes.
    Returns: lines with what the model is, how the validation digits were read after the last epoch,
        epochs, and processor seconds.
    """
    lines = [_row("tried", f"accuracy, %{'bits':>9}{'epochs':>9}{'CPU s':>8}")]
    for name in names:
        for run in filter(_validated, recorded(name)):
            last = run.curve[-1]
            lines.append(
                _row(
                    RECIPES[name].says,
                    f"{last['validation_accuracy']:<11.2f}{last['validation_bits']:>9.4f}"
                    f"{last['epoch']:>9}{_seconds(run.cpu_seconds):>8}",
                )
            )
    return "\n".join(lines)


def commands(names: Iterable[str]) -> str:
    """Say with which command each recorded run was made, one line each."""
    return "\n".join(run.command for name in names for run in recorded(name))


def draw_curves(names: Iterable[str]) -> Axes:
    """Draw the share of wrong validation digits, epoch by epoch, one line for each seed.

    Args:
        names: of recipes; those without a record are left out, and those that were trained on the
            validation digits.
    Returns: the axes of a new figure.
    """
    ax = axes(x="epoch", y="wrong validation digits, in percent")
    for i, name in enumerate(names):
        for j, run in enumerate(filter(_validated, recorded(name))):
            wrong = [100 - epoch["validation_accuracy"] for epoch in run.curve]
            label = RECIPES[name].says if j == 0 else None
            ax.plot(range(1, len(wrong) + 1), wrong, color=f"C{i}", alpha=0.7, label=label)
    ax.set_yscale("log")
    shares = [share for line in ax.get_lines() for share in line.get_ydata()]
    below = [tick for tick in TICKS if tick <= min(shares, default=1)]
    above = [tick for tick in TICKS if tick >= max(shares, default=1)]
    _percent(ax)
    ax.set_ylim(max(below, default=TICKS[0]), min(above, default=100))
    ax.legend(frameon=False, fontsize="small")
    return ax


def draw_ladder(names: Iterable[str] = (*LADDER, "final", "naked_attention")) -> list[Axes]:
    """Draw wrong test digits against parameters, and against seconds of training.

    Args:
        names: of recipes; those without a record are left out.
    Returns: two axes; what others have reported stands in the first only, since their seconds are
        not known.
    """
    by_size, by_time = found = panels(2, size=(7.6, 4.0))
    told = [each for name in names if (each := summary(name))]
    for ax, label in ((by_size, "parameters"), (by_time, "processor seconds of a training")):
        ax.set(xscale="log", yscale="log", xlabel=label)
        ax.set_ylabel("wrong test digits, in percent" if ax is by_size else "")
    for each in told:
        _point(by_size, each.n_parameters, each)
        if each.cpu_seconds is not None:
            _point(by_time, each.cpu_seconds, each)
    for other in PUBLISHED:
        wrong = 100 - other.test_accuracy
        by_size.plot(other.n_parameters, wrong, "s", markerfacecolor="none", color="C7")
        _name(by_size, other.n_parameters, wrong, other.says.split(",")[0], "left")
    top = max(100 - each.mean for each in told) if told else 8
    for ax in found:
        ax.set_ylim(0.22, 1.6 * top)
        ax.margins(x=0.35)
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
    "naked_attention": ("NakedAttention", "above"),
}


def _point(ax: Axes, x: int | float, told: Summary) -> None:
    wrong = 100 - told.mean
    mark, colour = MARKS.get(told.name, ("o", "C0"))
    ax.errorbar(x, wrong, yerr=told.spread, fmt=mark, color=colour, capsize=2)
    if told.name in NAMED:
        _name(ax, x, wrong, *NAMED[told.name])


def _name(ax: Axes, x: int | float, y: float, says: str, side: str) -> None:
    away, align = {
        "left": ((-7, 0), "right"),
        "right": ((7, 0), "left"),
        "above": ((0, 11), "center"),
    }[side]
    at = {"xytext": away, "textcoords": "offset points", "ha": align, "va": "center"}
    ax.annotate(says, (x, y), fontsize="small", **at)


def _percent(ax: Axes) -> None:
    ax.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    ax.minorticks_off()
