/** The overview in a browser: charts, live updates, the range form, the keys of this page. */

import { redrawCharts, showCharts } from "./charts.js";
import { toggleLive, watch } from "./live.js";
import { visit } from "./page.js";

const RANGES = ["15m", "1h", "6h", "24h", "7d", "30d"];

const isoText = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

/** The address of this page over another range; a page of the table belongs to the old one. */
function ranged(change) {
  const url = new URL(location.href);
  for (const name of ["range", "from", "to", "after"]) url.searchParams.delete(name);
  for (const [name, value] of Object.entries(change)) url.searchParams.set(name, value);
  return url.href;
}

const zoomed = (from, to) => visit(ranged({ from: isoText(from), to: isoText(to) }));

/** Let the range be typed in the viewer's zone; it travels in UTC. */
function localRange() {
  for (const input of document.querySelectorAll("form[data-range] input[type=text]")) {
    const moment = new Date(input.value);
    const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
    input.value = "";
    input.type = "datetime-local";
    input.value = local.toISOString().slice(0, 16);
  }
}

function submitted(event) {
  if (!event.target.matches("form[data-range]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const typed = new FormData(event.target);
  const [from, to] = [typed.get("from"), typed.get("to")].map((text) => new Date(text).getTime() / 1000);
  visit(ranged({ from: isoText(from), to: isoText(to) }));
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
  const range = RANGES[Number(event.key) - 1];
  if (range) visit(ranged({ range }));
  else if (event.key === "l") toggleLive();
  else if (event.key === "f") document.querySelector("#add-filter > summary")?.click();
}

function shown() {
  localRange();
  showCharts(zoomed);
  watch();
}

document.addEventListener("keydown", pressed);
document.addEventListener("submit", submitted, true);
document.addEventListener("page:shown", shown);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redrawCharts(zoomed));
shown();
