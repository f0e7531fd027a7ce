// Signing out: asks where, and does it. In: who is signed in. Out: a page that knows nothing any more.

import { who } from './access.js';
import { forgetAll } from './memory.js';
import { showPanel } from './panel.js';
import { signOut } from './sign-in.js';

/** Asks whether to sign out here or everywhere. */
export function askToSignOut() {
  const owner = who() === 'owner';
  const out = (everywhere) => async () => {
    await signOut(everywhere);
    forgetAll(); // drafts, and what sessions were started with
    // With it goes what is still on the screen.
    location.reload();
    return false;
  };
  showPanel({
    title: 'Sign out?',
    text: owner
      ? 'To sign in again takes a link that “muxview url” prints. Everywhere: also who watches is signed out; links for them stay good. Sessions go on.'
      : 'To watch again takes another link, or this one if it is still good.',
    choices: [
      { label: 'Sign out here', act: out(false) },
      ...(owner ? [{ label: 'Sign out everywhere', danger: true, act: out(true) }] : []),
      { label: 'Cancel', first: true },
    ],
    modal: true,
  });
}
