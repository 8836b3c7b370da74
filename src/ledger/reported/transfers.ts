/** Deposits and withdrawals that other systems report (rules: 8). */
import { ZERO, toPlain, type Decimal } from '../../margin/decimal.js';
import { within } from '../../margin/refusal.js';
import { checkTransferOut } from '../../margin/solve/transferable.js';
import { columnOf } from '../../platform/database/columns.js';
import type { Transaction } from '../../platform/database/database.js';
import {
  problemOfAsset,
  problemOfChange,
  type BatchResult,
  type LedgerParts,
  type Refusal,
  type ReportingParts,
} from '../ledger-checks.js';
import type { LockedAccount } from '../locked-accounts.js';
import { ONE_ACCOUNT, type BookedEvent, type KnownEvent, type ReportedEventKind } from './event-kind.js';
import { ReportedEvents } from './events.js';
import { problemOfCredit, rulesOf } from '../margin-state.js';
import { CapRoom, cappedByDeposits } from '../platform-caps.js';

export interface NewTransfer {
  readonly transferId: string;
  readonly accountId: string;
  readonly asset: string;
  /** Positive: in; negative: out. */
  readonly quantity: Decimal;
  readonly at: Date;
}

const TRANSFERS = new ReportedEvents<NewTransfer>(ONE_ACCOUNT, async (parts, now, { tx, events, lockedAccounts }) => {
  const deposits = events.filter(({ quantity }) => quantity.gt(ZERO));
  const capped = cappedByDeposits(deposits, lockedAccounts, parts.rulebook, now);
  return transferKind(parts, now, await CapRoom.lock(tx, capped));
});

/**
 * Records each transfer once. A deposit is refused only by platform-wide caps, and where it would count but never had a
 * price. A withdrawal must leave what the positions need. A refused transfer is not stored: its id may come again.
 */
export async function recordTransfers(
  parts: ReportingParts,
  transfers: readonly NewTransfer[],
  now: Date,
): Promise<BatchResult> {
  return TRANSFERS.record(parts, transfers, now);
}

function transferKind(parts: LedgerParts, now: Date, room: CapRoom): ReportedEventKind<NewTransfer> {
  const { rulebook } = parts;
  return {
    ...{ name: 'transfer', list: 'transfers', idField: 'transferId' },
    idOf: ({ transferId }) => transferId,
    contentOf: ({ accountId, asset, quantity, at }) => [accountId, asset, toPlain(quantity), at.getTime()].join('|'),
    problemOf: ({ asset, quantity }) =>
      problemOfAsset(asset, rulebook, ['asset']) ?? problemOfChange(quantity, ['quantity']),
    post: (transfer, locked) => {
      const { asset, quantity } = transfer;
      const isOut = quantity.isNegative();
      const refusal = isOut
        ? refusalOfOut(transfer, locked, parts, now)
        : (problemOfCredit(asset, quantity, locked, parts, now) ??
          room.checkDeposit(locked, asset, quantity, rulebook));
      if (refusal !== null) return within(['quantity'], refusal);
      room.use(locked, asset, quantity);
      const kind = isOut ? 'WITHDRAWAL' : 'DEPOSIT';
      locked.post(asset, quantity, { kind, reference: transfer.transferId, reportedAt: transfer.at });
      return null;
    },
    readKnown: readTransfersOf,
    insert: (tx, taken) => insertTransfers(tx, taken, now),
  };
}

async function readTransfersOf(
  tx: Transaction,
  venues: readonly string[],
  ids: readonly string[],
): Promise<KnownEvent[]> {
  const rows = await tx.$queryRaw<
    { venue: string; id: string; account: string; asset: string; quantity: string; at: Date }[]
  >`
    SELECT venue_code AS venue, transfer_id AS id, account_id::text AS account, asset_symbol AS asset,
      trim_scale(quantity)::text AS quantity, at
    FROM transfers
    WHERE venue_code = ANY(${columnOf(venues, (venue) => venue)}::text[])
      AND transfer_id = ANY(${columnOf(ids, (id) => id)}::text[])`;
  return rows.map(({ venue, id, account, asset, quantity, at }) => {
    return { venue, id, content: [account, asset, quantity, at.getTime()].join('|') };
  });
}

async function insertTransfers(
  tx: Transaction,
  booked: readonly BookedEvent<NewTransfer>[],
  now: Date,
): Promise<number> {
  return tx.$executeRaw`/* prepared */
    INSERT INTO transfers (venue_code, transfer_id, account_id, asset_symbol, quantity, at, recorded_at)
    SELECT * FROM unnest(
      ${columnOf(booked, ({ locked }) => locked.account.venue)}::text[],
      ${columnOf(booked, ({ event }) => event.transferId)}::text[],
      ${columnOf(booked, ({ event }) => event.accountId)}::uuid[],
      ${columnOf(booked, ({ event }) => event.asset)}::text[],
      ${columnOf(booked, ({ event }) => toPlain(event.quantity))}::numeric[],
      ${columnOf(booked, ({ event }) => event.at.toISOString())}::timestamptz[],
      ${columnOf(booked, ({ locked }) => locked.recordedAt(now).toISOString())}::timestamptz[]
    )
    ON CONFLICT DO NOTHING`;
}

function refusalOfOut(transfer: NewTransfer, locked: LockedAccount, parts: LedgerParts, now: Date): Refusal | null {
  const { market, policy } = rulesOf(locked.account, parts, now);
  return checkTransferOut(transfer.asset, transfer.quantity.negated(), locked.state(parts.rulebook), market, policy);
}
