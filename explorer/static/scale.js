// From prices to classes: quantile breaks on round numbers, one colour per class.

export const CLASSES = 6;

// Ascending, distinct inner borders of at most `classes` classes with about equally many values.
export function breaks(values, classes = CLASSES) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length < 2) return [];
  const step = roundStep((sorted.at(-1) - sorted[0]) / classes);
  if (!step) return [];
  const cuts = [];
  for (let k = 1; k < classes; k += 1) {
    const cut = Math.round(quantile(sorted, k / classes) / step) * step;
    if (cut > sorted[0] && cut <= sorted.at(-1) && cut > (cuts.at(-1) ?? -Infinity)) cuts.push(cut);
  }
  return cuts;
}

export function classOf(value, cuts) {
  let rank = 0;
  while (rank < cuts.length && value >= cuts[rank]) rank += 1;
  return rank;
}

// Colours for cuts.length + 1 classes, spread over the whole ramp when there are fewer.
export function pickColours(ramp, cuts) {
  const count = cuts.length + 1;
  if (count === 1) return [ramp[Math.floor(ramp.length / 2)]];
  return Array.from({ length: count }, (_, k) => ramp[Math.round((k * (ramp.length - 1)) / (count - 1))]);
}

// About `count` round numbers that lie inside [low, high].
export function ticks(low, high, count = 4) {
  const rough = (high - low) / count;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k += 1) found.push(k * step);
  return found;
}

function roundStep(width) {
  return width > 0 ? 10 ** Math.floor(Math.log10(width)) / 2 : 0;
}

function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}
