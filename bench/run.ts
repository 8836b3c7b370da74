/** `npm run bench`: all tables, one after the other, each in its own process on one core where the system allows it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BENCHMARKS: readonly (readonly string[])[] = [
  ['assess.js'],
  ['prefilter.js'],
  ['live.js'],
  ['subscribers.js'],
  ['start.js'],
  ['margin-at.js'],
];

const here = fileURLToPath(new URL('.', import.meta.url));
const hasTaskset = spawnSync('taskset', ['--version']).status === 0;
for (const [file = '', ...args] of BENCHMARKS) {
  console.log(`\n=== ${file}`);
  // The subscribers need a second core, and place their processes themselves.
  const pinned = hasTaskset && file !== 'subscribers.js' ? ['taskset', '-c', '0'] : [];
  const [command = '', ...rest] = [...pinned, process.execPath, '--expose-gc', join(here, file), ...args];
  const { status } = spawnSync(command, rest, { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
