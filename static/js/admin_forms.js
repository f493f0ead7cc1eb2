// Forms of the admin: what an amount stands for, while it is typed. The server reads it, by the same rules as when it is
// sent, so that the two cannot disagree; without this script the page says it once it has been sent.

const PAUSE = 250; // milliseconds without a key
const waiting = new WeakMap();

// A row's currency stands in the same row: "low" and "currency", "rounds-0-amount" and "rounds-0-currency".
function currencyOf(box) {
  const name = box.name.replace(/[^-]+$/, "currency");
  return box.form.elements[name]?.value ?? "";
}

async function read(box) {
  const output = box.parentElement.querySelector("output");
  const text = box.value;
  if (!text.trim()) return say(output, "", "");
  const query = new URLSearchParams({ text, currency: currencyOf(box) });
  try {
    const answer = await fetch(`${box.dataset.amount}?${query}`, { headers: { Accept: "application/json" } });
    if (!answer.ok || answer.redirected) return say(output, "", "");
    const { words, problem } = await answer.json();
    if (box.value === text) say(output, words, problem);
  } catch {
    say(output, "", ""); // offline: the form says it once it is sent
  }
}

function say(output, words, problem) {
  output.textContent = problem || words;
  output.classList.toggle("wrong", Boolean(problem));
}

function later(box) {
  clearTimeout(waiting.get(box));
  waiting.set(box, setTimeout(read, PAUSE, box));
}

document.addEventListener("input", ({ target }) => {
  if (target.dataset?.amount) later(target);
  if (!/(^|-)currency$/.test(target.name ?? "")) return;
  const row = target.name.replace(/[^-]+$/, "");
  for (const box of target.form.querySelectorAll("[data-amount]")) {
    if (box.name.replace(/[^-]+$/, "") === row && box.value) later(box);
  }
});
