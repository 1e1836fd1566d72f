"""The watch and the checks must see what is wrong: each on a page with one fault planted."""

import pytest
from browser import serve
from page_checks import headings, images, overflow, raw_math, traces

PAGE = """<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8"><title>Planted</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"></head>
<body><main><article><h1>Title</h1>{planted}</article></main></body></html>
"""
PICTURE = (
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"  # one pixel
)


@pytest.fixture
def open_planted(visitor, tmp_path):
    """Open a page with something planted in it, served or from the disk."""
    with serve(tmp_path) as address:

        def open_planted(planted: str, from_disk: bool = False, **options):
            path = tmp_path / "page.html"
            path.write_text(PAGE.format(planted=planted), "utf8")
            url = path.as_uri() if from_disk else f"{address}/page.html"
            return visitor.open(url, **options)

        yield open_planted


FAULTS = {
    '<img alt="a" src="https://example.org/a.png">': "asks another host",
    '<script src="//cdn.example.org/a.js"></script>': "asks another host",
    "<script>fetch('https://example.org/a').catch(() => {})</script>": "asks another host",
    "<script>new WebSocket('wss://example.org/a')</script>": "asks another host",
    "<script>console.error('planted')</script>": "error in the console: planted",
    "<script>notThere()</script>": "error on the page",
    "<script>Promise.reject(new Error('planted'))</script>": "error on the page",
    '<script src="not-there.js"></script>': "answered with 404",
    '<img alt="a" src="not-there.png">': "answered with 404",
}


@pytest.mark.parametrize(("planted", "fault"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_fault_is_noted(open_planted, planted, fault):
    visit = open_planted(planted)
    for _ in range(50):  # a busy machine may bring the news late
        if any(found.startswith(fault) for found in visit.faults):
            return
        visit.page.wait_for_timeout(100)
    pytest.fail(f"noted only: {visit.faults}")


@pytest.mark.parametrize(
    "planted", ['<img alt="a" src="https://example.org/a.png">', '<img alt="a" src="no.png">']
)
def test_a_fault_is_noted_on_a_page_from_the_disk(open_planted, planted):
    assert open_planted(planted, from_disk=True).faults != []


@pytest.mark.parametrize("from_disk", [False, True])
def test_a_whole_page_has_no_faults(open_planted, from_disk):
    visit = open_planted(
        f'<h2>Next</h2><p>A link to <a href="https://example.org">another host</a>, '
        f"and <code>\\(x\\)</code> as code.</p>"
        f'<div style="overflow-x: auto"><div style="width: 3000px">wide</div></div>'
        f'<img alt="one pixel" src="{PICTURE}">',
        from_disk,
        viewport={"width": 390, "height": 844},
    )
    assert visit.faults == []
    for check in (overflow, raw_math, images, headings, traces):
        assert check(visit.page) == []


@pytest.mark.parametrize(
    ("check", "planted"),
    [
        (overflow, '<div style="width: 500px">wide</div>'),
        (raw_math, "<p>So $x = 1$ it is.</p>"),
        (raw_math, r'<p><span class="math">\(x\)</span></p>'),
        (raw_math, r"<p>So \[ x \] it is.</p>"),
        (images, f'<img src="{PICTURE}">'),
        (images, f'<img alt="" src="{PICTURE}">'),
        (images, '<img alt="a picture" src="not-there.png">'),
        (headings, "<h3>Level 2 is skipped</h3>"),
        (headings, "<h1>A second title</h1>"),
        (traces, '<div class="cell"><pre>#| export\nx = 1</pre></div>'),
        (traces, "<p>hide-output</p>"),
    ],
)
def test_a_bad_page_is_seen(open_planted, check, planted):
    visit = open_planted(planted, viewport={"width": 390, "height": 844})
    assert check(visit.page) != []
