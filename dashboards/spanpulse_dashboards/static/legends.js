/**
 * Legends of charts in one line: what does not fit is counted, and unfolds. A legend that was unfolded stays so while
 * the page brings itself up to date.
 */

const unfolded = new Set();
const chartOf = (legend) => legend.closest(".chart").getAttribute("aria-labelledby");
const watched = new ResizeObserver((entries) => entries.forEach(({ target }) => fold(target)));

/** Fold every legend of the page to what fits. */
export function showLegends() {
  watched.disconnect();
  for (const legend of document.querySelectorAll(".legend")) {
    legend.nextElementSibling.onclick = () => turn(legend);
    watched.observe(legend);
    fold(legend);
  }
}

function turn(legend) {
  const chart = chartOf(legend);
  if (!unfolded.delete(chart)) unfolded.add(chart);
  fold(legend);
}

function fold(legend) {
  const button = legend.nextElementSibling;
  const open = unfolded.has(chartOf(legend));
  legend.classList.toggle("whole", open);
  const entries = [...legend.children];
  const hidden = entries.filter((entry) => entry.offsetTop > entries[0].offsetTop).length;
  button.hidden = !hidden;
  button.textContent = open ? "Less" : `+${hidden}`;
  button.setAttribute("aria-expanded", String(open));
  button.setAttribute("aria-label", open ? "Less of the legend" : `+${hidden} entries of the legend`);
}
