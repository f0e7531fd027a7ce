// Draws a miniature (src/terminal/thumbnail.rs) on a canvas: the text, small. In: a miniature, the
// theme's colours, a font. Out: pixels. It must not know sessions.

/** Bits of a look, as in src/terminal/thumbnail.rs. */
const [BOLD, DIM, ITALIC, INVERSE, STRIKE, UNDERLINE] = [1, 2, 4, 8, 16, 32];
/** The size text is laid out in before it is made small, in px. */
const FONT_SIZE = 13;
const LINE_HEIGHT = 1.2;
/** No more pixels than these for one of the page: nobody sees more in so small a picture. */
const MOST_DENSE = 2;
/** The least contrast of text, as WCAG counts it. */
const LEGIBLE = 4.5;

const NAMES = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const BRIGHT = NAMES.map((name) => `bright${name[0].toUpperCase()}${name.slice(1)}`);
const STEPS = [0, 95, 135, 175, 215, 255];
const rgb = (...parts) => `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`;

/** A colour as CSS: null is the terminal's own, a number the palette's, text is itself. */
export function css(colour, own, colours) {
  if (colour === null) return own;
  if (typeof colour === 'string') return colour;
  if (colour < 16) return colours[[...NAMES, ...BRIGHT][colour]];
  if (colour >= 232) return rgb(...Array(3).fill(8 + (colour - 232) * 10));
  const at = colour - 16;
  return rgb(STEPS[Math.floor(at / 36)], STEPS[Math.floor(at / 6) % 6], STEPS[at % 6]);
}

const luminance = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
  .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);

/** Text on a light theme is lifted where it could not be read, as xterm.js does it there (themes.js). */
export function legible(ink, paper, { foreground, background }) {
  if (luminance(background) < 0.5 || contrast(ink, paper) >= LEGIBLE) return ink;
  return contrast(background, paper) > contrast(foreground, paper) ? background : foreground;
}

/** Blocks as parts of a cell (left, top, width, height): a font would leave gaps between them. */
const BLOCKS = { '█': [0, 0, 1, 1], '▀': [0, 0, 1, 0.5], '▄': [0, 0.5, 1, 0.5], '▌': [0, 0, 0.5, 1], '▐': [0.5, 0, 0.5, 1] };

/** Draws `miniature` into the box the canvas has on the page. */
export function draw(canvas, miniature, { colours, fontFamily }) {
  const { clientWidth, clientHeight } = canvas;
  const density = Math.min(globalThis.devicePixelRatio || 1, MOST_DENSE);
  [canvas.width, canvas.height] = [Math.round(clientWidth * density), Math.round(clientHeight * density)];
  const context = canvas.getContext('2d', { alpha: false });
  context.fillStyle = colours.background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (!canvas.width || !canvas.height) return;

  const font = (flags) => `${flags & ITALIC ? 'italic ' : ''}${flags & BOLD ? 'bold ' : ''}${FONT_SIZE}px ${fontFamily}`;
  context.font = font(0);
  const [wide, high] = [context.measureText('0').width, FONT_SIZE * LINE_HEIGHT];
  const { cols, rows, cursor, pens, lines } = miniature;
  const scale = Math.min(canvas.width / (cols * wide), canvas.height / (rows * high));
  context.scale(scale, scale);
  context.textBaseline = 'middle';
  const looks = pens.map(([foreground, background, flags]) => {
    let [ink, paper] = [css(foreground, colours.foreground, colours), css(background, colours.background, colours)];
    if (flags & INVERSE) [ink, paper] = [paper, ink];
    return { ink: legible(ink, paper, colours), paper, flags, solid: ink };
  });
  lines.forEach((runs, row) => {
    let col = 0;
    for (const [text, columns, pen] of runs) {
      const { ink, paper, flags, solid } = looks[pen];
      const [left, top, width] = [col * wide, row * high, columns * wide];
      if (paper !== colours.background) {
        context.fillStyle = paper;
        // Half a pixel more: no seams between neighbours.
        context.fillRect(left, top, width + 0.5 / scale, high + 0.5 / scale);
      }
      context.fillStyle = ink;
      context.globalAlpha = flags & DIM ? 0.6 : 1;
      context.font = font(flags);
      if (/^[ -~]*$/.test(text)) {
        if (text.trim()) context.fillText(text, left, top + high / 2);
      } else {
        // One by one: not every font has all characters equally wide.
        const characters = [...text];
        const step = width / characters.length;
        characters.forEach((character, at) => {
          const block = BLOCKS[character];
          context.fillStyle = block ? solid : ink; // a block is no text
          if (block) context.fillRect(left + (at + block[0]) * step, top + block[1] * high, block[2] * step, block[3] * high);
          else if (character !== ' ') context.fillText(character, left + at * step, top + high / 2, step * 1.2);
        });
      }
      context.fillStyle = ink;
      if (flags & UNDERLINE) context.fillRect(left, top + high * 0.9, width, 1);
      if (flags & STRIKE) context.fillRect(left, top + high * 0.5, width, 1);
      context.globalAlpha = 1;
      col += columns;
    }
  });
  if (cursor) {
    context.globalAlpha = 0.8;
    context.fillStyle = colours.cursor;
    context.fillRect(cursor[1] * wide, cursor[0] * high, wide, high);
  }
}
