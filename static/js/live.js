// Pages whose prices arrive by themselves. What the markup says:
//   [data-poll="15"]        asks the server when it hears "poll": after so many seconds, at once when the tab is shown again
//   [id][data-price="12.5"] a price; when its number changes it is marked for a moment, with the direction it moved
//   [data-name="Acme"]      and then read out under this name

const MARKED_FOR = 4000;
const TOLD_AT_MOST = 3;

// --- When to ask ---

let asked = Date.now();
let timer = 0;

function ask() {
  const element = document.querySelector("[data-poll]");
  if (!element || document.hidden) return; // nobody looks at a hidden tab: its polls would only cost the server
  asked = Date.now();
  element.dispatchEvent(new Event("poll"));
  wait();
}

function wait() {
  clearTimeout(timer);
  const element = document.querySelector("[data-poll]");
  if (element && !document.hidden) timer = setTimeout(ask, Math.max(0, asked + element.dataset.poll * 1000 - Date.now()));
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
document.addEventListener("htmx:after:swap", wait); // the page may come with another pause
wait();

// --- What changed ---

let before = new Map();

const prices = () => new Map(Array.from(document.querySelectorAll("[id][data-price]"), (cell) => [cell.id, cell.dataset.price]));

function mark(cell, direction) {
  cell.classList.add("changed", direction);
  // By the clock: with reduced motion there is no animation whose end could be waited for.
  setTimeout(() => cell.classList.remove("changed", direction), MARKED_FOR);
}

function announce(told) {
  const place = document.getElementById("announcement");
  const more = told.length - TOLD_AT_MOST;
  const said = told.slice(0, TOLD_AT_MOST).map(({ name, text, direction }) =>
    place.dataset[direction].replace("{name}", name).replace("{price}", text),
  );
  if (more > 0) said.push(place.dataset.more.replace("{n}", more));
  place.textContent = said.join(" ");
}

document.addEventListener("htmx:before:swap", ({ detail }) => {
  before = detail.ctx.sourceElement.matches?.("[data-poll]") ? prices() : new Map();
});

document.addEventListener("htmx:after:swap", () => {
  const told = [];
  for (const [id, price] of prices()) {
    const old = before.get(id);
    if (!old || !price || old === price) continue;
    const cell = document.getElementById(id);
    const direction = Number(price) > Number(old) ? "rose" : "fell";
    mark(cell, direction);
    if (cell.dataset.name) told.push({ name: cell.dataset.name, text: (cell.querySelector("a") ?? cell).textContent.trim(), direction });
  }
  before = new Map();
  if (told.length) announce(told);
});
