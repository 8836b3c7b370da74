/**
 * SQL of the alert writer: alerts, states of machines, and the leader's row. One statement a table, however many
 * accounts. Decimals are passed as text.
 */
import { decimal } from '../../margin/decimal.js';
import type { MarginStatus, PositionSide } from '../../margin/model.js';
import { takingOfPriceBatch } from '../../market/price-store.js';
import { columnOf } from '../../platform/database/columns.js';
import { transact, type Database, type Transaction } from '../../platform/database/database.js';
import { addLostStatuses, outboxDeletion, type LostStatus } from '../../platform/outbox.js';
import type { RiskAlertKind } from '../../platform/prisma/enums.js';
import { holdTerm, holds, type LeadershipState, type Term } from '../../cluster/leadership.js';
import type { AlertRule, MachineState } from './alert-machine.js';
import { shared, type AccountStates } from './account-states.js';
import { positionOf } from './margin-units.js';

/** An alert that has no number yet. */
export interface NewAlert {
  readonly accountId: string;
  readonly kind: RiskAlertKind;
  /** The isolated position; null: the cross account. */
  readonly instrument: string | null;
  readonly side: PositionSide | null;
  readonly status: MarginStatus;
  readonly previousStatus: MarginStatus | null;
  readonly marginRatio: string | null;
  readonly marginBalance: string;
  readonly maintenanceMargin: string;
  readonly ruleId: string | null;
  readonly ratioId: string | null;
  readonly effectiveAt: Date | null;
  readonly entries: readonly string[];
  readonly priceSeq: bigint;
}

/** The new state of a margin unit's machine; null: it is deleted. */
export interface NewState {
  readonly accountId: string;
  /** The column `level` of alert_states. */
  readonly unit: string;
  readonly state: MachineState | null;
}

/** Stored in one transaction. */
export interface Chunk {
  readonly alerts: readonly NewAlert[];
  readonly states: readonly NewState[];
  /** Outbox rows to delete, all of accounts that were evaluated. */
  readonly outbox: readonly bigint[];
  /** The price batch whose alerts are complete with this chunk; null: more chunks follow. */
  readonly doneSeq: bigint | null;
}

/** Rows of one statement when all rows are read. */
const PAGE = 20_000;
/** Below every id. */
const FIRST = '00000000-0000-0000-0000-000000000000';

/** The leader's row, if the term still holds. */
export async function readLeadership(db: Database, term: Term): Promise<LeadershipState> {
  return transact(db, (tx) => holdTerm(tx, term));
}

/** One statement in the normal case, since it runs for every price batch. */
export async function takePriceBatch(db: Database, term: Term, priceSeq: bigint): Promise<void> {
  if (!term.ended.aborted) {
    const taken = await db.$executeRaw`
      WITH held AS (UPDATE duty SET taken_round = ${priceSeq} WHERE ${holds(term)} RETURNING id)
      ${takingOfPriceBatch(priceSeq)} AND EXISTS (SELECT FROM held)`;
    if (taken === 1) return;
  }
  await transact(db, async (tx) => {
    await holdTerm(tx, term);
    await tx.$executeRaw(takingOfPriceBatch(priceSeq));
    await tx.$executeRaw`UPDATE duty SET taken_round = ${priceSeq} WHERE id = 1`;
  });
}

/** By account, then by margin unit; those without a row are left out. */
export async function readStates(db: Database): Promise<Map<string, AccountStates>> {
  const states = new Map<string, AccountStates>();
  for (let after = { accountId: FIRST, level: '' }; ;) {
    const rows: { accountId: string; level: string; status: MarginStatus; fired: string[] }[] = await db.$queryRaw`
      SELECT account_id::text AS "accountId", level, status::text AS status, fired::text[] AS fired
      FROM alert_states
      WHERE (account_id, level) > (${after.accountId}::uuid, ${after.level})
      ORDER BY account_id, level LIMIT ${PAGE}`;
    for (const { accountId, level, status, fired } of rows) {
      states.set(accountId, shared(new Map([...(states.get(accountId) ?? []), [level, { status, fired }]])));
    }
    if (rows.length < PAGE) return states;
    after = rows.at(-1) ?? after;
  }
}

type RulesOfAccounts = Record<'rules', Map<string, AlertRule[]>> & Record<'versions', Map<string, number>>;
interface RuleRow {
  readonly id: string;
  readonly accountId: string;
  readonly marginRatio: string;
  readonly rearmBelow: string;
}

/** By account, lowest ratio first; accounts without rules are left out. */
export async function readAllRules(db: Database): Promise<Map<string, AlertRule[]>> {
  const rows: RuleRow[] = [];
  for (let after = FIRST; ;) {
    const page: RuleRow[] = await db.$queryRaw`
      SELECT id::text AS id, account_id::text AS "accountId",
        margin_ratio::text AS "marginRatio", rearm_below::text AS "rearmBelow"
      FROM alert_rules WHERE id > ${after}::uuid ORDER BY id LIMIT ${PAGE}`;
    rows.push(...page);
    if (page.length < PAGE) return rulesByAccount(rows);
    after = page.at(-1)?.id ?? after;
  }
}

/** As `readAllRules`, of some accounts, and their versions. */
export async function readRules(db: Database, accountIds: readonly string[]): Promise<RulesOfAccounts> {
  const rows = await db.$queryRaw<(RuleRow & { readonly version: number })[]>`/* prepared */
    SELECT alert_rules.id::text AS id, accounts.id::text AS "accountId", version,
      margin_ratio::text AS "marginRatio", rearm_below::text AS "rearmBelow"
    FROM accounts LEFT JOIN alert_rules ON account_id = accounts.id
    WHERE accounts.id = ANY(${columnOf(accountIds, (id) => id)}::uuid[])`;
  const versions = new Map(rows.map(({ accountId, version }) => [accountId, version]));
  return { rules: rulesByAccount(rows.filter(({ id }) => id !== null)), versions };
}

function rulesByAccount(rows: readonly RuleRow[]): Map<string, AlertRule[]> {
  const rules = new Map<string, AlertRule[]>();
  for (const { id, accountId, marginRatio, rearmBelow } of rows) {
    const own = rules.get(accountId) ?? [];
    own.push({ id, marginRatio: decimal(marginRatio), rearmBelow: decimal(rearmBelow) });
    rules.set(accountId, own);
  }
  for (const own of rules.values()) own.sort((a, b) => a.marginRatio.cmp(b.marginRatio) || (a.id < b.id ? -1 : 1));
  return rules;
}

/**
 * Stores a chunk exactly once, however often it is tried. `lastAlert` is the number of the last alert before the chunk.
 * Only the leader numbers alerts. If the row is ahead by the chunk's alerts, an earlier try was committed and its
 * answer lost. All else in a chunk may be written twice.
 *
 * Returns accounts of the chunk whose rows somebody has locked, even against references. Then nothing is stored.
 */
export async function storeChunk(
  db: Database,
  term: Term,
  chunk: Chunk,
  { lastAlert, at }: { readonly lastAlert: bigint; readonly at: Date },
): Promise<readonly string[]> {
  const last = lastAlert + BigInt(chunk.alerts.length);
  if (chunk.alerts.length + chunk.states.length === 0 && (await isDone(db, term, chunk, lastAlert))) return [];
  return transact(db, async (tx) => {
    const leadership = await holdTerm(tx, term);
    if (leadership.lastAlert === last && last > lastAlert) return [];
    if (leadership.lastAlert !== lastAlert) {
      throw new Error(
        `Expected the last alert to be ${lastAlert}; it is ${leadership.lastAlert}. Alerts have another writer.`,
      );
    }
    const held = await lockAccounts(tx, chunk);
    if (held.length > 0) return held;
    await writeAlerts(tx, chunk.alerts, lastAlert, at);
    await writeStates(tx, chunk.states);
    if (chunk.outbox.length > 0) await tx.$executeRaw(outboxDeletion(chunk.outbox));
    await tx.$executeRaw`
      UPDATE duty SET last_alert = ${last}, done_round = COALESCE(${chunk.doneSeq}::bigint, done_round) WHERE id = 1`;
    return [];
  });
}

/**
 * Statuses that were alerted in a lost history, after the last alert that it shares with this one. A unit of which the
 * new history has an alert is known already. Safe to repeat, and for several servers at once.
 */
export async function storeLostStatuses(
  db: Database,
  shared: bigint,
  lost: readonly LostStatus[],
  at: Date,
): Promise<void> {
  if (lost.length === 0) return;
  await transact(db, async (tx) => {
    // No alert is being stored meanwhile.
    await tx.$queryRaw`SELECT FROM duty WHERE id = 1 FOR UPDATE`;
    const rows = lost.map(({ accountId, unit }, place) => ({ place, id: accountId, unit, ...positionOf(unit) }));
    const untold = await tx.$queryRaw<{ place: number }[]>`
      SELECT place FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        AS lost(place int, id uuid, instrument text, side "PositionSide")
      JOIN accounts USING (id)
      WHERE NOT EXISTS (
        SELECT FROM risk_alerts
        WHERE account_id = id AND seq > ${shared} AND kind = 'STATUS_CHANGED'
          AND risk_alerts.instrument IS NOT DISTINCT FROM lost.instrument
          AND risk_alerts.side IS NOT DISTINCT FROM lost.side)`;
    await addLostStatuses(
      tx,
      untold.flatMap(({ place }) => lost[place] ?? []),
      at,
    );
  });
}

/** A chunk without alerts and states takes one statement. False: the transaction must find out what is wrong. */
async function isDone(db: Database, term: Term, { outbox, doneSeq }: Chunk, lastAlert: bigint): Promise<boolean> {
  if (term.ended.aborted) return false;
  const held = await db.$executeRaw`/* prepared */
    WITH held AS (
      SELECT id FROM duty WHERE ${holds(term)} AND last_alert = ${lastAlert} FOR UPDATE
    ), gone AS (
      ${outboxDeletion(outbox)} AND EXISTS (SELECT FROM held)
    )
    UPDATE duty SET done_round = COALESCE(${doneSeq}::bigint, done_round) WHERE id = 1 AND EXISTS (SELECT FROM held)`;
  return held === 1;
}

/**
 * Locks the accounts as foreign keys would, which would wait for each of them. Returns those that somebody else has
 * locked so that they cannot be referred to; no transaction of a server does.
 */
async function lockAccounts(tx: Transaction, { alerts, states }: Chunk): Promise<string[]> {
  const ids = [...new Set([...alerts, ...states].map(({ accountId }) => accountId))];
  if (ids.length === 0) return [];
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id::text AS id FROM accounts WHERE id = ANY(${ids}::uuid[]) ORDER BY accounts.id FOR KEY SHARE SKIP LOCKED`;
  const locked = new Set(rows.map(({ id }) => id));
  return ids.filter((id) => !locked.has(id));
}

async function writeAlerts(tx: Transaction, alerts: readonly NewAlert[], lastAlert: bigint, at: Date): Promise<void> {
  if (alerts.length === 0) return;
  const rules = await lockRules(tx, alerts);
  const rows = alerts.map((alert, position) => ({
    seq: String(lastAlert + BigInt(position + 1)),
    account_id: alert.accountId,
    kind: alert.kind,
    instrument: alert.instrument,
    side: alert.side,
    status: alert.status,
    previous_status: alert.previousStatus,
    margin_ratio: alert.marginRatio,
    margin_balance: alert.marginBalance,
    maintenance_margin: alert.maintenanceMargin,
    rule_id: alert.ruleId !== null && rules.has(alert.ruleId) ? alert.ruleId : null,
    ratio_id: alert.ratioId,
    effective_at: alert.effectiveAt?.toISOString() ?? null,
    entries: alert.entries,
    round: String(alert.priceSeq),
  }));
  await tx.$executeRaw`
    INSERT INTO risk_alerts
      (seq, account_id, kind, instrument, side, status, previous_status, margin_ratio, margin_balance,
        maintenance_margin, rule_id, ratio_id, effective_at, entries, round, at)
    SELECT seq, account_id, kind, instrument, side, status, previous_status, margin_ratio, margin_balance,
      maintenance_margin, rule_id, ratio_id, effective_at, entries, round, ${at}::timestamptz
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS alert(
      seq bigint, account_id uuid, kind "RiskAlertKind", instrument text, side "PositionSide", status "MarginStatus",
      previous_status "MarginStatus", margin_ratio numeric, margin_balance numeric, maintenance_margin numeric,
      rule_id uuid, ratio_id uuid, effective_at timestamptz, entries bigint[], round bigint)`;
}

/** Locks the rules that still exist. An alert of a removed rule is stored without it. */
async function lockRules(tx: Transaction, alerts: readonly NewAlert[]): Promise<ReadonlySet<string>> {
  const ids = [...new Set(alerts.flatMap(({ ruleId }) => ruleId ?? []))];
  if (ids.length === 0) return new Set();
  const rows = await tx.$queryRaw<{ id: string }[]>`
    SELECT id::text AS id FROM alert_rules WHERE id = ANY(${ids}::uuid[]) ORDER BY id FOR KEY SHARE`;
  return new Set(rows.map(({ id }) => id));
}

async function writeStates(tx: Transaction, states: readonly NewState[]): Promise<void> {
  const kept = states.flatMap(({ accountId, unit, state }) =>
    state === null ? [] : [{ account_id: accountId, level: unit, status: state.status, fired: state.fired }],
  );
  const gone = states.flatMap(({ accountId, unit, state }) =>
    state === null ? [{ account_id: accountId, level: unit }] : [],
  );
  if (kept.length > 0) {
    await tx.$executeRaw`
      INSERT INTO alert_states (account_id, level, status, fired)
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(kept)}::jsonb)
        AS state(account_id uuid, level text, status "MarginStatus", fired uuid[])
      ON CONFLICT (account_id, level) DO UPDATE SET status = EXCLUDED.status, fired = EXCLUDED.fired`;
  }
  if (gone.length > 0) {
    await tx.$executeRaw`
      DELETE FROM alert_states USING jsonb_to_recordset(${JSON.stringify(gone)}::jsonb) AS gone(account_id uuid, level text)
      WHERE alert_states.account_id = gone.account_id AND alert_states.level = gone.level`;
  }
}

/** Deletes alerts from before the instant, and returns how many: of the oldest `limit`, since only those can be it. */
export async function pruneAlerts(db: Database, before: Date, limit: number): Promise<number> {
  return db.$executeRaw`
    DELETE FROM risk_alerts WHERE seq IN (
      SELECT seq FROM (SELECT seq, at FROM risk_alerts ORDER BY seq LIMIT ${limit}) AS oldest
      WHERE at < ${before}::timestamptz)`;
}
