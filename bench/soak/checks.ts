/** All that must hold of a database after the soak. */
import type pg from 'pg';

import type { Database } from '../../src/platform/database/database.js';
import { checkAlerts } from './alert-check.js';
import { checkDeliveries, type Handled } from './delivery-check.js';
import type { Facts } from './facts.js';
import { checkFacts, checkLedger } from './ledger-check.js';
import { checkCaps, checkWithdrawals } from './money-check.js';
import { Stored } from './stored.js';

/** What clients of the servers know. */
export interface Testimony {
  readonly facts: Facts;
  readonly clients: readonly Handled[];
}

class Counts {
  alerts = 0;
  corrections = 0;
  unjudged = 0;
  delivered = 0;
  lost = 0;
  withdrawals = 0;
  capped = 0;
  entries = 0;
  exchanges = 0;
  facts = 0;
}

const CHECKS = {
  alerts: (stored: Stored, _: Testimony, counts: Counts) => checkAlerts(stored, counts),
  deliveries: (stored: Stored, { clients }: Testimony, counts: Counts) => checkDeliveries(stored, clients, counts),
  withdrawals: (stored: Stored, { facts }: Testimony, counts: Counts) => checkWithdrawals(stored, facts, counts),
  caps: (stored: Stored, _: Testimony, counts: Counts) => checkCaps(stored, counts),
  ledger: (stored: Stored, { facts }: Testimony, counts: Counts) => checkLedger(stored, facts, counts),
  facts: (stored: Stored, { facts }: Testimony, counts: Counts) => checkFacts(stored, facts, counts),
} as const;

export type CheckName = keyof typeof CHECKS;

export interface Findings {
  readonly problems: readonly string[];
  readonly counts: Readonly<Record<keyof Counts | 'evaluations', number>>;
}

export async function runChecks(
  db: Database,
  pool: pg.Pool,
  testimony: Testimony,
  names: readonly CheckName[] = Object.keys(CHECKS) as CheckName[],
): Promise<Findings> {
  const stored = await Stored.open(db, pool);
  const counts = new Counts();
  const problems: string[] = [];
  for (const name of names) problems.push(...(await CHECKS[name](stored, testimony, counts)));
  return { problems, counts: { ...counts, evaluations: stored.evaluations } };
}
