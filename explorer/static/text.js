// How things are said: the language chosen, and numbers, money and days written in it.

import { WORDS } from "./words.js";

function chosenLanguage() {
  const asked = new URLSearchParams(window.location.search).get("lang");
  if (asked in WORDS) return asked;
  return (navigator.language || "en").toLowerCase().startsWith("ro") ? "ro" : "en";
}

export const language = chosenLanguage();
export const words = WORDS[language];
const locale = language === "ro" ? "ro-RO" : "en-GB";
const UNKNOWN = "–";

function format(value, options) {
  return value === null || value === undefined ? UNKNOWN : new Intl.NumberFormat(locale, options).format(value);
}

export function count(value) {
  return format(value, { maximumFractionDigits: 0 });
}

export function decimal(value, digits = 1) {
  return format(value, { maximumFractionDigits: digits });
}

export function money(value, currency) {
  const digits = Math.abs(value ?? 0) < 100 ? 1 : 0;
  return format(value, { style: "currency", currency, currencyDisplay: "narrowSymbol", maximumFractionDigits: digits, minimumFractionDigits: 0 });
}

export function moneyPerM2(value, currency) {
  return value === null || value === undefined ? UNKNOWN : `${money(value, currency)}/m²`;
}

export function span(low, high, currency, rounding = {}) {
  if (low === null || low === undefined || high === null || high === undefined) return UNKNOWN;
  const digits = Math.abs(high) < 100 ? 1 : 0;
  const options = { style: "currency", currency, currencyDisplay: "narrowSymbol", maximumFractionDigits: digits, minimumFractionDigits: 0 };
  return new Intl.NumberFormat(locale, { ...options, ...rounding }).formatRange(low, high);
}

// Three digits: as much as an estimate with an interval can mean.
export const ROUGHLY = { maximumSignificantDigits: 3 };

export function estimate(value, currency) {
  return format(value, { style: "currency", currency, currencyDisplay: "narrowSymbol", ...ROUGHLY });
}

export const SYNTHETIC = "[synthetic]";

// A title and whether it calls itself synthetic: said once beside it, not in every line of it.
export function titleOf(listing) {
  const isSynthetic = listing.title.includes(SYNTHETIC);
  return { title: listing.title.replaceAll(SYNTHETIC, "").trim() || listing.title, isSynthetic };
}

export function percent(value, digits = 1) {
  return format(value === null || value === undefined ? value : value / 100, { style: "percent", maximumFractionDigits: digits });
}

export function signedPercent(value) {
  const shares = value === null || value === undefined ? value : value / 100;
  const options = { style: "percent", maximumFractionDigits: 1, minimumFractionDigits: 1, signDisplay: "exceptZero" };
  return format(shares, options).replace("-", "−");
}

export function day(iso) {
  return new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(new Date(`${iso}T00:00:00Z`));
}

export function month(iso, form = "short") {
  const options = { month: form, year: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat(locale, options).format(new Date(`${iso}T00:00:00Z`));
}

export function moment(iso) {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

export function capital(text) {
  return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1);
}

// A reason code in words; an unknown code is shown as it is rather than hidden.
export function reason(code) {
  return words.reasons[code] ?? String(code ?? UNKNOWN).replaceAll("_", " ");
}

export function basis(code) {
  return words.bases[code] ?? String(code ?? UNKNOWN);
}

// Put the fixed words into the page's own elements.
export function dress(root = document) {
  document.documentElement.lang = language;
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = words[node.dataset.text];
  for (const node of root.querySelectorAll("[data-label]")) node.setAttribute("aria-label", words[node.dataset.label]);
}
