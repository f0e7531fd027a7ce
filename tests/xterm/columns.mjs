// Prints samples into the pane it runs in and asks tmux for the cursor's column after each (CSI 6 n).
//
//   node columns.mjs PAGE ANSWERS
//
// At each Enter it reads PAGE, a JSON array of [row, column, text] counted from 1, clears the screen
// and writes each text followed by "|". The columns go to ANSWERS as a JSON array. Then it writes
// "page N." in the last row, N counting from 1.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';

const [pagePath, answersPath] = process.argv.slice(2);
let input = '';
let expected = -1;
let columns = [];
let number = 0;

function begin() {
  const page = JSON.parse(readFileSync(pagePath, 'utf8'));
  expected = page.length;
  columns = [];
  let out = '\x1b[m\x1b[H\x1b[2J';
  for (const [row, column, text] of page) out += `\x1b[${row};${column}H${text}\x1b[6n|`;
  process.stdout.write(out);
}

function end() {
  expected = -1;
  number += 1;
  writeFileSync(`${answersPath}.new`, JSON.stringify(columns));
  renameSync(`${answersPath}.new`, answersPath);
  process.stdout.write(`\x1b[${process.stdout.rows};1Hpage ${number}.`);
}

process.stdin.setRawMode(true);
process.stdin.on('data', (data) => {
  input += data.toString('latin1');
  for (;;) {
    const found = /\r|\x1b\[\d+;(\d+)R/.exec(input);
    if (!found) break;
    input = input.slice(found.index + found[0].length);
    if (found[0] === '\r') begin();
    else columns.push(Number(found[1]));
  }
  if (columns.length === expected) end();
});
process.stdout.write('\x1b[?7hready.');
