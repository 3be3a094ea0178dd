// The page: reads the address, asks for what it names, shows it. Every change goes by the address.

import { ask } from "./api.js";
import { byId, el, show } from "./dom.js";
import { settle, showFilters, showOrders } from "./filters.js";
import { showCredits, showLegend } from "./legend.js";
import { createMap } from "./map.js";
import { onSchemeChange, palette } from "./palette.js";
import { breaks, classOf, pickColours } from "./scale.js";
import { current, go, note, onReturn, serialise } from "./state.js";
import { showListings } from "./table.js";
import { count, day, dress, moment, money, moneyPerM2, words } from "./text.js";
import { evidence, showZone, showZoneList } from "./zones.js";

const PAGE = 25;
const WATCH_MS = 20_000;

let view = null; // what is on the page: chosen, overview, zones, shapes, listings, ladder, months
let map = null;
let asking = null;

start();

function start() {
  dress();
  showLanguages();
  byId("filters").addEventListener("change", (event) => chooseFilter(event.target));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("order").addEventListener("change", (event) => move({ order: event.target.value, offset: null }));
  onReturn(() => load());
  onSchemeChange(() => {
    map?.recolour();
    if (view) paint(view);
  });
  window.setInterval(watch, WATCH_MS);
  load();
}

function chooseFilter(select) {
  const changes = { [select.name]: select.value || null, offset: null, listing: null };
  if (select.name === "level") Object.assign(changes, { map: null });
  move({ ...writtenOut(), ...changes });
}

// The first choice writes the whole view into the address, so that a link keeps its meaning.
function writtenOut() {
  const { transaction, type, rooms, age } = view.chosen;
  return { transaction, type, rooms, age };
}

function move(changes) {
  go(changes);
  load();
}

async function load() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  byId("progress").hidden = false;
  document.body.setAttribute("aria-busy", "true");
  try {
    const found = await gather(current(), signal);
    if (found) await render(found);
  } catch (error) {
    if (error.name === "AbortError") return;
    showFailure(error);
  }
  if (!signal.aborted) {
    byId("progress").hidden = true;
    document.body.removeAttribute("aria-busy");
  }
}

// Ask for everything the view needs. Asks once more when a publication came in between.
async function gather(state, signal) {
  let found = await gatherOnce(state, signal);
  if (found && !isOneSnapshot(found)) found = await gatherOnce(state, signal);
  return found;
}

async function gatherOnce(state, signal) {
  const overview = await ask("publication", {}, signal);
  if (overview.publication === null) return showUnpublished();
  const chosen = settle(state, overview);
  const { transaction, type, rooms, age, order, offset, zone, level } = chosen;
  const segment = { transaction, type, rooms, age };
  const [zones, listings, ladder, months] = await Promise.all([
    ask("zones", { ...segment, level }, signal),
    ask("listings", { ...segment, order, zone, limit: PAGE, offset }, signal),
    zone ? ask("zone", { ...segment, zone_id: zone }, signal).catch(unlessUnknown) : null,
    zone ? ask("zone-months", { ...segment, zone_id: zone }, signal) : null,
  ]);
  const wider = widerLevel(zones);
  const [shapes, context, extra] = await Promise.all([
    ask("zones.geojson", { level: zones.level }, signal),
    wider ? ask("zones.geojson", { level: wider }, signal) : null,
    missingListing(chosen, listings, signal),
  ]);
  return { state, chosen, overview, zones, shapes, context, listings, ladder, months, extra };
}

function unlessUnknown(error) {
  if (error.code !== "unknown_zone") throw error;
  return null;
}

function widerLevel(zones) {
  const place = zones.levels.findIndex((row) => row.level === zones.level);
  return place > 0 ? zones.levels[place - 1].level : null;
}

// A link to a listing holds even when the ranking no longer shows it on this page.
async function missingListing(chosen, listings, signal) {
  if (!chosen.listing || listings.rows.some((row) => String(row.id) === chosen.listing)) return null;
  return ask(`listings/${chosen.listing}`, {}, signal).then((answer) => answer.listing, () => null);
}

function isOneSnapshot({ overview, zones, listings, ladder, months }) {
  const answers = [zones, listings, ladder, months].filter((answer) => answer !== null);
  return answers.every((answer) => answer.publication === overview.publication);
}

async function render(found) {
  const before = view;
  view = found;
  const { chosen, overview, zones, listings } = found;
  byId("notice").hidden = true;
  byId("sheet").hidden = false;
  byId("synthetic").hidden = !overview.is_synthetic;
  byId("synthetic").textContent = overview.is_synthetic ? words.synthetic : "";
  showFilters(byId("filters"), chosen, overview, zones);
  showOrders(byId("order"), chosen);
  showLanguages();
  showOpening(found);
  showPanel(found);
  showTable(found);
  showEdition(overview);
  byId("status").textContent = words.loaded(count(listings.count), count(zones.rows.length));
  await showMap(found, before);
}

function showOpening({ chosen, ladder, zones, overview }) {
  const place = ladder ? words.inZone(ladder.ladder[0].zone.name) : "";
  const headline = words.headline[chosen.transaction](words.nouns[chosen.type] ?? words.nouns.all) + place;
  byId("headline").textContent = headline;
  document.title = `${headline} · imo360`;
  const row = ladder ? ladder.ladder[0].figures : zones.whole;
  byId("standfirst").textContent = standfirst(row, overview);
}

function standfirst(row, overview) {
  const date = day(overview.as_of_date);
  if (!row || row.n === 0) return words.standfirstNone(date);
  if (row.median_price_per_m2 === null) return words.standfirstFew(count(row.n), date);
  const { median_price_per_m2: median, median_low: low, median_high: high, currency, n } = row;
  return words.standfirst(money(median, currency), money(low, currency), money(high, currency), count(n), date);
}

function showPanel({ chosen, zones, ladder, months }) {
  const onPick = (zone) => move({ ...writtenOut(), zone, offset: null, listing: null });
  const onClose = () => onPick(null);
  if (ladder) {
    showZone(byId("panel"), ladder.ladder, months.rows, { transaction: chosen.transaction, onPick, onClose });
    return;
  }
  showZoneList(byId("panel"), zones.rows, { onPick, onHover: (id) => map?.highlight(id) });
  if (chosen.zone) byId("panel").prepend(el("p", { class: "quiet" }, words.unknownZone));
}

function showTable({ chosen, overview, listings, ladder, extra }) {
  showListings(listings, {
    place: ladder ? words.inZone(ladder.ladder[0].zone.name) : "",
    typeLabels: overview.labels[document.documentElement.lang].type,
    openId: chosen.listing,
    extra,
    fetchDetail: (id) => ask(`listings/${id}`).then((answer) => answer.listing),
    onOpen: (id) => note({ listing: id === null ? null : String(id) }),
    onPage: (offset) => {
      move({ ...writtenOut(), offset: offset ? String(offset) : null, listing: null });
      byId("listings").focus({ preventScroll: true });
      byId("listings").scrollIntoView({ block: "start" });
    },
  });
}

async function showMap(found, before) {
  if (!map && !before) map = startMap();
  paint(found);
  showCredits(byId("credits"), found.shapes.credits);
  if (!map) return;
  const isNew = !before || JSON.stringify(before.shapes) !== JSON.stringify(found.shapes);
  if (isNew) await map.showShapes(found.shapes, found.context);
  paint(found);
  await map.pick(found.chosen.zone);
  const levelChanged = before && before.zones.level !== found.zones.level;
  if (found.state.map) await map.place(found.state.map);
  else if (!before || levelChanged) await map.fit(new Set(withFigures(found.zones.rows)));
  byId("map").dataset.ready = "true";
}

function startMap() {
  const started = createMap(byId("map"), byId("zone-names"), {
    palette,
    locale: mapLocale(),
    onPick: (zone) => {
      if (zone !== view.chosen.zone) move({ ...writtenOut(), zone, offset: null, listing: null });
    },
    onHover: showTooltip,
    onMoved: (position) => note({ map: position }),
  });
  if (!started) show(byId("map"), el("p", { class: "notice" }, words.mapMissing));
  return started;
}

function mapLocale() {
  return {
    "Map.Title": words.mapLabel,
    "NavigationControl.ZoomIn": words.zoomIn,
    "NavigationControl.ZoomOut": words.zoomOut,
    "CooperativeGesturesHandler.WindowsHelpText": words.mapHelp.windows,
    "CooperativeGesturesHandler.MacHelpText": words.mapHelp.mac,
    "CooperativeGesturesHandler.MobileHelpText": words.mapHelp.touch,
  };
}

function withFigures(rows) {
  const known = rows.filter((row) => row.median_price_per_m2 !== null);
  return (known.length ? known : rows).map((row) => row.zone_id);
}

// One currency: its own figures. Several: all in euro, so that colours can be compared.
function colourFigure(rows) {
  const currencies = new Set(rows.filter((row) => row.median_price_per_m2 !== null).map((row) => row.currency));
  if (currencies.size > 1) return { currency: "EUR", of: (row) => row.median_price_eur_per_m2 };
  return { currency: [...currencies][0] ?? "EUR", of: (row) => row.median_price_per_m2 };
}

function paint({ zones }) {
  const { currency, of } = colourFigure(zones.rows);
  const known = zones.rows.map(of).filter((value) => value !== null);
  const cuts = breaks(known);
  const colours = pickColours(palette().ramp, cuts);
  const fills = zones.rows
    .filter((row) => row.n > 0)
    .map((row) => [row.zone_id, of(row) === null ? null : colours[classOf(of(row), cuts)]]);
  map?.paint(new Map(fills));
  showLegend(byId("legend"), { cuts, colours, currency, level: zones.level, withMedian: known.length });
}

function showTooltip(id, point) {
  const tip = byId("tooltip");
  tip.hidden = id === null || !point;
  if (tip.hidden) return;
  const row = view.zones.rows.find((candidate) => candidate.zone_id === id);
  const feature = view.shapes.features.find((candidate) => candidate.properties.zone_id === id);
  show(tip, el("strong", {}, feature?.properties.name ?? id), ...tooltipLines(row));
  const frame = tip.parentElement.getBoundingClientRect();
  const left = Math.min(point.x + 14, frame.width - tip.offsetWidth - 6);
  const top = point.y + 18 + tip.offsetHeight > frame.height ? point.y - tip.offsetHeight - 10 : point.y + 18;
  tip.style.transform = `translate(${Math.max(6, left)}px, ${Math.max(6, top)}px)`;
}

function tooltipLines(row) {
  if (!row || row.n === 0) return [el("span", {}, words.noHomes)];
  if (row.median_price_per_m2 === null) return [el("span", {}, words.reasonFew(count(row.n)))];
  return [
    el("span", { class: "figure" }, moneyPerM2(row.median_price_per_m2, row.currency)),
    el("span", {}, evidence(row)),
  ];
}

function showEdition({ run }) {
  byId("edition").textContent = words.edition(count(run.publication), count(run.edition), day(run.as_of_date), moment(run.published_at));
}

function showLanguages() {
  for (const link of document.querySelectorAll("[data-language]")) {
    link.href = serialise({ ...current(), lang: link.dataset.language });
    if (link.dataset.language === document.documentElement.lang) link.setAttribute("aria-current", "true");
  }
}

function showUnpublished() {
  showNotice(words.unpublished, el("p", {}, `${words.unpublishedHelp} `, el("code", {}, "imo360 refresh")));
  return null;
}

function showFailure(error) {
  const said = words.failures[error.code] ?? words.failures.unreadable;
  const again = el("button", { type: "button", onclick: () => load() }, words.again);
  showNotice(words.failed, el("p", {}, said), again);
}

function showNotice(title, ...rest) {
  if (!view) byId("headline").textContent = title;
  show(byId("notice"), view ? el("strong", {}, title) : null, ...rest);
  byId("notice").hidden = false;
}

// A new publication is shown as it comes, without a word and without losing one's place.
async function watch() {
  if (document.hidden || document.body.hasAttribute("aria-busy")) return;
  const overview = await ask("publication").catch(() => null);
  if (overview && overview.publication !== null && overview.publication !== view?.overview.publication) load();
}
