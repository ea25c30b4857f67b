/** The completeness box brings itself up to date while its tab is seen. */

import { exchange } from "./page.js";

const EVERY_S = 3;

async function again() {
  if (!document.hidden) await exchange(location.pathname + location.search, { source: "#verdict" }).catch(() => {});
  setTimeout(again, EVERY_S * 1000);
}

setTimeout(again, EVERY_S * 1000);
