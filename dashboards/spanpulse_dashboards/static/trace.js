/**
 * Traces: spans are shown in place, further lines are fetched as they come near, branches fold, keys move. Lists follow
 * what arrives, and so does a trace while its spans arrive.
 *
 * The address always names the selected span; without this script every link loads the same page as a whole.
 */

import { toggleLive, watch as live } from "./live.js";
import { say } from "./page.js";
import "./range.js";
import { showTimes } from "./times.js";

const lines = () => document.getElementById("lines");
const shown = () => [...(lines()?.querySelectorAll(".line:not([hidden]) > a[data-span]") ?? [])];
let asked = null;

async function part(address) {
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.text();
}

/** Show a span on the right, and name it in the address. */
async function select(link, { history: how = "push" } = {}) {
  const panel = document.getElementById("span");
  const mine = asked = Symbol("span");
  mark(link);
  if (how === "push") history.pushState({ span: link.dataset.span }, "", link.href);
  if (how === "replace") history.replaceState({ span: link.dataset.span }, "", link.href);
  panel.setAttribute("aria-busy", "true");
  try {
    const html = await part(link.dataset.part);
    if (asked !== mine) return;
    panel.innerHTML = html;
    panel.scrollTop = 0;
    showTimes(panel);
  } catch (error) {
    if (asked === mine) say(`The span could not be shown: ${error.message}`);
  } finally {
    if (asked === mine) panel.removeAttribute("aria-busy");
  }
}

function mark(link) {
  const line = link.closest(".line") ? link : find(link.dataset.span);
  markOnly(line);
  line?.scrollIntoView({ block: "nearest" });
}

/** Mark a line as the current one, and no other; none where there is no such line. */
function markOnly(line) {
  for (const each of lines()?.querySelectorAll("a[aria-current]") ?? []) each.removeAttribute("aria-current");
  line?.setAttribute("aria-current", "true");
}

function find(span, place = null) {
  const named = [...(lines()?.querySelectorAll("a[data-span]") ?? [])].filter((each) => each.dataset.span === span);
  return named.find((each) => each.dataset.place === place) ?? named[0];
}

/** Fold or unfold what lies below a line. */
function fold(line, folded = !("folded" in line.dataset)) {
  if (!line.dataset.children) return;
  if (folded) line.dataset.folded = ""; else delete line.dataset.folded;
  refold();
}

/** Hide every line that lies below a folded one. */
function refold() {
  let below = Infinity;
  for (const line of lines()?.querySelectorAll(".line") ?? []) {
    const depth = Number(line.dataset.depth);
    if (depth <= below) below = Infinity;
    line.hidden = depth > below;
    if (!line.hidden && "folded" in line.dataset) below = depth;
  }
}

async function more(link) {
  const item = link.closest("li");
  if (item.dataset.loading) return;
  item.dataset.loading = "1";
  try {
    const holder = document.createElement("template");
    holder.innerHTML = await part(link.dataset.more);
    item.replaceWith(holder.content);
    refold();
    watch();
  } catch (error) {
    delete item.dataset.loading;
    say(`Further spans could not be fetched: ${error.message}`);
  }
}

const near = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) more(entry.target);
}, { rootMargin: "600px" });

function watch() {
  near.disconnect();
  for (const link of document.querySelectorAll("a[data-more]")) near.observe(link);
}

async function whole(link) {
  try {
    const holder = document.createElement("div");
    holder.innerHTML = await part(link.href);
    link.closest(".cut").previousElementSibling.replaceWith(holder.firstElementChild);
    link.closest(".cut").remove();
  } catch (error) {
    say(`The text could not be fetched: ${error.message}`);
  }
}

function move(step) {
  const links = shown();
  const at = links.findIndex((each) => each.hasAttribute("aria-current"));
  const next = links[Math.min(links.length - 1, Math.max(0, at + step))];
  if (next && links.indexOf(next) !== at) {
    next.focus({ preventScroll: true });
    select(next, { history: "replace" });
  }
}

/** Move between the traces of a list. */
function moveRow(step) {
  const links = [...document.querySelectorAll("#traces tbody th a")];
  const at = links.indexOf(document.activeElement);
  links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
}

function nextFailed() {
  const links = shown();
  const at = links.findIndex((each) => each.hasAttribute("aria-current"));
  const order = [...links.slice(at + 1), ...links.slice(0, at + 1)];
  const failed = order.find((each) => each.closest(".error"));
  if (failed) select(failed); else say("No span of this trace failed");
}

function pressed(event) {
  if (event.target.closest?.("input, textarea, select, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const current = lines()?.querySelector("a[aria-current]")?.closest(".line");
  const step = { j: 1, k: -1 }[event.key];
  if (step) { if (lines()) move(step); else moveRow(step); }
  else if (event.key === "l" && document.querySelector("#traces, #lines")) toggleLive();
  else if (!lines()) return;
  else if (event.key === "e") nextFailed();
  else if (event.key === "ArrowLeft" && current && event.target.closest("#lines, body")) fold(current, true);
  else if (event.key === "ArrowRight" && current && event.target.closest("#lines, body")) fold(current, false);
  else return;
  event.preventDefault();
}

// Before htmx, which would exchange the whole page for a link.
document.addEventListener("click", (event) => {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const folds = event.target.closest?.(".fold");
  const link = event.target.closest?.("a[data-part], a[data-more], a[data-whole]");
  if (!folds && !link) return;
  if (folds?.closest("[data-children]")) fold(folds.closest(".line"));
  else if (link?.dataset.part) select(link);
  else if (link?.dataset.more) more(link);
  else if (link) whole(link);
  event.preventDefault();
  event.stopPropagation();
}, true);

window.addEventListener("popstate", (event) => {
  if (!lines()) return;
  const query = new URLSearchParams(location.search);
  const link = query.get("span") ? find(query.get("span"), query.get("at")) : null;
  if (!link) return;
  event.stopImmediatePropagation();
  select(link, { history: "none" });
}, true);

document.addEventListener("keydown", pressed);
/** Name the selected span in the address, so that it stays the same whatever arrives, and mark its line. */
function keep() {
  if (!lines()) return;
  const query = new URLSearchParams(location.search);
  const link = query.get("span") ? find(query.get("span"), query.get("at")) : lines().querySelector("a[aria-current]");
  if (!link) return;
  if (!query.get("span") && !query.get("lines")) history.replaceState(history.state, "", link.href);
  markOnly(link);
}

function present() {
  keep();
  watch();
  refold();
  live();
}

document.addEventListener("page:shown", present);
present();
