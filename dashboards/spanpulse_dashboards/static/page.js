/**
 * What every page does besides being read: parts are exchanged in place, times are told in the viewer's zone, keys and
 * menus work. A page is whole without any of it.
 *
 * Other modules listen for `page:shown` on document: fired after the first load and after each exchange of #page.
 */

import { showTimes } from "./times.js";

const GO = { o: "overview", t: "traces", c: "completeness" };

/** Say something for a moment, to eyes and to screen readers. */
export function say(text) {
  const box = document.getElementById("said");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { box.hidden = true; }, 4000);
}

/** Show another address as a followed link would: in place where it is the same page, else as a whole. */
export function visit(address) {
  const url = new URL(address, location.href);
  if (url.pathname !== location.pathname) {
    location.assign(url);
    return Promise.resolve();
  }
  return exchange(url.pathname + url.search, { push: "true" });
}

/** Fetch an address and exchange #page with its own. `options` go to htmx: push, source, ... */
export function exchange(address, options = {}) {
  return window.htmx.ajax("GET", address, {
    source: "#page", target: "#page", select: "#page", swap: "outerMorph", ...options,
  });
}

function shown() {
  showTimes(document);
  scripted();
  document.dispatchEvent(new CustomEvent("page:shown"));
}

/** Show what works with scripts only. */
function scripted() {
  for (const element of document.querySelectorAll("[data-opens], [data-narrows], [data-copies]")) element.hidden = false;
}

function closeMenus(except = null) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(except)) menu.open = false;
  }
}

function toggleHelp() {
  const help = document.getElementById("help");
  if (help.open) help.close(); else help.showModal();
}

/** Copy text, and say what happened. */
export async function copy(text, done = "Copied") {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    say("The browser did not allow copying");
  }
}

/** Narrow the entries of a menu to those that hold what was typed. */
function narrow(input) {
  const wanted = input.value.trim().toLowerCase();
  for (const entry of input.closest("#choices").querySelectorAll("li[data-text]")) {
    entry.hidden = !entry.dataset.text.toLowerCase().includes(wanted);
  }
}

/** Fill a menu that was opened with the list that its address has. */
async function turned(menu) {
  const sheet = menu.querySelector(".sheet[data-load]");
  if (!menu.open) {
    sheet?.removeAttribute("data-keep");
    return;
  }
  if (sheet) {
    sheet.setAttribute("data-keep", "");
    await window.htmx.ajax("GET", sheet.dataset.load, { source: sheet, target: sheet, select: "#choices", swap: "innerHTML" });
    scripted();
  }
  menu.querySelector("input:not([type=hidden])")?.focus();
}

/** The address of another page, with the range and the filters of this one, as its link in the bar has it. */
function to(name) {
  return document.querySelector(`[data-goes=${name}]`).href;
}

let lead = "";

function pressed(event) {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key === "Escape") {
    const open = event.target.closest?.("details.menu[open]");
    closeMenus();
    if (open) open.querySelector("summary").focus();
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const [before, key] = [lead, event.key];
  lead = key === "g" ? "g" : "";
  if (before === "g" && GO[key]) location.assign(to(GO[key]));
  else if (key === "?") toggleHelp();
  else if (key === "c") copy(location.href, "Link copied");
  else if (key === "/") {
    const search = document.getElementById("search");
    // The browser focuses what an address names.
    if (search) { search.focus(); search.select(); } else location.assign(`${to("traces")}#search`);
  } else return;
  event.preventDefault();
}

document.addEventListener("keydown", pressed);
document.addEventListener("click", (event) => {
  closeMenus(event.target);
  if (event.target.closest?.("[data-opens=help]")) toggleHelp();
  const copied = event.target.closest?.("[data-copies]");
  if (copied) copy(document.getElementById(copied.dataset.copies).textContent);
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.menu")) turned(event.target);
}, true);
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-narrows]")) narrow(event.target);
});

// A link to another page is a plain link: its styles and scripts are its own.
document.addEventListener("htmx:config:request", (event) => {
  const { ctx } = event.detail;
  const url = new URL(ctx.request.action, location.href);
  if (ctx.sourceElement.matches?.("a, form") && url.pathname !== location.pathname) {
    event.preventDefault();
    if (ctx.sourceElement.matches("form")) ctx.sourceElement.submit(); else location.assign(url);
  }
});
document.addEventListener("htmx:before:swap", ({ detail }) => {
  if (detail.ctx.target?.id === "page" && detail.ctx.sourceElement.id !== "live") closeMenus();
});
document.addEventListener("htmx:after:swap", shown);
document.addEventListener("htmx:error", () => say("The server did not answer; what you see is from before"));

shown();
