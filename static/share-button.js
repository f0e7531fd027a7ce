// What leads to sharing a session: a button for who may share, once that is known. In: who is signed in.
// Out: the dialog, loaded when it is first wanted.

import { request, who } from './access.js';

const button = document.getElementById('share');
let asked = false; // whether there are links to share by: only where people sign in to muxview itself

/** `session()` is what the page shows, `closed` runs when the dialog is left, `say` is given a sentence if it cannot
    come. `show()` is to be called whenever the page has connected: somebody else may be signed in. */
export function shareButton({ session, closed, say }) {
  button.onclick = async () => {
    try {
      const { showSharing } = await import('./share-dialog.js');
      if (!document.querySelector('dialog:modal')) showSharing(session(), closed);
    } catch {
      say('Sharing could not be loaded: muxview does not answer.');
    }
  };
  const show = async () => {
    if (who() !== 'owner') {
      button.hidden = true;
      asked = false;
      return;
    }
    if (asked) return;
    asked = true;
    button.hidden = await request('api/shares').then(() => false, (error) => {
      asked = error.status === 404;
      return true;
    });
  };
  return { show };
}
