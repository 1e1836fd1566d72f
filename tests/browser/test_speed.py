"""The first seconds of a visit with 4 Mbit/s and a processor four times slower than this one.

Times on a busy machine say little, so each page is held against a bare copy of itself, without
style, script and picture, which is measured in turn with it.
"""

import re
from statistics import median

import pytest
from hosting import host

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
VISITS = [("index", WIDE), ("book/03_queries_keys_values", PHONE)]
ROUNDS = 3
LARGEST, SHIFT = 1_200, 0.02  # milliseconds, and the share of the window that moves
BARE = 200  # what a bare copy takes on an idle machine
PARTS = re.compile(r"<(link|img)\b[^>]*>|<script\b.*?</script>", re.DOTALL)
WATCH = """
  window.paint = window.shift = 0;
  const watch = (type, note) => new PerformanceObserver((list) => list.getEntries().forEach(note))
    .observe({ type, buffered: true });
  watch('largest-contentful-paint', (entry) => { paint = entry.startTime; });
  watch('layout-shift', (entry) => { shift += entry.value; });
"""
NETWORK = {"offline": False, "latency": 40, "downloadThroughput": 5e5, "uploadThroughput": 5e5}


def first_seconds(browser, url: str, window: dict) -> tuple[float, float]:
    """Return when the largest paint of a first visit came, in ms, and how far the page moved."""
    with browser.new_context(viewport=window) as context:
        page = context.new_page()
        page.set_default_timeout(120_000)
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", NETWORK)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.add_init_script(WATCH)
        page.goto(url)
        page.evaluate("document.fonts.ready.then(() => true)")
        page.wait_for_timeout(300)
        return page.evaluate("[paint, shift]")


@pytest.mark.parametrize(("name", "window"), VISITS, ids=["wide", "phone"])
def test_a_first_visit_is_quick_and_nothing_moves(chromium_browser, book, tmp_path, name, window):
    site = tmp_path / "site"
    site.mkdir()
    for part in book.iterdir():
        (site / part.name).symlink_to(part)
    bare = PARTS.sub("", (book / f"{name}.html").read_text("utf8"))
    (site / "bare.html").write_text(bare, "utf8")
    with host(site) as address:
        urls = [f"{address}/bare.html", f"{address}/{name}.html"]
        plain, paints, shifts = [], [], []
        for _ in range(ROUNDS):
            plain.append(first_seconds(chromium_browser, urls[0], window)[0])
            paint, shift = first_seconds(chromium_browser, urls[1], window)
            paints.append(paint)
            shifts.append(shift)
    assert median(shifts) <= SHIFT
    slower = max(1, median(plain) / BARE)
    assert min(paints) <= LARGEST * slower, f"bare: {plain} ms, the page: {paints} ms"
