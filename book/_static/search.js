// Answer a query: terms of the glossary first, the chapters that they belong to, then the pages that
// say most about the words.  Works from a disk, too: all texts are in searchtexts.js.
/* global Stemmer, TEXTS */
const stemmer = new Stemmer();
const GLOSSARY = "book/glossary";
const HEADING = 4; // a word in a heading counts as much as so many in the prose
const TITLE = 8;
const CODE = 0.3;
const REFERENCE = 0.6; // pages without a number, where words are listed rather than explained

// British and American spelling, singular and plural are the same.
const stem = (word) =>
  stemmer.stemWord(word.toLowerCase().replace(/is(?=(e|es|ed|er|ing|ations?)$)/, "iz"));
const words = (text) => (text.match(/[\p{L}\p{N}_]+/gu) ?? []).map(stem);

function count(text, weight, counts = new Map()) {
  words(text).forEach((word) => counts.set(word, (counts.get(word) ?? 0) + weight));
  return counts;
}

// All that is searched: for each page and each of its sections, how often it has each word.
function readPages() {
  return Object.entries(TEXTS).map(([name, [title, sections]]) => {
    const all = count(title, TITLE);
    const parts = sections.map(([anchor, heading, prose, code]) => {
      const counts = count(heading, HEADING);
      count(prose, 1, counts);
      count(code, CODE, counts);
      counts.forEach((n, word) => all.set(word, (all.get(word) ?? 0) + n));
      return { anchor, heading, prose, counts };
    });
    return { name, title, counts: all, parts, weight: /^\d+ · /.test(title) ? 1 : REFERENCE };
  });
}

const size = (counts) => [...counts.values()].reduce((sum, n) => sum + n, 0);

// How often each word of the query is said, whole or, if nobody says it, as a beginning.
function saidIn(counts, word, known) {
  if (known.has(word)) return counts.get(word) ?? 0;
  let sum = 0;
  if (word.length > 2) counts.forEach((n, other) => (sum += other.startsWith(word) ? n : 0));
  return sum;
}

// BM25: rare words count more, the tenth time counts less than the first, and so does a long text,
// as far as `fair` says, from 0 to 1.
function ranked(texts, query, fair) {
  const known = new Set(texts.flatMap(({ counts }) => [...counts.keys()]));
  const sizes = texts.map(({ counts }) => size(counts));
  const mean = sizes.reduce((sum, n) => sum + n, 0) / texts.length;
  const scores = texts.map(() => 0);
  query.forEach((word) => {
    const said = texts.map(({ counts }) => saidIn(counts, word, known));
    const having = said.filter(Boolean).length;
    const rare = Math.log(1 + (texts.length - having + 0.5) / (having + 0.5));
    said.forEach((n, i) => {
      scores[i] += (rare * n) / (n + 1.2 * (1 - fair + (fair * sizes[i]) / mean));
    });
  });
  return texts
    .map((text, i) => ({ ...text, score: scores[i] * (text.weight ?? 1) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score); // equal ones stay in the book's order
}

// The term of the glossary that has most words in common with the query, where one is in the other;
// "Also called" and the like bring another name for it.
function namedTerm(glossary, query) {
  const common = (term) => term.filter((word) => query.includes(word)).length;
  return glossary.parts
    .filter(({ anchor }) => anchor.startsWith("term-"))
    .flatMap((part) => {
      const others = [...part.prose.matchAll(/(?:also|often) called ([^.,;(]+)/gi)].map((m) => m[1]);
      return [part.heading, ...others].map((name) => ({ part, term: words(name) }));
    })
    .filter(({ term }) => common(term) === Math.min(term.length, query.length))
    .sort((a, b) => common(b.term) - common(a.term) || a.term.length - b.term.length)[0]?.part;
}

function answers(pages, query) {
  const found = ranked(pages, query, 0.75).map((page) => {
    return { page, part: ranked(page.parts, query, 0.2)[0] };
  });
  const glossary = pages.find(({ name }) => name === GLOSSARY);
  const term = glossary && namedTerm(glossary, query);
  if (!term) return found;
  const chapter = term.prose.match(/Chapter (\d+)$/)?.[1];
  const belongs = ({ page }) => page.title.startsWith(`${chapter} · `);
  const others = found.filter(({ page }) => page.name !== GLOSSARY);
  const rest = others.filter((answer) => !belongs(answer));
  return [{ page: glossary, part: term }, ...others.filter(belongs), ...rest];
}

// About two lines around the first sentence that has a word of the query, with the words marked.
function excerpt(prose, query) {
  const line = document.createElement("p");
  line.className = "context";
  const sentences = prose.match(/[^.?!]+[.?!]*\s*/g) ?? [];
  const isAsked = (word) => query.some((asked) => stem(word).startsWith(asked));
  const has = (sentence) => (sentence.match(/[\p{L}\p{N}_]+/gu) ?? []).some(isAsked);
  const first = Math.max(0, sentences.findIndex(has));
  let text = sentences.slice(first).join("").trim();
  if (text.length > 200) text = `${text.slice(0, 200).replace(/\s+\S*$/, "")} …`;
  text.split(/([\p{L}\p{N}_]+)/u).forEach((piece) => {
    const marked = isAsked(piece) && /[\p{L}\p{N}]/u.test(piece);
    line.append(marked ? Object.assign(document.createElement("mark"), { textContent: piece }) : piece);
  });
  return line;
}

function show({ page, part }, query) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = `${page.name}.html${part?.anchor && part !== page.parts[0] ? `#${part.anchor}` : ""}`;
  const inside = part && part.heading && !page.title.endsWith(part.heading);
  link.textContent = inside ? `${page.title} › ${part.heading}` : page.title;
  item.append(link, excerpt(part?.prose ?? "", query));
  return item;
}

const asked = new URLSearchParams(location.search).get("q") ?? "";
document.querySelectorAll('input[name="q"]').forEach((field) => (field.value = asked));
const query = [...new Set(words(asked))];
if (query.length) {
  const found = answers(readPages(), query);
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  if (!found.length) status.textContent = `No page says anything about “${asked}”.`;
  const list = document.createElement("ul");
  list.className = "search";
  list.append(...found.slice(0, 12).map((answer) => show(answer, query)));
  document.getElementById("search-results").append(status, list);
}
