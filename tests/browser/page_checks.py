"""What can be wrong with an open page: each check returns a list of sentences, best empty."""

from importlib.resources import files

from browser import PICTURES

AXE = files("axe_playwright_python") / "axe.min.js"
RUN_AXE = """() => axe.run({
  rules: { 'label-content-name-mismatch': { enabled: true } },
  resultTypes: ['violations'],
  preload: false, // from the disk nothing can be fetched
}).then((found) => found.violations.flatMap((rule) => rule.nodes.map(
  (node) => `${rule.id}: ${node.target} ${node.html.slice(0, 120)}`)))"""


def barriers(page) -> list[str]:
    """Find what axe-core complains about."""
    page.add_script_tag(content=AXE.read_text("utf8"))
    return page.evaluate(RUN_AXE)


def overflow(page) -> list[str]:
    """Find what makes the page wider than its window.  Boxes that scroll in themselves may."""
    return page.evaluate(
        """() => {
          const width = document.documentElement.clientWidth;
          if (document.scrollingElement.scrollWidth <= width) return [];
          const inBox = (e) => {
            for (let box = e.parentElement; box && box !== document.body; box = box.parentElement)
              if (getComputedStyle(box).overflowX !== 'visible') return true;
            return false;
          };
          const wide = [...document.body.querySelectorAll('*')].filter(
            (e) => e.getBoundingClientRect().right > width + 1 && !inBox(e));
          return ['the page is wider than its window',
                  ...wide.slice(0, 3).map((e) => 'too wide: ' + e.outerHTML.slice(0, 120))];
        }"""
    )


def raw_math(page) -> list[str]:
    """Find formulas that are not set, and formulas that could not be read."""
    return page.evaluate(
        r"""() => {
          const faults = [];
          for (const box of document.querySelectorAll('main .math'))
            if (!box.querySelector('math') || !box.clientHeight && box.offsetParent)
              faults.push('formula not set: ' + box.textContent.slice(0, 80));
          const text = document.createTreeWalker(
            document.querySelector('main') ?? document.body, NodeFilter.SHOW_TEXT);
          while (text.nextNode()) {
            const node = text.currentNode;
            if (node.parentElement.closest('pre, code, script, style')) continue;
            if (/\$|\\[()[\]]/.test(node.data))
              faults.push('raw formula: ' + node.data.trim().slice(0, 80));
          }
          return faults;
        }"""
    )


def images(page) -> list[str]:
    """Find pictures that are not there, and pictures in the text that are not described."""
    page.evaluate(PICTURES)
    return page.evaluate(
        """() => [...document.images].flatMap((image) => {
          const faults = [], name = image.outerHTML.slice(0, 120);
          if (!image.complete || !image.naturalWidth) faults.push('picture not loaded: ' + name);
          const silent = image.closest('a')?.innerText.trim(); // its link says it
          if (!image.hasAttribute('alt') || (image.closest('main') && !silent && !image.alt.trim()))
            faults.push('picture without alt text: ' + name);
          return faults;
        })"""
    )


def headings(page) -> list[str]:
    """Find a missing or second title, and levels that are skipped."""
    levels = page.evaluate(
        """() => [...document.querySelectorAll('article :is(h1, h2, h3, h4, h5, h6)')]
                 .map((h) => [Number(h.tagName[1]), h.textContent.trim()])"""
    )
    ones = sum(level == 1 for level, _ in levels)
    faults = [] if ones == 1 else [f"{ones} titles of the first level"]
    before = 0
    for level, text in levels:
        if level > before + 1:
            faults.append(f"level {level} after level {before}: {text}")
        before = level
    return faults


def traces(page) -> list[str]:
    """Find what is meant for the machinery and not for readers: cells' tags, extraction marks."""
    return page.evaluate(
        r"""() => {
          const marks = /^\s*(#\s?\||#\s*export\b|%%|\{\{)|\b(remove|hide)-(cell|input|output)\b/m;
          return [...document.querySelectorAll('article .cell, article p')]
            .filter((e) => marks.test(e.innerText))
            .map((e) => 'a trace of the machinery: ' + e.innerText.slice(0, 80));
        }"""
    )


def fold(page, closed: bool) -> None:
    """Close everything that folds, or open it."""
    page.evaluate(
        "(closed) => document.querySelectorAll('main details').forEach((d) => d.open = !closed)",
        closed,
    )
