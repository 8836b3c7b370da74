/**
 * `npm run soak -- --minutes 20 [--seed N] [--pgbouncer] [--faults kill,freeze] [--prove]`: three servers on a PostgreSQL
 * and a Redis of its own, random operations and random faults, and a look at everything afterwards. Ends with 0 if all
 * held. The same seed gives the same operations and faults in the same order; when they meet depends on the machine.
 */
import { parseArgs } from 'node:util';

import { keep, temporaryFolder } from './cleanup.js';
import { Dice } from './dice.js';
import { FAULTS } from './faults.js';
import { Soak } from './soak.js';

const MAX_PROBLEMS = 20;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    pgbouncer: { type: 'boolean', default: false },
    faults: { type: 'string', default: FAULTS.join() },
    prove: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const minutes = Number(values.minutes);
const kinds = FAULTS.filter((fault) => values.faults.split(',').includes(fault));
if (!(minutes > 0) || !Number.isInteger(seed)) throw new Error('Expected `--minutes` above 0 and a whole `--seed`.');

const begun = performance.now();
const say = (text: string): void =>
  console.log(`${((performance.now() - begun) / 1_000).toFixed(1).padStart(7)} s  ${text}`);

const folder = temporaryFolder('plimsoll-soak-logs-');
const through = values.pgbouncer ? ' through PgBouncer' : '';
say(`Seed ${seed}: ${minutes} minutes${through}, with ${kinds.join(', ') || 'no faults'}; logs in ${folder}.`);
const problems: string[] = [];
try {
  const soak = await Soak.open({ ...values, minutes, dice: new Dice(seed), kinds, folder, say });
  await soak.run().catch((error: unknown) => soak.problems.push(String((error as Error).stack ?? error)));
  for (const line of soak.summary) say(line);
  problems.push(...soak.problems);
  if (problems.length > 0) await soak.keepEvidence();
} catch (error) {
  problems.push(`It did not begin: ${String((error as Error).stack ?? error)}`);
}
for (const problem of problems.slice(0, MAX_PROBLEMS)) say(`PROBLEM  ${problem}`);
if (problems.length === 0) say(`HELD: nothing was lost, doubled or wrong (seed ${seed}).`);
else {
  keep(folder);
  say(`FAILED: ${problems.length} problems (seed ${seed}); logs and the database are in ${folder}.`);
}
// What was started and written goes with the process.
process.exit(problems.length === 0 ? 0 : 1);
