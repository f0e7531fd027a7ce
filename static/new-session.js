// The dialog that creates a session: name, command, directory. In: what is there already. Out: the
// session that was made. What the server refuses stands at the field it is about.

import { CREATABLE } from './address.js';
import { request, said } from './access.js';
import { NAME_RULE } from './card.js';
import { el } from './panel.js';
import { nodes } from './sentences.js';
import { suggestion } from './sessions.js';

const TEXT = { autocomplete: 'off', autocapitalize: 'none', spellcheck: false };

/**
 * Opens it. `names` and `directories` are those of the sessions there are; `name` is one to begin with.
 * `onCreated` gets `{ id, name }`, `onSignIn` is called when that is what is missing.
 */
export function askToCreate({ names, directories, name = '', onCreated, onSignIn }) {
  const fields = {};
  const field = (key, label, hint, properties) => {
    const input = el('input', { name: key, id: `new-${key}`, ...TEXT, ...properties });
    const failure = el('p', { className: 'failure', id: `new-${key}-failure`, role: 'alert' });
    input.setAttribute('aria-describedby', failure.id);
    fields[key] = { input, failure };
    return el('div', {}, el('label', {}, label, ' ', el('small', {}, hint), input), failure);
  };
  const places = el('datalist', { id: 'new-places' }, ...directories.map((value) => el('option', { value })));
  const failure = el('p', { className: 'failure', role: 'alert' });
  const submit = el('button', { className: 'main' }, 'Create');
  const dialog = el('dialog', { className: 'panel' });
  dialog.setAttribute('aria-labelledby', 'new-session');
  const form = el('form', { method: 'dialog', noValidate: true },
    el('h2', { id: 'new-session' }, 'New session'),
    field('name', 'Name', '', { required: true, maxLength: 64 }),
    field('command', 'Command', '(empty: your shell)', { placeholder: 'htop' }),
    field('cwd', 'Directory', '(empty: your home)', { placeholder: '/home/me/project' }),
    places, failure,
    el('div', { className: 'choices' }, submit, el('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel')));
  fields.cwd.input.setAttribute('list', places.id);
  dialog.append(form);

  let chosen = name !== ''; // a name a person wrote is left alone
  const suggest = () => {
    if (!chosen) fields.name.input.value = suggestion(names, { command: fields.command.input.value, cwd: fields.cwd.input.value });
  };
  fields.name.input.oninput = () => { chosen = fields.name.input.value !== ''; };
  fields.command.input.oninput = fields.cwd.input.oninput = suggest;
  fields.name.input.value = name;
  suggest();

  /** Says what is wrong, where. */
  const say = (key, sentence) => {
    const at = fields[key];
    (at ? at.failure : failure).replaceChildren(...nodes(sentence));
    if (!at) return;
    at.input.ariaInvalid = 'true';
    at.input.focus();
    at.input.select();
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    failure.textContent = '';
    for (const { input, failure } of Object.values(fields)) {
      input.ariaInvalid = null;
      failure.textContent = '';
    }
    const [wanted, command, cwd] = ['name', 'command', 'cwd'].map((key) => fields[key].input.value.trim());
    if (!CREATABLE.test(wanted)) return say('name', NAME_RULE);
    if (names.includes(wanted)) return say('name', `A session called ${wanted} exists already: open it or choose another name.`);
    submit.disabled = true;
    try {
      const body = { name: wanted, ...(command && { command }), ...(cwd && { cwd }) };
      const answer = await request('api/sessions', { method: 'POST', body });
      const created = await answer.json();
      dialog.close(); // who comes back by the browser's button finds the list
      onCreated(created);
    } catch (error) {
      if (error.status === 401) {
        dialog.close();
        onSignIn();
      } else {
        say(error.field, said(error));
      }
    } finally {
      submit.disabled = false;
    }
  };
  dialog.onclose = () => dialog.remove();
  document.body.append(dialog);
  dialog.showModal();
  fields.name.input.select();
}
