// What the tabs of a session's windows say and which buttons stand beside them. In: a `windows`
// message and whether the person may change anything. Out: plain values. No DOM.

/** What a tab marks, in this order: the sign, and what it means to who does not see it. */
const MARKS = [
  ['bell', '!', 'bell'],
  ['activity', '#', 'activity'],
  ['zoomed', '⤢', 'zoomed'],
];

const panesOf = (count) => (count === 1 ? 'one pane' : `${count} panes`);
const called = ({ index, name }) => (name ? `${index} “${name}”` : `${index}`);

/** One tab. */
export function tab(window, drives) {
  const marks = MARKS.filter(([flag]) => window[flag]);
  return {
    id: window.id,
    index: String(window.index),
    name: window.name,
    current: window.active === true,
    signs: marks.map(([, sign]) => sign).join(''),
    said: marks.length ? `(${marks.map(([, , meaning]) => meaning).join(', ')})` : '',
    title: window.active ? `Window ${called(window)}, ${panesOf(window.panes)}`
      : drives ? `Switch to window ${called(window)}, for everybody in this session`
        : `Window ${called(window)}: only who may type switches windows`,
  };
}

/** All there is to be seen: tabs for more than one window, and buttons only for who may use them. */
export function furniture({ windows = [], more = 0 }, drives) {
  const current = windows.find(({ active }) => active) ?? null;
  const several = windows.length + more > 1;
  return {
    tabs: several ? windows.map((window) => tab(window, drives)) : [],
    more: more > 0 ? `+${more}` : '',
    current,
    create: drives && current !== null,
    close: drives && several && current !== null,
    zoom: drives && (current?.panes > 1 || current?.zoomed === true),
    zoomed: current?.zoomed === true,
  };
}

/** What is asked before a window is closed: what runs in it ends. */
export function closing(window, last) {
  const what = window.panes === 1 ? 'What runs in it ends.' : `What runs in its ${panesOf(window.panes)} ends.`;
  return {
    title: `Close window ${called(window)}?`,
    text: last ? `${what} It is the last window, so the session ends with it, for everybody.` : `${what} It is closed for everybody in this session.`,
    label: last ? 'End the session' : 'Close window',
  };
}
