// The map with all that explains it: colours, legend, credits, what the pointer rests on.

import { zonesOf } from "./bubbles.js";
import { byId, el, show } from "./dom.js";
import { featureOf } from "./gather.js";
import { showCredits, showLegend } from "./legend.js";
import { createMap } from "./map.js";
import { onSchemeChange, palette } from "./palette.js";
import { breaks, classOf, pickColours } from "./scale.js";
import { count, day, moneyPerM2, words } from "./text.js";
import { evidence } from "./zones.js";

const PARTS_OF_CITIES = ["sector", "neighbourhood"];
const REACH = 14; // widths of a middling zone: about a large city

export function createAtlas({ onPick, onMoved }) {
  let view = null;
  const map = createMap(byId("map"), byId("zone-names"), {
    palette,
    locale: mapLocale(),
    onPick,
    onMoved,
    onHover: (id, point) => showTooltip(view, id, point),
  });
  if (!map) show(byId("map"), el("p", { class: "notice" }, words.mapMissing));
  onSchemeChange(() => {
    map?.recolour();
    if (view) colour(map, view);
  });

  return {
    highlight(id) {
      map?.highlight(id);
    },
    async show(found) {
      const before = view;
      view = found;
      showCredits(byId("credits"), found.shapes.credits);
      if (map) await draw(map, found, before);
      colour(map, found);
      if (map) await look(map, found, before);
      byId("map").dataset.ready = "true";
    },
  };
}

async function draw(map, found, before) {
  const isSame = before && JSON.stringify(before.shapes) === JSON.stringify(found.shapes);
  if (!isSame) await map.showShapes(found.shapes, found.context);
  await map.pick(found.picked);
}

async function look(map, found, before) {
  if (found.state.map) await map.place(found.state.map);
  else if (before?.zones.level !== found.zones.level) await map.fit(zonesToFit(found));
}

function colour(map, { zones }) {
  const { currency, of } = colourFigure(zones.rows);
  const known = zones.rows.map(of).filter((value) => value !== null);
  const cuts = breaks(known);
  const colours = pickColours(palette().ramp, cuts);
  const fills = zones.rows
    .filter((row) => row.n > 0)
    .map((row) => [row.zone_id, of(row) === null ? null : colours[classOf(of(row), cuts)]]);
  map?.paint(new Map(fills));
  const date = day(zones.as_of_date);
  showLegend(byId("legend"), { cuts, colours, currency, level: zones.level, withMedian: known.length, date });
}

// One currency: its own figures. Several: all in euro, so that colours can be compared.
function colourFigure(rows) {
  const currencies = new Set(rows.filter((row) => row.median_price_per_m2 !== null).map((row) => row.currency));
  if (currencies.size > 1) return { currency: "EUR", of: (row) => row.median_price_eur_per_m2 };
  return { currency: [...currencies][0] ?? "EUR", of: (row) => row.median_price_per_m2 };
}

// All zones with homes. Parts of cities that lie far apart: those of the city with most homes.
function zonesToFit({ zones, shapes }) {
  const sizes = new Map(zones.rows.filter((row) => row.n > 0).map((row) => [row.zone_id, row.n]));
  if (!PARTS_OF_CITIES.includes(zones.level)) return new Set(sizes.keys());
  const peopled = zonesOf(shapes.features).filter((zone) => sizes.has(zone.id));
  const widths = peopled.map((zone) => zone.width).sort((a, b) => a - b);
  const reach = REACH * (widths[Math.floor(widths.length / 2)] ?? 0);
  const near = (zone) => peopled.filter(({ at }) => Math.hypot(at[0] - zone.at[0], at[1] - zone.at[1]) < reach);
  const homes = (group) => group.reduce((sum, zone) => sum + sizes.get(zone.id), 0);
  const groups = peopled.map(near).sort((a, b) => homes(b) - homes(a));
  return new Set((groups[0] ?? []).map((zone) => zone.id));
}

function showTooltip(view, id, point) {
  const tip = byId("tooltip");
  tip.hidden = !view || id === null || !point;
  if (tip.hidden) return;
  const row = view.zones.rows.find((candidate) => candidate.zone_id === id);
  const name = featureOf(view.shapes, id)?.properties.name ?? id;
  show(tip, el("strong", {}, name), ...tooltipLines(row));
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
