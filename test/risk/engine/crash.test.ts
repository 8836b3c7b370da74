/**
 * A crash at which all accounts change their status: the watched are sent theirs first, alerts are stored worst first
 * while others are assessed, each once, and memory does not grow with what fires.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, it } from '@jest/globals';

import { PACKAGE_ROOT } from '../../../src/platform/package-root.js';
import { createTestDatabase } from '../../support/services/database.js';

/** `CRASH_ACCOUNTS=1000000` for the long run. */
const ACCOUNTS = Number(process.env['CRASH_ACCOUNTS'] ?? 30_000);
/**
 * In MB, what the process takes before anything fires and two portions; and what it holds for each account that is not
 * calm. Peaks between two collections differ by some 10 MB. If all that fires were held until the end, a kB or more of
 * each, 30,000 accounts would not fit.
 */
const HEAP = { base: 100, bytesAnAccount: 300 };

interface Crash {
  readonly alerts: number;
  readonly accounts: number;
  readonly runs: readonly { readonly status: string; readonly alerts: number }[];
  readonly done: boolean;
  readonly portions: number;
  readonly pushed: { readonly statuses: readonly string[]; readonly storedBefore: number };
}

it(`of ${ACCOUNTS} accounts is alerted worst first, once, in a bounded heap`, async () => {
  const database = await createTestDatabase();
  try {
    const heap = HEAP.base + Math.ceil((ACCOUNTS * HEAP.bytesAnAccount) / 2 ** 20);
    const program = join(PACKAGE_ROOT, 'test', 'support', 'services', 'crash.js');
    const args = [`--max-old-space-size=${heap}`, program, String(ACCOUNTS)];
    const env = { ...process.env, ...database.env, NODE_OPTIONS: '' };
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    const crash = JSON.parse(stdout) as Crash;
    expect(crash).toMatchObject({ alerts: ACCOUNTS, accounts: ACCOUNTS, done: true });
    const [watched, ...rest] = crash.runs;
    expect(watched).toEqual({ status: 'WARNING', alerts: 5 });
    expect(rest).toEqual([
      { status: 'LIQUIDATION', alerts: ACCOUNTS * 0.09 },
      { status: 'MARGIN_CALL', alerts: ACCOUNTS * 0.31 },
      { status: 'WARNING', alerts: ACCOUNTS * 0.6 - 5 },
    ]);
    expect(crash.pushed).toEqual({ statuses: Array(5).fill('WARNING'), storedBefore: 0 });
    expect(crash.portions).toBeGreaterThan(ACCOUNTS / 1_000);
  } finally {
    await database.drop();
  }
}, 240_000);
