/** Times in the viewer's zone, which is told once, in the bar. Pages come with UTC. */

const PARTS = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const STYLES = {
  day: { year: "numeric", month: "2-digit", day: "2-digit" },
  minute: PARTS,
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  second: { ...PARTS, second: "2-digit" },
  millisecond: { ...PARTS, second: "2-digit", fractionalSecondDigits: 3 },
};
// The Swedish form is ISO 8601's: 2026-11-21 20:54:07.
const formats = Object.fromEntries(
  Object.entries(STYLES).map(([name, parts]) => [name, new Intl.DateTimeFormat("sv-SE", parts)]),
);

/** A moment as text; `style` is day, minute, second or millisecond. */
export function timeText(moment, style = "minute") {
  return formats[style].format(moment).replace(",", ".");
}

/** The viewer's zone as people write it: CET, GMT+1, UTC. */
export function zoneName() {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(new Date());
  return parts.find((part) => part.type === "timeZoneName").value;
}

/** Write every <time data-style> below `root` in the viewer's zone. */
export function showTimes(root) {
  for (const element of root.querySelectorAll("time[data-style]")) {
    const moment = new Date(element.dateTime);
    if (!Number.isNaN(moment.getTime())) element.textContent = timeText(moment, element.dataset.style);
  }
  const zone = document.getElementById("zone");
  if (zone) {
    zone.textContent = zoneName();
    zone.title = `Times on this page are in ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  }
}
