/** The form of an absolute range: typed in the viewer's zone, checked before it is asked for, sent in UTC. */

import { visit } from "./page.js";

const LONGEST_DAYS = 400;
const FORM = "form[data-range]";

export const isoText = (seconds) => new Date(seconds * 1000).toISOString().replace(".000Z", "Z");

/** The address of this page over another range; a place in a list belongs to the old one. */
export function ranged(change) {
  const url = new URL(location.href);
  for (const name of ["range", "from", "to", "after", "cursor"]) url.searchParams.delete(name);
  for (const [name, value] of Object.entries(change)) url.searchParams.set(name, value);
  return url.href;
}

/** Let the range be typed in the viewer's zone. */
function local() {
  for (const input of document.querySelectorAll(`${FORM} input[type=text]`)) {
    const moment = new Date(input.value);
    const shown = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
    input.value = "";
    input.type = "datetime-local";
    input.value = shown.toISOString().slice(0, 16);
  }
}

/** Say at the field what is wrong with the range; the page and what was typed stay as they are. */
function check(form) {
  const { from, to } = form.elements;
  const days = (new Date(to.value) - new Date(from.value)) / 86400000;
  const wrong = days <= 0 ? "Choose a time later than the one in From" : days > LONGEST_DAYS ? `Choose at most ${LONGEST_DAYS} days` : "";
  to.setCustomValidity(wrong);
}

function submitted(event) {
  if (!event.target.matches(FORM)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const typed = new FormData(event.target);
  const [from, to] = [typed.get("from"), typed.get("to")].map((text) => new Date(text).getTime() / 1000);
  visit(ranged({ from: isoText(from), to: isoText(to) }));
}

document.addEventListener("submit", submitted, true);
document.addEventListener("input", (event) => {
  if (event.target.form?.matches(FORM)) check(event.target.form);
});
document.addEventListener("page:shown", local);
local();
