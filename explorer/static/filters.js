// The filters: what may be chosen follows from what is published.

import { el, show } from "./dom.js";
import { capital, count, language, words } from "./text.js";

const ROOMS = ["1", "2", "3", "4+"];
const AGES = ["new", "old"];
const LEVELS = ["country", "county", "city", "sector", "neighbourhood"];
export const ORDERS = ["score", "gap", "price_per_m2", "newest"];

// The segment in view: what the address asks for where it is published, else where we start.
export function settle(state, overview) {
  const transactions = optionsOf(overview, "transaction");
  const transaction = transactions.includes(state.transaction) ? state.transaction : overview.start.transaction;
  const types = typesOf(overview, transaction);
  const start = types.includes(overview.start.type) ? overview.start.type : (types[0] ?? "all");
  return {
    transaction,
    type: [...types, "all"].includes(state.type) ? state.type : start,
    rooms: ROOMS.includes(state.rooms) ? state.rooms : "all",
    age: AGES.includes(state.age) ? state.age : "all",
    level: LEVELS.includes(state.level) ? state.level : null,
    order: ORDERS.includes(state.order) ? state.order : "score",
    offset: Number.parseInt(state.offset, 10) > 0 ? Number.parseInt(state.offset, 10) : 0,
    zone: state.zone,
    listing: /^[1-9]\d{0,17}$/.test(state.listing ?? "") ? state.listing : null,
  };
}

export function showFilters(form, chosen, overview, zones) {
  const names = overview.labels[language];
  const transactions = optionsOf(overview, "transaction");
  fillSelect(form.elements.transaction, transactions.map((code) => [code, names.transaction[code]]), chosen.transaction);
  const types = typesOf(overview, chosen.transaction).map((code) => [code, typeOption(overview, chosen, code, names)]);
  fillSelect(form.elements.type, [...types, ["all", words.allTypes]], chosen.type);
  fillSelect(form.elements.rooms, [["all", words.any], ...ROOMS.map((band) => [band, band])], chosen.rooms);
  fillSelect(form.elements.age, [["all", words.any], ...AGES.map((band) => [band, words.ages[band]])], chosen.age);
  const levels = zones.levels.map((row) => [row.level, `${words.levels[row.level]} (${count(row.zones)})`]);
  const automatic = ["", words.automatic(words.levels[zones.level])];
  fillSelect(form.elements.level, chosen.level ? [["", words.automatic("…")], ...levels] : [automatic, ...levels], chosen.level ?? "");
  form.hidden = false;
}

export function showOrders(select, chosen) {
  fillSelect(select, ORDERS.map((code) => [code, words.orders[code]]), chosen.order);
}

function typeOption(overview, chosen, code, names) {
  const units = overview.segments.find(
    (row) => row.transaction === chosen.transaction && row.type === code && row.rooms_band === "all" && row.age_band === "all",
  )?.units;
  return `${names.type[code] ?? code} (${count(units ?? 0)})`;
}

function fillSelect(select, options, chosen) {
  show(select, options.map(([code, label]) => el("option", { value: code, selected: code === chosen }, capital(label))));
  select.value = chosen;
}

function optionsOf(overview, key) {
  return [...new Set(overview.segments.map((row) => row[key]))].sort().reverse();
}

function typesOf(overview, transaction) {
  const rows = overview.segments.filter((row) => row.transaction === transaction && row.type !== "all");
  return [...new Set(rows.map((row) => row.type))];
}
