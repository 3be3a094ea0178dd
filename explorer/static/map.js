// The map: zones as filled polygons on plain ground. Shapes change rarely, colours often.

import { createBubbles, zonesOf } from "./bubbles.js";
import { createZoneNames } from "./zone-names.js";

const EMPTY = { type: "FeatureCollection", features: [] };
const PADDING = 28;
const CLOSEST = 14;
const STATE = (key, otherwise) => ["coalesce", ["feature-state", key], otherwise];

// Returns null where the browser has no WebGL; the caller shows the list alone.
export function createMap(container, names, options) {
  let map;
  try {
    map = new maplibregl.Map({
      container,
      style: styleOf(options.palette()),
      attributionControl: false,
      cooperativeGestures: true,
      dragRotate: false,
      pitchWithRotate: false,
      renderWorldCopies: false,
      maxZoom: 18,
      locale: options.locale,
    });
  } catch {
    return null;
  }
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  addHatch(map, options.palette());
  const labels = createZoneNames(map, names);
  const bubbles = createBubbles(map, "bubbles");
  const painted = new Set();
  let shapes = EMPTY;
  let hovered = null;
  let picked = null;
  const loaded = new Promise((resolve) => map.once("load", resolve));

  map.on("mousemove", (event) => hover(zoneAt(event.point), event.point));
  map.on("mouseout", () => hover(null));
  map.on("click", (event) => options.onPick(zoneAt(event.point)));
  map.on("moveend", (event) => {
    if (event.originalEvent) options.onMoved(position());
  });

  function position() {
    const { lng, lat } = map.getCenter();
    return [map.getZoom().toFixed(2), lat.toFixed(4), lng.toFixed(4)].join("/");
  }

  function zoneAt(point) {
    if (!map.isStyleLoaded()) return null;
    const [top] = map.queryRenderedFeatures(point, { layers: ["bubbles", "zones"] });
    return top?.properties.zone_id ?? null;
  }

  function mark(id, changes) {
    if (id !== null) map.setFeatureState({ source: "zones", id }, changes);
  }

  function hover(id, point) {
    if (id !== hovered) {
      mark(hovered, { hovered: false });
      mark(id, { hovered: true });
      hovered = id;
      map.getCanvas().style.cursor = id === null ? "" : "pointer";
    }
    options.onHover(id, point);
  }

  return {
    async showShapes(zones, context) {
      await loaded;
      shapes = zones;
      painted.clear();
      map.removeFeatureState({ source: "zones" });
      map.getSource("zones").setData(zones);
      map.getSource("context").setData(context ?? EMPTY);
      const drawn = zonesOf(zones.features);
      labels.setZones(drawn);
      bubbles.setZones(drawn);
    },
    // fills: zone_id -> colour, or null where there are too few homes for a figure
    async paint(fills) {
      await loaded;
      for (const id of painted) mark(id, { colour: null, few: false });
      painted.clear();
      for (const [id, colour] of fills) {
        mark(id, { colour, few: colour === null });
        painted.add(id);
      }
      labels.setFills(fills);
      bubbles.setFills(fills);
    },
    // The zone being read about, whatever level it has; null for none.
    async pick(feature) {
      await loaded;
      const id = feature?.properties.zone_id ?? null;
      if (id === picked) return;
      picked = id;
      map.getSource("picked").setData(feature ?? EMPTY);
      if (feature) bringIntoView(map, feature);
    },
    highlight(id) {
      hover(id);
    },
    async fit(ids) {
      await loaded;
      const box = boundsOf(shapes.features.filter((feature) => ids.has(feature.properties.zone_id)));
      if (box) map.fitBounds(box, { padding: PADDING, maxZoom: CLOSEST, animate: false });
    },
    async place(text) {
      await loaded;
      const [zoom, lat, lng] = text.split("/").map(Number);
      if ([zoom, lat, lng].every(Number.isFinite) && Math.abs(lat) <= 85) map.jumpTo({ center: [lng, lat], zoom });
    },
    async recolour() {
      await loaded;
      const colours = options.palette();
      for (const layer of styleOf(colours).layers) {
        for (const [name, value] of Object.entries(layer.paint)) map.setPaintProperty(layer.id, name, value);
      }
      addHatch(map, colours);
    },
  };
}

function styleOf(colours) {
  const layer = (id, type, source, paint) => ({ id, type, source, paint });
  return {
    version: 8,
    sources: {
      zones: { type: "geojson", data: EMPTY, promoteId: "zone_id", tolerance: 0.1 },
      context: { type: "geojson", data: EMPTY, tolerance: 0.1 },
      picked: { type: "geojson", data: EMPTY, tolerance: 0.1 },
      bubbles: { type: "geojson", data: EMPTY },
    },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": colours.ground } },
      layer("zones", "fill", "zones", {
        "fill-color": ["to-color", ["feature-state", "colour"], colours.blank],
        "fill-opacity": ["case", STATE("hovered", false), 0.82, 1],
      }),
      layer("few", "fill", "zones", {
        "fill-pattern": "hatch",
        "fill-opacity": ["case", STATE("few", false), 1, 0],
      }),
      layer("borders", "line", "zones", { "line-color": colours.border, "line-width": 0.7 }),
      layer("context", "line", "context", { "line-color": colours.context, "line-width": 1.1 }),
      layer("hovered", "line", "zones", {
        "line-color": colours.ink,
        "line-width": ["case", STATE("hovered", false), 1.4, 0],
      }),
      layer("picked", "line", "picked", { "line-color": colours.ink, "line-width": 2.6 }),
      layer("bubbles", "circle", "bubbles", {
        "circle-color": ["to-color", ["get", "colour"], colours.blank],
        "circle-radius": ["case", ["has", "colour"], 8, 3.5],
        "circle-stroke-color": ["case", ["has", "colour"], colours.border, colours.hatch],
        "circle-stroke-width": 1.2,
      }),
    ],
  };
}

// Diagonal lines, drawn at twice the size for sharp screens.
function addHatch(map, colours) {
  const size = 12;
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = colours.hatch;
  pen.lineWidth = 1.6;
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift - 2, size + 2);
    pen.lineTo(shift + size + 2, -2);
  }
  pen.stroke();
  const image = pen.getImageData(0, 0, size, size);
  if (map.hasImage("hatch")) map.updateImage("hatch", image);
  else map.once("styledata", () => map.hasImage("hatch") || map.addImage("hatch", image, { pixelRatio: 2 }));
}

function bringIntoView(map, feature) {
  const [southWest, northEast] = boundsOf([feature]);
  const view = map.getBounds();
  if (view.contains(southWest) && view.contains(northEast)) return;
  map.fitBounds([southWest, northEast], { padding: 2 * PADDING, maxZoom: CLOSEST });
}

export function boundsOf(features) {
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  const widen = (part) => {
    if (typeof part[0] === "number") {
      west = Math.min(west, part[0]);
      east = Math.max(east, part[0]);
      south = Math.min(south, part[1]);
      north = Math.max(north, part[1]);
    } else part.forEach(widen);
  };
  for (const feature of features) widen(feature.geometry.coordinates);
  return west <= east ? [[west, south], [east, north]] : null;
}
