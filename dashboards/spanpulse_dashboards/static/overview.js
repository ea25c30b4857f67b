/** The overview in a browser: charts and their legends, live updates, the keys of this page. */

import { redrawCharts, showCharts } from "./charts.js";
import { showLegends } from "./legends.js";
import { toggleLive, watch } from "./live.js";
import { visit } from "./page.js";
import { isoText, ranged } from "./range.js";

const RANGES = ["15m", "1h", "6h", "24h", "7d", "30d"];

const zoomed = (from, to) => visit(ranged({ from: isoText(from), to: isoText(to) }));

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, dialog[open]")) return;
  const range = RANGES[Number(event.key) - 1];
  if (range) visit(ranged({ range }));
  else if (event.key === "l") toggleLive();
  else if (event.key === "f") document.querySelector("#add-filter > summary")?.click();
}

function shown() {
  showCharts(zoomed);
  showLegends();
  watch();
}

document.addEventListener("keydown", pressed);
document.addEventListener("page:shown", shown);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redrawCharts(zoomed));
shown();
