// What kind of thing the page is shown on, and whether its on-screen keyboard is there. Must know nothing else.

/** The shorter side below which a device worked by a finger is a phone, in CSS px; the smallest tablets have 744. */
const PHONE = 600;
/** What a window loses at least to an on-screen keyboard; the browser's own bars come and go with less. In CSS px. */
const KEYBOARD = 120;

/** By the pointer, not by the browser's name: 'desk', 'tablet' or 'phone'. The screen's size, not the
    window's, which an on-screen keyboard changes. Asked once: it decides how the page joins. */
export const device = !matchMedia('(pointer: coarse)').matches ? 'desk'
  : Math.min(screen.width, screen.height) < PHONE ? 'phone' : 'tablet';

const tallest = new Map(); // the window's height without a keyboard, by its width

/** Whether an on-screen keyboard seems to cover a part of the window: no browser tells. */
export function covered() {
  const height = Math.min(innerHeight, visualViewport?.height ?? innerHeight);
  tallest.set(innerWidth, Math.max(height, tallest.get(innerWidth) ?? 0));
  const typing = document.activeElement?.matches('textarea, input') ?? false;
  return device !== 'desk' && typing && tallest.get(innerWidth) - height >= KEYBOARD;
}
