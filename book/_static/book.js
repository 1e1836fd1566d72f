// What the theme leaves out for readers who use the keyboard, a screen reader or paper.
const all = (selector) => document.querySelectorAll(selector);
const SCROLLERS =
  "div.math, span.math.wide, .highlight pre, .cell_output pre, .output.text_html, .pst-scrollable-table-container";

// What is wider than its place scrolls in it, so the keyboard must get there too.  All is measured
// before anything is changed, because each change after a look makes the browser lay the page out.
function reachWide() {
  const formulas = [...all("span.math")];
  formulas.forEach((formula) => formula.classList.remove("wide"));
  const wide = formulas.map((formula) => {
    const column = formula.closest("p, li, td, th, dd, figcaption, article").clientWidth;
    return formula.firstChild.getBoundingClientRect().width > column;
  });
  formulas.forEach((formula, i) => formula.classList.toggle("wide", wide[i]));
  const boxes = [...all(SCROLLERS)];
  const scrolls = boxes.map((box) => box.scrollWidth > box.clientWidth + 1);
  boxes.forEach((box, i) => {
    if (scrolls[i]) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  });
}

// "Predict, then run": the text that gives the answer waits until its output has been opened.
// Where the browser can, a search within the page still finds it, and opens the output.
function letAnswersWait() {
  all(".cell.waits").forEach((cell) => {
    const fold = cell.querySelector("details");
    const answer = [];
    for (let next = cell.nextElementSibling; next; next = next.nextElementSibling) {
      if (next.matches(".cell.tag_predict")) break;
      if (next.matches(".answer")) answer.push(next);
    }
    const wait = () =>
      answer.forEach((part) => {
        if (fold.open) part.removeAttribute("hidden");
        else part.setAttribute("hidden", "until-found");
      });
    answer.forEach((part) => part.addEventListener("beforematch", () => (fold.open = true)));
    fold.addEventListener("toggle", wait);
    wait();
  });
  document.documentElement.classList.add("ready"); // until then book.css hides them
}

// A picture that is tapped is enlarged, so that its words can be read on a phone too.
function letPicturesGrow() {
  const dialog = document.createElement("dialog");
  dialog.className = "enlarged";
  dialog.setAttribute("aria-label", "Picture, enlarged");
  dialog.innerHTML = "<button type='button'>Close</button><div></div>";
  dialog.addEventListener("click", () => dialog.close());
  let small;
  dialog.addEventListener("close", () => small.focus({ preventScroll: true }));
  const enlarge = (picture) => {
    small = picture;
    const large = picture.cloneNode();
    ["role", "tabindex", "aria-haspopup", "loading"].forEach((name) => large.removeAttribute(name));
    const [width, height] = [large.getAttribute("width"), large.getAttribute("height")].map(Number);
    const fits = Math.min((innerWidth - 48) / width, (innerHeight - 88) / height);
    large.style.width = `${width * Math.max(1, Math.min(2, fits))}px`;
    large.style.height = "auto";
    dialog.lastChild.replaceChildren(large);
    dialog.showModal();
  };
  all("article :is(figure, .cell_output) img[width]").forEach((picture) => {
    picture.closest("a.image-reference")?.replaceWith(picture); // Sphinx links some to their file
    if (picture.closest("a, .touch")) return;
    picture.tabIndex = 0;
    picture.setAttribute("role", "button");
    picture.setAttribute("aria-haspopup", "dialog");
    picture.addEventListener("click", () => enlarge(picture));
    picture.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      enlarge(picture);
    });
  });
  document.body.append(dialog);
}

// The theme takes the focus from a button that has a tooltip, and so from the drawers it opens.
function keepFocus() {
  all('button[data-bs-toggle="tooltip"]').forEach((button) => {
    button.addEventListener("click", (event) => {
      if (event.detail === 0) button.focus({ preventScroll: true }); // pressed by a key
    });
  });
  ["primary", "secondary"].forEach((side) => {
    document.getElementById(`pst-${side}-sidebar-modal`)?.addEventListener("close", () => {
      document.querySelector(`.${side}-toggle`)?.focus({ preventScroll: true });
    });
  });
}

// On paper nothing folds, and ink is dark.
const opened = [];
const root = document.documentElement.dataset;
let theme;
window.addEventListener("beforeprint", () => {
  theme = root.theme;
  root.theme = "light";
  all("article details:not([open])").forEach((fold) => opened.push(fold));
  opened.forEach((fold) => (fold.open = true));
});
window.addEventListener("afterprint", () => {
  root.theme = theme;
  opened.splice(0).forEach((fold) => (fold.open = false));
});

function start() {
  // A folded cell is called what is written on it, and the book's name is a way to its beginning.
  all("details.hide > summary").forEach((summary) => summary.removeAttribute("aria-label"));
  all(".sidebar-primary-item:has(> .navbar-brand)").forEach((item) => {
    item.setAttribute("role", "navigation");
    item.setAttribute("aria-label", "Beginning of the book");
  });
  letAnswersWait();
  letPicturesGrow();
  keepFocus();
}

// This script runs as soon as it is here, and the page is whole before the slow ones have run.
if (document.readyState === "loading")
  document.addEventListener("readystatechange", start, { once: true });
else start();

if (document.readyState === "complete") reachWide();
else window.addEventListener("load", reachWide);
window.addEventListener("resize", reachWide);
document.addEventListener("toggle", reachWide, true); // of <details>, which does not bubble
