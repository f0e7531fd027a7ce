// What leads to the settings: the button in the header, and the one that turns screen reader mode on
// before anything must be seen. In: clicks. Out: the dialog, loaded when it is first wanted.

import * as settings from './settings.js';

/** `closed` runs when the dialog is left, `say` is given a sentence if it cannot come. */
export function settingsButtons({ closed = () => {}, say }) {
  document.getElementById('settings').onclick = async () => {
    try {
      const { showSettings } = await import('./settings-dialog.js');
      if (!document.querySelector('dialog.settings')) showSettings(closed);
    } catch {
      say('The settings could not be loaded: muxview does not answer.');
    }
  };
  const reader = document.getElementById('reader');
  if (!reader) return;
  const show = (on) => { reader.ariaPressed = String(on); };
  reader.onclick = () => settings.set('screenReader', !settings.get('screenReader'));
  settings.on('screenReader', show);
  show(settings.get('screenReader'));
}
