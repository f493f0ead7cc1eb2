// What every page does: "/" finds the search box, preferences are kept, a failed request says so.

const YEAR = 365 * 24 * 3600;

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    document.getElementById("search")?.focus();
  }
});

function keep(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

// A menu opens by itself (details); a script only closes it when the reader turns to something else.
const openMenu = () => document.querySelector("[data-menu][open]");

document.addEventListener("click", ({ target }) => {
  const menu = openMenu();
  if (menu && !menu.contains(target)) menu.open = false;
});
document.addEventListener("focusin", ({ target }) => {
  const menu = openMenu();
  if (menu && !menu.contains(target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  const menu = openMenu();
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// Drafts of notes (drafts.js) are for the eyes of who typed them, on a computer that others may use.
document.addEventListener("submit", ({ target }) => {
  if (!target.matches("form.account[data-user]")) return;
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(`draft:${target.dataset.user}:`)) localStorage.removeItem(key);
    }
  } catch {
    // Nothing is stored.
  }
});

const root = document.documentElement;

function showTheme() {
  for (const input of document.querySelectorAll('[data-preference="theme"] input')) {
    input.checked = input.value === root.dataset.theme;
  }
}

document.addEventListener("change", (event) => {
  if (event.target.closest('[data-preference="theme"]')) {
    root.dataset.theme = event.target.value;
    keep("theme", event.target.value);
    document.dispatchEvent(new Event("themechange"));
  }
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-swap-colours]")) {
    root.dataset.up = root.dataset.up === "red" ? "green" : "red";
    keep("direction_colours", `${root.dataset.up}_up`);
  }
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  document.dispatchEvent(new Event("themechange"));
});
document.addEventListener("htmx:after:process", showTheme); // Back puts a new page body in place
showTheme();

// --- Requests that fail ---

function warn(text) {
  const line = document.getElementById("alert");
  if (line) line.textContent = text;
}

document.addEventListener("htmx:response:error", ({ detail, defaultPrevented }) => {
  const { status } = detail.ctx.response;
  if (status !== 400 && !defaultPrevented) warn(document.getElementById("alert")?.dataset.failed ?? "");
});
document.addEventListener("htmx:before:swap", ({ detail }) => {
  if (detail.ctx.response?.status >= 400) detail.ctx.title = ""; // the page stays, and so does its name
});
document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.error?.name !== "AbortError") warn(document.getElementById("alert")?.dataset.offline ?? "");
});
document.addEventListener("htmx:before:response", (event) => {
  if (event.defaultPrevented) return; // somebody saw to it: the form of a note keeps its text
  const { raw, status } = event.detail.ctx.response;
  if (raw.redirected) {
    // Signed out meanwhile: the answer is the login page, which must not be put into a part of this one.
    event.preventDefault();
    location.reload(); // an assignment of the address it has would do nothing where that ends in #main
  } else if (status < 400) {
    warn("");
  }
});
