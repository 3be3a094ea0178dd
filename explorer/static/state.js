// What is being looked at, kept in the address and nowhere else: any view can be sent or reloaded.

const KEYS = [
  "transaction", "type", "rooms", "age", "level", "zone", "order", "offset", "listing", "map", "lang",
];

export function parse(search) {
  const params = new URLSearchParams(search);
  return Object.fromEntries(KEYS.map((key) => [key, params.get(key) || null]));
}

export function serialise(state) {
  const params = new URLSearchParams();
  for (const key of KEYS) if (state[key]) params.set(key, state[key]);
  const search = params.toString();
  return search ? `?${search}` : "";
}

export function current() {
  return parse(window.location.search);
}

// A step that the back button undoes.
export function go(changes) {
  const state = { ...current(), ...changes };
  window.history.pushState(null, "", serialise(state) || window.location.pathname);
  return state;
}

// A detail that is not a step of its own: the map's position, a default written out.
export function note(changes) {
  const state = { ...current(), ...changes };
  window.history.replaceState(null, "", serialise(state) || window.location.pathname);
  return state;
}

export function onReturn(listener) {
  window.addEventListener("popstate", () => listener(current()));
}
