// The settings: a dialog whose every change holds at once and is kept. In: the settings. Out: choices.
// It must not know what they do. Loaded when it is first asked for.

import { who } from './access.js';
import { SUGGESTIONS } from './fonts.js';
import { el } from './panel.js';
import * as settings from './settings.js';
import { askToSignOut } from './sign-out.js';
import { THEMES } from './themes.js';

const group = (light) => el('optgroup', { label: light ? 'Light' : 'Dark' },
  ...Object.entries(THEMES).filter(([, theme]) => theme.light === light).map(([value, { label }]) => el('option', { value }, label)));
const option = ([value, label]) => el('option', { value }, label);

let ids = 0;

/** A line of the dialog: label, control, and a hint the control is described by. */
function line(label, control, hint = '', ...beside) {
  control.id = `setting-${(ids += 1)}`;
  const described = hint && el('small', { id: `${control.id}-hint` }, hint);
  if (hint) control.setAttribute('aria-describedby', described.id);
  const name = el('label', { htmlFor: control.id }, label);
  return control.type === 'checkbox'
    ? el('div', { className: 'line check' }, control, name, described)
    : el('div', { className: 'line' }, name, el('div', { className: 'control' }, control, ...beside), described);
}

/** Ties a control to a setting, both ways. */
function tie(key, control, { read, write, when = 'change' }) {
  const show = () => { if (read() !== settings.get(key)) write(settings.get(key)); };
  control.addEventListener(when, () => {
    const taken = settings.set(key, read());
    control.setAttribute('aria-invalid', String(!taken));
  });
  control.addEventListener('blur', () => {
    write(settings.get(key)); // what was not taken goes
    control.removeAttribute('aria-invalid');
  });
  write(settings.get(key));
  return settings.on(key, show);
}

const check = (key) => {
  const control = el('input', { type: 'checkbox' });
  return [control, tie(key, control, { read: () => control.checked, write: (on) => { control.checked = on; } })];
};
const choose = (key, ...options) => {
  const control = el('select', {}, ...options);
  return [control, tie(key, control, { read: () => control.value, write: (value) => { control.value = value; } })];
};
const text = (key, properties, { to = (value) => value, from = (value) => value } = {}) => {
  const control = el('input', properties);
  return [control, tie(key, control, { read: () => from(control.value), write: (value) => { control.value = to(value); }, when: 'input' })];
};

/** Shows the settings; `closed` runs when the person is through. */
export function showSettings(closed = () => {}) {
  const ended = [];
  const made = ([control, off]) => {
    ended.push(off);
    return control;
  };
  const fonts = el('datalist', { id: 'fonts' }, ...SUGGESTIONS.map((value) => el('option', { value })));
  const font = made(text('font', { type: 'text', placeholder: 'the system’s own', autocomplete: 'off', spellcheck: false, autocapitalize: 'none' }));
  font.setAttribute('list', fonts.id);
  const size = made(text('fontSize', { type: 'number', min: settings.FONT_SIZE.least, max: settings.FONT_SIZE.most, step: 1, inputMode: 'numeric' },
    { to: String, from: Number }));
  const step = (by, label) => el('button', {
    type: 'button', ariaLabel: label, onclick: () => settings.set('fontSize', settings.get('fontSize') + by),
  }, by > 0 ? '+' : '−');

  const dialog = el('dialog', { className: 'panel settings' },
    el('form', { method: 'dialog' },
      el('h2', { id: 'settings-title' }, 'Settings'),
      el('p', {}, 'For this browser; every change holds at once.'),
      el('fieldset', {}, el('legend', {}, 'Look'),
        line('Theme', made(choose('theme', el('option', { value: 'system' }, 'As the system'), group(false), group(true)))),
        line('Font', font, 'One that is not there is passed over.', fonts),
        line('Font size', size, '', step(-1, 'Smaller'), step(1, 'Larger')),
        line('Drawn by', made(choose('renderer', option(['dom', 'the page (DOM)']), option(['webgl', 'the graphics card (WebGL)']))),
          'WebGL is faster for large windows; where it fails, the page draws.'),
        line('Show tmux’s status line', made(check('statusLine')))),
      el('fieldset', {}, el('legend', {}, 'Hands and ears'),
        line('Copy what is selected at once', made(check('copyOnSelect'))),
        line('Option key is Meta', made(check('optionIsMeta')), 'On a Mac; off, it types special characters.'),
        line('Keys on the screen', made(choose('keyBar', option(['auto', 'where there is a touch screen']), option(['on', 'always']), option(['off', 'never'])))),
        line('Show the bell', made(check('bell')), 'A flash here, a mark on the tab.'),
        line('Screen reader mode', made(check('screenReader')), 'What is on the screen becomes text that is read out.')),
      el('div', { className: 'choices' },
        el('button', { className: 'main', value: 'close' }, 'Done'),
        el('button', { type: 'button', onclick: settings.reset }, 'Reset all'),
        ...(who() ? [el('button', { type: 'button', onclick: (event) => { leave(event); askToSignOut(); } }, 'Sign out…')] : []))));
  dialog.setAttribute('aria-labelledby', 'settings-title');
  // All at once, not when the browser tells of it: the next key may come before.
  const leave = (event) => {
    event.preventDefault();
    for (const off of ended.splice(0)) off();
    dialog.close();
    dialog.remove();
    closed();
  };
  dialog.addEventListener('cancel', leave); // Escape
  dialog.addEventListener('submit', leave);
  dialog.addEventListener('click', (event) => event.target === dialog && !inside(dialog, event) && leave(event));
  document.body.append(dialog);
  dialog.showModal();
}

/** A press beside the dialog counts as one on the dialog. */
function inside(dialog, { clientX: x, clientY: y }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return x >= left && x <= right && y >= top && y <= bottom;
}
