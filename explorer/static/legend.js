// The legend: the classes of the map with their numbers, and what hatching and blank mean.

import { el, show } from "./dom.js";
import { count, money, words } from "./text.js";

export function showLegend(node, { cuts, colours, currency, level, withMedian, date }) {
  const classes = colours.map((colour, rank) => {
    const swatch = el("i", { class: "swatch" });
    swatch.style.background = colour;
    return el("li", {}, swatch, el("span", {}, borderOf(cuts, rank, currency)));
  });
  show(
    node,
    withMedian ? el("ol", { class: "classes" }, classes) : null,
    el(
      "ul",
      { class: "marks" },
      el("li", {}, el("i", { class: "swatch hatched" }), words.tooFew),
      el("li", {}, el("i", { class: "swatch blank" }), words.empty),
      el("li", { class: "note" }, words.legendNote(words.levels[level], count(withMedian), date)),
    ),
  );
}

function borderOf(cuts, rank, currency) {
  if (!cuts.length) return words.perM2;
  if (rank === 0) return `< ${count(cuts[0])}`;
  if (rank === cuts.length) return `≥ ${money(cuts.at(-1), currency)}`;
  return count(cuts[rank - 1]);
}

export function showCredits(node, credits) {
  const named = credits.map((credit) => {
    const borders = credit.is_approximate ? `, ${words.approximate}` : "";
    return `${credit.source} (${credit.licence}${borders})`;
  });
  node.textContent = named.length ? `${words.zonesBy} ${named.join("; ")}` : "";
}
