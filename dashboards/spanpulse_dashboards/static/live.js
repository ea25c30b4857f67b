/**
 * Live updates: asks now and then whether the page would look different, and only then fetches it again.
 *
 * Nothing is asked while the tab is hidden or the switch is off. Focus, scroll, open menus and charts stay as they are.
 * The element with `data-version` says what the page shows, `data-query` of what; where it has `data-every` (seconds)
 * instead, the page is fetched that often.
 */

import { exchange } from "./page.js";

const PAUSED = "spanpulse.paused";
const FAILED_S = 10;
let timer = 0;
let asking = null;
let refused = 0;

const state = () => document.querySelector("[data-version]");
const button = () => document.getElementById("live");
const paused = () => sessionStorage.getItem(PAUSED) === "1";

/** Begin, or go on, for the page as it is now. */
export function watch() {
  const press = button();
  if (!press) {
    stop();
    return;
  }
  press.hidden = false;
  press.setAttribute("aria-pressed", String(!paused()));
  press.onclick = toggleLive;
  if (paused() || document.hidden) stop(); else if (!timer && !asking) later(1);
}

/** Turn live updates off and on; kept for this tab. */
export function toggleLive() {
  sessionStorage.setItem(PAUSED, paused() ? "0" : "1");
  stop();
  watch();
}

function stop() {
  clearTimeout(timer);
  asking?.abort();
  timer = 0;
  asking = null;
}

function later(seconds) {
  clearTimeout(timer);
  timer = setTimeout(ask, seconds * 1000);
}

async function ask() {
  timer = 0;
  const shown = state();
  if (!shown || document.hidden) return;
  asking = new AbortController();
  let wait = FAILED_S;
  try {
    if (shown.dataset.every) wait = await again(Number(shown.dataset.every)); else wait = await askFor(shown, asking.signal);
    say("");
  } catch (error) {
    if (error.name === "AbortError") return;
    say("No answer from spanpulse: what you see is from before. Trying again.");
  }
  asking = null;
  if (!paused() && !document.hidden) later(wait);
}

async function again(seconds) {
  await refresh();
  return seconds;
}

/** Ask whether something is new, and fetch it; returns when to ask again, seconds from now. */
async function askFor(shown, signal) {
  const root = document.getElementById("page").dataset.root;
  const answer = await fetch(`${root}/api/v1/live?${shown.dataset.query}`, { signal, cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const { version, next_seconds: next } = await answer.json();
  if (version !== shown.dataset.version) await refresh();
  return Math.max(next, 1);
}

/** Fetch the page again, unless somebody is in the middle of something. */
async function refresh() {
  if (document.querySelector("details.menu[open], dialog[open]")) return;
  refused = 0;
  await exchange(location.pathname + location.search, { source: "#live" });
  if (refused) throw new Error(`HTTP ${refused}`);
}

/** Keep what is shown where the answer is an error, or that of an address which is no longer looked at. */
function answered(event) {
  const { ctx } = event.detail;
  if (ctx.sourceElement.id !== "live") return;
  const asked = new URL(ctx.request.action, location.href);
  if (ctx.response.status >= 400) refused = ctx.response.status;
  else if (asked.pathname + asked.search === location.pathname + location.search) return;
  event.preventDefault();
}

function say(text) {
  const press = button();
  if (!press) return;
  press.classList.toggle("bad", Boolean(text));
  press.title = text || "Bring the page up to date as data arrives (l)";
}

document.addEventListener("htmx:before:response", answered);
document.addEventListener("htmx:error", ({ detail }) => {
  if (detail.ctx?.sourceElement?.id === "live") refused = 503;
});
document.addEventListener("visibilitychange", () => (document.hidden ? stop() : watch()));
