// What the theme leaves out for readers who use the keyboard or a screen reader.
const all = (selector) => document.querySelectorAll(selector);
const SCROLLERS =
  "div.math, .highlight pre, .cell_output pre, .output.text_html, .pst-scrollable-table-container";

// A folded cell is called what is written on it, and the book's name is a way to its beginning.
all("details.hide > summary").forEach((summary) => summary.removeAttribute("aria-label"));
all(".sidebar-primary-item:has(> .navbar-brand)").forEach((item) => {
  item.setAttribute("role", "navigation");
  item.setAttribute("aria-label", "Beginning of the book");
});

// What is wider than its place scrolls in it, so the keyboard must get there too.
function reachWide() {
  all("p mjx-container:not([display]), li mjx-container:not([display])").forEach((formula) => {
    formula.classList.remove("wide");
    const column = formula.closest("p, li").clientWidth;
    formula.classList.toggle("wide", formula.getBoundingClientRect().width > column);
  });
  all(SCROLLERS).forEach((box) => {
    if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}

window.MathJax?.startup?.promise?.then(reachWide) ?? reachWide();
window.addEventListener("load", reachWide);
window.addEventListener("resize", reachWide);
document.addEventListener("toggle", reachWide, true); // of <details>, which does not bubble

// "Predict, then run": the text that gives the answer waits until its output has been opened.
// Where the browser can, a search within the page still finds it, and opens the output.
all(".cell.tag_predict").forEach((cell) => {
  const fold = cell.querySelector("details");
  const answer = [];
  let next = cell.nextElementSibling;
  // A folded check of the prediction may stand between the two.
  const ends = "section, .admonition, .cell:not(.tag_hide-output), .cell.tag_predict";
  while (next && !next.matches(ends)) {
    if (!next.matches(".cell")) answer.push(next);
    next = next.nextElementSibling;
  }
  if (!fold || !answer.length) return;
  const note = document.createElement("p");
  note.className = "waiting";
  note.textContent = "The text goes on once you have looked.";
  cell.after(note);
  const wait = () => {
    note.hidden = fold.open;
    answer.forEach((part) => {
      if (fold.open) part.removeAttribute("hidden");
      else part.setAttribute("hidden", "until-found");
    });
  };
  answer.forEach((part) => part.addEventListener("beforematch", () => (fold.open = true)));
  fold.addEventListener("toggle", wait);
  window.addEventListener("beforeprint", () => answer.forEach((part) => part.removeAttribute("hidden")));
  wait();
});
