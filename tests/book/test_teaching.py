"""The instructor's page agrees with the chapters, the exercises and itself."""

import re

import pytest
from booklint.pages import BOOK, paths, read

from bareattention.exercises import EXERCISES

TEXT = (BOOK / "teaching.md").read_text("utf8")
CHAPTERS = {page.number: page for page in map(read, paths()) if page.number}
BLOCKS = {
    int(block.split(" ")[0]): block.partition("\n\n")[0]
    for block in re.split(r"^- \*\*(?=\d+ · \[)", TEXT, flags=re.MULTILINE)[1:]
}
BELIEFS = TEXT.partition("## The projects")[0]
NEVER_SPLIT = {"Exercises", "Sources", "Solutions"}
IN_THE_REST = {"You will be able to", "Limits and fine print", "Recap", "The next question"}
PROJECT = 90
WEEKS = re.findall(
    r"^\| \d+ weeks \| \d+ \| (\d+)(?:–(\d+))? \| (.+) \| ([\d½]+) \|$", TEXT, re.MULTILINE
)


def prose(number):
    return "\n\n".join(cell.source for cell in CHAPTERS[number].markdown_cells)


def headings(number):
    return re.findall(r"^## (.+)$", prose(number), re.MULTILINE)


def minutes(number):
    return int(re.search(r"about (\d+) minutes", prose(number))[1])


def exercises(number):
    text = prose(number).partition("\n## Exercises\n")[2].partition("\n## ")[0]
    return {f"{number}.{n}" for n in re.findall(r"^\*\*(\d+)\.\*\*", text, re.MULTILINE)}


def timed(number):
    """Minutes of the chapter's exercises: those to be checked, then the others."""
    line = re.search(r"^  - Exercises: (.+)\.$", BLOCKS[number], re.MULTILINE)[1]
    parts = line.partition("; without `check`: ")[::2]
    return [{n: int(m) for n, m in re.findall(r"`(.+?)` \((\d+)\)", part)} for part in parts]


def test_every_chapter_appears_once_in_order():
    assert list(BLOCKS) == sorted(CHAPTERS)


@pytest.mark.parametrize("number", sorted(CHAPTERS))
def test_question_and_minutes_are_the_chapters_own(number):
    question = re.match(r"# (.+)", prose(number))[1]
    name = CHAPTERS[number].path.name
    start = f"{number} · [{question}]({name})**\n  {minutes(number)} minutes: "
    assert BLOCKS[number].startswith(start)


@pytest.mark.parametrize("number", sorted(CHAPTERS))
def test_sections_are_the_chapters_own_and_their_minutes_add_up(number):
    line = BLOCKS[number].partition(" minutes: ")[2].partition(".\n")[0]
    parts = [re.fullmatch(r"(.+) – (\d+)", part).groups() for part in line.split(" · ")]
    own = [each for each in headings(number) if each not in NEVER_SPLIT | IN_THE_REST]
    assert [name for name, _ in parts] == [*own, "the rest"]
    assert sum(int(part) for _, part in parts) == minutes(number)
    assert all(int(part) > 0 for _, part in parts)


@pytest.mark.parametrize("number", sorted(CHAPTERS))
def test_every_exercise_has_its_minutes_and_says_whether_it_is_checked(number):
    checked, others = timed(number)
    assert sorted([*checked, *others]) == sorted(exercises(number))
    assert set(checked) == set(EXERCISES) & exercises(number)
    assert all(5 <= each <= 20 for each in (checked | others).values())


def test_the_opening_says_how_much_there_is():
    times = [time for number in CHAPTERS for part in timed(number) for time in part.values()]
    said = r"about (\d+) hours to read and run, the (\d+) exercises about (\d+)"
    hours = round(sum(map(minutes, CHAPTERS)) / 60), len(times), round(sum(times) / 60)
    assert tuple(map(int, re.search(said, TEXT.replace("\n", " ")).groups())) == hours


@pytest.mark.parametrize("number", sorted(CHAPTERS))
def test_every_misconception_is_met_in_a_section_of_its_chapter(number):
    titles = re.findall(r"^##+ (.+)$", prose(number), re.MULTILINE)
    rows = re.findall(rf"^\| {number} \| [^|]+ \| (.+) \| .+ \|$", BELIEFS, re.MULTILINE)
    assert len(rows) >= 2
    for met in rows:
        named = re.findall(r"\*(.+?)\*", met)
        assert named and all(any(t.startswith(each) for t in titles) for each in named), met


def test_every_exercise_that_is_named_exists():
    known = set().union(*map(exercises, CHAPTERS))
    assert set(re.findall(r"\b\d+\.\d+\b", TEXT)) <= known


@pytest.mark.parametrize("week", WEEKS)
def test_the_hours_of_a_week_are_those_of_its_chapters_exercises_and_projects(week):
    first, last, work, hours = week
    chapters = range(int(first), int(last or first) + 1)
    total = sum(map(minutes, chapters)) + PROJECT * work.count("project")
    for name in re.findall(r"`(.+?)`", work):
        checked, others = timed(int(name.partition(".")[0]))
        total += (checked | others)[name]
    assert float(hours.replace("½", ".5")) == round(total / 30) / 2


def test_three_courses_have_their_weeks():
    assert len(WEEKS) == 2 + 6 + 14
