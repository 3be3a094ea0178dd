// Zones as a ranked list, and one zone's figures: the map in words, for every hand and ear.

import { el, show, svg } from "./dom.js";
import { series } from "./series.js";
import { basis, count, day, decimal, money, moneyPerM2, percent, span, words } from "./text.js";

export function showZoneList(node, rows, { onPick, onHover }) {
  const known = rows.filter((row) => row.median_price_per_m2 !== null);
  const without = rows.filter((row) => row.median_price_per_m2 === null && row.n > 0).length;
  show(
    node,
    el("h2", { id: "panel-title" }, words.zonesTitle),
    known.length
      ? el("p", { class: "quiet" }, words.zonesNote(day(known[0].as_of_date)))
      : el("p", { class: "quiet" }, words.noMedian),
    el("ol", { class: "zones" }, zoneLines(known, onPick, onHover)),
    without ? el("p", { class: "quiet" }, words.without(count(without))) : null,
  );
}

function zoneLines(rows, onPick, onHover) {
  const highs = rows.map((row) => row.median_high ?? row.median_price_per_m2);
  const lows = rows.map((row) => row.median_low ?? row.median_price_per_m2);
  const range = [Math.min(...lows), Math.max(...highs)];
  return rows.map((row) => {
    const interval = span(row.median_low, row.median_high, row.currency);
    return el(
      "li",
      {},
      el(
        "button",
        {
          type: "button",
          "data-zone": row.zone_id,
          title: `${words.interval95} ${interval}`,
          onclick: () => onPick(row.zone_id),
          onmouseenter: () => onHover(row.zone_id),
          onmouseleave: () => onHover(null),
        },
        el("span", { class: "name" }, row.zone_name),
        whisker(row, range),
        el("span", { class: "figure" }, money(row.median_price_per_m2, row.currency)),
        el("span", { class: "visually-hidden" }, `${words.interval95} ${interval}, `),
        el("span", { class: "size" }, `n ${count(row.n)}`),
      ),
    );
  });
}

function whisker(row, [low, high]) {
  const x = (value) => 3 + (94 * (value - low)) / (high - low || 1);
  const middle = row.median_price_per_m2;
  return svg(
    "svg",
    { class: "whisker", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("line", { class: "rail", x1: 0, x2: 100, y1: 5, y2: 5 }),
    svg("line", { class: "interval", x1: x(row.median_low ?? middle), x2: x(row.median_high ?? middle), y1: 5, y2: 5 }),
    svg("line", { class: "middle", x1: x(middle), x2: x(middle), y1: 5, y2: 5 }),
  );
}

export function showZone(node, ladder, months, { transaction, onPick, onClose }) {
  const [{ zone, figures }, ...around] = ladder;
  show(
    node,
    el("button", { type: "button", class: "back", onclick: onClose }, `← ${words.allZones}`),
    el("p", { class: "kicker" }, kicker(zone, around)),
    el("h2", { id: "panel-title", tabindex: "-1" }, zone.name),
    ...headFigure(figures),
    figures ? moreFigures(figures, transaction) : null,
    around.length ? el("h3", {}, words.ladderTitle) : null,
    around.length ? ladderList(around, onPick) : null,
    el("h3", {}, words.seriesTitle),
    series(months, zone.name),
  );
}

function kicker(zone, around) {
  const place = around.length ? ` · ${around[0].zone.name}` : "";
  const borders = zone.is_approximate ? ` · ${words.approximate}` : "";
  return `${words.levelOf[zone.level]}${place}${borders}`;
}

function headFigure(row) {
  if (!row || row.n === 0) return [el("p", { class: "quiet" }, words.reasonNone)];
  if (row.median_price_per_m2 === null) return [el("p", { class: "quiet" }, words.reasonFew(count(row.n)))];
  const euro = row.currency === "EUR" ? "" : ` (${moneyPerM2(row.median_price_eur_per_m2, "EUR")})`;
  return [
    el(
      "p",
      { class: "big" },
      el("strong", {}, moneyPerM2(row.median_price_per_m2, row.currency)),
      el("span", {}, `${words.medianAsking}${euro}`),
    ),
    el("p", { class: "evidence" }, evidence(row)),
  ];
}

// What a figure rests on, in one line: interval, sample, date, basis.
export function evidence(row) {
  return [
    `${words.interval95} ${span(row.median_low, row.median_high, row.currency)}`,
    `n = ${count(row.n)}`,
    words.asOf(day(row.as_of_date)),
    `${words.basis.toLowerCase()}: ${basis(row.basis)}`,
  ].join(" · ");
}

function moreFigures(row, transaction) {
  const pairs = [
    [words.stock, count(row.stock)],
    [words.new30, count(row.new_30d)],
    [words.closed90[transaction], count(row.closed_90d)],
    [words.supply, decimal(row.months_of_supply)],
    [words.cuts90, percent(share(row.cut_share_90d), 0)],
    [words.ageDays, count(row.median_age_days)],
  ];
  return el("dl", { class: "facts" }, pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function share(value) {
  return value === null ? null : 100 * value;
}

function ladderList(rungs, onPick) {
  const lines = rungs.map(({ zone, figures }) => {
    const median = figures?.median_price_per_m2 ?? null;
    const said = median === null ? words.tooFew : moneyPerM2(median, figures.currency);
    return el(
      "li",
      {},
      el("button", { type: "button", class: "link", onclick: () => onPick(zone.zone_id) }, zone.name),
      el("span", { class: "figure" }, said),
      el("span", { class: "size" }, `n ${count(figures?.n ?? 0)}`),
    );
  });
  return el("ul", { class: "ladder" }, lines);
}
