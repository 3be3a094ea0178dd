// Names of zones over the map, as page text: no fonts to download, and no name over another.

import { el } from "./dom.js";

const GAP = 3;
const MOST = 60;

export function createZoneNames(map, layer) {
  let zones = [];
  let ranks = new Map();
  let waiting = false;
  const tags = new Map();

  map.on("move", later);
  map.on("resize", later);

  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      place();
    });
  }

  // Dearer zones first: they keep their name where two would touch.
  function place() {
    const { clientWidth: width, clientHeight: height } = layer;
    const taken = [];
    for (const zone of zones) {
      const tag = tags.get(zone.id);
      const at = map.project(zone.at);
      const inside = at.x > 0 && at.y > 0 && at.x < width && at.y < height;
      const box = inside && taken.length < MOST ? boxOf(tag, at) : null;
      const fits = box && box.left > 0 && box.right < width && !taken.some((other) => touch(box, other));
      tag.hidden = !fits || !wideEnough(map, zone, box);
      if (tag.hidden) continue;
      taken.push(box);
      tag.style.transform = `translate(${Math.round(box.left)}px, ${Math.round(box.top)}px)`;
    }
  }

  function boxOf(tag, at) {
    tag.hidden = false;
    const { offsetWidth: wide, offsetHeight: tall } = tag;
    return { left: at.x - wide / 2, right: at.x + wide / 2, top: at.y - tall / 2, bottom: at.y + tall / 2 };
  }

  function order() {
    const rank = (zone) => ranks.get(zone.id) ?? ranks.size;
    zones.sort((a, b) => rank(a) - rank(b));
    later();
  }

  return {
    setZones(features) {
      tags.clear();
      zones = features.map((feature) => zoneOf(feature));
      for (const zone of zones) tags.set(zone.id, el("span", { hidden: true }, zone.name));
      layer.replaceChildren(...tags.values());
      order();
    },
    // Fills in order of rank: zone_id -> colour or null. Names on dark colours are light.
    setFills(fills) {
      ranks = new Map([...fills.keys()].map((id, rank) => [id, rank]));
      for (const [id, tag] of tags) {
        const colour = fills.get(id);
        tag.className = colour ? (isDark(colour) ? "on-dark" : "on-light") : "";
      }
      order();
    },
  };
}

function zoneOf(feature) {
  const { zone_id: id, name, label } = feature.properties;
  let [west, east] = [Infinity, -Infinity];
  const widen = (part) => {
    if (typeof part[0] === "number") {
      west = Math.min(west, part[0]);
      east = Math.max(east, part[0]);
    } else part.forEach(widen);
  };
  widen(feature.geometry.coordinates);
  return { id, name, at: label, west, east };
}

// A name much wider than its zone would seem to name the neighbours.
function wideEnough(map, zone, box) {
  const lat = zone.at[1];
  const wide = map.project([zone.east, lat]).x - map.project([zone.west, lat]).x;
  return wide * 0.98 > box.right - box.left;
}

// Perceived brightness of #rrggbb (weights of ITU-R BT.601), below the middle.
function isDark(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue < 140;
}

function touch(a, b) {
  return a.left < b.right + GAP && b.left < a.right + GAP && a.top < b.bottom + GAP && b.top < a.bottom + GAP;
}
