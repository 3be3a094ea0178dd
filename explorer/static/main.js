// The page: reads the address, asks for what it names, shows it. Every change goes by the address.

import { ask } from "./api.js";
import { createAtlas } from "./atlas.js";
import { byId, el, show } from "./dom.js";
import { showFilters, showOrders } from "./filters.js";
import { gather, segmentOf } from "./gather.js";
import { current, go, note, onReturn, serialise } from "./state.js";
import { showListings } from "./table.js";
import { count, day, dress, language, moment, money, words } from "./text.js";
import { showZone, showZoneList } from "./zones.js";

const WATCH_MS = 20_000;

let view = null; // what `gather` found for the address shown
let atlas = null;
let asking = null;

start();

function start() {
  dress();
  showLanguages();
  byId("filters").addEventListener("change", (event) => chooseFilter(event.target));
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("order").addEventListener("change", (event) => move({ order: event.target.value, offset: null }));
  onReturn(load);
  window.setInterval(watch, WATCH_MS);
  load();
}

function chooseFilter(select) {
  const position = select.name === "level" ? { map: null } : {};
  move({ [select.name]: select.value || null, offset: null, listing: null, ...position });
}

function chooseZone(zone) {
  if (zone !== view.chosen.zone) move({ zone, offset: null, listing: null });
}

// The first choice writes the whole segment into the address, so that a link keeps its meaning
// when later publications would start elsewhere.
function move(changes) {
  go({ ...segmentOf(view.chosen), ...changes });
  load();
}

async function load() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  setBusy(true);
  try {
    const found = await gather(current(), signal);
    if (found) await render(found);
    else showUnpublished();
  } catch (error) {
    if (error.name === "AbortError") return;
    showFailure(error);
  }
  if (!signal.aborted) setBusy(false);
}

function setBusy(isBusy) {
  byId("progress").hidden = !isBusy;
  if (isBusy) document.body.setAttribute("aria-busy", "true");
  else document.body.removeAttribute("aria-busy");
}

async function render(found) {
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
  atlas ??= createAtlas({ onPick: chooseZone, onMoved: (position) => note({ map: position }) });
  await atlas.show(found);
}

function placeName(ladder) {
  return ladder ? words.inZone(ladder.ladder[0].zone.name) : "";
}

function showOpening({ chosen, ladder, zones, listings, overview }) {
  const noun = words.nouns[chosen.type] ?? words.nouns.all;
  const headline = words.headline[chosen.transaction](noun) + placeName(ladder);
  byId("headline").textContent = headline;
  document.title = `${headline} · imo360`;
  const date = day(overview.as_of_date);
  const isUnplaced = !zones.levels.length && listings.count > 0;
  byId("standfirst").textContent = isUnplaced
    ? words.standfirstUnplaced(count(listings.count), date)
    : standfirst(ladder ? ladder.ladder[0].figures : zones.whole, date);
}

function standfirst(row, date) {
  if (!row || row.n === 0) return words.standfirstNone(date);
  if (row.median_price_per_m2 === null) return words.standfirstFew(count(row.n), date);
  const { median_price_per_m2: median, median_low: low, median_high: high, currency, n } = row;
  return words.standfirst(money(median, currency), money(low, currency), money(high, currency), count(n), date);
}

function showPanel({ chosen, zones, ladder, months }) {
  const panel = byId("panel");
  byId("mapping").hidden = !zones.levels.length && !ladder;
  if (ladder) {
    const { transaction } = chosen;
    showZone(panel, ladder.ladder, months.rows, { transaction, onPick: chooseZone, onClose: () => chooseZone(null) });
    return;
  }
  if (!zones.levels.length) {
    show(panel, el("p", { id: "panel-title" }, `${words.noZones} `, el("code", {}, "imo360 zones load FILE.geojson")));
    return;
  }
  showZoneList(panel, zones.rows, { onPick: chooseZone, onHover: (id) => atlas?.highlight(id) });
  if (chosen.zone) panel.prepend(el("p", { class: "quiet" }, words.unknownZone));
}

function showTable({ chosen, overview, listings, ladder, extra }) {
  showListings(listings, {
    place: placeName(ladder),
    typeLabels: overview.labels[language].type,
    isMixed: chosen.type === "all",
    isSynthetic: overview.is_synthetic,
    openId: chosen.listing,
    extra,
    fetchDetail: (id) => ask(`listings/${id}`).then((answer) => answer.listing),
    onOpen: (id) => note({ listing: id === null ? null : String(id) }),
    onPage: turnPage,
  });
}

function turnPage(offset) {
  move({ offset: offset ? String(offset) : null, listing: null });
  byId("listings").focus({ preventScroll: true });
  byId("listings").scrollIntoView({ block: "start" });
}

function showEdition({ run }) {
  const { publication, edition, as_of_date: date, published_at: time } = run;
  byId("edition").textContent = words.edition(count(publication), count(edition), day(date), moment(time));
}

function showLanguages() {
  for (const link of document.querySelectorAll("[data-language]")) {
    link.href = serialise({ ...current(), lang: link.dataset.language });
    if (link.dataset.language === language) link.setAttribute("aria-current", "true");
  }
}

function showUnpublished() {
  showNotice(words.unpublished, el("p", {}, `${words.unpublishedHelp} `, el("code", {}, "imo360 refresh")));
}

function showFailure(error) {
  const said = words.failures[error.code] ?? words.failures.unreadable;
  showNotice(words.failed, el("p", {}, said), el("button", { type: "button", onclick: load }, words.again));
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
  const isNew = overview && overview.publication !== (view?.overview.publication ?? null);
  if (isNew && overview.publication !== null) load();
}
