/**
 * `npm run bench`: all tables, one after the other, each in its own process on one core where the system allows it.
 * `npm run bench -- NAME OPTIONS...` prints one of them.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BENCHMARKS: readonly (readonly string[])[] = [
  ['assess.js'],
  ['liquidation.js'],
  ['prefilter.js'],
  ['adl.js'],
  ['live.js'],
  ['crash.js'],
  ['subscribers.js'],
  ['queries.js'],
  ['writes.js'],
  ['start.js'],
  ['margin-at.js'],
];

const here = fileURLToPath(new URL('.', import.meta.url));
const hasTaskset = spawnSync('taskset', ['--version']).status === 0;
/** These place their processes themselves, on two cores. */
const ON_TWO_CORES = ['subscribers.js', 'queries.js', 'writes.js'];

const [name, ...options] = process.argv.slice(2);
for (const [file = '', ...args] of name === undefined ? BENCHMARKS : [[`${name}.js`, ...options]]) {
  console.log(`\n=== ${file}`);
  const pinned = hasTaskset && !ON_TWO_CORES.includes(file) ? ['taskset', '-c', '0'] : [];
  const [command = '', ...rest] = [...pinned, process.execPath, '--expose-gc', join(here, file), ...args];
  const { status } = spawnSync(command, rest, { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
