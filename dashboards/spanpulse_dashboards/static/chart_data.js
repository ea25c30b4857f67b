/** Data of charts in other forms: stacked, and as a table. */

/**
 * Stack series for columns: each is drawn from zero to the sum of itself and all behind it, the first one highest, so
 * that later ones cover its lower part. A bucket in which no series has a value stays a gap.
 */
export function cumulated(series) {
  const sums = (series[0]?.values ?? []).map(() => null);
  const stacked = [];
  for (const { values } of [...series].reverse()) {
    values.forEach((value, at) => { if (value !== null) sums[at] = (sums[at] ?? 0) + value; });
    stacked.unshift([...sums]);
  }
  return stacked;
}

/** The buckets of a chart as a table, newest first. */
export function dataTable(page, chart, format, timeOf) {
  const table = document.createElement("table");
  table.className = "rows";
  const columns = [...chart.series, ...(chart.errors ? [{ name: "errors", values: chart.errors }] : [])];
  const head = table.createTHead().insertRow();
  head.append(...["time", ...columns.map(({ name }) => name)].map((name, at) => cell("th", name, at)));
  const body = table.createTBody();
  for (let at = page.starts.length - 1; at >= 0; at -= 1) {
    const row = body.insertRow();
    row.append(cell("th", timeOf(page.starts[at], page.bucket), 0));
    columns.forEach(({ name, values }) => {
      const plain = name === "errors" && chart.errors ? String(values[at] ?? "-") : format(values[at]);
      row.append(cell("td", plain, 1));
    });
  }
  return table;
}

function cell(kind, text, at) {
  const made = document.createElement(kind);
  made.textContent = text;
  if (at) made.className = "number";
  if (kind === "th") made.scope = at === 0 ? "row" : "col";
  return made;
}
