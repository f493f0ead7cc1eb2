// What can be done with a selected passage: a toolbar beside it, on small and touch screens at the bottom.
// Hears passage:selected, passage:cleared and passage:refused. Says passage:note and passage:highlight, which notes.js
// answers, and notes:say with the name of what is to be said.

const GAP = 8;
const TOOLBAR_KEY = "t";
const HANDLED = new Set(["INPUT", "SELECT", "TEXTAREA"]);

let passage = null;
let pressed = false; // a finger on the toolbar may take the selection away before the click comes
let cameFrom = null;

const bar = () => document.getElementById("passage-toolbar");
const buttons = () => Array.from(bar().querySelectorAll("button"));
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const within = (value, low, high) => Math.max(low, Math.min(value, high));

// --- Where it stands ---

function place(rect) {
  const { width, height } = bar().getBoundingClientRect();
  const { clientWidth, clientHeight } = document.documentElement;
  const middle = (rect.left + rect.right - width) / 2;
  const above = rect.top - height - GAP;
  // Read by the stylesheet on wide screens only.
  bar().style.setProperty("--left", `${within(middle, GAP, clientWidth - width - GAP)}px`);
  bar().style.setProperty("--top", `${within(above < GAP ? rect.bottom + GAP : above, GAP, clientHeight - height - GAP)}px`);
}

function follow() {
  const selection = getSelection();
  if (passage && selection.rangeCount && !selection.isCollapsed) place(selection.getRangeAt(0).getBoundingClientRect());
}

addEventListener("scroll", () => passage && requestAnimationFrame(follow), { capture: true, passive: true });
addEventListener("resize", () => passage && requestAnimationFrame(follow));

// --- Coming and going ---

function show(selected) {
  if (!bar()) return;
  const known = passage !== null;
  passage = selected;
  byHand().hidden = true;
  bar().hidden = false;
  place(selected.rect);
  reach(buttons()[0]);
  if (!known) tell("notes:say", { words: "selected", quietly: true });
}

function hide() {
  passage = null;
  if (!bar() || bar().hidden) return;
  const hadFocus = bar().contains(document.activeElement);
  bar().hidden = true;
  if (hadFocus) cameFrom?.focus({ preventScroll: true });
}

document.addEventListener("passage:selected", ({ detail }) => show(detail));
document.addEventListener("passage:cleared", () => {
  if (!pressed) hide();
});
document.addEventListener("passage:refused", ({ detail }) => {
  hide();
  tell("notes:say", { words: `refused${detail.reason[0].toUpperCase()}${detail.reason.slice(1)}` });
});

// --- Keys: t goes to the toolbar, arrows move in it, Escape leaves ---

/** Make one button the one that Tab reaches. */
function reach(button) {
  for (const other of buttons()) other.tabIndex = other === button ? 0 : -1;
}

function step(event) {
  const all = buttons();
  const at = all.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  const next = all[(to + all.length) % all.length];
  reach(next);
  next.focus();
}

function keydown(event) {
  if (!passage) return;
  const inside = bar().contains(event.target);
  if (event.key === "Escape") {
    event.preventDefault();
    hide();
  } else if (inside) {
    step(event);
  } else if (event.key === TOOLBAR_KEY && !HANDLED.has(event.target.tagName) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    cameFrom = document.activeElement;
    buttons()[0].focus();
  }
}

// On its way down: what is typed in the toolbar is not for the keys of the reader.
document.addEventListener("keydown", keydown, true);

// --- What the buttons do ---

const byHand = () => bar().querySelector(".by-hand");

/** The address of the passage in the version that is shown: the same words when a newer one has come. */
function address({ version, page, start, end }) {
  const query = new URLSearchParams({ version, page, from: start, to: end });
  return `${location.origin}${location.pathname}?${query}#passage`;
}

async function copy(chosen) {
  const link = address(chosen);
  try {
    await navigator.clipboard.writeText(link);
    tell("notes:say", { words: "copied" });
    hide();
  } catch {
    // No clipboard without HTTPS, or it was refused: the reader copies it.
    byHand().hidden = false;
    const input = byHand().querySelector("input");
    input.value = link;
    input.focus();
    input.select();
  }
}

async function record({ filing, version, page, start, end }, button) {
  const query = new URLSearchParams({ filing, version, page, from: start, to: end });
  await htmx.ajax("GET", `${button.dataset.url}?${query}`, { target: "#record", swap: "innerHTML" });
  tell("notes:open"); // on small screens it is folded away with the notes
  const form = document.getElementById("record");
  form.scrollIntoView({ block: "nearest" });
  form.querySelector("input:not([type=hidden]), select, textarea")?.focus();
}

// An answer takes the place of the form, in a panel that may be scrolled far down, and the focus with it.
document.addEventListener("htmx:after:swap", ({ detail }) => {
  const form = document.querySelector("#record #record-figure");
  if (!form || !detail.ctx.sourceElement?.matches?.(".record-form")) return;
  form.scrollIntoView({ block: "nearest" });
  form.focus({ preventScroll: true });
});

function act(button) {
  const chosen = passage;
  if (!chosen) return;
  if (button.dataset.act === "copy") {
    copy(chosen);
    return;
  }
  hide();
  if (button.dataset.act === "record") record(chosen, button);
  else tell(`passage:${button.dataset.act}`, chosen);
}

document.addEventListener("pointerdown", (event) => {
  pressed = Boolean(bar()?.contains(event.target));
});
// A mouse button that goes down beside the text would take the selection away.
document.addEventListener("mousedown", (event) => {
  if (event.target.closest?.("#passage-toolbar button")) event.preventDefault();
});
document.addEventListener("click", (event) => {
  pressed = false;
  if (event.target.closest?.("#record [data-close-record]")) {
    event.preventDefault();
    document.getElementById("record").replaceChildren();
  }
  const button = event.target.closest?.("#passage-toolbar button");
  if (button) act(button);
});
