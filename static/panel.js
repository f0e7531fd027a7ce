// The one box that asks or explains: sign in, session ended, confirm. Built here, so that both
// pages look and behave the same. In: what to say and the choices. Out: the choice made.

import { hasAnother, who } from './access.js';
import { nodes } from './sentences.js';

/** A small element: `el('p', { className: 'x' }, 'text', child)`. */
export function el(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const dialog = el('dialog', { className: 'panel' });
document.body.append(dialog);

let left = null; // what the panel that is shown wants to know
const leave = () => {
  left?.();
  left = null;
};
dialog.addEventListener('cancel', leave); // Escape

/** Closes what is shown; true if something was. With `modal: false` a question somebody is at stays. */
export function hidePanel({ modal = true } = {}) {
  if (!modal && dialog.matches(':modal')) return false;
  const { open } = dialog;
  dialog.close();
  leave();
  return open;
}

/**
 * Shows `title`, `text` (or its nodes) and `choices` ({ label, act, danger, href, first }), the first being the
 * main one; `first` has the focus. `fields` stand between text and choices; Enter in one takes the main choice. `act`
 * may return a promise; a rejection is shown and the panel stays. `modal` can be cancelled. `left` is called when
 * the panel is gone, whatever the reason.
 */
export function showPanel({ title, text, fields = [], choices, modal = false, left: gone = null }) {
  const failure = el('p', { className: 'failure', role: 'alert', hidden: true });
  const form = el('form', { method: 'dialog' },
    el('h2', { id: 'panel-title' }, title), el('p', {}, ...[text].flat()), ...fields, failure,
    el('div', { className: 'choices' }, ...choices.map(({ label, href, danger, first }, index) =>
      href
        ? el('a', { className: 'button', href }, label)
        : el('button', { className: danger ? 'danger' : index ? '' : 'main', value: String(index), autofocus: !!first }, label))));
  form.onsubmit = async (event) => {
    event.preventDefault();
    const choice = choices[Number(event.submitter?.value ?? 0)];
    failure.hidden = true;
    try {
      // Meanwhile something else may be asked.
      if ((await choice.act?.()) !== false && form.isConnected) hidePanel();
    } catch (error) {
      failure.replaceChildren(...nodes(error.message));
      failure.hidden = false;
    }
  };
  dialog.replaceChildren(form);
  dialog.setAttribute('aria-labelledby', 'panel-title');
  dialog.close();
  leave();
  left = gone;
  if (modal) dialog.showModal();
  else dialog.show();
  // Enter on what just appeared must not end anything.
  (form.querySelector('[autofocus], input:required') ?? form.querySelector('button:not(.danger)'))?.focus();
}

/** Asks for a link, then calls `then`. `why` is a sentence before the question. */
export function askToSignIn(then, why = '') {
  const guest = who() === 'guest';
  // The link was opened in another tab.
  const others = new AbortController();
  addEventListener('storage', () => {
    if (!hasAnother()) return;
    hidePanel();
    then();
  }, { signal: others.signal });
  const input = el('input', {
    type: 'password', name: 'link', autocomplete: 'off', required: true,
    placeholder: 'https://…/#t=…',
  });
  showPanel({
    title: guest ? 'Another link is needed' : 'Sign in',
    text: guest ? `${why || 'The link you watched by is no good any more.'} Ask who sent it for another, and open that or paste it here.`
      : `${why && `${why} `}Run “muxview url” where muxview runs, given its options, and open the link it prints. `
        + 'Or paste it here. A link is good once, for a quarter of an hour.',
    fields: [el('label', {}, 'Link', input)],
    choices: [{
      label: 'Sign in',
      act: async () => {
        const { signIn } = await import('./sign-in.js');
        await signIn(input.value);
        hidePanel();
        then();
        return false;
      },
    }],
    left: () => others.abort(),
  });
}
