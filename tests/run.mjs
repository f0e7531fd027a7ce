// Runs the pages' test files one after the other. A file that fails is run once more, and both is
// said: a browser on a busy machine can be late, a defect is there again. One that hangs is ended.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';

/** The longest a file may take, in ms; the slowest takes about a minute. */
const PATIENCE = 6 * 60_000;

const run = (file) => new Promise((resolve) => {
  const child = spawn(process.execPath, ['--test', '--test-reporter=spec', file], { stdio: 'inherit', detached: true });
  const timer = setTimeout(() => {
    console.error(`${file} did not end within ${PATIENCE / 60_000} minutes`);
    process.kill(-child.pid, 'SIGKILL');
  }, PATIENCE);
  child.on('exit', (code) => {
    clearTimeout(timer);
    resolve(code === 0);
  });
});

const files = process.argv.slice(2);
if (files.length === 0) files.push(...readdirSync('browser').filter((name) => name.endsWith('.test.mjs')).map((name) => `browser/${name}`));
const again = [];
const failed = [];
for (const file of files) {
  if (await run(file)) continue;
  again.push(file);
  if (!await run(file)) failed.push(file);
}
if (again.length) console.log(`failed at first: ${again.join(', ')}`);
if (failed.length) console.log(`failed twice: ${failed.join(', ')}`);
console.log(`${files.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length ? 1 : 0;
