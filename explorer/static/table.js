// Listings, ranked: one row each, its reasons folded beneath it. Titles are partners' words.

import { detail } from "./detail.js";
import { byId, el, show } from "./dom.js";
import {
  capital, count, day, decimal, estimate, money, moneyPerM2, ROUGHLY, signedPercent, span, titleOf, words,
} from "./text.js";

const COLUMNS = ["home", "asking", "value", "gap", "grade", "score"];

export function showListings(answer, { place, typeLabels, isMixed, isSynthetic, openId, extra, fetchDetail, onOpen, onPage }) {
  byId("listings-title").textContent = words.listingsTitle(count(answer.count), place);
  byId("listings-note").textContent = words.listingsNote(day(answer.as_of_date));
  byId("caption").textContent = words.caption(day(answer.as_of_date));
  show(byId("columns"), COLUMNS.map(headCell));
  const listed = extra ? [extra, ...answer.rows] : answer.rows;
  const context = { typeLabels, isMixed, isSynthetic, pinned: extra, fetchDetail, onOpen };
  show(byId("rows"), listed.length ? listed.map((row) => listingRow(row, context)) : emptyRow());
  if (openId !== null) openRow(openId, context, listed);
  showPages(answer, onPage);
}

function headCell(name) {
  const hint = words.hints[name];
  return el("th", { scope: "col", class: `c-${name}`, title: hint }, words.columns[name]);
}

function listingRow(row, context) {
  return el(
    "tr",
    { "data-listing": row.id },
    el("th", { scope: "row", class: "c-home" }, titleButton(row, context), el("span", { class: "meta" }, metaOf(row, context))),
    askingCell(row),
    valueCell(row),
    gapCell(row),
    el("td", { class: "c-grade" }, row.valuation?.grade ? el("span", { class: `grade ${row.valuation.grade}` }, row.valuation.grade) : "–"),
    el("td", { class: "c-score" }, row.score?.score === null || !row.score ? "–" : el("strong", {}, decimal(row.score.score, 0))),
  );
}

function titleButton(row, context) {
  const toggle = (event) => toggleRow(event.currentTarget.closest("tr"), row, context);
  return el("button", { type: "button", class: "title", "aria-expanded": "false", onclick: toggle }, titleOf(row).title);
}

// The type is told only where listings of several types stand together; that one is synthetic
// only where the page does not say it of all of them.
function metaOf(row, { typeLabels, isMixed, isSynthetic, pinned }) {
  const facts = [
    row.zone_name ?? words.noZone,
    isMixed ? capital(typeLabels[row.type] ?? row.type) : null,
    row.rooms === null ? null : words.roomsCount(count(row.rooms)),
    row.area_m2 === null ? null : `${decimal(row.area_m2, 0)} m²`,
    row.construction_year === null ? null : words.built(row.construction_year),
    row === pinned ? words.pinned : null,
    titleOf(row).isSynthetic && !isSynthetic ? words.syntheticTag : null,
  ];
  return facts.filter((fact) => fact !== null).join(" · ");
}

function askingCell(row) {
  const perMonth = row.transaction === "RENT" ? words.month1 : "";
  const quoted = row.price_quote ?? row.price;
  const currency = row.price_quote === null ? row.currency : row.quote_currency;
  const perM2 = quoted !== null && row.area_m2 ? quoted / row.area_m2 : null;
  return el(
    "td",
    { class: "c-asking" },
    el("span", { class: "main" }, `${money(quoted, currency)}${perMonth}`),
    el("span", { class: "sub" }, moneyPerM2(perM2, currency)),
  );
}

function valueCell(row) {
  const value = row.valuation;
  if (!value || value.value === null) return el("td", { class: "c-value" }, "–");
  return el(
    "td",
    { class: "c-value" },
    el("span", { class: "main" }, estimate(value.value, value.currency)),
    el("span", { class: "sub" }, span(value.low_80, value.high_80, value.currency, ROUGHLY)),
  );
}

function gapCell(row) {
  const gap = row.valuation?.gap_pct ?? null;
  if (gap === null) return el("td", { class: "c-gap" }, "–");
  const label = row.valuation.label;
  return el(
    "td",
    { class: `c-gap ${label ?? ""}` },
    el("span", { class: "main" }, signedPercent(gap)),
    label ? el("span", { class: "sub" }, words.labels[label] ?? label) : null,
  );
}

function emptyRow() {
  return el("tr", {}, el("td", { colspan: COLUMNS.length, class: "none" }, words.none));
}

function openRow(id, context, listed) {
  const row = listed.find((candidate) => String(candidate.id) === String(id));
  const node = byId("rows").querySelector(`tr[data-listing="${Number(id)}"]`);
  if (row && node) unfold(node, row, context);
}

function toggleRow(node, row, context) {
  const isOpen = node.classList.contains("open");
  for (const other of byId("rows").querySelectorAll("tr.open")) fold(other);
  if (!isOpen) unfold(node, row, context);
  context.onOpen(isOpen ? null : row.id);
}

function unfold(node, row, context) {
  const cell = el("td", { colspan: COLUMNS.length });
  const below = el("tr", { class: "detail", id: `listing-${row.id}` }, cell);
  const button = node.querySelector("button.title");
  button.setAttribute("aria-expanded", "true");
  button.setAttribute("aria-controls", below.id);
  node.classList.add("open");
  node.after(below);
  show(cell, detail(row, []));
  context.fetchDetail(row.id).then(
    (found) => show(cell, detail(row, found.images)),
    () => undefined, // the row itself already says everything but the pictures
  );
}

function fold(node) {
  node.classList.remove("open");
  node.querySelector("button.title").setAttribute("aria-expanded", "false");
  if (node.nextElementSibling?.classList.contains("detail")) node.nextElementSibling.remove();
}

function showPages(answer, onPage) {
  const { offset, limit, count: total } = answer;
  if (total <= limit && offset === 0) return show(byId("pages"));
  const turn = (label, start, possible) =>
    el("button", { type: "button", disabled: !possible, onclick: () => onPage(start) }, label);
  const last = Math.min(offset + limit, total);
  return show(
    byId("pages"),
    turn(`← ${words.previous}`, Math.max(0, offset - limit), offset > 0),
    el("span", {}, words.range(count(Math.min(offset + 1, total)), count(last), count(total))),
    turn(`${words.next} →`, offset + limit, last < total),
  );
}
