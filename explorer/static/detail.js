// One listing unfolded: its price against its value, its score in parts, what is known of it.

import { el, svg } from "./dom.js";
import { basis, count, day, decimal, money, percent, reason, span, titleOf, words } from "./text.js";

const PARTS = ["yield", "gap", "liquidity", "momentum", "certainty"];

export function detail(row, images) {
  return el(
    "div",
    { class: "unfolded" },
    pictures(images),
    el(
      "div",
      {},
      el("section", {}, el("h4", {}, words.valueTitle), ...valuePart(row)),
      el("section", {}, el("h4", {}, words.factsTitle), facts(row)),
    ),
    el("section", {}, el("h4", {}, words.scoreTitle), ...scorePart(row)),
  );
}

function pictures(images) {
  const stored = images.filter((image) => image.ok && image.sha256);
  if (!stored.length) return null;
  return el(
    "div",
    { class: "pictures" },
    stored.map((image) => el("img", { src: `images/${image.sha256}/320.webp`, alt: "", loading: "lazy", width: 160, height: 120 })),
  );
}

function valuePart(row) {
  const value = row.valuation;
  if (!value || value.value === null) return [el("p", { class: "quiet" }, words.noValue(reason(value?.reason)))];
  return [
    row.price_quote === null ? null : strip(row.price_quote, value),
    el(
      "dl",
      { class: "pairs" },
      pair(words.ask, money(row.price_quote, row.quote_currency)),
      pair(words.value, money(value.value, value.currency)),
      pair(words.interval80, span(value.low_80, value.high_80, value.currency)),
      pair(words.interval90, span(value.low_90, value.high_90, value.currency)),
    ),
    el("p", { class: "quiet" }, `${words.valueBasis(count(value.n), basis(value.basis))} ${capitalAsOf(row)}`),
  ];
}

function capitalAsOf(row) {
  const said = words.asOf(day(row.as_of_date));
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
}

function pair(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function strip(ask, value) {
  const ends = [value.low_90 ?? value.low_80, value.high_90 ?? value.high_80, ask, value.value].filter((end) => end !== null);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const x = (amount) => 8 + (304 * (amount - low)) / (high - low || 1);
  const line = (name, from, to) => svg("line", { class: name, x1: x(from), x2: x(to), y1: 16, y2: 16 });
  const said = words.stripLabel(
    money(ask, value.currency), money(value.value, value.currency),
    money(value.low_80, value.currency), money(value.high_80, value.currency),
  );
  return svg(
    "svg",
    { class: "strip", viewBox: "0 0 320 32", role: "img", "aria-label": said },
    line("rail", low, high),
    value.low_90 === null ? "" : line("wide", value.low_90, value.high_90),
    value.low_80 === null ? "" : line("narrow", value.low_80, value.high_80),
    svg("line", { class: "value", x1: x(value.value), x2: x(value.value), y1: 8, y2: 24 }),
    svg("path", { class: "ask", d: `M${x(ask)} 9l6.5 7-6.5 7-6.5-7z` }),
  );
}

function scorePart(row) {
  const score = row.score;
  if (!score || score.score === null) return [el("p", { class: "quiet" }, words.noScore(reason(score?.reason)))];
  return [
    el("ul", { class: "parts" }, PARTS.map((name) => partLine(score, name))),
    el("p", { class: "quiet" }, words.scoreNote),
  ];
}

function partLine(score, name) {
  const part = score[`${name}_part`];
  const from = score[`${name}_basis`] ? words.from(basis(score[`${name}_basis`])) : null;
  const weight = score[`${name}_weight`] === null ? null : words.weight(percent(100 * score[`${name}_weight`], 0));
  const notes = part === null ? [words.partMissing] : [weight, from];
  return el(
    "li",
    {},
    el("span", { class: "name" }, words.parts[name]),
    el("meter", { min: 0, max: 100, value: part ?? 0, "aria-label": words.parts[name] }),
    el("strong", {}, part === null ? "–" : decimal(part, 0)),
    el("span", { class: "sub" }, notes.filter(Boolean).join(", ")),
  );
}

function listingName(row) {
  const name = `${row.id} · ${row.provider_identifier}:${row.external_id}`;
  return titleOf(row).isSynthetic ? `${name} · ${words.syntheticTag}` : name;
}

function facts(row) {
  const score = row.score;
  const pairs = [
    [words.facts.address, row.zone_name ?? words.noZone],
    [words.facts.precision, words.precisions[row.place_precision] ?? row.place_precision],
    [words.facts.online, row.days_online === null ? null : words.days(count(row.days_online))],
    [words.facts.cuts, count(row.price_cuts)],
    [words.facts.rent, score?.predicted_rent_eur ? `${money(score.predicted_rent_eur, "EUR")}${words.month1}` : null],
    [words.facts.yield, score?.net_yield_pct ? percent(score.net_yield_pct) : null],
    [words.facts.pictures, row.images_state === "pending" ? words.picturesPending(count(row.image_count)) : null],
    [words.facts.agency, row.agency_identifier?.slice(row.provider_identifier.length + 1) ?? null],
    [words.facts.listing, listingName(row)],
  ];
  return el("dl", { class: "pairs" }, pairs.filter(([, value]) => value !== null).map(([name, value]) => pair(name, value)));
}
