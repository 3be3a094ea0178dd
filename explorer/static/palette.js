// Colours live in the style sheet, where light and dark are decided; here they are read back.

const darkness = window.matchMedia("(prefers-color-scheme: dark)");

export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    ramp: [1, 2, 3, 4, 5, 6].map((step) => read(`--ramp-${step}`)),
    ground: read("--map-ground"),
    blank: read("--map-blank"),
    hatch: read("--map-hatch"),
    border: read("--map-border"),
    context: read("--map-context"),
    ink: read("--ink"),
  };
}

export function onSchemeChange(listener) {
  darkness.addEventListener("change", listener);
}
