/**
 * Writes what transactions change of locked accounts: one statement, however many accounts and tables, so that a write
 * waits for the database once. Settings, switches and open orders, which fewer transactions change, are others.
 */
import { toPlain } from '../margin/decimal.js';
import { columnOf } from '../platform/database/columns.js';
import type { Transaction } from '../platform/database/database.js';
import { outboxAddition } from '../platform/outbox.js';
import { Prisma } from '../platform/prisma/client.js';
import type { LockedAccount } from './locked-accounts.js';
import { writeOpenOrders } from './open-orders.js';

/**
 * Writes all changes. Raises the version of every changed account by one and returns their ids. The former state stays
 * as a version. Accounts to be evaluated go to the outbox, and ledger entries that make an alert: each exchange, by
 * account and cause, and the first hours of interest of each account.
 */
export async function writeAccounts(
  tx: Transaction,
  lockedAccounts: Iterable<LockedAccount>,
  now: Date,
): Promise<string[]> {
  const changed = [...lockedAccounts].filter((locked) => locked.isChanged);
  if (changed.length === 0) return [];
  await writeSettings(tx, changed);
  await writeSwitches(tx, changed);
  await writeOpenOrders(tx, changed);
  // Entries in their order, because the sequence numbers an account's entries.
  await tx.$executeRaw`/* prepared */
    WITH changed AS (${changedRows(changed, now)}),
    account AS (
      UPDATE accounts SET version = version + 1, changed_at = changed.at,
        collateral_mode = changed.collateral_mode, position_mode = changed.position_mode
      FROM changed WHERE accounts.id = changed.id
      RETURNING accounts.id, accounts.version, accounts.changed_at, accounts.collateral_mode, accounts.position_mode
    ),
    account_version AS (
      INSERT INTO account_versions (account_id, version, at, collateral_mode, position_mode)
      SELECT id, version, changed_at, collateral_mode, position_mode FROM account
    ),
    entry AS (${entryRows(changed, now)}),
    written AS (
      INSERT INTO ledger_entries
        (account_id, asset_symbol, quantity, balance_after, kind, reference, instrument, fill_seq, at, reported_at)
      SELECT account_id, asset_symbol, quantity, balance_after, kind, reference, instrument, fill_seq, at, reported_at
      FROM entry ORDER BY position
      RETURNING seq, account_id, asset_symbol, kind, reference
    ),
    balance AS (
      INSERT INTO balances (account_id, asset_symbol, quantity) ${balanceRows(changed)}
      ON CONFLICT (account_id, asset_symbol) DO UPDATE SET quantity = EXCLUDED.quantity
    ),
    held AS (${positionRows(changed)}),
    position_version AS (
      INSERT INTO position_versions (account_id, instrument, side, version, size, cost, isolated_margin)
      SELECT account_id, instrument, side, version, size, cost, isolated_margin FROM held
    ),
    position AS (
      INSERT INTO positions (account_id, venue_code, instrument, side, size, cost, isolated_margin)
      SELECT account_id, venue_code, instrument, side, size, cost, isolated_margin FROM held
      ON CONFLICT (account_id, instrument, side) DO UPDATE
        SET size = EXCLUDED.size, cost = EXCLUDED.cost, isolated_margin = EXCLUDED.isolated_margin
    ),
    alerted AS (
      SELECT account_id, seq, 'AUTO_EXCHANGED' AS kind, reference AS event
      FROM written WHERE kind IN ('AUTO_EXCHANGE', 'EXCHANGE_COST')
      UNION ALL
      SELECT account_id, seq, 'INTEREST_STARTED', ''
      FROM written JOIN entry USING (account_id, asset_symbol, kind, reference) WHERE kind = 'INTEREST' AND is_first_hour
    ),
    item AS (
      SELECT id AS account_id, 'CHANGED' AS kind, '{}'::bigint[] AS entries, 0 AS part, position AS place FROM changed
      UNION ALL
      SELECT account_id, kind, array_agg(seq ORDER BY seq), 1, min(seq) FROM alerted GROUP BY account_id, kind, event
    )
    ${outboxAddition(
      Prisma.sql`
      SELECT account_id, kind::"OutboxKind" AS kind, entries FROM item ORDER BY part, place`,
      now,
    )}`;
  return changed.map(({ account }) => account.id);
}

function changedRows(changed: readonly LockedAccount[], now: Date): Prisma.Sql {
  return Prisma.sql`
    SELECT * FROM unnest(
      ${columnOf(changed, ({ account }) => account.id)}::uuid[],
      ${columnOf(changed, (locked) => locked.recordedAt(now).toISOString())}::timestamptz[],
      ${columnOf(changed, ({ account }) => account.collateralMode)}::"CollateralMode"[],
      ${columnOf(changed, ({ account }) => account.positionMode)}::"PositionMode"[]
    ) WITH ORDINALITY AS row (id, at, collateral_mode, position_mode, position)`;
}

function entryRows(changed: readonly LockedAccount[], now: Date): Prisma.Sql {
  const entries = changed.flatMap((locked) => {
    const [id, at] = [locked.account.id, locked.recordedAt(now).toISOString()];
    return locked.entries.map((entry) => ({ id, at, entry }));
  });
  return Prisma.sql`
    SELECT * FROM unnest(
      ${columnOf(entries, ({ id }) => id)}::uuid[],
      ${columnOf(entries, ({ entry }) => entry.asset)}::text[],
      ${columnOf(entries, ({ entry }) => toPlain(entry.quantity))}::numeric[],
      ${columnOf(entries, ({ entry }) => toPlain(entry.balanceAfter))}::numeric[],
      ${columnOf(entries, ({ entry }) => entry.kind)}::"LedgerKind"[],
      ${columnOf(entries, ({ entry }) => entry.reference)}::text[],
      ${columnOf(entries, ({ entry }) => entry.instrument ?? null)}::text[],
      ${columnOf(entries, ({ entry }) => entry.fill?.seq?.toString() ?? null)}::bigint[],
      ${columnOf(entries, ({ at }) => at)}::timestamptz[],
      ${columnOf(entries, ({ entry }) => entry.reportedAt?.toISOString() ?? null)}::timestamptz[],
      ${columnOf(entries, ({ entry }) => entry.isFirstHour ?? false)}::boolean[]
    ) WITH ORDINALITY AS row (
      account_id, asset_symbol, quantity, balance_after, kind, reference, instrument, fill_seq, at, reported_at,
      is_first_hour, position)`;
}

function balanceRows(changed: readonly LockedAccount[]): Prisma.Sql {
  const balances = changed.flatMap(({ account, entries }) => {
    // The last entry of each asset.
    const last = new Map(entries.map(({ asset, balanceAfter }) => [asset, balanceAfter]));
    return [...last].map(([asset, quantity]) => ({ id: account.id, asset, quantity }));
  });
  return Prisma.sql`
    SELECT * FROM unnest(
      ${columnOf(balances, ({ id }) => id)}::uuid[],
      ${columnOf(balances, ({ asset }) => asset)}::text[],
      ${columnOf(balances, ({ quantity }) => toPlain(quantity))}::numeric[]
    )`;
}

function positionRows(changed: readonly LockedAccount[]): Prisma.Sql {
  const positions = changed.flatMap(({ account, changedPositions }) =>
    [...changedPositions.values()].map((position) => ({ account, position })),
  );
  return Prisma.sql`
    SELECT * FROM unnest(
      ${columnOf(positions, ({ account }) => account.id)}::uuid[],
      ${columnOf(positions, ({ account }) => account.venue)}::text[],
      ${columnOf(positions, ({ account }) => account.version + 1)}::int[],
      ${columnOf(positions, ({ position }) => position.instrument)}::text[],
      ${columnOf(positions, ({ position }) => position.side)}::"PositionSide"[],
      ${columnOf(positions, ({ position }) => toPlain(position.size))}::numeric[],
      ${columnOf(positions, ({ position }) => toPlain(position.cost))}::numeric[],
      ${columnOf(positions, ({ position }) => toPlain(position.isolatedMargin))}::numeric[]
    ) AS row (account_id, venue_code, version, instrument, side, size, cost, isolated_margin)`;
}

async function writeSwitches(tx: Transaction, changed: readonly LockedAccount[]): Promise<void> {
  const switched = changed.filter(({ areSwitchesChanged }) => areSwitchesChanged);
  if (switched.length === 0) return;
  await tx.$executeRaw`
    WITH changed AS (
      SELECT id, version, ARRAY(SELECT jsonb_array_elements_text(list)) AS switched_off FROM unnest(
        ${columnOf(switched, ({ account }) => account.id)}::uuid[],
        ${columnOf(switched, ({ account }) => account.version + 1)}::int[],
        ${columnOf(switched, ({ account }) => JSON.stringify(account.switchedOff))}::jsonb[]
      ) AS row (id, version, list)
    ), past AS (
      INSERT INTO switched_off_versions (account_id, version, switched_off) SELECT id, version, switched_off FROM changed
    )
    UPDATE accounts SET switched_off = changed.switched_off FROM changed WHERE accounts.id = changed.id`;
}

async function writeSettings(tx: Transaction, changed: readonly LockedAccount[]): Promise<void> {
  const settings = changed.flatMap(({ account, changedSettings }) =>
    [...changedSettings].map(([instrument, setting]) => ({ account, instrument, setting })),
  );
  if (settings.length === 0) return;
  await tx.$executeRaw`
    WITH changed AS (
      SELECT * FROM unnest(
        ${columnOf(settings, ({ account }) => account.id)}::uuid[],
        ${columnOf(settings, ({ account }) => account.venue)}::text[],
        ${columnOf(settings, ({ account }) => account.version + 1)}::int[],
        ${columnOf(settings, ({ instrument }) => instrument)}::text[],
        ${columnOf(settings, ({ setting }) => toPlain(setting.leverage))}::int[],
        ${columnOf(settings, ({ setting }) => setting.marginMode)}::"MarginMode"[]
      ) AS row (account_id, venue_code, version, instrument, leverage, margin_mode)
    ), kept AS (
      INSERT INTO setting_versions (account_id, instrument, version, leverage, margin_mode)
      SELECT account_id, instrument, version, leverage, margin_mode FROM changed
    )
    INSERT INTO instrument_settings (account_id, venue_code, instrument, leverage, margin_mode)
    SELECT account_id, venue_code, instrument, leverage, margin_mode FROM changed
    ON CONFLICT (account_id, instrument) DO UPDATE
      SET leverage = EXCLUDED.leverage, margin_mode = EXCLUDED.margin_mode`;
}
