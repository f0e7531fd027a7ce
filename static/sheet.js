// The sheet of all keys and gestures, loaded when somebody asks for it. In: its words. Out: a dialog,
// and the wish for the whole screen.

import { platform } from './keyboard.js';
import { el } from './panel.js';
import { sections } from './sheet-words.js';

/** Shows it, once. */
export function showSheet() {
  if (document.querySelector('dialog.sheet')) return;
  const rows = ([keys, does]) => el('tr', {},
    el('th', { scope: 'row' }, ...keys.flatMap((chord, at) => [
      ...(at ? [' or '] : []), ...chord.flatMap((key, n) => [...(n ? ['+'] : []), el('kbd', {}, key)])])),
    el('td', {}, does));
  const dialog = el('dialog', { className: 'panel sheet' },
    el('form', { method: 'dialog' },
      el('h2', { id: 'sheet-title' }, 'Keys'),
      // First, so that the focus does not scroll to the end.
      el('div', { className: 'choices' }, el('button', { className: 'main', autofocus: true }, 'Close'), ...fullScreen()),
      ...sections({ ...platform(), touched: navigator.maxTouchPoints > 0 }).flatMap(([title, entries]) => [el('h3', {}, title), el('table', {}, el('tbody', {}, ...entries.map(rows)))])));
  dialog.setAttribute('aria-labelledby', 'sheet-title');
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** In full screen some browsers give a page also the keys they keep otherwise. */
function fullScreen() {
  if (!document.fullscreenEnabled || document.fullscreenElement) return [];
  const lock = navigator.keyboard?.lock;
  return [el('button', {
    title: lock ? 'Ctrl-W, Ctrl-T, Ctrl-N, Escape… go to the terminal then; hold Escape to leave' : '',
    onclick: () => document.documentElement.requestFullscreen().then(() => navigator.keyboard?.lock?.(), () => {}),
  }, lock ? 'Full screen, with all keys' : 'Full screen')];
}
