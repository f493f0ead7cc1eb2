// Pages of a PDF as they were printed: each is drawn as it comes near, and let go when it is far away.
// Over the picture lies its text, built from what the server read, not by pdf.js: so that a place in the text is the
// same number here and in the text view. The textContent of [data-text] is exactly the text of the page.

const NEAR = "80% 0px"; // of the window: drawn before they are seen
const FAR = "300% 0px"; // farther than this they are let go
const SETTLE = 60; // milliseconds that a page must stay near: who leafs past a hundred pages does not draw them
const MOST_PIXELS = 16 * 1024 * 1024; // of one canvas; phones refuse more

// Program, worker and document are asked for at once: the rest of the page may still be on its way.
const { href, dataset } = document.getElementById("pdfjs");
const { file, cmaps, fonts, decoders } = dataset;
const library = import(href);
const port = new Worker(dataset.worker, { type: "module" });
const opened = open();
opened.catch(() => {}); // told below, once the page has a place for it

if (document.readyState === "loading") await new Promise((go) => document.addEventListener("DOMContentLoaded", go));

const article = document.getElementById("document");
const { data } = article.dataset;
const held = new Map(); // page's section -> what is being drawn in it: {task, drawn, stopped}

opened.catch((problem) => {
  const line = document.getElementById("drawing-problem");
  line.hidden = false;
  line.title = problem.message;
});

// --- The document ---

async function open() {
  const { getDocument, GlobalWorkerOptions } = await library;
  GlobalWorkerOptions.workerPort = port;
  return getDocument({
    url: file,
    // Only the pieces that a page needs: a report of 400 pages opens as fast as one of four.
    disableAutoFetch: true,
    disableStream: true,
    rangeChunkSize: 256 * 1024,
    cMapUrl: cmaps,
    standardFontDataUrl: fonts,
    wasmUrl: decoders,
    useWasm: false, // the policy of the page forbids it; the decoders written in JavaScript are used instead
    disableWorkerRendering: true,
    verbosity: 0,
  }).promise;
}

// --- The picture ---

function scaleOf(page, box) {
  const { width, height } = page.getViewport({ scale: 1 });
  const wanted = (box.clientWidth / width) * devicePixelRatio;
  return Math.min(wanted, Math.sqrt(MOST_PIXELS / (width * height)));
}

async function paint(section, state) {
  const page = await (await opened).getPage(Number(section.dataset.page));
  if (state.stopped) return;
  const box = section.querySelector(".paper");
  const viewport = page.getViewport({ scale: scaleOf(page, box) });
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(viewport.width);
  canvas.height = Math.round(viewport.height);
  canvas.setAttribute("aria-hidden", "true");
  state.task = page.render({ canvas, viewport });
  await state.task.promise;
  if (state.stopped) return;
  // The old picture stays until the new one is whole.
  box.querySelector("canvas")?.remove();
  box.querySelector("svg").after(canvas);
  state.drawn = box.clientWidth;
}

// --- The text over it ---

const WIDE = /[\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\u{20000}-\u{3ffff}]/u; // as wide as high
const MOST_GAP = 1; // times the height of a line: a wider one parts columns

/** Runs cut where letters of the screen differ in width from those of the paper, which share the width of a run evenly:
 * a comma that is as wide as a Chinese letter is a narrow one in the text. */
function piecesOf(run, characters) {
  const [start, end, left, bottom, right, top] = run;
  const wide = characters.slice(start, end).map((one) => WIDE.test(one));
  if (!wide.includes(true)) return [run];
  const cuts = wide.flatMap((one, at) => (at && one === wide[at - 1] ? [] : [at])).concat(wide.length);
  const x = (at) => left + ((right - left) * at) / wide.length;
  return cuts.slice(1).map((to, at) => [start + cuts[at], start + to, x(cuts[at]), bottom, x(to), top]);
}

/** The blank between two runs of one line, so that a mark goes on over it; nothing where a column or a line ends. */
function blankBetween(before, after, characters) {
  if (!before || characters.slice(before[1], after[0]).join("") !== " ") return [];
  const [bottom, top] = [Math.max(before[3], after[3]), Math.min(before[5], after[5])];
  const gap = after[2] - before[4];
  if (gap <= 0 || gap > MOST_GAP * (before[5] - before[3]) || top <= bottom) return [];
  return [[before[1], after[0], before[4], bottom, after[2], top]];
}

const layoutOf = (runs, characters) =>
  runs.flatMap((run, at) => [...blankBetween(runs[at - 1], run, characters), ...piecesOf(run, characters)]);

function placed(text, [, , left, bottom, , top], { width, height }) {
  const span = document.createElement("span");
  span.textContent = text;
  span.style.left = `${(left / width) * 100}%`;
  span.style.top = `${((height - top) / height) * 100}%`;
  span.style.fontSize = `${((top - bottom) / width) * 100}cqw`;
  return span;
}

function textLayer(page, pieces, characters) {
  const layer = document.createElement("div");
  layer.dataset.text = "";
  layer.tabIndex = 0;
  layer.setAttribute("role", "group");
  let at = 0;
  for (const piece of pieces) {
    const [start, end] = piece;
    if (start > at) layer.append(characters.slice(at, start).join(""));
    layer.append(placed(characters.slice(start, end).join(""), piece, page));
    at = end;
  }
  if (at < characters.length) layer.append(characters.slice(at).join(""));
  const bottom = document.createElement("div");
  bottom.className = "catch";
  layer.append(bottom);
  return layer;
}

/** Make each piece as wide as it is on the paper. All are measured before the first is changed: one layout, not hundreds. */
function stretch(layer, pieces, { width }) {
  const spans = Array.from(layer.children).filter((one) => one.matches("span"));
  const pixels = layer.clientWidth / width; // of a tenth of a point
  const natural = spans.map((span) => span.getBoundingClientRect().width);
  spans.forEach((span, at) => {
    const [, , left, , right] = pieces[at];
    if (natural[at] > 0) span.style.transform = `scaleX(${((right - left) * pixels) / natural[at]})`;
  });
}

async function write(section, state) {
  // A page that is still being read has no size yet, and no text; the document comes anew when it has.
  if (section.querySelector("[data-text]") || !Number(section.dataset.width)) return;
  const answer = await fetch(data.replace("/0.json", `/${section.dataset.page}.json`));
  if (!answer.ok) throw new Error(`${answer.status}`);
  const page = await answer.json();
  if (state.stopped || !page.runs.length) return;
  const characters = Array.from(page.text); // code points, in which runs count
  const pieces = layoutOf(page.runs, characters);
  const layer = textLayer(page, pieces, characters);
  layer.setAttribute("aria-label", section.querySelector("h2").textContent);
  section.querySelector(".paper").append(layer);
  stretch(layer, pieces, page);
}

// --- Coming and going ---

function draw(section) {
  if (held.has(section)) return;
  const state = {};
  held.set(section, state);
  // One after the other: two at once would both be seen late.
  turn = turn.then(() => state.stopped || Promise.all([paint(section, state), write(section, state)]))
    .then(() => state.stopped || (section.dataset.done = ""))
    .catch(() => held.get(section) === state && held.delete(section)); // tried again when it comes near again
}

let turn = Promise.resolve(); // of the page that is drawn last

const isSelected = (section) => {
  const selection = getSelection();
  return selection.rangeCount > 0 && !selection.isCollapsed && selection.getRangeAt(0).intersectsNode(section);
};

function letGo(section) {
  const state = held.get(section);
  if (!state || isSelected(section)) return;
  state.stopped = true;
  state.task?.cancel();
  held.delete(section);
  delete section.dataset.done;
  for (const part of section.querySelectorAll("canvas, [data-text]")) part.remove();
}

const waiting = new Map();
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(waiting.get(target));
      if (isIntersecting) waiting.set(target, setTimeout(draw, firstDrawn ? SETTLE : 0, target));
    }
    firstDrawn = true;
  },
  { rootMargin: NEAR },
);
const far = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) if (!isIntersecting) letGo(target);
  },
  { rootMargin: FAR },
);
let firstDrawn = false;

for (const section of article.querySelectorAll(".drawn")) {
  near.observe(section);
  far.observe(section);
}

// Another width, by zoom or by window: what is drawn is drawn again, as sharp as the screen can show it.
let resized = 0;
new ResizeObserver(() => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    for (const [section, state] of held) {
      if (state.drawn && state.drawn !== section.querySelector(".paper").clientWidth) paint(section, state).catch(() => {});
    }
  }, 200);
}).observe(article.querySelector(".drawn"));

// --- Selecting with a pointer ---
// The catcher lies over the empty places from the moment of pressing, right behind the end of the selection that moves.

let pressed = null;

article.addEventListener("pointerdown", ({ target }) => {
  pressed = target.closest?.(".paper > [data-text]") ?? null;
  pressed?.classList.add("selecting");
});
for (const name of ["pointerup", "pointercancel"]) {
  document.addEventListener(name, () => {
    for (const layer of article.querySelectorAll(".selecting")) {
      layer.classList.remove("selecting");
      layer.append(layer.querySelector(".catch"));
    }
    pressed = null;
  });
}
document.addEventListener("selectionchange", () => {
  const selection = getSelection();
  if (!pressed || selection.rangeCount === 0 || selection.isCollapsed) return;
  const span = (selection.focusNode.nodeType === Node.TEXT_NODE ? selection.focusNode.parentNode : selection.focusNode).closest?.(".paper > [data-text] > span");
  if (!span) return;
  const layer = span.parentNode;
  layer.classList.add("selecting");
  const backwards = selection.anchorNode.compareDocumentPosition(selection.focusNode) & Node.DOCUMENT_POSITION_PRECEDING;
  const bottom = layer.querySelector(".catch");
  const reference = backwards ? span : span.nextSibling;
  if (bottom !== reference && bottom.nextSibling !== reference) layer.insertBefore(bottom, reference);
});
