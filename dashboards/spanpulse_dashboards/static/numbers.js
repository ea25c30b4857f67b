/**
 * Numbers as a person reads them, by the rules of pages/_numbers.py: three significant digits, units, small money
 * readable, "-" for what is missing. Each function returns text; values are finite numbers or null.
 */

const MINUS = "\u2212";
const SCALES = [[1e3, ""], [1e6, "k"], [1e9, "M"], [1e12, "B"], [Infinity, "T"]];
const DURATIONS = [[1e9, 1e6, "ms"], [6e10, 1e9, "s"], [3.6e12, 6e10, "min"], [1.728e14, 3.6e12, "h"], [Infinity, 8.64e13, "d"]];

const signed = (value, text) => (value < 0 ? MINUS + text : text);
const rounded = (value) => Number(value.toPrecision(3));

/** Write a positive number with three significant digits, their zeros kept; thousands are grouped. */
function three(value) {
  const exponent = Number(value.toExponential(2).split("e")[1]);
  if (exponent >= 2) return rounded(value).toLocaleString("en-US");
  return rounded(value).toFixed(2 - exponent);
}

/** A number of things: 999, 12.3k, 1.23M. */
export function count(value) {
  if (value === null) return "-";
  const size = Math.abs(value);
  if (size < 1000 && Number.isInteger(size)) return signed(value, String(size));
  let scale = 1;
  for (const [bound, suffix] of SCALES) {
    if (rounded(size) < bound) return signed(value, three(size / scale) + suffix);
    scale = bound;
  }
  return String(value);
}

/** USD: $1.23k, $12.3, $0.50, $0.0014, <$0.000001. */
export function money(value) {
  if (value === null) return "-";
  const size = Math.abs(value);
  if (size === 0) return "$0";
  if (size < 1e-6) return "<$0.000001";
  if (rounded(size) >= 1000) return signed(value, "$" + count(size));
  if (rounded(size) >= 1) return signed(value, "$" + three(size));
  const [whole, decimals] = three(size).split(".");
  return signed(value, `$${whole}.${decimals.replace(/0+$/, "").padEnd(2, "0")}`);
}

/** A time given in ns: 0.523 ms, 523 ms, 1.23 s, 2.08 min, 1.50 h, 3.00 d. */
export function duration(ns) {
  if (ns === null) return "-";
  let size = Math.abs(ns);
  if (size === 0) return "0 ms";
  if (size < 1000) return signed(ns, "<0.001 ms");
  for (const [bound, unit, name] of DURATIONS) {
    if (rounded(size / unit) * unit < bound) return signed(ns, `${three(size / unit)} ${name}`);
    size = Math.max(size, bound); // 59.96 s is a minute, not 0.999 of one
  }
  return String(ns);
}

/** A ratio in percent: 0%, <0.001%, 1.23%, >99.9%, 100%. */
export function percent(ratio) {
  if (ratio === null) return "-";
  const size = Math.abs(ratio) * 100;
  if (size === 0) return "0%";
  if (size < 0.001) return "<0.001%";
  if (size < 100 && rounded(size) >= 100) return ">99.9%";
  return signed(ratio, three(size) + "%");
}

/** A time given in ms, as `duration` does. */
export const milliseconds = (ms) => duration(ms === null ? null : ms * 1e6);
