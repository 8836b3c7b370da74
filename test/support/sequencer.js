/**
 * Long files first, so that no worker is left alone with one at the end. Jest knows how long a file took in the run
 * before; in the first run of a checkout it has only their sizes, which say little.
 */
import Sequencer from '@jest/test-sequencer';

/** Milliseconds, roughly: of the first part that a path has. */
const SUPPOSED = [
  ['/acceptance/faults/', 9_000],
  ['/acceptance/', 7_000],
  ['/jobs/', 7_000],
  ['/risk/', 4_000],
  ['/platform/', 4_000],
];

export default class extends Sequencer {
  time(test) {
    return super.time(test) ?? SUPPOSED.find(([part]) => test.path.includes(part))?.[1] ?? 1_000;
  }
}
