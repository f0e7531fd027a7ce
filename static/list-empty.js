// Why the list has no card, in words, and what can be done about it. In: what is known. Out: a title, a
// sentence, and choices. What is not known yet is not said. No DOM.

import { CREATABLE } from './address.js';
import { sentence } from './sessions.js';

/**
 * `all`: how many sessions there are; `text`: the filter; `tmux`: as the stream tells it; `guest`: of a shared link; `creates`:
 * may make sessions. `create(name)`, `look()` and `clear()` do what the choices say. Gives
 * `{ title, why, choices: [{ label, act }] }`, or null.
 */
export function whyEmpty({ all, text, tmux: { state, message }, guest, creates }, { create, look, clear }) {
  if (all > 0) {
    return {
      title: 'Nothing matches',
      why: `None of the ${all} sessions has “${text}” in its name, command, title or directory.`,
      choices: [
        { label: 'Clear the filter', act: clear },
        ...(CREATABLE.test(text) && creates ? [{ label: `Create “${text}”`, act: () => create(text) }] : []),
      ],
    };
  }
  if (state === 'missing') {
    return {
      title: 'tmux is not installed',
      why: `${sentence(message)} muxview shows sessions of tmux, and looks for it again by itself.`,
      choices: [{ label: 'Look again', act: look }],
    };
  }
  if (state !== 'no-server' && state !== 'ready') return null;
  if (guest) return { title: 'Nothing to watch', why: 'The session you may watch has ended.', choices: [] };
  if (!creates) {
    return { title: 'No session is running', why: 'None that you may see is: one that is started appears here by itself.', choices: [] };
  }
  return {
    title: 'No session is running',
    why: state === 'ready'
      ? 'A tmux server is running and has no session. Create one here, or in a terminal with “tmux new -s work”: it appears here by itself.'
      : 'No tmux server is running yet; the first session starts it. A session is a terminal that keeps running when nobody '
        + 'looks. Create one here, or start one in a terminal with “tmux new -s work”: it appears here by itself.',
    choices: [{ label: 'Create the first session', act: () => create('') }],
  };
}
