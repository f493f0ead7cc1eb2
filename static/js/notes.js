// Notes beside the document: which passages have one, which note stands where, a form for a new one.
// The markup of templates/notes/ says everything: a thread with data-start stands in the version that is shown when its
// data-version is the panel's. Hears passage:clicked, passage:note and passage:highlight; says passages:show and
// passage:open (static/js/reader.js draws and goes there).

const SAID_FOR = 8000;
const THREAD = "#threads article.thread";

const panel = () => document.getElementById("notes-panel");
const composer = () => document.getElementById("composer");
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

// --- What is said to the reader ---

let silence = 0;

/** Say one of the sentences that the markup brings, with its gaps filled. */
function say(words, gaps = {}, quietly = false) {
  const place = document.getElementById("notes-said");
  if (!place) return;
  const sentence = place.dataset[words] ?? "";
  place.classList.toggle("quiet", quietly); // for those who listen only
  place.textContent = sentence.replace(/\{(\w+)\}/g, (gap, name) => gaps[name] ?? gap);
  clearTimeout(silence);
  silence = setTimeout(() => (place.textContent = ""), SAID_FOR);
}

document.addEventListener("notes:say", ({ detail }) => say(detail.words, {}, detail.quietly));

// --- Where the notes stand ---

const threads = () => Array.from(document.querySelectorAll(THREAD));
const stands = (thread) => Boolean(thread.dataset.start) && thread.dataset.version === panel()?.dataset.version;

function passageOf({ dataset }) {
  return { id: dataset.uid, page: Number(dataset.page), start: Number(dataset.start), end: Number(dataset.end) };
}

function showPassages() {
  const here = threads().filter(stands);
  const mine = (thread) => thread.dataset.mine === "true";
  tell("passages:show", { name: "mine", passages: here.filter(mine).map(passageOf) });
  tell("passages:show", { name: "notes", passages: here.filter((thread) => !mine(thread)).map(passageOf) });
}

// --- One thread is the current one ---

const current = () => document.querySelector(`${THREAD}[aria-current]`);

/** Bring a note into view and make its thread the current one. */
function choose(note) {
  current()?.removeAttribute("aria-current");
  note.closest(THREAD).setAttribute("aria-current", "true");
  tell("notes:open"); // on small screens the notes are folded away
  note.scrollIntoView({ block: "nearest" });
  note.focus({ preventScroll: true });
}

/** Go to the passage of a thread; `focus` says whether the text or the note has the keyboard afterwards. */
function goToPassage(thread, focus) {
  if (!stands(thread)) return;
  emphasised = null; // the reader shows where it went, for as long as it likes
  tell("passage:open", { ...passageOf(thread), focus });
}

// Several notes on one passage: each click goes to the next of them.
document.addEventListener("passage:clicked", ({ detail }) => {
  const there = threads().filter((thread) => detail.ids.includes(thread.dataset.uid));
  if (!there.length) return;
  const next = (there.indexOf(current()) + 1) % there.length;
  choose(there[next]);
  if (there.length > 1) say("samePlace", { n: next + 1, all: there.length });
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-passage]");
  const thread = link?.closest(THREAD);
  if (!thread || !stands(thread) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  choose(thread);
  goToPassage(thread, true);
});

// The passage of the thread under the pointer or with the focus stands out; otherwise that of the note being written.
let emphasised = null;
let written = [];

const showTarget = (passages) => tell("passages:show", { name: "target", passages });

function emphasise(event) {
  const thread = event.target.closest?.(THREAD);
  if (!thread || thread.contains(event.relatedTarget) || !stands(thread)) return;
  emphasised = thread;
  showTarget([passageOf(thread)]);
}

function calm(event) {
  const thread = event.target.closest?.(THREAD);
  if (!thread || thread.contains(event.relatedTarget) || thread !== emphasised) return;
  emphasised = null;
  showTarget(written);
}

for (const name of ["pointerover", "focusin"]) document.addEventListener(name, emphasise);
for (const name of ["pointerout", "focusout"]) document.addEventListener(name, calm);

// --- Keys: n and p walk through the notes, Ctrl+Enter sends a form ---

function walk(by) {
  const all = threads();
  const at = all.indexOf(current());
  const next = at < 0 && by < 0 ? all.length - 1 : at + by;
  if (!all[next]) {
    say("last");
    return;
  }
  goToPassage(all[next], false);
  choose(all[next]);
  say("place", { n: next + 1, all: all.length }, true);
}

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.(".note-form");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
    return;
  }
  const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !panel()) return;
  if (event.key === "n") walk(1);
  else if (event.key === "p") walk(-1);
});

// --- A new note ---

const FROM_PASSAGE = ["page", "start", "end", "exact", "prefix", "suffix"];

/** Show the words of the passage instead of the fields for one given by hand. */
function showQuote(form) {
  const { start, exact } = form.elements;
  const quote = form.querySelector("[data-quote]");
  quote.textContent = exact.value;
  quote.hidden = !start.value;
  form.querySelector(".by-hand").hidden = Boolean(start.value);
}

function fill(form, passage) {
  form.elements.version.value = passage.version;
  for (const name of FROM_PASSAGE) form.elements[name].value = passage[name];
  showQuote(form);
}

function open(form) {
  tell("notes:open");
  form.closest("details").open = true;
  form.scrollIntoView({ block: "nearest" });
}

function empty(form) {
  // Also what the server filled it with when it gave it back.
  for (const name of [...FROM_PASSAGE, "body", "tags"]) form.elements[name].defaultValue = form.elements[name].value = "";
  form.elements.version.value = panel().dataset.version;
  showQuote(form);
  form.closest("details").open = false;
  written = [];
  showTarget(written);
}

document.addEventListener("passage:note", ({ detail }) => {
  const form = composer();
  if (!form) return;
  if (form.elements.body.value) say("moved");
  fill(form, detail);
  open(form);
  form.elements.body.focus({ preventScroll: true });
  form.elements.body.dispatchEvent(new Event("input", { bubbles: true })); // the draft is of this passage now
  written = [{ id: "", page: detail.page, start: detail.start, end: detail.end }];
  showTarget(written);
});

document.addEventListener("passage:highlight", ({ detail }) => {
  const form = composer();
  if (!form) return;
  if (form.elements.body.value || form.elements.tags.value) {
    say("writing");
    open(form);
    return;
  }
  fill(form, detail);
  form.requestSubmit();
});

document.addEventListener("reset", (event) => {
  if (event.target.id === "composer") setTimeout(() => empty(event.target)); // after the fields have what they came with
});
document.addEventListener("draft:restored", ({ target }) => {
  if (target.id !== "composer") return;
  showQuote(target);
  target.closest("details").open = true;
});
document.addEventListener("draft:unsent", ({ target }) => {
  say(""); // what was said before is not true of this
  if (target.id === "composer") open(target);
});

// --- After every answer ---

document.addEventListener("note:saved", ({ detail }) => {
  const form = composer();
  if (form?.dataset.draft === detail.draft) empty(form);
  const note = document.getElementById(`note-${detail.uid}`);
  if (note?.closest(THREAD)) choose(note);
  say("saved");
});
document.addEventListener("note:deleted", () => say(""));
document.addEventListener("htmx:after:swap", () => {
  if (panel()) showPassages();
});

// --- The note that the address names ---

function openNamed() {
  const named = new URLSearchParams(location.search).get("note") ?? /^#note-(.+)$/.exec(location.hash)?.[1];
  if (!named || !panel()) return;
  const note = document.getElementById(`note-${named}`);
  const thread = note?.closest(THREAD);
  if (!thread) {
    say("hidden");
    return;
  }
  goToPassage(thread, false);
  choose(note);
}

addEventListener("hashchange", openNamed);
// By then the other modules listen, whatever their order in the page.
document.addEventListener("DOMContentLoaded", () => {
  if (panel()) showPassages();
  openNamed();
});
