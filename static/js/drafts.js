// What is typed in the form of a note outlives a reload, a lost connection and an expired login: it is kept in this
// browser under the name of who is signed in and of the form (data-draft), until it was saved. page.js takes it away
// when the reader signs out.
//
// The server answers a form that it refuses with the same form, text and all (a fresh token, words, both texts of a
// conflict). Where it cannot be asked, or something else answers, the form stays, says so, and can be sent again.

const FORM = "form[data-draft]";
const NOT_KEPT = new Set(["csrfmiddlewaretoken", "writer"]);
const TYPED = ["body", "tags", "exact"];
const KEPT_FOR = 30 * 24 * 3600 * 1000;

const user = document.querySelector("form.account[data-user]")?.dataset.user ?? "";
const PREFIX = `draft:${user}:`;

const seen = new WeakSet(); // forms that were looked at once: a draft never comes over what is typed now
const refused = new WeakSet(); // forms that came back from the server: their text is saved nowhere else
const asServed = new WeakMap(); // fields of restored forms as the server gave them
const unkept = new Set(); // keys of forms whose text this browser would not store

const keyOf = (form) => PREFIX + form.dataset.draft;
const forms = () => Array.from(document.querySelectorAll(FORM));
const formOf = (key) => forms().find((form) => keyOf(form) === key);

// --- The store. It may be full, or not allowed. ---

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(key, fields) {
  try {
    localStorage.setItem(key, JSON.stringify({ at: Date.now(), fields }));
    unkept.delete(key);
  } catch {
    unkept.add(key);
  }
}

function drop(key) {
  unkept.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // Where nothing can be removed nothing was stored.
  }
}

function dropOld() {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith("draft:") && !(Date.now() - read(key)?.at < KEPT_FOR)) localStorage.removeItem(key);
    }
  } catch {
    // Nothing is stored.
  }
}

// --- Keeping and giving back ---

const named = (form) => Array.from(form.elements).filter((field) => field.name && !NOT_KEPT.has(field.name));
const fieldsOf = (form) => Object.fromEntries(named(form).map((field) => [field.name, field.value]));

/** Whether a form has words that are nowhere else. Those of a selected passage stand in a field that is hidden. */
function isTyped(form) {
  if (refused.has(form)) return true;
  return named(form).some(
    (field) => TYPED.includes(field.name) && field.value !== field.defaultValue && !field.closest("[hidden]"),
  );
}

function keep(form) {
  if (isTyped(form)) write(keyOf(form), fieldsOf(form));
  else drop(keyOf(form));
}

function setFields(form, fields) {
  for (const field of named(form)) {
    const value = fields[field.name];
    if (value === undefined) continue;
    const offered = field.tagName !== "SELECT" || Array.from(field.options).some((option) => option.value === value);
    if (offered) field.value = value; // a group may have been left since
  }
}

const words = () => document.getElementById("draft-words");
const notice = (kind) => words().content.querySelector(`.${kind}`).cloneNode(true);

function removeNotices(form) {
  for (const line of form.querySelectorAll(":scope > :is(.restored, .unsent)")) line.remove();
}

/** Give a form its draft. The revision that was read comes with it, so that a note changed since is a conflict. */
function restore(form) {
  seen.add(form);
  const draft = user && read(keyOf(form));
  if (!draft) return;
  asServed.set(form, fieldsOf(form));
  setFields(form, draft.fields);
  const place = form.closest("details");
  if (place) place.open = true;
  if (words()) form.prepend(notice("restored"));
  form.dispatchEvent(new Event("draft:restored", { bubbles: true }));
}

function restoreAll() {
  for (const form of forms()) if (!seen.has(form)) restore(form);
}

/** Put a form back to what the server gave. */
function discard(form) {
  drop(keyOf(form));
  refused.delete(form);
  form.reset();
  setFields(form, asServed.get(form) ?? {});
  removeNotices(form);
}

for (const name of ["input", "change"]) {
  document.addEventListener(name, ({ target }) => {
    if (user && target.form?.matches(FORM)) keep(target.form);
  });
}

// Before htmx hears of it: Cancel is a link in some forms.
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest?.("[data-cancel], [data-discard]");
    const form = button?.closest(FORM);
    if (!form) return;
    if (isTyped(form) && !confirm(words()?.dataset.discard ?? "")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    discard(form);
  },
  true,
);

// Saved in another tab: it need not be written twice.
addEventListener("storage", ({ key, oldValue, newValue }) => {
  const form = key?.startsWith(PREFIX) && newValue === null ? formOf(key) : null;
  if (form && oldValue && JSON.stringify(JSON.parse(oldValue).fields) === JSON.stringify(fieldsOf(form))) discard(form);
});

addEventListener("beforeunload", (event) => {
  if (unkept.size) event.preventDefault();
});

// --- Sending ---

/** Say in the form why it was not sent; its button sends it again. */
function tellUnsent(form, why) {
  if (!form?.isConnected || !words()) return;
  keep(form);
  form.querySelector(":scope > .unsent")?.remove();
  const line = notice("unsent");
  line.querySelector("p").textContent = words().dataset[why];
  line.querySelector("a").hidden = why !== "unsigned";
  form.prepend(line);
  form.dispatchEvent(new Event("draft:unsent", { bubbles: true }));
  line.scrollIntoView({ block: "nearest" });
}

const SIGNED_OUT = 401;

const isSaved = ({ hx }) => Boolean(hx?.trigger?.includes("note:saved"));

/** Whether an answer is the form again, and not what a proxy or a broken server has to say.
 *
 * The form for somebody who is signed out lacks their groups and their name: the one that is here is better.
 */
function isReturned(form, { response: { status }, text }) {
  return status >= 400 && status < 500 && status !== SIGNED_OUT && text.includes(`data-draft="${form.dataset.draft}"`);
}

/** Say why an answer is none. */
function tellFailed(form, { response: { status } }) {
  tellUnsent(form, status === SIGNED_OUT ? "unsigned" : "failed");
}

/** Keep what came back: it is newer than the draft, and may hold the other text of a conflict. */
function keepReturned(form) {
  if (!form) return;
  seen.add(form);
  refused.add(form);
  keep(form);
  form.dispatchEvent(new Event("draft:unsent", { bubbles: true }));
}

/** After it was saved. The form may stay, for the next note. */
function forget(form) {
  drop(keyOf(form));
  refused.delete(form);
  removeNotices(form);
}

const draftForm = ({ ctx }) => (ctx.sourceElement?.matches?.(FORM) ? ctx.sourceElement : null);

// Signing in, in another tab, changes the token. The cookie has the one that is valid now.
document.addEventListener("htmx:config:request", ({ detail }) => {
  const { body } = detail.ctx.request;
  const token = /(?:^|; )(?:__Host-)?csrftoken=([^;]+)/.exec(document.cookie)?.[1];
  if (token && body?.has?.("csrfmiddlewaretoken")) body.set("csrfmiddlewaretoken", token);
  draftForm(detail)?.querySelector(":scope > .unsent")?.remove();
});

// On their way down, since page.js has its own words for what other requests meet.
document.addEventListener(
  "htmx:before:response",
  (event) => {
    const form = draftForm(event.detail);
    if (!form || !event.detail.ctx.response.raw.redirected) return;
    event.preventDefault(); // the login page
    tellUnsent(form, "unsigned");
  },
  true,
);
document.addEventListener(
  "htmx:response:error",
  (event) => {
    const form = draftForm(event.detail);
    if (!form) return;
    event.preventDefault();
    if (!isReturned(form, event.detail.ctx)) tellFailed(form, event.detail.ctx);
  },
  true,
);
document.addEventListener("htmx:error", ({ detail }) => tellUnsent(draftForm(detail), "offline"));

document.addEventListener("htmx:before:swap", (event) => {
  const form = draftForm(event.detail);
  if (!form || isSaved(event.detail.ctx) || isReturned(form, event.detail.ctx)) return;
  event.preventDefault();
  tellFailed(form, event.detail.ctx);
});

document.addEventListener("htmx:after:swap", ({ detail }) => {
  const sent = draftForm(detail);
  if (sent && isSaved(detail.ctx)) forget(sent);
  else if (sent) keepReturned(formOf(keyOf(sent)));
  restoreAll();
});

dropOld();
// By then the other modules listen, whatever their order in the page.
document.addEventListener("DOMContentLoaded", restoreAll);
