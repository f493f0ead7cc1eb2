// The sector page between swaps: short addresses, prices that changed, totals that open.

const FORM = "controls";

// A choice that is the default is left out of the address; so is the day while the page follows the present.
document.addEventListener("htmx:config:request", ({ detail }) => {
  const { ctx } = detail;
  if (ctx.sourceElement.id !== FORM) return;
  const { body } = ctx.request;
  for (const input of ctx.sourceElement.querySelectorAll("[data-default]:checked")) body.delete(input.name);
  const day = ctx.sourceElement.elements.as_of;
  if (day && (!day.value || day.value === day.dataset.today)) body.delete("as_of");
  if (!body.get("segment")) body.delete("segment");
  if (body.get("sort") === "market_value") body.delete("sort");
  if (body.get("direction") === "desc") body.delete("direction");
});

// Nobody looks at a hidden tab: its polls would only cost the server.
document.addEventListener("htmx:before:request", (event) => {
  if (event.detail.ctx.sourceElement.matches?.("[data-poll]") && document.hidden) event.preventDefault();
});

// --- Prices that changed are marked for a moment and read out ---

const TOLD_AT_MOST = 3;
let before = new Map();

function prices() {
  const found = new Map();
  for (const row of document.querySelectorAll("#rows tbody tr[id]")) {
    found.set(row.id, row.querySelector(".price a")?.textContent ?? "");
  }
  return found;
}

document.addEventListener("htmx:before:swap", ({ detail }) => {
  before = detail.ctx.sourceElement.matches?.("[data-poll]") ? prices() : new Map();
});

document.addEventListener("htmx:after:swap", () => {
  const told = [];
  for (const [id, text] of prices()) {
    if (!before.has(id) || before.get(id) === text) continue;
    const row = document.getElementById(id);
    const cell = row.querySelector(".price");
    cell.classList.add("changed");
    cell.addEventListener("animationend", () => cell.classList.remove("changed"), { once: true });
    told.push(`${row.querySelector("th a").textContent} ${text}`);
  }
  before = new Map();
  if (told.length) {
    document.getElementById("announcement").textContent = told.slice(0, TOLD_AT_MOST).join(", ") + (told.length > TOLD_AT_MOST ? " …" : "");
  }
});

// A link to the workings of the totals opens them.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href="#totals"]');
  if (link) document.getElementById("totals").open = true;
});
