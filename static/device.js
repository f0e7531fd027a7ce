// What kind of thing the page is shown on. Asked once: it decides how the page joins. Must know nothing else.

/** The shorter side below which a device worked by a finger is a phone, in CSS px; the smallest tablets have 744. */
const PHONE = 600;

/** By the pointer, not by the browser's name: 'desk', 'tablet' or 'phone'. The screen's size, not the
    window's, which an on-screen keyboard changes. */
export const device = !matchMedia('(pointer: coarse)').matches ? 'desk'
  : Math.min(screen.width, screen.height) < PHONE ? 'phone' : 'tablet';
