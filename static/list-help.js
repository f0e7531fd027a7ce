// The sheet of keys of the list page, loaded when it is first wanted. In: the table of list-keys.js.
// Out: a dialog, in which keys that are letters can be turned off.

import { LIST_KEYS } from './list-keys.js';
import { el, showPanel } from './panel.js';
import * as settings from './settings.js';

export function showKeys() {
  const row = ({ keys, shown = keys, says }) => el('tr', {},
    el('td', {}, ...shown.flatMap((key) => [el('kbd', {}, key), ' '])), el('td', {}, says));
  const letters = el('input', { type: 'checkbox', checked: settings.get('listKeys') });
  letters.onchange = () => settings.set('listKeys', letters.checked);
  showPanel({
    title: 'Keys',
    text: 'Where no text is typed:',
    fields: [
      el('table', {}, el('tbody', {}, ...LIST_KEYS.map(row))),
      el('label', { className: 'option' }, letters, 'Letters and signs are commands'),
    ],
    choices: [{ label: 'Close' }],
    modal: true,
  });
}
