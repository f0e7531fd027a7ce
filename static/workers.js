// Service workers: muxview has none. One that is here was put here by whoever had this address before,
// and every request of a page passes through it. No DOM.

const root = new URL('../', import.meta.url);
const RELOADED = `muxview.without-worker:${root.pathname}`;

/** Kept when no service worker stands between this page and the network. */
export const direct = unregister();

async function unregister() {
  const workers = globalThis.navigator?.serviceWorker; // only where browsers have them at all
  if (!workers) return;
  const ended = all(workers).catch(() => {}); // refused: then there are none
  if (!workers.controller) return;
  await ended;
  // This page keeps its worker for as long as it is shown.
  if (!reloadedBefore()) {
    location.reload();
    await new Promise(() => {});
  }
}

async function all(workers) {
  const registered = await workers.getRegistrations();
  // Another service may share the origin, and have workers for its own paths.
  const ours = registered.filter(({ scope }) => root.href.startsWith(scope) || scope.startsWith(root.href));
  await Promise.all(ours.map((worker) => worker.unregister()));
}

function reloadedBefore() {
  try {
    const before = sessionStorage.getItem(RELOADED);
    if (before) sessionStorage.removeItem(RELOADED);
    else sessionStorage.setItem(RELOADED, '1');
    return !!before;
  } catch {
    return true; // nothing can be remembered: better once too few than for ever
  }
}
