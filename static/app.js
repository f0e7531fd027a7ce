// The page of one session: joins the screen to the connection and tells the person what goes on.

import { addressIn, addressOf } from './address.js';
import { byLink, proof, root, signsAgain } from './access.js';
import { Caption } from './caption.js';
import { give } from './clipboard.js';
import { Claim } from './claim.js';
import { onTheme, theme } from './colours.js';
import { Connection } from './connection.js';
import { covered, device } from './device.js';
import { Ending } from './ending.js';
import { decide, platform } from './keyboard.js';
import { recall, remember } from './memory.js';
import { hidePanel } from './panel.js';
import { Pasting } from './paste.js';
import { Screen } from './screen.js';
import * as settings from './settings.js';
import { settingsButtons } from './settings-buttons.js';
import { shareButton } from './share-button.js';
import { Windows } from './windows.js';
import { KEY_PREFIX, MESSAGE_BYTES, PROTOCOL, say } from './wire.js';

/** How long a size must differ from the window's before taking it is offered, and how long after a
    change of title the session's command is asked for, in ms. */
const OFFER = 700;
const ASK = 2_000;

const [box, label, viewers, roleMark, fit] =
  ['screen', 'session', 'viewers', 'role', 'fit'].map((id) => document.getElementById(id));
const page = document.documentElement;
const FOLLOWED = 'followed';

let address = addressIn(location.pathname);
let session = { id: null, name: address.startsWith('$') ? null : address };
let role = 'drive';
let title = '';
let lived = false; // it was shown since it was joined
let brackets = true; // what runs in the active pane tells pasted from typed, or tmux does not say
let copying = null; // settles once the browser has taken what tmux copied last, or wants a click
let unanswered = false; // something was typed and nothing has come since

function showNames() {
  const name = session.name ?? address;
  label.textContent = name;
  caption.name(title ? `${title} · ${name}` : name);
}

// ── the screen and the connection ───────────────────────────────────────────────────────────

const mention = (...remark) => caption.mention(...remark);
const toClipboard = (text, done) => give(text, done, mention, () => screen.focus());

const pasting = new Pasting({
  state: () => ({ bracketed: screen.term.modes.bracketedPasteMode && brackets, open: connection.state === 'open', typing: role !== 'view' }),
  send: (text) => screen.insert(text),
  say: mention,
});

const screen = new Screen(box, {
  say: mention,
  onPaste: (text, from) => pasting.offer(text, from),
  onCopy: (text) => (text ? toClipboard(text, 'Copied.') : mention('Nothing is selected.')),
  onChord: { sheet: showKeys, leave: () => document.getElementById('reader').focus() },
  onInput(bytes, typed) {
    if (bytes.length > MESSAGE_BYTES) return caption.mention('That is more than 4 MB: too much for one paste.');
    const sent = connection.send(bytes);
    if (typed && sent) {
      unanswered = true;
      caption.typed();
    }
    if (typed && !sent) caption.refuse();
  },
  onWanted(size) {
    if (claim.wants(size, covered())) connection.send(say.resize(size));
  },
  onLayout: () => offerToFit(),
  device,
});

const claim = new Claim(device);

let joined = null; // what the server was told in the URL, until it greets
let signed = null; // what the last socket showed to sign in

const connection = new Connection({
  url(resume) {
    const url = new URL(`s/${encodeURIComponent(address)}/ws`, root);
    url.protocol = url.protocol.replace('http', 'ws');
    claim.wants(screen.wanted, covered());
    joined = { size: claim.size, hidden: document.hidden };
    const { foreground, background } = theme().colours;
    const query = { ...joined.size, theme: `${foreground}-${background}`.replaceAll('#', '') };
    if (joined.hidden) query.visible = 0;
    if (resume) query.resume = 1;
    if (new URLSearchParams(location.search).get('role') === 'view') query.role = 'view';
    url.search = new URLSearchParams(query);
    return url.href;
  },
  async protocols(url) {
    signed = await proof('GET', url);
    return signed ? [PROTOCOL, KEY_PREFIX + signed.shown] : [PROTOCOL];
  },
  again: ({ reason }) => signsAgain(reason, signed),
  async probe() {
    const url = new URL('api/sessions', root);
    const known = await proof('GET', url);
    return { url, headers: known ? { Authorization: `Bearer ${known.shown}` } : {} };
  },
  onState(state, detail) {
    if (state === 'open') {
      lived = true;
      if (hidePanel({ modal: false })) screen.focus();
      ending.connected();
    }
    if (state === 'closed') ending.explain(detail, { address, session, lived });
    caption.state(state, unanswered);
    unanswered = false;
    offerToFit();
  },
  onChange: () => caption.show(),
  onText(message) {
    unanswered = false;
    Object.hasOwn(hear, message.type) && hear[message.type](message);
  },
  onBytes(bytes, parsed) {
    unanswered = false;
    screen.frame(bytes, () => {
      parsed();
      delete page.dataset.late;
      page.dataset.picture = '';
    });
  },
});

const caption = new Caption(connection);
const windows = new Windows(document.getElementById('windows'), {
  act: (what, id) => connection.send(say.window(what, id)) || caption.refuse(),
  done: () => screen.focus(),
});
const ending = new Ending(join);

/** Connects anew, to another address if one is given. */
function join(to = address, remark = '') {
  if (to !== address) {
    address = to;
    history.replaceState(history.state, '', encodeURIComponent(address) + location.search);
  }
  session = { id: null, name: address.startsWith('$') ? session.name : address };
  lived = false;
  showNames();
  connection.open();
  if (remark) caption.mention(remark);
  screen.focus();
}

const hear = {
  hello(message) {
    role = message.role;
    roleMark.hidden = role !== 'view';
    screen.typing = role !== 'view';
    windows.drives = role !== 'view';
    hand?.then((equipped) => equipped?.show());
    hear.session(message.session);
    // What changed while the handshake was under way.
    if (joined && claim.size && claim.size !== joined.size) connection.send(say.resize(claim.size));
    if (joined && document.hidden !== joined.hidden) connection.send(say.visible(!document.hidden));
    tellTheme();
    // A muxview that goes on with this socket after a restart greets again, and knows all else.
    joined = null;
    // What the server wants known it says again, to each connection.
    caption.notice('');
    ending.know(session.id);
    sharing.show();
  },
  size: (message) => screen.size(message),
  title({ text }) {
    title = text ?? '';
    showNames();
    ending.know(session.id, ASK);
  },
  session({ id, name }) {
    // A page that was opened by id stays there; one opened by name follows the name.
    const renamed = session.id === id && session.name !== name;
    session = { id, name };
    if (renamed) {
      ending.know(id);
      caption.mention(`Renamed to “${name}”.`);
      if (!address.startsWith('$')) {
        address = addressOf(session);
        history.replaceState(history.state, '', encodeURIComponent(address) + location.search);
      }
    }
    showNames();
  },
  moved({ session: to }) {
    remember(FOLLOWED, { address, name: session.name ?? address });
    location.assign(encodeURIComponent(addressOf(to)) + location.search);
  },
  viewers({ drive = 0, view = 0 }) {
    const others = drive + view - 1;
    viewers.textContent = others > 0 ? `${others + 1} here${view ? `, ${view} only watching` : ''}` : '';
    viewers.title = `${drive} may type, ${view} only watching`;
  },
  clipboard({ text }) {
    copying = toClipboard(text, `tmux copied ${text.length === 1 ? 'a character' : `${text.length} characters`} to your clipboard.`);
  },
  windows(message) {
    windows.show(message);
    ({ alternate: fullScreen = false, brackets = true } = message.windows?.find(({ active }) => active) ?? {});
    screen.status = message.status;
  },
  bell() {
    if (!settings.get('bell')) return;
    caption.rang = document.hidden || !document.hasFocus();
    page.classList.remove('rings');
    void page.offsetWidth; // so that the flash starts again
    page.classList.add('rings');
  },
  notice({ text = '', passing }) {
    if (!passing) return caption.notice(text);
    const after = copying;
    copying = null;
    // Right after a copy it may be about that copy, whose remark and button stay.
    if (after) after.then(() => caption.add(text));
    else caption.mention(text);
  },
};

/** Programs that ask are told the colours of the driver who acted last. */
function tellTheme() {
  if (role === 'drive') connection.send(say.theme(theme().colours));
}
onTheme(tellTheme);

// ── keys ────────────────────────────────────────────────────────────────────────────────────

const keys = document.getElementById('keys');

async function showKeys() {
  try {
    const { showSheet } = await import('./sheet.js');
    showSheet();
  } catch {
    mention('The keys could not be loaded: muxview does not answer.');
  }
}

keys.addEventListener('click', showKeys);
keys.addEventListener('mousedown', (event) => event.preventDefault()); // the focus stays where it is, and is there again
addEventListener('keydown', (event) => !event.defaultPrevented && decide(event, platform())?.do === 'sheet' && showKeys());
// Who only watches is told why nothing happens.
box.addEventListener('keydown', ({ key, ctrlKey, altKey, metaKey }) => {
  if (role === 'view' && (key.length === 1 || key === 'Enter') && !ctrlKey && !altKey && !metaKey) mention('You are only watching: what you type is not sent.');
}, { capture: true });
// Back from where Ctrl-Shift-F6 leads.
document.querySelector('header').addEventListener('keydown', ({ key }) => key === 'Escape' && screen.focus());

// ── the size ────────────────────────────────────────────────────────────────────────────────

let offering = null;

/** A driver whose window would show another grid may take the size. */
function offerToFit() {
  clearTimeout(offering);
  // Rows that only the on-screen keyboard takes are not worth anybody's while.
  const keyboard = () => covered() && screen.wanted?.cols === screen.term.cols;
  const may = () => connection.state === 'open' && role === 'drive' && !screen.fits && !keyboard();
  if (!may()) fit.hidden = true;
  else offering = setTimeout(() => { fit.hidden = !may(); }, OFFER);
}

fit.addEventListener('click', () => {
  claim.take(screen.wanted);
  connection.send(say.resize(claim.size));
  screen.focus();
});

// ── fingers ─────────────────────────────────────────────────────────────────────────────────

let hand = null; // what phone.js gave
let fullScreen = false; // a program has the whole of the active pane

/** What a desk never needs is not loaded there. */
function equip() {
  if (hand || (device === 'desk' && !navigator.maxTouchPoints && settings.get('keyBar') !== 'on')) return;
  hand = import('./phone.js').then((phone) => phone.equip(box, screen, {
    mention,
    copy: (text) => toClipboard(text, 'Copied.'),
    ready: () => connection.state === 'open' || caption.refuse(),
    fullScreen: () => fullScreen,
    scroll: (lines) => connection.send(say.scroll(lines)),
  })).catch(() => mention('What fingers need could not be loaded: reload the page for the key bar.'));
}
settings.on('keyBar', equip);
equip();

// ── the browser's own events ────────────────────────────────────────────────────────────────

document.addEventListener('visibilitychange', () => connection.send(say.visible(!document.hidden)));
addEventListener('focus', () => { caption.rang = false; });
const signingIn = () => import('./sign-in.js');
addEventListener('hashchange', async () => { if (byLink() && await (await signingIn()).signInByAddress()) connection.open(); });
// Back from the cache: what was watched before it went there is watched again.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted && connection.state === 'closed' && ['ended', 'no-session'].includes(connection.reason)) connection.open();
});

const sharing = shareButton({ session: () => session, closed: () => screen.focus(), say: mention });
settingsButtons({ closed: () => screen.focus(), say: mention });

if (byLink()) await (await signingIn()).signInByAddress();
signingIn().then(({ stayIn }) => stayIn());
showNames();
// A tablet asks for what its key bar leaves, not for more and then for less.
if (device === 'tablet') hand.then(() => connection.open());
else connection.open();
screen.focus();

const from = recall(FOLLOWED);
if (from) {
  remember(FOLLOWED, null);
  caption.mention(`Followed tmux here from “${from.name}”.`, 'Go back', () => location.assign(encodeURIComponent(from.address) + location.search));
}

// Tests look inside; nobody else should.
if (new URLSearchParams(location.search).has('test')) window.muxview = { term: screen.term, screen, connection };
