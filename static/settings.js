// What a person has chosen for this browser: kept over visits, told to all tabs. In: `set`. Out: `get`
// and `on`. A value that is unknown or broken is the default; a browser that keeps nothing still has
// the choices for as long as the page is open. No DOM; it must not know what the choices do.

/** One entry of storage, for all services on this origin: taste is a person's, not a service's. */
const ENTRY = 'muxview.settings';
/** Font sizes in px. */
export const FONT_SIZE = { least: 6, most: 40 };
/** The longest name of a font, in characters. */
const FONT_NAME = 200;

const isBoolean = (value) => typeof value === 'boolean';
const oneOf = (...values) => (value) => values.includes(value);
const isName = (value) => typeof value === 'string' && /^[a-z][a-z0-9-]{0,31}$/.test(value);
const onMac = /Mac|iPhone|iPad/.test(globalThis.navigator?.platform ?? '');

/** Every key: its default, and what it may be. */
const KEYS = {
  theme: ['system', isName], // a name of themes.js; one it does not know is shown as the system's
  font: ['', (value) => typeof value === 'string' && value.length <= FONT_NAME], // '' is the default stack
  fontSize: [14, (value) => Number.isInteger(value) && value >= FONT_SIZE.least && value <= FONT_SIZE.most],
  renderer: ['dom', oneOf('dom', 'webgl')],
  screenReader: [false, isBoolean],
  optionIsMeta: [onMac, isBoolean],
  copyOnSelect: [false, isBoolean],
  statusLine: [true, isBoolean], // false: tmux's status line is cropped away
  keyBar: ['auto', oneOf('auto', 'on', 'off')],
  bell: [true, isBoolean],
  listSort: ['name', oneOf('name', 'activity')],
  miniatures: [true, isBoolean],
  listKeys: [true, isBoolean], // false: the list page takes no letters as commands
};

export class Settings {
  #storage;
  #chosen = {};
  #listeners = new Map();

  /** `storage` gives the browser's storage, or throws where that is refused; `events` tells of changes by other tabs. */
  constructor(storage, events) {
    this.#storage = storage;
    this.#chosen = this.#read();
    events?.addEventListener('storage', ({ key }) => {
      // `key` is null when everything was cleared.
      if (key === ENTRY || key === null) this.#become(this.#read());
    });
  }

  get(key) {
    const [usual] = known(key);
    return Object.hasOwn(this.#chosen, key) ? this.#chosen[key] : usual;
  }

  /** Whether the person chose it, be it what it was anyway. */
  chosen(key) {
    known(key);
    return Object.hasOwn(this.#chosen, key);
  }

  /** Chooses; false if `key` cannot be that. */
  set(key, value) {
    if (!known(key)[1](value)) return false;
    this.#keep({ ...this.#chosen, [key]: value });
    return true;
  }

  /** Everything as it was before anything was chosen. */
  reset() {
    this.#keep({});
  }

  /** Calls `heard` with the value whenever it is another; the function it gives ends that. */
  on(key, heard) {
    known(key);
    const entry = [key, heard];
    this.#listeners.set(entry, heard);
    return () => this.#listeners.delete(entry);
  }

  #read() {
    try {
      const kept = JSON.parse(this.#storage().getItem(ENTRY)) ?? {};
      return Object.fromEntries(Object.entries(kept).filter(([key, value]) => Object.hasOwn(KEYS, key) && KEYS[key][1](value)));
    } catch {
      return {};
    }
  }

  #keep(chosen) {
    try {
      this.#storage().setItem(ENTRY, JSON.stringify(chosen));
    } catch {
      // Refused, or full: it holds as long as the page is open.
    }
    this.#become(chosen);
  }

  #become(chosen) {
    const before = Object.fromEntries(Object.keys(KEYS).map((key) => [key, this.get(key)]));
    this.#chosen = chosen;
    for (const [[key], heard] of [...this.#listeners]) {
      if (this.get(key) !== before[key]) heard(this.get(key));
    }
  }
}

function known(key) {
  if (!Object.hasOwn(KEYS, key)) throw new Error(`${key} is no setting`);
  return KEYS[key];
}

const settings = new Settings(() => localStorage, globalThis.window);

export const get = (key) => settings.get(key);
export const set = (key, value) => settings.set(key, value);
export const on = (key, heard) => settings.on(key, heard);
export const chosen = (key) => settings.chosen(key);
export const reset = () => settings.reset();
