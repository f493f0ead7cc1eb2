// Where a number comes from, and how fresh a price is, opens beside the page. Without this, the same link opens it as a
// page of its own.

let opener = null;

const panel = () => document.getElementById("source-panel");

document.addEventListener("htmx:before:request", ({ detail }) => {
  const { target, sourceElement } = detail.ctx;
  // What the panel itself asks for (a form, a poll) changes its content, not who opened it.
  if (target?.id === "source" && panel() && !panel().contains(sourceElement)) opener = sourceElement;
});

document.addEventListener("htmx:after:swap", ({ detail }) => {
  if (detail.ctx.sourceElement !== opener || !opener || detail.ctx.response?.status >= 400) return;
  const dialog = panel();
  if (!dialog) return;
  for (const link of document.querySelectorAll("a[aria-expanded]")) link.removeAttribute("aria-expanded");
  opener.setAttribute("aria-expanded", "true");
  if (!dialog.open) dialog.show(); // not modal: the page stays readable, and another number can be chosen
  dialog.scrollTop = 0;
  document.getElementById("source-title")?.focus({ preventScroll: true });
});

function close() {
  const dialog = panel();
  if (!dialog?.open) return;
  dialog.close();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && panel()?.open) {
    event.preventDefault();
    close();
  }
});

// "close" does not bubble, so it is caught on its way down.
document.addEventListener(
  "close",
  (event) => {
    if (event.target !== panel() || !opener) return;
    // The link may have been replaced by a newer one with the same address.
    const link = opener.isConnected ? opener : document.querySelector(`a[href="${CSS.escape(opener.getAttribute("href"))}"]`);
    opener.removeAttribute("aria-expanded");
    link?.focus({ preventScroll: true });
    opener = null;
  },
  true,
);
