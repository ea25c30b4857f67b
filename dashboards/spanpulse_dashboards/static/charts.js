/**
 * Charts of a page, drawn by uPlot from the JSON in #charts: lines over time and stacked columns.
 *
 * One cursor for all charts; dragging zooms the page; gaps stay gaps; counts and money begin at zero. A chart is
 * {title, unit, shape: "lines" | "columns", log, series: [{name, slot, values}], errors: [...] | null}; `starts` are
 * epoch seconds of the buckets, `marks` are {at, text}. `slot` is the colour of a name, the same everywhere.
 */

import { seriesStyle, theme } from "./colours.js";
import { cumulated, dataTable } from "./chart_data.js";
import { drawErrors, drawMarks } from "./chart_marks.js";
import { tooltip } from "./chart_tooltip.js";
import { count, milliseconds, money } from "./numbers.js";
import { timeText } from "./times.js";

const FORMATS = { ms: milliseconds, USD: money, requests: count, tokens: count };
const HEIGHT = 192;
const WHOLE = new Set(["requests", "tokens"]);
const WHOLE_STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const drawn = new Map();

/** Draw, or bring up to date, every chart of the page. `zoomed(from, to)` hears a drag, in epoch seconds. */
export function showCharts(zoomed) {
  const source = document.getElementById("charts");
  const page = source ? JSON.parse(source.textContent) : { charts: {} };
  const kept = new Set();
  for (const host of document.querySelectorAll("[data-chart]")) {
    const chart = page.charts[host.dataset.chart];
    if (!chart) continue;
    kept.add(host);
    show(host, page, chart, zoomed);
  }
  for (const [host, each] of drawn) if (!kept.has(host)) forget(host, each);
}

/** Draw everything anew, as after a change of the colour scheme. */
export function redrawCharts(zoomed) {
  for (const [host, each] of drawn) forget(host, each);
  showCharts(zoomed);
}

function show(host, page, chart, zoomed) {
  if (!chart.series.some(({ values }) => values.some((value) => value !== null))) {
    leaveEmpty(host, page, chart);
    return;
  }
  delete host.dataset.empty;
  const shape = JSON.stringify([chart.shape, chart.log, page.bucket, chart.series.map(({ name, slot }) => [name, slot])]);
  const before = drawn.get(host);
  const state = before?.shape === shape ? before : { shape };
  Object.assign(state, { page, chart, zoomed });
  const data = [page.starts, ...(chart.shape === "columns" ? cumulated(chart.series) : chart.series.map((one) => one.values))];
  if (state === before) {
    state.plot.setData(data);
  } else {
    if (before) forget(host, before);
    drawn.set(host, state);
    state.plot = new window.uPlot(options(host, state), data, host);
    state.watch = new ResizeObserver(() => {
      const width = host.clientWidth;
      if (width && width !== state.plot.width) state.plot.setSize({ width, height: HEIGHT });
    });
    state.watch.observe(host);
  }
  describe(host, state);
}

/** Say that there is nothing instead of drawing axes, which would be invented. */
function leaveEmpty(host, page, chart) {
  if (drawn.has(host)) forget(host, drawn.get(host));
  host.dataset.empty = page.empty;
  describe(host, { page, chart });
}

function forget(host, { plot, watch }) {
  watch.disconnect();
  plot.destroy();
  drawn.delete(host);
}

function options(host, state) {
  const { page, chart } = state;
  const colours = theme();
  const format = FORMATS[chart.unit];
  return {
    width: host.clientWidth || 480,
    height: HEIGHT,
    padding: [12, 20, 0, 0], // the last label of the axis is half beyond the plot
    legend: { show: false },
    tzDate: (seconds) => zoned(seconds, page.bucket),
    cursor: {
      y: false,
      sync: { key: "page", setSeries: false },
      drag: { x: true, y: false, setScale: false, dist: 6 },
      points: { show: chart.shape === "lines", size: 6 },
    },
    scales: {
      x: { range: () => [state.page.from - page.bucket / 2, state.page.to - page.bucket / 2] }, // whole columns, whole points
      y: chart.log ? { distr: 3, range: logRange } : { range: (_, __, top) => [0, (top || 1) * 1.05] },
    },
    axes: [axis(colours, { space: 64, size: 28, values: (_, ticks, __, ___, step) => timeTicks(ticks, step, page.bucket) }), axis(colours, { size: 64, ...(WHOLE.has(chart.unit) ? { incrs: WHOLE_STEPS } : {}), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick))) })],
    series: [{}, ...chart.series.map((one) => line(chart, one))],
    hooks: {
      drawClear: [(plot) => drawMarks(plot, state.page.marks, colours)],
      draw: [(plot) => drawErrors(plot, state.chart.errors, colours)],
      setSelect: [(plot) => select(plot, state)],
    },
    plugins: [tooltip(state, format, (seconds) => bucketText(seconds, state.page.bucket))],
  };
}

/** Buckets of a day begin at midnight UTC: in another zone they would seem to begin in the day. */
function zoned(seconds, bucket) {
  const moment = new Date(seconds * 1000);
  return bucket >= 86400 ? window.uPlot.tzDate(moment, "Etc/UTC") : moment;
}

function bucketText(seconds, bucket) {
  const moment = new Date(seconds * 1000);
  return bucket >= 86400 ? `${moment.toISOString().slice(0, 10)} UTC` : timeText(moment, "minute");
}

/** Times on the axis in one line: the date where a day begins, else the time. */
function timeTicks(ticks, step, bucket) {
  return ticks.map((tick) => {
    const moment = zoned(tick, bucket);
    const date = `${MONTHS[moment.getMonth()]} ${moment.getDate()}`;
    if (step >= 86400 || moment.getHours() + moment.getMinutes() === 0) return date;
    return `${String(moment.getHours()).padStart(2, "0")}:${String(moment.getMinutes()).padStart(2, "0")}`;
  });
}

function axis(colours, more) {
  return {
    stroke: colours.muted,
    font: "11px system-ui, sans-serif",
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
    gap: 6,
    ...more,
  };
}

/** From a power of ten to a power of ten: a line has room, and what it crosses has a label. */
function logRange(_plot, low, high) {
  if (!(low > 0)) return [1, 1000];
  return [10 ** Math.floor(Math.log10(low)), 10 ** Math.ceil(Math.log10(high * 1.001))];
}

function line(chart, one) {
  const style = seriesStyle(one.slot);
  if (chart.shape === "columns") {
    return { label: one.name, fill: style.fill, stroke: style.stroke, width: 0, paths: window.uPlot.paths.bars({ size: [0.86, 24] }), points: { show: false } };
  }
  return { label: one.name, stroke: style.stroke, dash: style.dash, width: 1.5, spanGaps: false, points: { show: true, filter: lonely, size: 4, fill: style.stroke } };
}

/** The values that stand alone between gaps are shown as points: a line of one point cannot be seen. */
function lonely(plot, index) {
  const values = plot.data[index];
  const gap = (at) => (values[at] ?? null) === null;
  return values.flatMap((_, at) => (!gap(at) && gap(at - 1) && gap(at + 1) ? [at] : []));
}

function select(plot, { page, zoomed }) {
  const { left, width } = plot.select;
  if (width < 6) return;
  const bucket = (position) => Math.floor(plot.posToVal(position, "x") / 60) * 60;
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  const from = Math.max(bucket(left), page.from);
  zoomed(from, Math.max(Math.min(bucket(left + width) + 60, page.to), from + 60));
}

/** Tell a chart in words and, when asked, as a table. */
function describe(host, { page, chart }) {
  host.setAttribute("role", "img");
  const format = FORMATS[chart.unit];
  const latest = chart.series.map(({ name, values }) => `${name} ${format(values.findLast((value) => value !== null) ?? null)}`);
  host.setAttribute("aria-label", `${chart.title}. Latest: ${latest.join(", ") || "no data"}`);
  const table = document.querySelector(`details[data-table="${host.dataset.chart}"]`);
  if (!table) return;
  const fill = () => table.open && table.lastElementChild.replaceChildren(dataTable(page, chart, format, bucketText));
  table.ontoggle = fill;
  fill();
}
