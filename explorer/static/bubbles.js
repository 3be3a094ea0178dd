// Zones too small to see at the present zoom, as bubbles at their label points.

export const SMALL_PX = 22;
export const DEGREES = 360;
export const WORLD_PX = 512; // width of the world at zoom 0

export function createBubbles(map, source) {
  let zones = [];
  let fills = new Map();
  let shown = "";

  map.on("moveend", () => refresh(false));

  function refresh(isRepainted) {
    const pixels = (WORLD_PX * 2 ** map.getZoom()) / DEGREES;
    const small = zones.filter((zone) => zone.width * pixels < SMALL_PX && fills.has(zone.id));
    const names = small.map((zone) => zone.id).join();
    if (names === shown && !isRepainted) return;
    shown = names;
    // Bubbles with a figure are drawn last, above those without.
    small.sort((a, b) => (fills.get(a.id) !== null) - (fills.get(b.id) !== null));
    map.getSource(source).setData({ type: "FeatureCollection", features: small.map(bubbleOf) });
  }

  function bubbleOf(zone) {
    const colour = fills.get(zone.id);
    return {
      type: "Feature",
      properties: { zone_id: zone.id, ...(colour === null ? {} : { colour }) },
      geometry: { type: "Point", coordinates: zone.at },
    };
  }

  return {
    setZones(found) {
      zones = found;
      refresh(true);
    },
    setFills(found) {
      fills = found;
      refresh(true);
    },
  };
}

// What the layers over the polygons need of each zone: where its label goes and how wide it is.
export function zonesOf(features) {
  return features.map(({ properties, geometry }) => {
    let [west, east] = [Infinity, -Infinity];
    const widen = (part) => {
      if (typeof part[0] === "number") {
        west = Math.min(west, part[0]);
        east = Math.max(east, part[0]);
      } else part.forEach(widen);
    };
    widen(geometry.coordinates);
    return { id: properties.zone_id, name: properties.name, at: properties.label, width: east - west };
  });
}
