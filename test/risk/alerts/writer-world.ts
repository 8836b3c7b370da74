/**
 * An alert writer over a database of its own accounts, whose connection can fail, and what the test needs to judge it.
 */
import { randomUUID } from 'node:crypto';

import { assessMargin, type MarginReport } from '../../../src/margin/state/assess.js';
import type { PositionState } from '../../../src/margin/model.js';
import { AlertWriter } from '../../../src/risk/alerts/alert-writer.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import type { Term } from '../../../src/cluster/leadership.js';
import { createBus, type Bus } from '../../../src/platform/events.js';
import type { Database } from '../../../src/platform/database/database.js';
import { createLogger } from '../../../src/platform/log.js';
import { withoutGuards } from '../../support/services/database.js';
import { account, instrument, market, policy, position } from '../../support/oracle/margin-builders.js';

/** Maintenance is a tenth of the notional, whatever it is. */
export const POLICY = policy({
  instruments: ['BTCUSDT', 'ETHUSDT'].map((symbol) =>
    instrument(symbol, symbol.slice(0, 3), [['0', '0.1', '0', '100']]),
  ),
});

/** Whole numbers of USDT. Both positions are long and of size 1. */
export interface Holding {
  readonly usdt: number;
  /** What the cross position in BTCUSDT was bought for; null: there is none. */
  readonly cross: number | null;
  /** The isolated position in ETHUSDT. */
  readonly isolated: { readonly cost: number; readonly margin: number } | null;
}

export interface Marks {
  readonly BTCUSDT: number | null;
  readonly ETHUSDT: number | null;
}

export function reportOf({ usdt, cross, isolated }: Holding, marks: Marks): MarginReport {
  const positions: PositionState[] = [];
  if (cross !== null) positions.push(position({ size: '1', entry: String(cross) }));
  if (isolated !== null) {
    const own = { marginMode: 'ISOLATED' as const, isolatedMargin: String(isolated.margin) };
    positions.push(position({ ...own, instrument: 'ETHUSDT', size: '1', entry: String(isolated.cost) }));
  }
  const prices: Record<string, string> = {};
  for (const [symbol, price] of Object.entries(marks)) if (price !== null) prices[symbol] = String(price);
  return assessMargin(account({ USDT: String(usdt) }, positions), market(prices), POLICY);
}

/** What happens to a transaction: it is not made, or it is made and nobody hears of it. */
export type Fault = 'REFUSED' | 'ANSWER_LOST';

export const WIRE_CUT = 'The wire was cut.';

/** The database, whose transactions fail as `next` says. */
export function faulty(db: Database, next: () => Fault | null): Database {
  return wrapped(db, async (name, call) => {
    const fault = name === '$transaction' ? next() : null;
    if (fault === 'REFUSED') throw new Error(WIRE_CUT);
    const answer = await call();
    if (fault === 'ANSWER_LOST') throw new Error(WIRE_CUT);
    return answer;
  });
}

/** The database, which reports each call. */
export function watched(db: Database, tell: (name: string) => void): Database {
  return wrapped(db, (name, call) => {
    tell(name);
    return call();
  });
}

function wrapped(db: Database, around: (name: string, call: () => Promise<unknown>) => Promise<unknown>): Database {
  return new Proxy(db, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => around(String(key), () => value.apply(target, args) as Promise<unknown>);
    },
  });
}

/** A process becomes the leader; the former one loses leadership. */
export async function newTerm(db: Database): Promise<Term> {
  const rows = await db.$queryRaw<{ term: bigint }[]>`UPDATE duty SET term = term + 1 RETURNING term`;
  return { number: rows[0]?.term ?? 0n, ended: new AbortController().signal };
}

export async function newAlertWriter(
  db: Database,
  choice: { readonly bus?: Bus; readonly chunk?: number; readonly next?: () => Fault | null } = {},
): Promise<AlertWriter> {
  const { bus = createBus(), chunk, next } = choice;
  const parts = { db: next === undefined ? db : faulty(db, next), log: createLogger('silent'), bus };
  return AlertWriter.begin(parts, await newTerm(db), chunk);
}

/** Starts a cycle at a price batch; returns the accounts that must be evaluated in it. */
export async function startAt(
  alertWriter: AlertWriter,
  priceSeq: bigint,
  waiting: readonly string[] = [],
): Promise<readonly string[]> {
  const ids = await alertWriter.startBatch(waiting);
  await alertWriter.take(priceSeq);
  return [...ids.keys()];
}

/** Nothing is left but the venues. */
export async function clear(db: Database): Promise<void> {
  await withoutGuards(db, async (tx) => {
    for (const table of ['risk_alerts', 'alert_states', 'alert_rules', 'outbox', 'price_rounds', 'accounts']) {
      await tx.$executeRawUnsafe(`DELETE FROM ${table}`);
    }
  });
  await db.$executeRaw`UPDATE duty SET taken_round = 0, done_round = 0, last_alert = 0`;
}

/** So many accounts; their ids. */
export async function makeAccounts(db: Database, count: number): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`
    INSERT INTO accounts (id, name, owner, venue_code, collateral_mode, position_mode, opened_at)
    SELECT gen_random_uuid(), 'Test', 'alice', 'BITGET', 'MULTI_ASSET', 'ONE_WAY', now() FROM generate_series(1, ${count})
    RETURNING id::text`;
  return rows.map(({ id }) => id);
}

export async function addRounds(db: Database, ...rounds: number[]): Promise<void> {
  for (const seq of rounds) await db.priceRound.create({ data: { seq, at: new Date(Date.UTC(2030, 0, 1) + seq) } });
}

export async function tell(
  db: Database,
  accountId: string,
  kind: 'CHANGED' | 'AUTO_EXCHANGED' | 'INTEREST_STARTED' | 'RATIO_SCHEDULED' = 'CHANGED',
  more: { readonly entries?: bigint[]; readonly ratioId?: string; readonly effectiveAt?: Date } = {},
): Promise<bigint> {
  return (await db.outboxItem.create({ data: { accountId, kind, at: new Date(), ...more } })).seq;
}

/** In per cent; the rule's id. */
export async function setRule(db: Database, accountId: string, ratio: number, rearmBelow: number): Promise<string> {
  const id = randomUUID();
  const [marginRatio, below] = [ratio, rearmBelow].map((percent) => String(percent / 100)) as [string, string];
  await db.alertRule.create({ data: { id, accountId, marginRatio, rearmBelow: below } });
  await tell(db, accountId);
  return id;
}

export const AT = new Date('2030-01-01T00:00:01.250Z');
/** At a mark of 100 the margin balance is 100 - 100 + usdt, and 10 are required. */
export const LONG = (usdt: number): Holding => ({ usdt, cross: 100, isolated: null });
export const MARKS = { BTCUSDT: 100, ETHUSDT: 100 };

/** A cycle over the accounts, each in the state that it is in. */
export async function cycle(
  alertWriter: AlertWriter,
  round: number,
  holdings: Readonly<Record<string, Holding>>,
): Promise<string[]> {
  const ids = await startAt(alertWriter, BigInt(round));
  for (const [id, holding] of Object.entries(holdings))
    alertWriter.evaluated(id, unitStatesOf(reportOf(holding, MARKS)), POLICY);
  await alertWriter.endBatch(AT);
  return [...ids];
}

/** By number: kind, status and what it was before. */
export async function stored(db: Database): Promise<string[]> {
  const alerts = await db.riskAlert.findMany({ orderBy: { seq: 'asc' } });
  return alerts.map(({ seq, kind, previousStatus, status }) => `${seq} ${kind} ${previousStatus ?? ''} -> ${status}`);
}

export async function leadership(db: Database): Promise<Record<string, bigint>> {
  const { takenRound, doneRound, lastAlert } = await db.duty.findUniqueOrThrow({ where: { id: 1 } });
  return { takenRound, doneRound, lastAlert };
}
