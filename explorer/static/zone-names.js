// Names of zones over the map, as page text: no fonts to download, and no name over another.

import { DEGREES, SMALL_PX, WORLD_PX } from "./bubbles.js";
import { el } from "./dom.js";

const GAP = 3;
const MOST = 60;
const BELOW_PX = 17;

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
    const pixels = (WORLD_PX * 2 ** map.getZoom()) / DEGREES;
    const taken = [];
    for (const zone of zones) {
      const tag = tags.get(zone.id);
      const at = map.project(zone.at);
      const inside = at.x > 0 && at.y > 0 && at.x < width && at.y < height;
      const box = inside && taken.length < MOST ? boxOf(tag, at, zone.width * pixels) : null;
      const fits = box && box.left > 0 && box.right < width && !taken.some((other) => touch(box, other));
      tag.hidden = !fits;
      if (tag.hidden) continue;
      taken.push(box);
      tag.style.transform = `translate(${Math.round(box.left)}px, ${Math.round(box.top)}px)`;
    }
  }

  // A name much wider than its zone would seem to name the neighbours. A zone so small that it is
  // a bubble has its name below, where it has a figure.
  function boxOf(tag, at, zoneWidth) {
    tag.hidden = false;
    const { offsetWidth: wide, offsetHeight: tall } = tag;
    const isBubble = zoneWidth < SMALL_PX;
    tag.classList.toggle("below", isBubble);
    if (isBubble ? !tag.hasAttribute("data-figure") : zoneWidth < wide) return null;
    const middle = isBubble ? at.y + BELOW_PX : at.y;
    return { left: at.x - wide / 2, right: at.x + wide / 2, top: middle - tall / 2, bottom: middle + tall / 2 };
  }

  function order() {
    const rank = (zone) => ranks.get(zone.id) ?? ranks.size;
    zones.sort((a, b) => rank(a) - rank(b));
    later();
  }

  return {
    setZones(found) {
      tags.clear();
      zones = [...found];
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
        tag.toggleAttribute("data-figure", Boolean(colour));
      }
      order();
    },
  };
}

// Perceived brightness of #rrggbb (weights of ITU-R BT.601), below the middle.
function isDark(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue < 140;
}

function touch(a, b) {
  return a.left < b.right + GAP && b.left < a.right + GAP && a.top < b.bottom + GAP && b.top < a.bottom + GAP;
}
