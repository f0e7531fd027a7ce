// The page of one session: joins the screen to the connection and tells the person what goes on.

import { addressIn, addressOf, CREATABLE } from './address.js';
import { request, root, secret, takeFromFragment, Refused } from './access.js';
import { Connection } from './connection.js';
import { askToSignIn, hidePanel, showPanel } from './panel.js';
import { Screen } from './screen.js';
import { Close, KEY_PREFIX, MESSAGE_BYTES, PROTOCOL, say } from './wire.js';

/** How long a passing remark stays, and how long an outage may last before it is mentioned, in ms. */
const REMARK = 5_000;
const UNNOTICED = 400;

const [box, caption, label, viewers, roleMark] =
  ['screen', 'caption', 'session', 'viewers', 'role'].map((id) => document.getElementById(id));

let address = addressIn(location.pathname);
let session = { id: null, name: address.startsWith('$') ? null : address };
let role = 'drive';
let title = '';
let rang = false;

// ── what the person sees besides the picture ────────────────────────────────────────────────

let notice = '';
let remark = '';
let remarkTimer = null;
let late = false; // an outage has lasted long enough to be mentioned
let lateTimer = null;

function showCaption() {
  const waiting = connection.state === 'reconnecting' && late ? 'Reconnecting…' : '';
  const texts = { connecting: 'Connecting…', open: '', reconnecting: waiting, closed: 'Not connected' };
  caption.textContent = remark || texts[connection.state] || notice;
}

function mention(text) {
  remark = text;
  clearTimeout(remarkTimer);
  remarkTimer = setTimeout(() => {
    remark = '';
    showCaption();
  }, REMARK);
  showCaption();
}

function showNames() {
  const name = session.name ?? address;
  label.textContent = name;
  document.title = (rang ? '● ' : '') + (title ? `${title} · ${name}` : name);
}

function showState(state) {
  document.documentElement.dataset.state = state;
  clearTimeout(lateTimer);
  late = false;
  if (state === 'closed') document.documentElement.dataset.late = '';
  if (state === 'reconnecting') {
    lateTimer = setTimeout(() => {
      late = true;
      document.documentElement.dataset.late = '';
      showCaption();
    }, UNNOTICED);
  }
  showCaption();
}

// ── the screen and the connection ───────────────────────────────────────────────────────────

const screen = new Screen(box, {
  onInput(bytes, typed) {
    if (bytes.length > MESSAGE_BYTES) return mention('That is more than 4 MB: too much for one paste.');
    if (!connection.send(bytes) && typed) mention('Not connected: what you type is not sent.');
  },
  onWanted(size) {
    connection.send(say.resize(size));
  },
});

let joined = {}; // what the server was told in the URL

const connection = new Connection({
  url(resume) {
    const url = new URL(`s/${encodeURIComponent(address)}/ws`, root);
    url.protocol = url.protocol.replace('http', 'ws');
    joined = { size: screen.wanted, hidden: document.hidden };
    const query = { ...joined.size };
    if (joined.hidden) query.visible = 0;
    if (resume) query.resume = 1;
    if (new URLSearchParams(location.search).get('role') === 'view') query.role = 'view';
    url.search = new URLSearchParams(query);
    return url.href;
  },
  protocols: () => (secret() ? [PROTOCOL, KEY_PREFIX + secret()] : [PROTOCOL]),
  onState(state, detail) {
    if (state === 'open') {
      hidePanel();
      // What changed while the handshake was under way.
      if (screen.wanted && screen.wanted !== joined.size) connection.send(say.resize(screen.wanted));
      if (document.hidden !== joined.hidden) connection.send(say.visible(!document.hidden));
    }
    if (state === 'closed') explain(detail);
    showState(state);
  },
  onText(message) {
    Object.hasOwn(hear, message.type) && hear[message.type](message);
  },
  onBytes(bytes, parsed) {
    screen.frame(bytes, () => {
      parsed();
      delete document.documentElement.dataset.late;
      document.documentElement.dataset.picture = '';
    });
  },
});

const hear = {
  hello(message) {
    role = message.role;
    roleMark.hidden = role !== 'view';
    screen.typing = role !== 'view';
    hear.session(message.session);
  },
  size: (message) => screen.size(message),
  title({ text }) {
    title = text ?? '';
    showNames();
  },
  session({ id, name }) {
    // A page that was opened by id stays there; one opened by name follows the name.
    const renamed = session.id === id && session.name !== name;
    session = { id, name };
    if (renamed && !address.startsWith('$')) {
      address = addressOf(session);
      history.replaceState(history.state, '', encodeURIComponent(address) + location.search);
    }
    showNames();
  },
  moved({ session: to }) {
    location.assign(encodeURIComponent(addressOf(to)) + location.search);
  },
  viewers({ drive = 0, view = 0 }) {
    const others = drive + view - 1;
    viewers.textContent = others > 0 ? `${others + 1} here${view ? `, ${view} only watching` : ''}` : '';
  },
  clipboard({ text }) {
    if (!navigator.clipboard) return mention('tmux copied text, but browsers share the clipboard only with https and localhost.');
    copy(text).then(
      () => mention('Copied to your clipboard.'),
      () => showPanel({
        title: 'Copy to your clipboard?',
        text: `tmux copied ${text.length} characters; the browser wants a click before it takes them.`,
        choices: [{ label: 'Copy', act: () => copy(text) }, { label: 'Not now' }],
        modal: true,
      }),
    );
  },
  bell() {
    rang = document.hidden || !document.hasFocus();
    document.documentElement.classList.remove('rings');
    void document.documentElement.offsetWidth; // so that the flash starts again
    document.documentElement.classList.add('rings');
    showNames();
  },
  notice({ text }) {
    notice = text ?? '';
    showCaption();
  },
};

async function copy(text) {
  await navigator.clipboard.writeText(text);
  screen.focus();
}

// ── when it ends ────────────────────────────────────────────────────────────────────────────

const toList = { label: 'Back to the list', href: root.href };
const again = { label: 'Try again', act: () => connection.open() };

function explain({ code, reason }) {
  const name = session.name ?? address;
  const startable = CREATABLE.test(name);
  const start = { label: 'Start it again', act: () => startAgain(name) };
  const afresh = startable ? [start, toList] : [toList];
  switch (code) {
    case 1000:
      return;
    case Close.SIGN_IN:
      return askToSignIn(() => connection.open());
    case Close.NO_SESSION:
      return showPanel({
        title: `“${name}” is not running`,
        text: startable ? 'There is no tmux session of this name now. This address stays its own.' : reason,
        choices: startable ? [{ ...start, label: 'Start it' }, toList] : [toList],
      });
    case Close.ENDED:
      return showPanel({ title: `“${name}” has ended`, text: sentence(reason), choices: afresh });
    case Close.FORBIDDEN:
      return showPanel({ title: 'Not allowed', text: sentence(reason), choices: [again, toList] });
    case Close.TOO_OLD:
      return reloadOnce(reason);
    default:
      return showPanel({ title: 'Disconnected', text: sentence(reason), choices: [again, toList] });
  }
}

function sentence(reason) {
  const text = reason || 'The server closed the connection';
  return text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
}

async function startAgain(name) {
  try {
    await request('api/sessions', { method: 'POST', body: { name } });
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return askToSignIn(() => connection.open()), false;
    if (!(error instanceof Refused && error.status === 409)) throw error; // 409: somebody was quicker
  }
  if (address !== name) {
    address = name;
    history.replaceState(history.state, '', encodeURIComponent(name) + location.search);
  }
  session = { id: null, name };
  connection.open();
  screen.focus();
}

/** This page is older than the server: a reload brings the new one, unless it just did. */
function reloadOnce(reason) {
  const guard = 'muxview.reloaded';
  if (sessionStorage.getItem(guard)) {
    sessionStorage.removeItem(guard);
    return showPanel({ title: 'This page is too old', text: sentence(reason), choices: [toList] });
  }
  sessionStorage.setItem(guard, '1');
  location.reload();
}

// ── the browser's own events ────────────────────────────────────────────────────────────────

document.addEventListener('visibilitychange', () => {
  connection.send(say.visible(!document.hidden));
  if (!document.hidden) connection.retryNow();
});
for (const event of ['online', 'pageshow']) addEventListener(event, () => connection.retryNow());
addEventListener('focus', () => {
  rang = false;
  showNames();
});
addEventListener('hashchange', () => takeFromFragment() && connection.open());

takeFromFragment();
showNames();
connection.open();
screen.focus();

// Tests look inside; nobody else should.
if (new URLSearchParams(location.search).has('test')) window.muxview = { term: screen.term, connection };
