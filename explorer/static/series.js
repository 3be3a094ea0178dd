// A zone month by month: a line for the median, a band for its interval, gaps where n is small.

import { el, svg } from "./dom.js";
import { ticks } from "./scale.js";
import { count, day, money, moneyPerM2, month, span, words } from "./text.js";

const [WIDTH, HEIGHT] = [560, 190];
const NAMED_MONTHS = 4;
const EDGE = { left: 4, right: 66, top: 14, bottom: 24 };

export function series(rows, name) {
  const points = rows.filter((row) => row.median_price_per_m2 !== null);
  if (!points.length) return el("p", { class: "quiet" }, words.seriesNone);
  const sizes = points.map((row) => row.n);
  const [first, last] = [points[0], points.at(-1)];
  return el(
    "figure",
    { class: "series" },
    drawing(rows, points, words.seriesLabel(name, month(first.month, "long"), month(last.month, "long"))),
    el("figcaption", {}, words.seriesNote(count(Math.min(...sizes)), count(Math.max(...sizes)), day(last.as_of_date))),
    el("details", {}, el("summary", {}, words.figures), figureTable(rows)),
  );
}

function drawing(rows, points, label) {
  const place = scales(rows, points);
  const currency = points[0].currency;
  const svgNode = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  svgNode.append(...gridLines(place, currency), ...monthNames(rows, place));
  for (const run of runs(rows)) {
    svgNode.append(svg("path", { class: "band", d: bandPath(run, place) }));
    svgNode.append(svg("path", { class: "line", d: linePath(run, place) }));
  }
  for (const row of points) svgNode.append(dot(row, place));
  return svgNode;
}

function scales(rows, points) {
  const lows = points.map((row) => row.median_low ?? row.median_price_per_m2);
  const highs = points.map((row) => row.median_high ?? row.median_price_per_m2);
  let [low, high] = [Math.min(...lows), Math.max(...highs)];
  if (low === high) [low, high] = [low * 0.95, high * 1.05];
  const step = (WIDTH - EDGE.left - EDGE.right) / Math.max(1, rows.length - 1);
  const tall = HEIGHT - EDGE.top - EDGE.bottom;
  const index = new Map(rows.map((row, k) => [row.month, k]));
  return {
    low,
    high,
    x: (row) => EDGE.left + 6 + index.get(row.month) * (step - 12 / rows.length),
    y: (value) => EDGE.top + tall * (1 - (value - low) / (high - low)),
  };
}

function gridLines(place, currency) {
  return ticks(place.low, place.high).map((value) => {
    const y = place.y(value);
    return svg(
      "g",
      { class: "grid" },
      svg("line", { x1: EDGE.left, x2: WIDTH - EDGE.right + 6, y1: y, y2: y }),
      svg("text", { x: WIDTH - EDGE.right + 10, y: y + 4 }, money(value, currency)),
    );
  });
}

function monthNames(rows, place) {
  const steps = Math.min(NAMED_MONTHS, rows.length) - 1;
  const named = rows.filter((_, k) => steps < 1 || isNamed(k, steps, rows.length));
  return named.map((row, k) => {
    const anchor = k === 0 ? "start" : k === named.length - 1 ? "end" : "middle";
    return svg("text", { class: "month", x: place.x(row), y: HEIGHT - 6, "text-anchor": anchor }, month(row.month));
  });
}

function isNamed(index, steps, length) {
  for (let step = 0; step <= steps; step += 1) {
    if (Math.round((step * (length - 1)) / steps) === index) return true;
  }
  return false;
}

// Stretches of months that all have a median: no line is drawn across a gap.
function runs(rows) {
  const found = [[]];
  for (const row of rows) {
    if (row.median_price_per_m2 === null) found.push([]);
    else found.at(-1).push(row);
  }
  return found.filter((run) => run.length);
}

function linePath(run, place) {
  return run.map((row, k) => `${k ? "L" : "M"}${place.x(row)} ${place.y(row.median_price_per_m2)}`).join("");
}

function bandPath(run, place) {
  const known = run.filter((row) => row.median_low !== null && row.median_high !== null);
  const over = known.map((row, k) => `${k ? "L" : "M"}${place.x(row)} ${place.y(row.median_high)}`);
  const back = known.map((row) => `L${place.x(row)} ${place.y(row.median_low)}`).reverse();
  return known.length ? `${over.join("")}${back.join("")}Z` : "";
}

function dot(row, place) {
  const said = `${month(row.month, "long")}: ${moneyPerM2(row.median_price_per_m2, row.currency)}`;
  const range = span(row.median_low, row.median_high, row.currency);
  const circle = svg("circle", { class: "dot", cx: place.x(row), cy: place.y(row.median_price_per_m2), r: 2.6 });
  circle.append(svg("title", {}, `${said} (${range}), n = ${count(row.n)}`));
  return circle;
}

function figureTable(rows) {
  const head = [words.month, words.median, words.interval95, words.n].map((name) => el("th", { scope: "col" }, name));
  const body = rows.map((row) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, month(row.month)),
      el("td", {}, row.median_price_per_m2 === null ? words.tooFew : moneyPerM2(row.median_price_per_m2, row.currency)),
      el("td", {}, span(row.median_low, row.median_high, row.currency)),
      el("td", {}, count(row.n)),
    ),
  );
  return el("table", { class: "small" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, body));
}
