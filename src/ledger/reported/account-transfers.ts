/** Transfers between two accounts of a venue: one fact of two sides, both recorded or neither (rules: 8). */
import { toPlain, type Decimal } from '../../margin/decimal.js';
import { refuse, within } from '../../margin/refusal.js';
import { checkTransferOut } from '../../margin/solve/transferable.js';
import { columnOf } from '../../platform/database/columns.js';
import type { Transaction } from '../../platform/database/database.js';
import {
  accountNotFound,
  problemOfAsset,
  problemOfSize,
  type LedgerParts,
  type Refusal,
  type ReportingParts,
} from '../ledger-checks.js';
import type { LockedAccount } from '../locked-accounts.js';
import { problemOfCredit, rulesOf } from '../margin-state.js';
import { CapRoom, cappedByDeposits } from '../platform-caps.js';
import { type BookedEvent, type EventAccounts, type KnownEvent, type ReportedEventKind } from './event-kind.js';
import { ReportedEvents, type ReportedEventsResult } from './events.js';

export interface NewAccountTransfer {
  readonly transferId: string;
  readonly fromAccountId: string;
  readonly toAccountId: string;
  readonly asset: string;
  /** In units of the asset, above 0. */
  readonly quantity: Decimal;
  readonly at: Date;
}

/** The accounts of a transfer. */
interface Ends {
  readonly from: LockedAccount;
  readonly to: LockedAccount;
}

const FROM = ['fromAccountId'];
const TO = ['toAccountId'];

/** Two accounts of one venue. */
const TWO_ACCOUNTS: EventAccounts<NewAccountTransfer, Ends> = {
  idsOf: ({ fromAccountId, toAccountId }) => [fromAccountId, toAccountId],
  lockedOf: ({ fromAccountId, toAccountId }, lockedAccounts) => {
    const [from, to] = [lockedAccounts.get(fromAccountId), lockedAccounts.get(toAccountId)];
    if (from === undefined) return { refusal: accountNotFound(FROM) };
    if (to === undefined) return { refusal: accountNotFound(TO) };
    if (from === to) return { refusal: refuse('INVALID_INPUT', 'Expected two accounts, got the same one twice.', TO) };
    if (from.account.venue === to.account.venue) return { locked: { from, to } };
    const message = `Expected an account of ${from.account.venue}, as the other one is; got one of ${to.account.venue}.`;
    return { refusal: refuse('INVALID_INPUT', message, TO) };
  },
  venueOf: ({ from }) => from.account.venue,
};

const ACCOUNT_TRANSFERS = new ReportedEvents<NewAccountTransfer, Ends>(
  TWO_ACCOUNTS,
  async (parts, now, { tx, events, lockedAccounts }) => {
    const deposits = events.map(({ toAccountId, asset }) => ({ accountId: toAccountId, asset }));
    const capped = cappedByDeposits(deposits, lockedAccounts, parts.rulebook, now);
    return transferKind(parts, now, await CapRoom.lock(tx, capped));
  },
);

/**
 * Records the transfer once. What leaves the one account passes the check of a withdrawal, and what comes to the other
 * that of a deposit. A refused transfer is not stored: its id may come again.
 */
export async function recordAccountTransfer(
  parts: ReportingParts,
  transfer: NewAccountTransfer,
  now: Date,
): Promise<ReportedEventsResult<NewAccountTransfer>> {
  return ACCOUNT_TRANSFERS.record(parts, [transfer], now);
}

function transferKind(parts: LedgerParts, now: Date, room: CapRoom): ReportedEventKind<NewAccountTransfer, Ends> {
  const { rulebook } = parts;
  return {
    ...{ name: 'account transfer', list: null, idField: 'transferId' },
    idOf: ({ transferId }) => transferId,
    contentOf: ({ fromAccountId, toAccountId, asset, quantity, at }) =>
      [fromAccountId, toAccountId, asset, toPlain(quantity), at.getTime()].join('|'),
    problemOf: ({ asset, quantity }) =>
      problemOfAsset(asset, rulebook, ['asset']) ?? problemOfSize(quantity, 'quantity', ['quantity']),
    post: (transfer, { from, to }) => {
      const { asset, quantity, transferId: reference, at: reportedAt } = transfer;
      const refusal = refusalOf(transfer, { from, to }, parts, now, room);
      if (refusal !== null) return refusal;
      for (const [locked, change] of [
        [from, quantity.negated()],
        [to, quantity],
      ] as const) {
        room.use(locked, asset, change);
        locked.post(asset, change, { kind: 'TRANSFER', reference, reportedAt });
      }
      return null;
    },
    readKnown: readTransfersOf,
    insert: (tx, taken) => insertTransfers(tx, taken, now),
  };
}

/** Why one of the accounts refuses the transfer; the field names it. */
function refusalOf(
  { asset, quantity }: NewAccountTransfer,
  { from, to }: Ends,
  parts: LedgerParts,
  now: Date,
  room: CapRoom,
): Refusal | null {
  const { rulebook } = parts;
  const { market, policy } = rulesOf(from.account, parts, now);
  const out = checkTransferOut(asset, quantity, from.state(rulebook), market, policy);
  if (out !== null) return within(FROM, out);
  const credit =
    problemOfCredit(asset, quantity, to, parts, now) ?? room.checkDeposit(to, asset, quantity, rulebook, from);
  return credit === null ? null : within(TO, credit);
}

async function readTransfersOf(
  tx: Transaction,
  venues: readonly string[],
  ids: readonly string[],
): Promise<KnownEvent[]> {
  const rows = await tx.$queryRaw<
    { venue: string; id: string; sender: string; receiver: string; asset: string; quantity: string; at: Date }[]
  >`
    SELECT venue_code AS venue, transfer_id AS id, from_account_id::text AS sender, to_account_id::text AS receiver,
      asset_symbol AS asset, trim_scale(quantity)::text AS quantity, at
    FROM account_transfers
    WHERE venue_code = ANY(${columnOf(venues, (venue) => venue)}::text[])
      AND transfer_id = ANY(${columnOf(ids, (id) => id)}::text[])`;
  return rows.map(({ venue, id, sender, receiver, asset, quantity, at }) => {
    return { venue, id, content: [sender, receiver, asset, quantity, at.getTime()].join('|') };
  });
}

async function insertTransfers(
  tx: Transaction,
  booked: readonly BookedEvent<NewAccountTransfer, Ends>[],
  now: Date,
): Promise<number> {
  return tx.$executeRaw`/* prepared */
    INSERT INTO account_transfers
      (venue_code, transfer_id, from_account_id, to_account_id, asset_symbol, quantity, at, recorded_at)
    SELECT * FROM unnest(
      ${columnOf(booked, ({ locked }) => locked.from.account.venue)}::text[],
      ${columnOf(booked, ({ event }) => event.transferId)}::text[],
      ${columnOf(booked, ({ event }) => event.fromAccountId)}::uuid[],
      ${columnOf(booked, ({ event }) => event.toAccountId)}::uuid[],
      ${columnOf(booked, ({ event }) => event.asset)}::text[],
      ${columnOf(booked, ({ event }) => toPlain(event.quantity))}::numeric[],
      ${columnOf(booked, ({ event }) => event.at.toISOString())}::timestamptz[],
      ${columnOf(booked, ({ locked }) => locked.from.recordedAt(now).toISOString())}::timestamptz[]
    )
    ON CONFLICT DO NOTHING`;
}
