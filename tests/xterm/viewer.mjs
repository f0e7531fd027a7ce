// Terminals for the tests: many @xterm/headless terminals in one process, driven by JSON lines on
// stdin, answering with JSON lines on stdout. It knows nothing of muxview or tmux.
//
//   {"op":"create","id":1,"cols":80,"rows":24,"referee":true}   no answer; referee: see below
//   {"op":"write","id":1,"data":BASE64}                          no answer
//   {"op":"resize","id":1,"cols":C,"rows":R}                     no answer; keeps its place among the writes
//   {"op":"drop","id":1}                                         no answer
//   {"op":"dump","id":1,"seq":7}                                 answers {"seq":7, ...} once all before it is parsed
//
// A dump says what a person would see. A blank cell therefore tells only what shows on a blank: its
// background, and its foreground where something is drawn with it (lines, inverse).

import { Buffer } from 'node:buffer';
import { createInterface } from 'node:readline';

// addon-unicode11 reads its table through a pooled Buffer and can spin for ever.
Buffer.poolSize = 0;
const headless = (await import('@xterm/headless')).default;
const unicode11 = (await import('@xterm/addon-unicode11')).default;

const terminals = new Map();

function create({ id, cols, rows, referee = false }) {
  const term = new headless.Terminal({ cols, rows, allowProposedApi: true, scrollback: 1000 });
  term.loadAddon(new unicode11.Unicode11Addon());
  term.unicode.activeVersion = '11';
  const entry = { term, referee, held: '', title: '', titles: 0, cursorColor: 'default', bells: 0, replies: '', writes: 0 };
  term.onTitleChange((title) => { entry.title = title; entry.titles += 1; });
  term.onBell(() => { entry.bells += 1; });
  term.onData((data) => { entry.replies += data; });
  // OSC 12 and 112; headless has no theme to keep them in.
  term._core._inputHandler.onColor((requests) => {
    for (const { type, index, color: rgb } of requests) {
      if (type === 1 && index === 258) entry.cursorColor = rgb.join(',');
      if (type === 2 && (index === undefined || index === 258)) entry.cursorColor = 'default';
    }
  });
  terminals.set(id, entry);
}

// tmux 3.3a writes 58:2:R:G:B without the empty colour space, which xterm.js reads as another
// colour. The referee is told the colour tmux means.
function asMeant(entry, bytes) {
  const text = entry.held + bytes.toString('latin1');
  const open = /\x1b(?:\[[0-9;:]*)?$/.exec(text);
  entry.held = open ? open[0] : '';
  const whole = open ? text.slice(0, open.index) : text;
  const fixed = whole.replace(/\x1b\[[0-9;:]*m/g, (sgr) =>
    sgr.replace(/58:2:(\d+):(\d+):(\d+)(?=[;m])/g, '58:2::$1:$2:$3'));
  return Buffer.from(fixed, 'latin1');
}

function write(entry, data) {
  let bytes = Buffer.from(data, 'base64');
  entry.writes += 1;
  if (entry.referee) bytes = asMeant(entry, bytes);
  entry.term.write(bytes);
}

const hex = (rgb) => '#' + rgb.toString(16).padStart(6, '0');

function color(mode, value) {
  if (mode === 0) return 'default';
  return mode === 0x3000000 ? hex(value) : String(value);
}

function style(cell, blank) {
  const fg = color(cell.getFgColorMode(), cell.getFgColor());
  const bg = color(cell.getBgColorMode(), cell.getBgColor());
  const underline = cell.isUnderline() ? cell.getUnderlineStyle() : 0;
  const lines = underline || cell.isStrikethrough() || cell.isOverline();
  const inverse = Boolean(cell.isInverse());
  const parts = [];
  if (bg !== 'default') parts.push(`bg=${bg}`);
  if (!blank || lines || inverse) {
    if (fg !== 'default') parts.push(`fg=${fg}`);
    if (cell.isBold()) parts.push('bold');
    if (cell.isDim()) parts.push('dim');
    if (cell.isBlink()) parts.push('blink');
    if (cell.isInvisible()) parts.push('invisible');
  }
  if (!blank && cell.isItalic()) parts.push('italic');
  if (inverse) parts.push('inverse');
  if (cell.isStrikethrough()) parts.push('strike');
  if (cell.isOverline()) parts.push('overline');
  if (underline) {
    const own = cell.extended.underlineColor;
    // 0x3ffffff is what SGR 59 (none of its own) leaves in xterm.js.
    const has = cell.hasExtendedAttrs() && own !== 0x3ffffff && (own & 0x3000000) !== 0;
    parts.push(`underline=${underline}${has ? ':' + color(cell.getUnderlineColorMode(), cell.getUnderlineColor()) : ''}`);
  }
  return parts.join(' ');
}

function dump({ seq }, entry) {
  const { term } = entry;
  const core = term._core;
  const buffer = term.buffer.active;
  const styles = [];
  const numbers = new Map();
  const links = [];
  const rows = [];
  const wrapped = [];
  for (let y = 0; y < term.rows; y += 1) {
    const line = buffer.getLine(buffer.baseY + y);
    const row = [];
    for (let x = 0; x < term.cols; x += 1) {
      const cell = line?.getCell(x);
      const width = cell ? cell.getWidth() : 1;
      let text = cell ? cell.getChars() : '';
      if (text === '' && width > 0) text = ' ';
      const blank = text === ' ' || width === 0;
      let look = cell ? style(cell, blank) : '';
      const link = cell?.extended?.urlId;
      if (link && cell.hasExtendedAttrs()) {
        const uri = core._oscLinkService.getLinkData(link)?.uri ?? '?';
        look += ` link=${uri}`;
        if (!links.includes(uri)) links.push(uri);
      }
      if (!numbers.has(look)) {
        numbers.set(look, styles.length);
        styles.push(look);
      }
      row.push([text, width, numbers.get(look)]);
    }
    rows.push(row);
    wrapped.push(Boolean(line?.isWrapped));
  }
  const dec = core.coreService.decPrivateModes;
  const mouse = core.coreMouseService;
  const tracking = mouse.activeProtocol;
  return {
    seq,
    cols: term.cols,
    rows,
    styles,
    wrapped,
    cursor: {
      x: Math.min(buffer.cursorX, term.cols - 1),
      y: buffer.cursorY,
      hidden: Boolean(core.coreService.isCursorHidden),
      color: entry.cursorColor,
      style: dec.cursorStyle ?? 'default',
      blink: dec.cursorBlink === undefined ? 'default' : String(dec.cursorBlink),
    },
    modes: {
      mouse: tracking,
      mouse_encoding: tracking === 'NONE' ? '' : mouse.activeEncoding,
      bracketed_paste: dec.bracketedPasteMode,
      application_cursor: dec.applicationCursorKeys,
      application_keypad: dec.applicationKeypad,
      origin: dec.origin,
      wraparound: dec.wraparound,
      reverse_wraparound: dec.reverseWraparound,
      insert: core.coreService.modes.insertMode,
      focus: dec.sendFocus,
      synchronized: Boolean(dec.synchronizedOutput),
    },
    buffer: buffer.type,
    title: entry.title,
    titles: entry.titles,
    bells: entry.bells,
    replies: entry.replies,
    writes: entry.writes,
    links,
  };
}

const answer = (value) => process.stdout.write(JSON.stringify(value) + '\n');

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const request = JSON.parse(line);
  if (request.op === 'create') { create(request); continue; }
  const entry = terminals.get(request.id);
  if (!entry) {
    if (request.seq !== undefined) answer({ seq: request.seq, error: `no terminal ${request.id}` });
    continue;
  }
  if (request.op === 'write') write(entry, request.data);
  else if (request.op === 'resize') entry.term.write('', () => entry.term.resize(request.cols, request.rows));
  else if (request.op === 'drop') { entry.term.dispose(); terminals.delete(request.id); }
  else if (request.op === 'dump') entry.term.write('', () => answer(dump(request, entry)));
}
