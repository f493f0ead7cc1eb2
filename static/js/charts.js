// Draws every [data-chart] box from the JSON beside it, again whenever a swap brings new JSON.
// The figure comes without colours and label positions: both depend on this reader's theme and width.

const WIDE = { margin: { l: 68, r: 18, t: 12, b: 50 }, font: 12, label: 13, mark: 1 };
const NARROW = { margin: { l: 46, r: 10, t: 26, b: 40 }, font: 11, label: 11.5, mark: 0.8 };
const PAPER = { width: 680, height: 400 };
const NARROWEST = 100; // below this a box is hidden, or on its way to its size
const POSITIONS = [
  "top center", "middle right", "middle left", "bottom center", "top right", "top left", "bottom right", "bottom left",
];
const COARSE = matchMedia("(pointer: coarse)").matches;
const CONFIG = {
  displaylogo: false,
  displayModeBar: COARSE ? false : "hover", // it would lie on the chart for good where nothing hovers
  doubleClick: "reset",
  showTips: false,
  plotlyServerURL: "", // nothing on this page sends a chart anywhere
  modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "toImage", "sendChartToCloud"],
};
const MODEBAR = ["Zoom", "Pan", "Zoom in", "Zoom out", "Reset axes"];
const CHINESE_DATES = {
  shortMonths: ["1月", "2月", "3月", "4月", "5月", "6月", "7月", "8月", "9月", "10月", "11月", "12月"],
  year: "%Y年", month: "%Y年%b", dayMonth: "%b%-d日", dayMonthYear: "%Y年%b%-d日", date: "%Y-%m-%d",
};
const drawn = new Map(); // box → { text, figure, zoom, revision, width, height, place }

// --- What only this page knows: colours, letters, size ---

function colours(box) {
  const probe = document.createElement("i");
  box.parentElement.append(probe);
  const read = (name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const names = ["ink", "muted", "hair", "card", "accent", "warn", "series-2", "series-3", "series-4"];
  const found = Object.fromEntries(names.map((name) => [name, read(name)]));
  found.sans = getComputedStyle(document.body).fontFamily;
  probe.remove();
  return found;
}

const pen = document.createElement("canvas").getContext("2d");

function textWidth(text, size, family) {
  pen.font = `${size}px ${family}`;
  return pen.measureText(text).width;
}

/** What a mark may be called: its name, or where there is no room the first word of it. */
const namesOf = (name) => [...new Set([name, name.split(" ")[0]])];

const plain = (text) => text.replace(/<[^>]*>/g, "").replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

// --- Axes ---

/** Where a value lies on an axis, as a fraction of its range from the start. */
function fraction(value, [first, last], log) {
  return ((log ? Math.log10(value) : value) - first) / (last - first);
}

/** Ticks of a logarithmic axis written in full: 1, 2, 5, 10 …; powers of ten when there are many decades. */
function logTicks([first, last], room) {
  const decades = last - first;
  if (decades < 0.75) return { tickmode: "auto", nticks: 5 };
  const steps = decades > 3.4 || room / decades < 90 ? [1] : [1, 2, 5];
  const values = [];
  for (let power = Math.floor(first) - 1; power <= Math.ceil(last); power += 1) {
    for (const step of steps) values.push(Number((step * 10 ** power).toPrecision(3)));
  }
  return { tickmode: "array", tickvals: values, ticktext: values.map((value) => value.toLocaleString("en", { maximumFractionDigits: 6 })) };
}

// --- Labels that do not collide ---

const TRIES = 20;
const SHORTENED = 100; // what a shortened label costs, against 0 to 7 for its position and 1000 for a dropped one

const overlap = (a, b) => {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
};
const around = (x, y, half, tall = half) => ({ left: x - half, right: x + half, top: y - tall, bottom: y + tall });

/** The box that Plotly gives a label of some width at one of its eight positions around a mark. */
function labelBox(mark, width, position, look) {
  const reach = mark.radius / 0.8 + 1;
  const [vertical, horizontal] = position.split(" ");
  const { size } = look;
  let left = mark.x - width / 2;
  if (horizontal === "right") left = mark.x + reach;
  if (horizontal === "left") left = mark.x - reach - width;
  let top = mark.y - size / 2;
  if (vertical === "top") top = mark.y - reach - size;
  if (vertical === "bottom") top = mark.y + reach;
  return { left: left - 2, right: left + width + 2, top, bottom: top + size + 1 };
}

/** A label with the room that its line takes: letters of two labels may not touch, nor may their accents. */
const airy = (box, look) => ({ ...box, top: box.top - look.size / 5, bottom: box.bottom + look.size / 5 });

/** How far the edge of a mark is from a box; 0 when it touches it. */
function distance(mark, box) {
  const across = Math.max(box.left - mark.x, 0, mark.x - box.right);
  const along = Math.max(box.top - mark.y, 0, mark.y - box.bottom);
  return Math.max(Math.hypot(across, along) - mark.radius, 0);
}

/** Whether a label at this place could be taken for another mark's. */
const misleads = (box, mark, marks) => marks.some((other) => other !== mark && distance(other, box) <= distance(mark, box) + 1);

/** The first place around a mark where its name, or else the first word of it, covers neither marks nor labels. */
function firstFree(mark, marks, obstacles, labels, look, area) {
  for (const [turn, { text, width }] of mark.labels.entries()) {
    for (const [rank, position] of POSITIONS.entries()) {
      const box = labelBox(mark, width, position, look);
      if (box.left < area.left || box.right > area.right || box.top < area.top || box.bottom > area.bottom) continue;
      if (obstacles.some((other) => overlap(box, other)) || misleads(box, mark, marks)) continue;
      const line = airy(box, look);
      if (!labels.some((other) => overlap(line, other))) return { text, position, box: line, cost: rank + SHORTENED * turn };
    }
  }
  return null;
}

/**
 * A place for each mark's label; a mark that has none is left out. Tried in several orders: the one that shortens and
 * drops fewest wins. `obstacles`: boxes of marks and bars, which no label may cover.
 */
function placeLabels(marks, obstacles, look, area) {
  const crowd = (mark) => marks.filter((other) => Math.abs(other.x - mark.x) < 90 && Math.abs(other.y - mark.y) < 45).length;
  const orders = [
    [...marks].sort((a, b) => crowd(b) - crowd(a) || a.y - b.y),
    [...marks].sort((a, b) => a.y - b.y),
    [...marks].sort((a, b) => b.y - a.y),
    [...marks].sort((a, b) => a.x - b.x),
    [...marks].sort((a, b) => b.x - a.x),
  ];
  let best = null;
  // Where labels were shortened or dropped, those marks are served first in a further try.
  for (let turn = 0; turn < TRIES && turn < orders.length; turn += 1) {
    const taken = [];
    const chosen = new Map();
    const unlucky = [];
    let cost = 0;
    for (const mark of orders[turn]) {
      const pick = firstFree(mark, marks, obstacles, taken, look, area);
      if (pick) {
        taken.push(pick.box);
        chosen.set(mark, pick);
        cost += pick.cost;
      } else {
        cost += mark.benchmark ? 200 : 1000;
      }
      if (!pick || pick.cost >= SHORTENED) unlucky.push(mark);
    }
    if (!best || cost < best.cost) best = { cost, chosen };
    if (!unlucky.length) break;
    orders.push([...unlucky, ...orders[turn].filter((mark) => !unlucky.includes(mark))]);
  }
  return best?.chosen ?? new Map();
}

/** Everything on the sector chart that depends on its size and range: ticks, label positions, names of the lines. */
function arrange(figure, ranges, size, look, colour) {
  const log = figure.layout.meta.scale === "log";
  const { margin } = look;
  const plot = { width: size.width - margin.l - margin.r, height: size.height - margin.t - margin.b };
  const at = (x, y) => [fraction(x, ranges.x, log) * plot.width, (1 - fraction(y, ranges.y, log)) * plot.height];
  const area = { left: 1 - margin.l / 2, right: plot.width + margin.r - 1, top: 0, bottom: plot.height - 1 };
  const letter = { size: look.label };
  const obstacles = [];
  const marks = [];
  for (const [number, trace] of figure.data.entries()) {
    if (trace.meta.role === "multiple") continue;
    for (const [index, name] of trace.text.entries()) {
      const [x, y] = at(trace.x[index], trace.y[index]);
      if (x < -2 || y < -2 || x > plot.width + 2 || y > plot.height + 2) continue;
      const radius = (trace.marker.size[index] * look.mark) / 2;
      marks.push({
        number, index, x, y, radius, benchmark: trace.meta.role === "benchmark",
        labels: namesOf(name).map((text) => ({ text, width: textWidth(plain(text), look.label, colour.sans) })),
      });
      obstacles.push(around(x, y, radius));
      for (const [axis, bars] of [["x", trace.error_x], ["y", trace.error_y]]) {
        if (!bars.visible || !bars.array[index]) continue;
        const high = (axis === "x" ? trace.x : trace.y)[index] + bars.array[index];
        const low = (axis === "x" ? trace.x : trace.y)[index] - bars.arrayminus[index];
        const [a, b] = axis === "x" ? [at(low, trace.y[index]), at(high, trace.y[index])] : [at(trace.x[index], high), at(trace.x[index], low)];
        obstacles.push({ left: a[0] - 2, right: b[0] + 2, top: a[1] - 2, bottom: b[1] + 2 });
      }
    }
  }
  const chosen = placeLabels(marks, obstacles, letter, area);
  const labels = [...chosen.values()].map(({ box }) => box);
  const annotations = lineNames(figure, ranges, at, plot, log, look, colour, [...obstacles, ...labels]);
  // A dropped label is a space: of an empty text Plotly removes the element, and never brings it back.
  const text = figure.data.map((trace) => (trace.text ? trace.text.map(() => " ") : undefined));
  const textposition = figure.data.map((trace) => (trace.text ? trace.text.map(() => "top center") : undefined));
  for (const [mark, label] of chosen) {
    text[mark.number][mark.index] = label.text;
    textposition[mark.number][mark.index] = label.position;
  }
  return {
    text,
    textposition,
    annotations,
    xTicks: log ? logTicks(ranges.x, plot.width) : {},
    yTicks: log ? logTicks(ranges.y, plot.height) : {},
  };
}

/** The name of each price-to-sales line, on the line, as near as can be to where it leaves the chart, clear of all else. */
function lineNames(figure, ranges, at, plot, log, look, colour, obstacles) {
  const annotations = [];
  const boxes = [];
  const size = look.font - 1;
  for (const trace of figure.data) {
    if (trace.meta.role !== "multiple") continue;
    const half = textWidth(trace.meta.label, size, colour.sans) / 2 + 3;
    const value = (share) => {
      const place = ranges.x[0] + share * (ranges.x[1] - ranges.x[0]);
      return log ? 10 ** place : place;
    };
    for (let share = 0.99; share > 0.02; share -= 0.01) {
      const x = value(share);
      const [left, top] = at(x, trace.meta.multiple * x);
      const box = around(left, top, half, size * 0.75);
      if (box.right > plot.width - 4 || box.top < 4 || box.left < 0 || box.bottom > plot.height) continue;
      const clear = { left: box.left - 4, right: box.right + 4, top: box.top - 4, bottom: box.bottom + 4 };
      if ([...obstacles, ...boxes].some((other) => overlap(clear, other))) continue;
      boxes.push(box);
      annotations.push({
        x: log ? Math.log10(x) : x,
        y: log ? Math.log10(trace.meta.multiple * x) : trace.meta.multiple * x,
        text: trace.meta.label, showarrow: false, font: { size, color: colour.muted }, bgcolor: colour.card, borderpad: 1,
        xanchor: "center", yanchor: "middle", captureevents: false,
      });
      break;
    }
  }
  return annotations;
}

// --- Names at the ends of lines ---

const lastValue = (trace) => trace.y.findLast((value) => value !== null);

/** What stands at the end of a line: its name, on a narrow chart the first word of it, and its last value. */
const endName = (trace, look) => `${look.narrow ? namesOf(trace.name).at(-1) : trace.name} ${Math.round(lastValue(trace)).toLocaleString("en")}`;

/** The usual look with a right margin in which the names have room. */
function roomForNames(look, figure, colour) {
  const widest = Math.max(...figure.data.map((trace) => textWidth(plain(endName(trace, look)), look.font, colour.sans)));
  return { ...look, margin: { ...look.margin, r: Math.round(widest) + 14 } };
}

/** The name of each line beside its end; names that would touch are moved apart. */
function endNames(figure, range, size, look, colour) {
  const height = size.height - look.margin.t - look.margin.b;
  const gap = look.font * 1.3;
  const names = figure.data
    .map((trace) => ({ trace, value: lastValue(trace), at: (1 - fraction(lastValue(trace), range, false)) * height }))
    .filter(({ at }) => at >= 0 && at <= height)
    .sort((a, b) => a.at - b.at);
  let from = 0;
  for (const name of names) {
    name.place = Math.max(name.at, from);
    from = name.place + gap;
  }
  let until = height;
  for (const name of names.toReversed()) {
    name.place = Math.min(name.place, until);
    until = name.place - gap;
  }
  return names.map(({ trace, value, at, place }) => ({
    text: endName(trace, look), font: { size: look.font, color: seriesColour(trace.meta.role, colour) }, showarrow: false,
    x: 1, xref: "paper", xanchor: "left", xshift: 6, y: value, yref: "y", yanchor: "middle", yshift: at - place, captureevents: false,
  }));
}

// --- Drawing ---

/** Letters stay readable where they lie on a line. */
const halo = (card) => ["1px 0", "-1px 0", "0 1px", "0 -1px", "2px 0", "-2px 0"].map((offset) => `${offset} 1px ${card}`).join(", ");

/** Four colours, then the same again: `charts.py` draws those lines with dashes. */
function seriesColour(role, colour) {
  const own = [colour.accent, colour["series-2"], colour["series-3"], colour["series-4"]];
  return own[(Number(role.slice("series-".length)) - 1) % own.length];
}

function painted(trace, colour, look) {
  const { role } = trace.meta;
  if (role === "multiple") return { ...trace, line: { ...trace.line, color: colour.muted } };
  if (role.startsWith("series")) {
    const own = seriesColour(role, colour);
    return { ...trace, line: { ...trace.line, color: own } };
  }
  const own = role === "benchmark" ? colour.muted : colour.accent;
  const error = (bars) => (bars.visible ? { ...bars, color: own, width: bars.width * look.mark, thickness: bars.thickness * look.mark } : bars);
  return {
    ...trace,
    marker: { ...trace.marker, size: trace.marker.size.map((one) => one * look.mark), color: role === "unlisted" ? colour.card : own, opacity: 1, line: { ...trace.marker.line, color: own } },
    textfont: { family: colour.sans, size: look.label, color: role === "benchmark" ? colour.muted : colour.ink, shadow: halo(colour.card) },
    error_x: error(trace.error_x),
    error_y: error(trace.error_y),
  };
}

/** The usual look with a left margin wide enough for the longest number of the axis. */
function roomy(look, figure, colour) {
  const { range, type } = figure.layout.yaxis;
  const highest = range ? range.map((end) => (type === "log" ? 10 ** end : end)).at(-1) : 10000;
  const number = highest < 10 ? "0.05" : Math.round(highest).toLocaleString("en");
  const digits = textWidth(number, look.font, colour.sans);
  const l = Math.round(digits + (look === NARROW ? 10 : 38));
  const b = figure.layout.xaxis.title?.text ? look.margin.b : 24;
  return { ...look, narrow: look === NARROW, margin: { ...look.margin, l: Math.max(l, look === NARROW ? 30 : 60), b } };
}

function framed(figure, size, look, colour) {
  const { layout } = figure;
  const axis = (given) => ({
    ...given,
    gridcolor: colour.hair,
    linecolor: colour.hair,
    tickfont: { size: look.font },
    title: { ...given.title, standoff: look.narrow ? 4 : 12, font: { size: look.narrow ? look.font : look.font + 1 } },
  });
  const yaxis = axis(layout.yaxis);
  const annotations = [...(layout.annotations ?? [])];
  if (look.narrow && yaxis.title.text) {
    // Upright beside the axis it would take a tenth of a phone's width; it goes above.
    annotations.push({
      text: yaxis.title.text, font: yaxis.title.font, showarrow: false,
      x: 0, xref: "paper", xanchor: "left", xshift: 4 - look.margin.l, y: 1, yref: "paper", yanchor: "bottom", yshift: 4,
    });
    yaxis.title = { text: "" };
  }
  return {
    ...layout,
    ...size,
    margin: look.margin,
    paper_bgcolor: colour.card,
    plot_bgcolor: colour.card,
    font: { family: colour.sans, size: look.font, color: colour.muted },
    hoverlabel: { bgcolor: colour.card, bordercolor: colour.muted, font: { family: colour.sans, size: 13, color: colour.ink }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour.muted, activecolor: colour.accent },
    legend: { orientation: "h", y: 1, yanchor: "bottom", x: 0 },
    // A finger scrolls the page; it does not draw a zoom box.
    dragmode: COARSE ? false : "zoom",
    annotations,
    shapes: (layout.shapes ?? []).map((shape) => ({ ...shape, line: { ...shape.line, color: colour.muted } })),
    // Upright, the dates of a narrow chart would not fit below it; fewer of them fit side by side.
    xaxis: { ...axis(layout.xaxis), ...(look.narrow && layout.xaxis.type === "date" ? { tickangle: 0, nticks: 4 } : {}) },
    yaxis,
  };
}

/** The buttons' words come with the page; the dates of axes are a matter of the page's language. */
function config(box) {
  const words = (box.dataset.words ?? "").split("|");
  const dictionary = Object.fromEntries(MODEBAR.map((word, number) => [word, words[number] || word]));
  const format = document.documentElement.lang.startsWith("zh") ? CHINESE_DATES : {};
  return { ...CONFIG, locale: "page", locales: { page: { dictionary, format } } };
}

function draw(box, paper = null) {
  const source = document.getElementById(box.dataset.chart);
  if (!source || box.clientWidth < NARROWEST) return;
  const text = source.textContent;
  const size = paper ?? { width: box.clientWidth, height: box.clientHeight };
  const old = drawn.get(box);
  if (old && old.text === text && old.width === size.width && old.height === size.height && !old.repaint) return;
  const figure = old?.text === text ? old.figure : JSON.parse(text);
  const colour = colours(box);
  const meta = figure.layout.meta;
  const usual = roomy(size.width < 560 ? NARROW : WIDE, figure, colour);
  const look = meta.kind === "compared" ? roomForNames(usual, figure, colour) : usual;
  // Same axes: the reader's zoom stays through a redraw. Other axes: it means nothing any more.
  const revision = [meta.kind, meta.scale, figure.layout.xaxis.title?.text, figure.layout.yaxis.title?.text].join("|");
  const state = { text, figure, revision, ...size, look, colour, zoom: old?.revision === revision ? old.zoom : null };
  drawn.set(box, state);
  const layout = { ...framed(figure, size, look, colour), uirevision: revision };
  const data = figure.data.map((trace) => painted(trace, colour, look));
  if (meta.kind === "sector") {
    const places = arrange(figure, state.zoom ?? { x: layout.xaxis.range, y: layout.yaxis.range }, size, look, colour);
    for (const [number, trace] of data.entries()) {
      if (places.text[number]) Object.assign(trace, { text: places.text[number], textposition: places.textposition[number] });
    }
    state.fixed = layout.annotations;
    layout.annotations = [...state.fixed, ...places.annotations];
    Object.assign(layout.xaxis, places.xTicks);
    Object.assign(layout.yaxis, places.yTicks);
  } else if (meta.kind === "compared") {
    state.fixed = layout.annotations;
    layout.annotations = [...state.fixed, ...endNames(figure, state.zoom?.y ?? layout.yaxis.range, size, look, colour)];
  }
  box.setAttribute("aria-label", plain(meta.summary ?? ""));
  Plotly.react(box, data, layout, config(box));
  if (!old) listen(box);
  box.dataset.drawn = String(Number(box.dataset.drawn ?? 0) + 1);
}

/** After a zoom the labels find new places; nothing else is drawn again. */
function rearrange(box) {
  const state = drawn.get(box);
  if (state?.figure.layout.meta.kind === "compared") {
    const y = box.layout.yaxis.range.slice();
    state.zoom = String(y) === String(state.figure.layout.yaxis.range) ? null : { y };
    Plotly.relayout(box, { annotations: [...state.fixed, ...endNames(state.figure, y, state, state.look, state.colour)] });
    return;
  }
  if (!state || state.figure.layout.meta.kind !== "sector") return;
  const { xaxis, yaxis } = state.figure.layout;
  const now = { x: box.layout.xaxis.range.slice(), y: box.layout.yaxis.range.slice() };
  const plainly = String(now.x) === String(xaxis.range) && String(now.y) === String(yaxis.range);
  state.zoom = plainly ? null : now;
  const places = arrange(state.figure, now, state, state.look, state.colour);
  const traces = state.figure.data.map((_, number) => number).filter((number) => places.text[number]);
  const layout = { annotations: [...state.fixed, ...places.annotations] };
  for (const [axis, ticks] of [["xaxis", places.xTicks], ["yaxis", places.yTicks]]) {
    for (const [key, value] of Object.entries(ticks)) layout[`${axis}.${key}`] = value;
  }
  Plotly.update(box, { text: traces.map((n) => places.text[n]), textposition: traces.map((n) => places.textposition[n]) }, layout, traces);
}

function listen(box) {
  box.on("plotly_relayout", (changes) => {
    if (Object.keys(changes).some((key) => /^[xy]axis/.test(key))) rearrange(box);
  });
  box.on("plotly_click", ({ points }) => openSource(points[0]?.customdata));
  sizes.observe(box);
}

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.isConnected) draw(target);
  }
});

function openSource(key) {
  if (typeof key === "string") document.querySelector(`#row-${CSS.escape(key)} .value a`)?.click();
}

// --- By keyboard ---

/** The points that arrow keys walk: companies from left to right, or the days of the first series or of the longest. */
function walk(figure) {
  const stops = [];
  if (figure.layout.meta.kind === "compared") {
    const longest = figure.data.reduce((one, other) => (other.x.length > one.x.length ? other : one));
    return longest.x.map((x) => ({ x, points: onDay(figure, x) }));
  }
  for (const [curveNumber, trace] of figure.data.entries()) {
    if (trace.meta.role === "multiple") continue;
    for (const pointNumber of trace.x.keys()) {
      if (trace.y[pointNumber] === null) continue;
      stops.push({ points: [{ curveNumber, pointNumber }], x: trace.x[pointNumber], key: trace.customdata?.[pointNumber] });
    }
    if (trace.meta.role.startsWith("series")) break;
  }
  return figure.layout.meta.kind === "sector" ? stops.sort((a, b) => a.x - b.x) : stops;
}

/** Where each line stands on a day; a line without a value on it is left out. */
const onDay = (figure, day) => figure.data.flatMap((trace, curveNumber) => {
  const pointNumber = trace.x.indexOf(day);
  return pointNumber < 0 ? [] : [{ curveNumber, pointNumber }];
});

/** What is read out of a stop. */
function told({ data, layout }, { x, points }) {
  if (layout.meta.kind === "compared") {
    return `${x}: ${points.map(({ curveNumber, pointNumber }) => `${data[curveNumber].name} ${data[curveNumber].y[pointNumber].toFixed(1)}`).join(", ")}`;
  }
  const [{ curveNumber, pointNumber }] = points;
  const trace = data[curveNumber];
  return trace.hovertext?.[pointNumber] ?? `${trace.x[pointNumber]}: ${trace.y[pointNumber]}`;
}

const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 20, PageDown: -20, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", (event) => {
  const frame = event.target.closest?.(".chart-frame");
  const box = frame === event.target ? frame.querySelector("[data-chart]") : null;
  const state = box && drawn.get(box);
  if (!state || event.ctrlKey || event.metaKey || event.altKey) return;
  const stops = walk(state.figure);
  if (event.key in STEPS && stops.length) {
    event.preventDefault();
    const from = state.cursor ?? (STEPS[event.key] > 0 ? -1 : stops.length);
    state.cursor = Math.min(stops.length - 1, Math.max(0, from + STEPS[event.key]));
    const stop = stops[state.cursor];
    Plotly.Fx.hover(box, stop.points);
    document.getElementById("announcement").textContent = plain(told(state.figure, stop).replaceAll("<br>", ". "));
  } else if (event.key === "Enter" && state.cursor !== undefined) {
    event.preventDefault();
    openSource(stops[state.cursor]?.key);
  } else if (event.key === "Escape" && state.cursor !== undefined) {
    state.cursor = undefined;
    Plotly.Fx.unhover(box);
  }
});

document.addEventListener("focusout", (event) => {
  const box = event.target.closest?.(".chart-frame")?.querySelector("[data-chart]");
  const state = box && drawn.get(box);
  if (state?.cursor === undefined) return;
  state.cursor = undefined;
  Plotly.Fx.unhover(box);
});

// --- When ---

function drawAll(root) {
  for (const [box] of drawn) {
    if (box.isConnected) continue;
    sizes.unobserve(box);
    Plotly.purge(box);
    drawn.delete(box);
  }
  for (const box of root.querySelectorAll("[data-chart]")) draw(box);
}

document.addEventListener("htmx:after:process", ({ target }) => drawAll(target));
document.addEventListener("themechange", () => {
  for (const [box, state] of drawn) {
    state.repaint = true;
    draw(box);
  }
});
// Paper is white and narrower than most windows; the page is laid out for it only after this event.
addEventListener("beforeprint", () => {
  const { dataset } = document.documentElement;
  const { theme } = dataset;
  dataset.theme = "light";
  for (const [box, state] of drawn) {
    state.repaint = true;
    draw(box, PAPER);
  }
  addEventListener("afterprint", () => {
    dataset.theme = theme;
    for (const [box, state] of drawn) {
      state.repaint = true;
      draw(box);
    }
  }, { once: true });
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-image]");
  const box = button && document.getElementById(button.dataset.of);
  if (!box || !drawn.has(box)) return;
  const name = document.title.split(" ")[0].toLowerCase();
  Plotly.downloadImage(box, { format: button.dataset.image, filename: `xinpan-${name}`, width: 1280, height: 720, scale: 2 });
});

drawAll(document);
