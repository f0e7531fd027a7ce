// The dialog that shares a session: makes a link by which others watch it, and lists and ends those there
// are. In: a session. Out: requests, and a link for the clipboard. Loaded when it is first asked for.

import { request, root, said } from './access.js';
import { copy } from './clipboard.js';
import { el } from './panel.js';
import { nodes } from './sentences.js';
import { ago } from './sessions.js';

const HOUR = 3_600;
/** How long a link is good, in seconds, and how often it may be opened. */
const LIVES = [[HOUR, '1 hour'], [24 * HOUR, '1 day'], [7 * 24 * HOUR, '7 days']];
const USES = [[1, 'once'], [10, '10 times'], [100, '100 times']];

const when = (seconds) => new Date(seconds * 1000).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });

/** What is known of a link, in words; `now` in seconds since 1970. */
export const about = ({ expires, uses, opened, confidential }, now) => [
  `until ${when(expires)}`,
  uses === 0 ? 'used up' : uses === 1 ? 'good once more' : `good ${uses} more times`,
  opened ? `opened ${ago(now - opened)}` : 'not opened yet',
  ...(confidential ? ['confidential'] : []),
].join(' · ');

/** Opens it for `{ id, name }`; `closed` runs when the person is through. */
export function showSharing({ id, name }, closed) {
  const choice = (label, options, usual) => {
    const select = el('select', {}, ...options.map(([value, text]) => el('option', { value }, text)));
    select.value = usual;
    return [el('label', {}, label, select), () => Number(select.value)];
  };
  const [life, seconds] = choice('Good for', LIVES, 24 * HOUR);
  const [often, uses] = choice('Opened at most', USES, 10);
  const confidential = el('input', { type: 'checkbox' });
  const failure = el('p', { className: 'failure', role: 'alert' });
  const status = el('p', { role: 'status' });
  const link = el('input', { readOnly: true, ariaLabel: 'The link', onfocus: () => link.select() });
  const made = el('div', { className: 'made', hidden: true }, link, el('button', { type: 'button', onclick: take }, 'Copy'));
  const make = el('button', { className: 'main' }, 'Make a link');
  const links = el('ul', { ariaLabel: 'Links there are' });
  const none = el('p', { hidden: true }, 'There is no link now.');

  async function take() {
    try {
      await copy(link.value);
      status.textContent = 'Copied. The link is shown only now: muxview does not keep it.';
    } catch (error) {
      status.textContent = `Not copied: ${error.message}. The link is shown only now.`;
      link.focus();
    }
  }

  /** Says why `act` fails, if it does, and tells whether it did not. */
  async function attempt(act) {
    failure.textContent = '';
    try {
      await act();
      return true;
    } catch (error) {
      failure.replaceChildren(...nodes(said(error)));
      return false;
    }
  }

  const row = (share) => {
    const ends = el('button', { type: 'button', className: 'danger', onclick: () => end(share, ends) }, 'End');
    const text = about(share, Date.now() / 1000);
    ends.ariaLabel = `End the link to ${share.name}, ${text}`;
    return el('li', {}, el('span', {}, el('b', {}, share.name), ` ${text}`), ends);
  };

  const list = () => attempt(async () => {
    const shares = await (await request('api/shares')).json();
    links.replaceChildren(...shares.sort((a, b) => b.made - a.made).map(row));
    none.hidden = shares.length > 0;
  });

  async function end({ id }, button) {
    button.disabled = true;
    const ended = await attempt(async () => {
      try {
        await request(`api/shares/${encodeURIComponent(id)}`, { method: 'DELETE' });
      } catch (error) {
        if (error.status !== 404) throw error; // it is gone, which was wanted
      }
    });
    if (!ended) {
      button.disabled = false;
      return;
    }
    status.textContent = 'Ended: who watched by this link watches no longer.';
    await list();
    (links.querySelector('button') ?? make).focus();
  }

  const form = el('form', { method: 'dialog' },
    el('h2', { id: 'share-title' }, `Let others watch “${name}”`),
    el('p', {}, 'Who opens the link sees this session live, with all its windows, and no other session. They cannot type.'),
    el('div', { className: 'pair' }, life, often),
    el('label', { className: 'check' }, confidential, 'Confidential: compress nothing, so that sizes tell less'),
    failure, made, status,
    el('div', { className: 'choices' }, make, el('button', { type: 'button', onclick: (event) => leave(event) }, 'Close')),
    el('h3', {}, 'Links there are'), none, links);
  const dialog = el('dialog', { className: 'panel share' }, form);
  dialog.setAttribute('aria-labelledby', 'share-title');
  form.onsubmit = async (event) => {
    event.preventDefault();
    make.disabled = true;
    const done = await attempt(async () => {
      const answer = await request('api/shares', { method: 'POST', body: { session: id, seconds: seconds(), uses: uses(), confidential: confidential.checked } });
      link.value = new URL((await answer.json()).link, root).href;
      made.hidden = false;
    });
    make.disabled = false;
    if (!done) return make.focus();
    await take();
    made.querySelector('button').focus();
    list();
  };
  // At once, not when the browser tells of it: the next key may come before.
  const leave = (event) => {
    event.preventDefault();
    dialog.close();
    dialog.remove();
    closed();
  };
  dialog.addEventListener('cancel', leave); // Escape
  document.body.append(dialog);
  dialog.showModal();
  list();
}
