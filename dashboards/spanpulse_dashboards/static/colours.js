/** Colours of series: eight that people with any colour vision can tell apart (Okabe and Ito), then patterns. */

const COUNT = 8;
const DASHES = [[], [6, 3], [2, 3]];

const value = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The colours of the page that a canvas needs; they follow the colour scheme. */
export function theme() {
  const names = ["line", "text", "muted", "bad", "accent", "surface"];
  return Object.fromEntries(names.map((name) => [name, value(`--${name}`)]));
}

/** Colour, dash and fill of a slot; null is what has no name of its own ("other"). */
export function seriesStyle(slot) {
  if (slot === null) return { stroke: value("--series-other"), fill: value("--series-other"), dash: [] };
  const stroke = value(`--series-${slot % COUNT}`);
  const round = Math.floor(slot / COUNT) % DASHES.length;
  return { stroke, dash: DASHES[round], fill: round ? hatched(stroke, round) : stroke };
}

function hatched(colour, round) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const pen = tile.getContext("2d");
  pen.fillStyle = colour;
  if (round === 1) {
    pen.fillRect(0, 0, 6, 3);
  } else {
    pen.fillRect(0, 0, 3, 3);
    pen.fillRect(3, 3, 3, 3);
  }
  return pen.createPattern(tile, "repeat");
}
