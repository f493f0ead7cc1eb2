// Pages with controls between swaps: short addresses, totals that open.

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

// A link to the workings of the totals opens them.
document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href="#totals"]');
  if (link) document.getElementById("totals").open = true;
});
