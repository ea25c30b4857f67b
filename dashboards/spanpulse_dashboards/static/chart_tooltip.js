/** The values under the cursor, beside it: only in the chart that the pointer is over. */

import { seriesStyle } from "./colours.js";

/** A uPlot plugin. `state` has the newest `page` and `chart`; `timeOf` tells a bucket. */
export function tooltip(state, format, timeOf) {
  const box = document.createElement("div");
  box.className = "tooltip";
  box.hidden = true;
  return {
    hooks: {
      init: [(plot) => {
        plot.over.append(box);
        plot.over.addEventListener("mouseleave", () => { box.hidden = true; });
      }],
      setCursor: [(plot) => show(plot, box, state, format, timeOf)],
      setSelect: [() => { box.hidden = true; }],
    },
  };
}

function show(plot, box, { page, chart }, format, timeOf) {
  const { idx: at, left } = plot.cursor;
  if (at == null || left < 0 || !plot.over.matches(":hover")) {
    box.hidden = true;
    return;
  }
  const entries = chart.series.map((one) => row(one.name, format(one.values[at]), seriesStyle(one.slot).stroke, one.values[at]));
  if (chart.errors?.[at]) entries.push(row("errors", String(chart.errors[at]), null, 0));
  for (const mark of page.marks.filter((each) => within(each.at, page.starts[at], page.bucket))) entries.push(row(mark.text, "", null, 0));
  const head = document.createElement("b");
  head.textContent = timeOf(page.starts[at]) + (page.partial === page.starts[at] ? " · still growing" : "");
  box.replaceChildren(head, ...entries);
  box.hidden = false;
  const room = plot.over.clientWidth;
  const beside = left + 12 + box.offsetWidth > room ? left - 12 - box.offsetWidth : left + 12;
  box.style.left = `${Math.max(0, Math.min(beside, room - box.offsetWidth))}px`;
}

const within = (moment, start, length) => moment >= start && moment < start + length;

function row(name, text, colour, value) {
  const entry = document.createElement("div");
  if (value === null) entry.className = "quiet";
  const mark = document.createElement("i");
  if (colour) mark.style.background = colour;
  const label = document.createElement("bdi");
  label.textContent = name;
  const number = document.createElement("span");
  number.textContent = text;
  entry.append(mark, label, number);
  return entry;
}
