"""Tables: figures come from the records alone, and say so where there are none."""

import json
import math
import re
from statistics import fmean, stdev
from types import SimpleNamespace

import matplotlib.pyplot as plt
import msgspec
import pytest

from bareattention import LADDER, RECIPES, recorded
from bareattention.experiments import tables
from bareattention.experiments.tables import (
    PUBLISHED,
    Summary,
    as_published,
    as_table,
    as_tried,
    chance,
    commands,
    in_pairs,
    summary,
)

RECORDED = [name for name in RECIPES if any(run.final for run in recorded(name))]
MISSING = "no-such-record"


@pytest.fixture
def unrecorded(monkeypatch):
    """A recipe without any record."""
    monkeypatch.setattr(tables, "RECIPES", {**RECIPES, MISSING: RECIPES["linear"]})
    return MISSING


@pytest.mark.parametrize("name", RECORDED)
def test_a_summary_is_what_the_files_say(name):
    files = sorted((p for run in recorded(name) if (p := run.path)), key=lambda path: path.name)
    records = [json.loads(path.read_text()) for path in files]
    told = summary(name)
    assert sorted(told.test) == sorted(r["final"]["test_accuracy"] for r in records)
    apart = [r for r in records if r["configuration"]["trained_on"] == "training"]
    assert sorted(told.validation) == sorted(r["final"]["validation_accuracy"] for r in apart)
    assert told.seeds == tuple(sorted(r["seed"] for r in records))
    assert {told.n_parameters} == {r["n_parameters"] for r in records}
    assert told.mean == pytest.approx(fmean(r["final"]["test_accuracy"] for r in records))
    if len(records) > 1:
        assert told.spread == pytest.approx(stdev(told.test))
    else:
        assert told.spread is None
    seconds = [r.get("cpu_seconds") for r in records]
    assert told.cpu_seconds == (None if None in seconds else pytest.approx(fmean(seconds)))


def test_a_table_shows_each_summary_in_a_row_of_its_own():
    table = as_table(LADDER)
    for name, (says, row) in zip(LADDER, table.iterrows(), strict=True):
        told = summary(name)
        assert (says, row["accuracy, %"]) == (told.says, f"{told.mean:.2f} ± {told.spread:.2f}")
        wanted = [f"{told.n_parameters:,}", f"{told.cpu_seconds:,.0f}", len(told.test)]
        assert row.tolist()[1:] == wanted


def test_what_is_not_recorded_is_said_to_be_missing(unrecorded):
    assert summary(unrecorded) is None
    assert as_table([unrecorded])["accuracy, %"].tolist() == ["not yet recorded"]
    assert commands([unrecorded]) == "" and len(as_tried([unrecorded])) == 0


def test_chance_is_welchs_test(monkeypatch):
    """By a table: t is 3 / sqrt(2 / 3) with 4 degrees of freedom where both spreads are equal."""
    tests = {"one": (1.0, 2.0, 3.0), "other": (4.0, 5.0, 6.0), "wide": (1.0, 5.0, 9.0)}
    monkeypatch.setattr(tables, "summary", lambda name: SimpleNamespace(test=tests[name]))
    assert chance("one", "other") == chance("other", "one") == pytest.approx(0.02131, abs=1e-5)
    # Unequal spreads have 2.25 degrees of freedom; with Student's 4 it would be 0.276.
    assert chance("one", "wide") == pytest.approx(0.32253, abs=1e-5)
    assert chance("one", "one") == pytest.approx(1)


def test_pairs_count_the_digits_that_only_one_reads(monkeypatch):
    """Of eight coins one on the other side: by hand, p is twice (1 + 8) of 256."""
    wrong = {
        "one": {0: [1, 2, 9], 1: [5], 2: None},
        "other": {1: [5], 0: [*range(2, 8), 9, 10, 11], 3: []},
    }
    runs = {
        name: [SimpleNamespace(seed=seed, wrong=some) for seed, some in of.items()]
        for name, of in wrong.items()
    }
    monkeypatch.setattr(tables, "recorded", runs.get)
    table = in_pairs("one", "other")
    assert table.index.tolist() == [0, 1]
    assert table.iloc[0].tolist() == [7, 1, pytest.approx(2 * (1 + 8) / 256)]
    assert table.iloc[1].tolist() == [0, 0, 1]


def test_a_summary_is_shown_as_mean_and_deviation():
    def shown(*test):
        return Summary(
            "linear", "a linear layer", 7850, None, test, test, (*range(len(test)),)
        ).shown

    assert shown(99.0) == "99.00"
    assert shown(98.0, 99.0, 100.0) == "99.00 ± 1.00"
    assert shown(98.0, 100.0) == "99.00 ± 1.41"


def test_runs_without_a_test_figure_show_their_last_epoch():
    tried = [name for name in RECIPES if name.startswith("tried-") and recorded(name)]
    runs = [run for name in tried for run in recorded(name)]
    for run, (says, row) in zip(runs, as_tried(tried).iterrows(), strict=True):
        last = run.curve[-1]
        assert says == RECIPES[run.model].says
        read = [f"{last['validation_accuracy']:.2f}", f"{last['validation_bits']:.4f}"]
        assert row.tolist() == [*read, len(run.curve), f"{run.cpu_seconds:,.0f}"]


def test_of_a_run_elsewhere_no_processor_seconds_are_shown(monkeypatch):
    run = msgspec.structs.replace(recorded("final")[0], cpu_seconds=None)
    monkeypatch.setattr(tables, "recorded", lambda name: [run])
    for table in (as_tried(["tried-sixteen"]), as_table(["final"])):
        assert table["CPU seconds"].tolist() == ["–"]
    assert len(tables.draw_ladder(["final"])[1].lines) == 0
    plt.close("all")


def test_of_a_run_on_the_validation_digits_no_validation_is_shown():
    (run,) = recorded("final_all")
    assert run.configuration["trained_on"] == "training and validation"
    assert summary("final_all").validation == () and as_tried(["final_all"]).empty
    assert not tables.draw_curves(["final_all", "linear"]).get_lines()[3:]
    plt.close("all")


def test_every_record_has_its_command():
    text = commands(RECIPES)
    assert max(map(len, text.splitlines())) <= 80
    lines = text.replace(" \\\n  ", " ").splitlines()
    assert lines == [run.command for name in RECIPES for run in recorded(name)]
    assert not re.search(r"--[\w-]+ \\\n  [^-]", text)  # no option is cut off from its value
    assert len(lines) == sum(len(recorded(name)) for name in RECIPES)
    pattern = re.compile(r"python -m bareattention\.train .*--model (\S+) .*--seed (\d+) ")
    said = [pattern.match(line).groups() for line in lines]
    assert said == [(run.model, str(run.seed)) for name in RECIPES for run in recorded(name)]


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match=r"name: wanted one of linear, .*, got 'nothing'"):
        summary("nothing")


def test_the_picture_holds_a_point_for_each_model_and_each_published_result():
    by_size, by_time = tables.draw_ladder(LADDER)
    places = [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in by_size.get_lines()
        if len(line.get_xdata()) == 1
    ]
    for name in LADDER:
        told = summary(name)
        assert (told.n_parameters, pytest.approx(100 - told.mean)) in places
    for other in PUBLISHED:
        if other.n_parameters is None:
            continue
        assert (other.n_parameters, pytest.approx(100 - other.test_accuracy)) in places
    assert by_size.get_ylim() == by_time.get_ylim()
    low, high = by_size.get_ylim()
    assert 0 < low < min(y for _, y in places) and max(y for _, y in places) < high
    sides = {text.get_text().replace("\n", " "): text.get_ha() for text in by_size.texts}
    assert sides["LeNet-5"] == "right" and sides["linear classifier"] == "left"  # of their points
    plt.close("all")


def test_the_front_page_shows_three_models_by_name_and_an_arrow():
    ax = tables.draw_climb()
    told = [summary(name) for name in ("linear", "rows", "final")]
    points = [(each.n_parameters, pytest.approx(100 - each.mean)) for each in told]
    assert [line.get_xydata()[0].tolist() for line in ax.get_lines()] == [[*p] for p in points]
    says = [text.get_text().replace("\n", " ") for text in ax.texts if text.get_text()]
    assert says == [
        "a linear layer on all pixels",
        "one attention head on rows of pixels",
        "the final model",
    ]
    (arrow,) = (text for text in ax.texts if text.arrow_patch)
    assert (*arrow.xy, *arrow.xyann) == (*points[2], *points[1])
    plt.close("all")


def test_the_curves_are_those_of_the_records():
    ax = tables.draw_curves(["linear", "patches"])
    wanted = [
        [100 - epoch["validation_accuracy"] for epoch in run.curve]
        for name in ("linear", "patches")
        for run in recorded(name)
    ]
    assert [list(line.get_ydata()) for line in ax.get_lines()] == wanted
    names = {text.get_text().replace("\n", " "): text.get_color() for text in ax.texts}
    assert names == {RECIPES[name].says: f"C{i}" for i, name in enumerate(("linear", "patches"))}
    low, high = ax.get_ylim()
    for text, name in zip(ax.texts, ("linear", "patches"), strict=True):  # at its curves' ends
        end = fmean(100 - run.curve[-1]["validation_accuracy"] for run in recorded(name))
        assert text.get_position()[1] == pytest.approx(math.log(end / low) / math.log(high / low))
    plt.close("all")


def test_a_published_result_says_where_it_is_from():
    wrong = [12, 0.95, 0.8, 0.4, 0.23, 0.35]  # percent, as the sources say
    for other, of in zip(PUBLISHED, wrong, strict=True):
        assert other.source.startswith("https://")
        assert other.test_accuracy == pytest.approx(100 - of)
    table = as_published()
    assert table["accuracy, %"].astype(float).tolist() == [o.test_accuracy for o in PUBLISHED]
    assert table["distorted digits"].tolist().count("no") == 2
