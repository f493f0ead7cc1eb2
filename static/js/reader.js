// The reader: places in the text, selections, highlights, moving about, keys. What the markup says:
//   article#document   with one section.page[data-page] per page, and in it, once it is there, one [data-text]
//   [data-text]        its textContent is exactly the text of the page: places are counted in it, in code points
// Events on `document`, heard and told, are described in docs/reader.md.

const article = document.getElementById("document");
const { filing, version, view } = article.dataset;
const LAST = Number(article.dataset.pages);
const LONGEST = Number(article.dataset.longest);
const AROUND = Number(article.dataset.around); // characters before and after a passage that are told with it
const SETTLED = 250; // milliseconds without change: a selection by finger or by keys is done
const ZOOMS = [0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3];

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const sectionOf = (number) => document.getElementById(`page-${number}`);
const textOf = (number) => sectionOf(number)?.querySelector("[data-text]");
const pageOf = (element) => Number(element.closest("[data-page]").dataset.page);

// --- Places: code points of the page's text, and where they are in the document ---

const read = new WeakMap(); // [data-text] -> {characters, nodes: [{node, start, end}]}

/** How many code points a string has: a letter beyond the first plane is two units of the string and one character. */
function count(string) {
  let points = 0;
  for (const _ of string) points += 1;
  return points;
}

function textIn(element) {
  let known = read.get(element);
  if (known) return known;
  const nodes = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let at = 0;
  while (walker.nextNode()) {
    const length = count(walker.currentNode.data);
    nodes.push({ node: walker.currentNode, start: at, end: at + length });
    at += length;
  }
  known = { characters: Array.from(element.textContent), nodes };
  read.set(element, known);
  return known;
}

function placeOf(element, node, offset) {
  const range = document.createRange();
  range.setStart(element, 0);
  range.setEnd(node, offset);
  return count(range.toString());
}

/** Units of the string that make up its first code points. */
const units = (string, points) => Array.from(string).slice(0, points).join("").length;

function rangeOf(element, start, end) {
  const { nodes } = textIn(element);
  // A passage begins at the node of its first character and ends in the node of its last one.
  const first = nodes.find((one) => one.end > start);
  const last = nodes.findLast((one) => one.start < end && one.end > one.start);
  if (!first || !last || end > nodes.at(-1).end) return null;
  const range = document.createRange();
  range.setStart(first.node, units(first.node.data, start - first.start));
  range.setEnd(last.node, units(last.node.data, end - last.start));
  return range;
}

// --- What is selected ---

/** The part of a range that lies in one page's text, without blanks at its ends; null when it is nothing. */
function partIn(element, range) {
  const whole = document.createRange();
  whole.selectNodeContents(element);
  const starts = range.compareBoundaryPoints(Range.START_TO_START, whole) > 0;
  const ends = range.compareBoundaryPoints(Range.END_TO_END, whole) < 0;
  const { characters } = textIn(element);
  let start = starts ? placeOf(element, range.startContainer, range.startOffset) : 0;
  let end = ends ? placeOf(element, range.endContainer, range.endOffset) : characters.length;
  while (start < end && !characters[start].trim()) start += 1;
  while (start < end && !characters[end - 1].trim()) end -= 1;
  return start < end ? { element, start, end } : null;
}

let told = false; // something is selected, and the others know it
let pressing = false;
let settling = 0;

function clear() {
  if (told) tell("passage:cleared", {});
  told = false;
}

function report() {
  const selection = getSelection();
  if (document.activeElement?.matches("input, textarea, select")) return; // typing is no selecting
  if (selection.rangeCount === 0 || selection.isCollapsed) return clear();
  const range = selection.getRangeAt(0);
  if (!range.intersectsNode(article)) return clear();
  const touched = Array.from(article.querySelectorAll("[data-text]")).filter((one) => range.intersectsNode(one));
  const parts = touched.map((one) => partIn(one, range)).filter(Boolean);
  const reason = parts.length > 1 ? "pages" : parts.length === 0 ? "empty" : parts[0].end - parts[0].start > LONGEST ? "long" : "";
  if (reason) {
    clear();
    if (touched.length) tell("passage:refused", { reason });
    return;
  }
  const [{ element, start, end }] = parts;
  const { characters } = textIn(element);
  const words = (from, to) => characters.slice(from, to).join("");
  const { left, top, right, bottom } = range.getBoundingClientRect();
  told = true;
  tell("passage:selected", {
    filing: Number(filing),
    version: Number(version),
    page: pageOf(element),
    start,
    end,
    exact: words(start, end),
    prefix: words(Math.max(0, start - AROUND), start),
    suffix: words(end, end + AROUND),
    rect: { left, top, right, bottom },
  });
}

function reportIn(milliseconds) {
  clearTimeout(settling);
  settling = setTimeout(report, milliseconds);
}

document.addEventListener("selectionchange", () => {
  showCaret();
  if (!pressing) reportIn(SETTLED);
});
article.addEventListener("pointerdown", ({ pointerType }) => {
  // A finger's selection is changed by its handles, of which the page hears nothing but the selection itself.
  pressing = pointerType === "mouse";
  leaveCaret();
});
document.addEventListener("pointerup", () => {
  if (pressing) reportIn(0);
  pressing = false;
});
document.addEventListener("pointercancel", () => (pressing = false));

// What is copied is the text as it stands in the page, not the browser's guess at lines that lie side by side.
article.addEventListener("copy", (event) => {
  const selection = getSelection();
  if (selection.isCollapsed || !selection.rangeCount) return;
  const range = selection.getRangeAt(0);
  const parts = Array.from(article.querySelectorAll(".paper [data-text]"), (one) => range.intersectsNode(one) && partIn(one, range)).filter(Boolean);
  if (!parts.length) return;
  event.preventDefault();
  const texts = parts.map(({ element, start, end }) => textIn(element).characters.slice(start, end).join(""));
  event.clipboardData.setData("text/plain", texts.join("\n"));
});

// --- Highlights ---

// Later lies above earlier. The rules ::highlight(…) are in reader.css.
const NAMES = ["figures", "notes", "mine", "found", "found-now", "target", "caret"];
const CLICKABLE = ["mine", "notes", "figures"];
const shown = new Map(); // name -> passages: {id, page, start, end}
const canMark = typeof Highlight === "function";

function mark(name) {
  if (!canMark) return;
  const ranges = [];
  for (const { page, start, end } of shown.get(name) ?? []) {
    const element = textOf(page);
    const range = element && rangeOf(element, start, end);
    if (range) ranges.push(range);
  }
  const highlight = new Highlight(...ranges);
  highlight.priority = NAMES.indexOf(name);
  CSS.highlights.set(name, highlight);
}

function show(name, passages) {
  shown.set(name, passages);
  mark(name);
}

let marking = 0;

function markAll() {
  cancelAnimationFrame(marking);
  marking = requestAnimationFrame(() => NAMES.forEach((name) => shown.get(name)?.length && mark(name)));
}

document.addEventListener("passages:show", ({ detail: { name, passages } }) => {
  if (NAMES.includes(name)) show(name, passages);
});

function passagesAt(page, offset) {
  const hit = (one) => one.page === page && one.start <= offset && offset < one.end;
  const found = CLICKABLE.flatMap((name) => (shown.get(name) ?? []).filter(hit));
  return [...new Set(found.map(({ id }) => id))];
}

function placeAt(x, y) {
  const caret = document.caretPositionFromPoint?.(x, y);
  if (caret) return [caret.offsetNode, caret.offset];
  const range = document.caretRangeFromPoint?.(x, y);
  return range ? [range.startContainer, range.startOffset] : [null, 0];
}

article.addEventListener("click", (event) => {
  if (!getSelection().isCollapsed || event.target.closest("a")) return;
  const [node, offset] = placeAt(event.clientX, event.clientY);
  const element = node && (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest("[data-text]");
  if (!element || !article.contains(element)) return;
  const place = placeOf(element, node, offset);
  // The caret goes to the nearer side of a letter: the letter itself may be the one before.
  const ids = [...new Set([...passagesAt(pageOf(element), place), ...passagesAt(pageOf(element), place - 1)])];
  if (!ids.length) return;
  openNotes(true);
  tell("passage:clicked", { ids });
});

// --- Pages that come ---

const known = new WeakSet();

function welcome() {
  for (const element of article.querySelectorAll("[data-text]")) {
    if (known.has(element)) continue;
    known.add(element);
    markAll();
    tell("page:ready", { page: pageOf(element), view });
  }
}

new MutationObserver(welcome).observe(article, { childList: true, subtree: true });

/** The text of a page, once it is there; the page is scrolled to, which is what makes it come. */
function arrival(number) {
  const element = textOf(number);
  if (element) return Promise.resolve(element);
  return new Promise((resolve) => {
    const listen = ({ detail }) => {
      if (detail.page !== number) return;
      document.removeEventListener("page:ready", listen);
      resolve(textOf(number));
    };
    document.addEventListener("page:ready", listen);
  });
}

// --- Moving about ---

const current = { page: Number(article.dataset.number) };
const numberInput = document.getElementById("page-number");

function settleOn(number) {
  if (number === current.page) return;
  current.page = number;
  if (document.activeElement !== numberInput) numberInput.value = number;
  for (const link of document.querySelectorAll("[data-step]")) {
    link.toggleAttribute("aria-disabled", number + Number(link.dataset.step) < 1 || number + Number(link.dataset.step) > LAST);
  }
  // A reload, a change of view and a copied address lead back to this page.
  const address = new URL(location.href);
  address.searchParams.set("page", number);
  for (const name of ["from", "to"]) address.searchParams.delete(name);
  address.hash = "";
  history.replaceState(history.state, "", address);
  for (const link of document.querySelectorAll("[data-view-link]")) {
    const other = new URL(address);
    other.searchParams.set("view", link.dataset.viewLink);
    link.href = other;
  }
}

/** The page whose text stands below the toolbar. */
function pageInView() {
  const line = innerHeight / 3;
  let low = 1;
  let high = LAST;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const section = sectionOf(middle);
    if (section && section.getBoundingClientRect().top <= line) low = middle;
    else high = middle - 1;
  }
  return low;
}

let looking = 0;
let chosen = false; // a page was gone to: it is the current one until somebody scrolls, whatever else is in the window
addEventListener(
  "scroll",
  () => {
    cancelAnimationFrame(looking);
    looking = requestAnimationFrame(() => chosen || settleOn(pageInView()));
  },
  { passive: true },
);

for (const name of ["wheel", "touchmove", "pointerdown"]) {
  addEventListener(name, () => (chosen = false), { capture: true, passive: true });
}

function goTo(number) {
  const page = Math.min(Math.max(1, number), LAST);
  const section = sectionOf(page);
  if (!section) return;
  section.scrollIntoView();
  section.focus({ preventScroll: true });
  chosen = true;
  settleOn(page);
}

async function openPassage({ page, start, end, focus = true }) {
  const section = sectionOf(page);
  if (!section) return;
  show("target", [{ id: "target", page, start, end }]);
  if (!textOf(page)) section.scrollIntoView();
  chosen = true;
  settleOn(page);
  const element = await arrival(page);
  const range = rangeOf(element, start, end);
  if (!range) {
    announce(article.dataset.notThere);
    section.scrollIntoView();
    return;
  }
  scrollBy({ top: range.getBoundingClientRect().top - innerHeight / 3, behavior: "instant" });
  if (!focus) return; // somebody walks through the notes
  element.focus({ preventScroll: true });
  announce(textIn(element).characters.slice(start, Math.min(end, start + 300)).join(""));
}

function announce(text) {
  const place = document.getElementById("announcement");
  if (place) place.textContent = text;
}

document.addEventListener("passage:open", ({ detail }) => openPassage(detail));

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("[data-page-link], [data-step]");
  if (!link) return;
  event.preventDefault();
  goTo(link.dataset.pageLink ? Number(link.dataset.pageLink) : current.page + Number(link.dataset.step));
});
document.getElementById("jump").addEventListener("submit", (event) => {
  event.preventDefault();
  const number = Number.parseInt(numberInput.value, 10);
  if (number) goTo(number);
  numberInput.value = current.page;
});

// --- Zoom ---

let zoom = 1;

function zoomBy(step) {
  if (view !== "page") return;
  zoom = ZOOMS[Math.min(Math.max(0, ZOOMS.indexOf(zoom) + step), ZOOMS.length - 1)];
  const section = sectionOf(current.page);
  const { top, height } = section.getBoundingClientRect();
  article.style.setProperty("--zoom", zoom);
  // The place that was at the top of the window stays there.
  const after = section.getBoundingClientRect();
  scrollBy({ top: after.top - (top / height) * after.height, behavior: "instant" });
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-zoom]");
  if (button) zoomBy(Number(button.dataset.zoom));
});

// --- Finding ---

const find = document.getElementById("find");
const found = { words: "", passages: [], at: -1 };

function tellCount(text) {
  document.getElementById("found-count").textContent = text;
  for (const button of find.querySelectorAll("[data-match]")) button.hidden = found.passages.length === 0;
}

/** Go to another match; false when there is none, and the key means something else. */
function match(step) {
  if (!found.passages.length) return false;
  found.at = (found.at + step + found.passages.length) % found.passages.length;
  const passage = found.passages[found.at];
  show("found-now", [passage]);
  tellCount(`${found.at + 1} / ${found.passages.length}`);
  const hadFocus = find.contains(document.activeElement) ? document.activeElement : null;
  openPassage(passage).then(() => {
    show("target", []);
    hadFocus?.focus({ preventScroll: true });
  });
  return true;
}

async function search(words) {
  found.words = words;
  const address = new URL(find.action);
  address.search = new URLSearchParams({ version, q: words }).toString();
  let answer = null;
  try {
    answer = await fetch(address, { headers: { Accept: "application/json" } });
  } catch {
    // No connection: said below, like any other failure.
  }
  if (found.words !== words) return; // something else is looked for by now
  // What cannot be looked for is answered in the same form, with the reason.
  const body = answer && (answer.ok || answer.status === 400) ? await answer.json() : {};
  found.passages = (body.matches ?? []).map(({ page, start, end }, at) => ({ id: `found-${at}`, page, start, end }));
  show("found", found.passages);
  show("found-now", []);
  const next = found.passages.findIndex(({ page }) => page >= current.page);
  found.at = next === -1 ? -1 : next - 1;
  const count = document.getElementById("found-count");
  if (found.passages.length) match(1);
  else tellCount(body.errors?.join(" ") ?? (body.matches ? count.dataset.none : count.dataset.failed));
}

find?.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = new FormData(find).get("q").trim();
  if (words && words === found.words) match(1);
  else if (words) search(words);
});
find?.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-match]");
  if (button) match(Number(button.dataset.match));
});
find?.querySelector("[name=q]").addEventListener("input", ({ target }) => {
  if (target.value) return;
  Object.assign(found, { words: "", passages: [], at: -1 });
  for (const name of ["found", "found-now"]) show(name, []);
  tellCount("");
});

// --- A caret, for selecting by keys ---

let caret = null; // the [data-text] in which it is

function enterCaret(element) {
  const { characters } = textIn(element);
  const first = characters.findIndex((one) => one.trim());
  if (first === -1) return;
  caret = element;
  // Where a passage was just opened, there the caret begins.
  const target = (shown.get("target") ?? []).find(({ page }) => page === pageOf(element));
  const range = rangeOf(element, target?.start ?? first, (target?.start ?? first) + 1);
  range?.collapse(true);
  if (range) getSelection().setBaseAndExtent(range.startContainer, range.startOffset, range.startContainer, range.startOffset);
  showCaret();
}

function leaveCaret() {
  if (!caret) return;
  caret = null;
  show("caret", []);
}

/** Text that cannot be edited shows no caret of its own: the letter after it is marked. */
function showCaret() {
  if (!caret) return;
  const { focusNode, focusOffset, isCollapsed } = getSelection();
  if (!focusNode || !caret.contains(focusNode)) return leaveCaret();
  const { characters } = textIn(caret);
  let place = placeOf(caret, focusNode, focusOffset);
  if (!isCollapsed) return show("caret", []);
  while (place < characters.length - 1 && characters[place] === "\n") place += 1;
  show("caret", [{ id: "caret", page: pageOf(caret), start: place, end: place + 1 }]);
}

const MOVES = {
  ArrowLeft: ["backward", "character"],
  ArrowRight: ["forward", "character"],
  ArrowUp: ["backward", "line"],
  ArrowDown: ["forward", "line"],
  Home: ["backward", "lineboundary"],
  End: ["forward", "lineboundary"],
};

function moveCaret(event) {
  const move = MOVES[event.key];
  if (!move || event.altKey) return false;
  const selection = getSelection();
  const words = (event.ctrlKey || event.metaKey) && move[1] === "character";
  const before = [selection.anchorNode, selection.anchorOffset, selection.focusNode, selection.focusOffset];
  selection.modify(event.shiftKey ? "extend" : "move", move[0], words ? "word" : move[1]);
  if (!caret.contains(selection.focusNode)) selection.setBaseAndExtent(...before); // the page's text is left by Esc only
  const focus = document.createRange();
  focus.setStart(selection.focusNode, selection.focusOffset);
  const { top, bottom } = focus.getBoundingClientRect();
  if (bottom > innerHeight - 40 || top < 120) scrollBy({ top: top - innerHeight / 2, behavior: "instant" });
  return true;
}

function enter(element) {
  const selection = getSelection();
  const inCaret = caret === element && selection.isCollapsed && selection.focusNode;
  const ids = inCaret ? passagesAt(pageOf(element), placeOf(element, selection.focusNode, selection.focusOffset)) : [];
  if (ids.length) {
    openNotes(true);
    tell("passage:clicked", { ids });
  } else if (caret !== element) {
    enterCaret(element);
  }
}

// --- Keys ---

const keys = document.getElementById("keys");

function focusOn(input) {
  input?.focus();
  input?.select();
}

const COMMANDS = {
  j: () => goTo(current.page + 1),
  k: () => goTo(current.page - 1),
  g: () => focusOn(numberInput),
  f: () => focusOn(find?.querySelector("[name=q]")),
  "/": () => focusOn(find?.querySelector("[name=q]")),
  n: () => match(1),
  p: () => match(-1),
  v: () => document.querySelector("[data-view-link]:not([aria-current])")?.click(),
  "+": () => zoomBy(1),
  "=": () => zoomBy(1),
  "-": () => zoomBy(-1),
  "?": () => keys.showModal(),
};

function escape() {
  if (!caret && !getSelection().toString()) return false;
  leaveCaret();
  getSelection().removeAllRanges();
  show("target", []);
  return true;
}

// Captured: "/" is the site's search elsewhere, and here the document's.
addEventListener(
  "keydown",
  (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog:modal")) return;
    if (event.target.closest?.("input, select, textarea, [contenteditable]")) return;
    chosen = false;
    const inText = event.target.closest?.("[data-text]");
    let done = false;
    if (inText && caret === inText && MOVES[event.key]) done = moveCaret(event);
    else if (event.key === "Enter" && inText === event.target) done = (enter(inText), true);
    else if (event.key === "Escape") done = escape();
    else if (COMMANDS[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) done = COMMANDS[event.key]() !== false;
    if (!done) return;
    event.preventDefault();
    event.stopPropagation();
  },
  true,
);
document.querySelector("[data-help]").addEventListener("click", () => keys.showModal());

// --- Notes on small screens: a sheet from below ---

function openNotes(open) {
  const notes = document.getElementById("notes");
  notes.toggleAttribute("data-open", open);
  document.querySelector(".sheet-button").setAttribute("aria-expanded", String(open));
}

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-notes-toggle]")) openNotes(!document.getElementById("notes").hasAttribute("data-open"));
});
document.addEventListener("notes:open", () => openNotes(true));
document.addEventListener("passage:open", () => openNotes(false));

// --- At first ---

function begin() {
  const figures = Array.from(document.querySelectorAll("[data-figure]"), ({ dataset: { figure, page, start, end } }) => ({
    id: `figure-${figure}`, page: Number(page), start: Number(start), end: Number(end),
  }));
  if (figures.length) show("figures", figures);
  welcome();
  const { number, from, to } = article.dataset;
  if (from) {
    openPassage({ page: Number(number), start: Number(from), end: Number(to) }).then(() =>
      document.getElementById("passage")?.focus({ preventScroll: true }),
    );
  } else if (view === "page" && number !== "1" && !location.hash) sectionOf(number)?.scrollIntoView();
}

// After the other modules, which want to hear of the first pages too.
if (document.readyState === "complete") begin();
else document.addEventListener("DOMContentLoaded", begin);
