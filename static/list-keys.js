// The keys of the list page: one table, from which they are read and explained. No DOM.

/** What a key does: the keys, the action, and what the sheet says. */
export const LIST_KEYS = [
  { keys: ['ArrowDown', 'ArrowUp', 'ArrowLeft', 'ArrowRight'], shown: ['↑', '↓', '←', '→'], says: 'From session to session' },
  { keys: ['j', 'k'], says: 'To the next, the one before' },
  { keys: ['Home', 'End'], says: 'To the first, the last' },
  { keys: ['Enter'], says: 'Open the session' },
  { keys: ['/'], says: 'Filter; Escape clears it' },
  { keys: ['n'], says: 'New session' },
  { keys: ['r'], says: 'Rename the session' },
  { keys: ['x', 'Delete'], says: 'End the session, after asking' },
  { keys: ['?'], says: 'This list' },
];

const ACTIONS = {
  ArrowDown: 'down', ArrowUp: 'up', ArrowLeft: 'previous', ArrowRight: 'next', j: 'next', k: 'previous', Home: 'first', End: 'last',
  '/': 'filter', n: 'create', r: 'rename', x: 'end', Delete: 'end', '?': 'help',
};

/** Actions that lead to another card. */
export const MOVES = ['down', 'up', 'previous', 'next', 'first', 'last'];

/** The action of a key outside of text, or undefined; `letters` are keys that make a character. */
export function actionOf({ key, ctrlKey, altKey, metaKey }, letters = true) {
  if (ctrlKey || altKey || metaKey || (!letters && key.length === 1)) return undefined;
  return Object.hasOwn(ACTIONS, key) ? ACTIONS[key] : undefined;
}
