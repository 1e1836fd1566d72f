"""How soon an element answers: from what the reader does to the frame that shows the answer.

A busy machine is slow now and then, so the best of a few tries counts.
"""

from statistics import median

import pytest
from browser import serve
from touch_examples import EXAMPLES
from touch_page import shown, write

from bareattention import random_embeddings, touch
from bareattention.touch.models import model_script
from bareattention.touch.script import script

FIRST, LATER = 300, 33  # milliseconds; waiting for the frame takes up to 17 of them
TRIES = 3
PAINTED = """
  window.painted = () => new Promise((resolve) => requestAnimationFrame(() => {
    const after = new MessageChannel();
    after.port1.onmessage = () => resolve(performance.now());
    after.port2.postMessage(0);
  }));
"""
# An element that is awake has its answer in the page.
WAKES = """
  new MutationObserver(async () => {
    if (!document.querySelector('.touch[awake]')) return;
    const end = await painted();
    window.took ??= end - performance.getEntriesByType('resource')
      .find((entry) => entry.name.includes('/touch-')).responseEnd;
  }).observe(document, { subtree: true, childList: true, attributes: true });
"""
# How long 20 acts take, and how many different answers they have.
ACTS = """async (act) => {
  const root = document.querySelector('.touch').shadowRoot;
  const times = [], answers = new Set();
  for (let k = 0; k < 20; k++) {
    await new Promise((resolve) => setTimeout(resolve, 20 + 5 * (k % 4)));
    const start = performance.now();
    new Function('root', 'k', act)(root, k);
    times.push(await painted() - start);
    answers.add(root.querySelector('.answer, .sum').textContent);
  }
  return [times, answers.size];
}"""
PICK = "root.querySelectorAll('.picks button')[k % 10].click()"
POINT = """root.querySelectorAll('.cell')[17 * k % 256]
  .dispatchEvent(new PointerEvent('pointerenter', { pointerType: 'mouse' }))"""
STEP = """root.querySelector('canvas')
  .dispatchEvent(new KeyboardEvent('keydown', { key: k < 10 ? 'ArrowDown' : 'ArrowUp' }))"""


def heads(tokens: int):
    """The weights of two heads."""
    parts = random_embeddings(6 * tokens, 16, seed=1).view(3, 2, tokens, 16)
    return touch.matrix([f"t{i}" for i in range(tokens)], *parts)


@pytest.mark.parametrize("name", ["cards", "digit"])
def test_the_first_answer_comes_soon_after_the_model(visitor, tmp_path, name):
    element = EXAMPLES[name]().html(with_script=False)
    write(tmp_path / "page.html", f"<script>{PAINTED}{WAKES}{script()}</script>{element}")
    (tmp_path / f"touch-{name}.js").write_text(model_script(name), "utf8")
    took = []
    with serve(tmp_path) as address:
        for _ in range(TRIES):
            page = visitor.open(f"{address}/page.html").page
            took.append(page.wait_for_function("window.took").json_value())
    assert min(took) <= FIRST, f"{took} ms"


@pytest.mark.parametrize(
    ("figure", "act"),
    [
        pytest.param(EXAMPLES["cards"], PICK, id="cards"),
        pytest.param(EXAMPLES["digit"], PICK, id="digit"),
        pytest.param(lambda: heads(16), POINT, id="the largest table that is written"),
        pytest.param(lambda: heads(49), STEP, id="a table that is painted"),
    ],
)
def test_later_answers_come_soon(visitor, tmp_path, figure, act):
    page = shown(visitor, tmp_path / "page.html", figure())
    page.evaluate(PAINTED)
    rounds = [page.evaluate(ACTS, act) for _ in range(TRIES)]
    assert all(answers >= 10 for _, answers in rounds)
    medians = [median(times) for times, _ in rounds]
    assert min(medians) <= LATER, f"{medians} ms"
