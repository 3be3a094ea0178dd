// Everything one view needs, asked for at once and from one publication.

import { ask } from "./api.js";
import { settle } from "./filters.js";

const PAGE = 25;

// Returns null before the first publication. Asks once more when another publication came in
// between, so that no two figures of a view come from different ones.
export async function gather(state, signal) {
  const found = await gatherOnce(state, signal);
  return !found || isOneSnapshot(found) ? found : gatherOnce(state, signal);
}

async function gatherOnce(state, signal) {
  const overview = await ask("publication", {}, signal);
  if (overview.publication === null) return null;
  const chosen = settle(state, overview);
  const { order, offset, zone, level } = chosen;
  const segment = segmentOf(chosen);
  const [zones, listings, ladder, months] = await Promise.all([
    ask("zones", { ...segment, level }, signal),
    ask("listings", { ...segment, order, zone, limit: PAGE, offset }, signal),
    zone ? ask("zone", { ...segment, zone_id: zone }, signal).catch(unlessUnknown) : null,
    zone ? ask("zone-months", { ...segment, zone_id: zone }, signal) : null,
  ]);
  const drawn = await gatherShapes(zones, ladder, signal);
  const extra = await missingListing(chosen, listings, signal);
  return { state, chosen, overview, zones, listings, ladder, months, extra, ...drawn };
}

export function segmentOf({ transaction, type, rooms, age }) {
  return { transaction, type, rooms, age };
}

// The zones in view, thin outlines of the next wider level, and the zone being read about.
async function gatherShapes(zones, ladder, signal) {
  const pickedZone = ladder?.ladder[0].zone ?? null;
  const wider = widerLevel(zones);
  const shapesAt = (level) => (level ? ask("zones.geojson", { level }, signal) : null);
  const [shapes, context, other] = await Promise.all([
    shapesAt(zones.level),
    shapesAt(wider),
    shapesAt(pickedZone?.level === zones.level ? null : pickedZone?.level),
  ]);
  return { shapes, context, picked: pickedZone && featureOf(other ?? shapes, pickedZone.zone_id) };
}

function widerLevel(zones) {
  const place = zones.levels.findIndex((row) => row.level === zones.level);
  return place > 0 ? zones.levels[place - 1].level : null;
}

export function featureOf(shapes, id) {
  return shapes.features.find((feature) => feature.properties.zone_id === id) ?? null;
}

function unlessUnknown(error) {
  if (error.code !== "unknown_zone") throw error;
  return null;
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
