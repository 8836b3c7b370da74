/**
 * Other entries that the venue reports: funding, liquidation fees, insurance, earn, corrections. Each is taken once.
 */
import { toPlain, type Decimal } from '../../margin/decimal.js';
import type { PositionSide } from '../../margin/model.js';
import { refuse, within } from '../../margin/refusal.js';
import { bookOnMargin } from '../../margin/change/settle-isolated.js';
import { columnOf } from '../../platform/database/columns.js';
import type { Transaction } from '../../platform/database/database.js';
import type { LedgerKind } from '../../platform/prisma/enums.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import {
  instrumentNotFound,
  positionNotFound,
  problemOfAsset,
  problemOfChange,
  type BatchResult,
  type LedgerParts,
  type PositionRef,
  type Refusal,
  type ReportingParts,
} from '../ledger-checks.js';
import type { LockedAccount, Origin } from '../locked-accounts.js';
import { bookAutoExchange } from '../auto-exchange.js';
import { problemOfCredit } from '../margin-state.js';
import { ONE_ACCOUNT, type BookedEvent, type KnownEvent, type ReportedEventKind } from './event-kind.js';
import { ReportedEvents } from './events.js';
import { positionKey, settingOf } from '../records.js';

/** This server makes entries of all other kinds itself. */
export const REPORTED_KINDS: readonly LedgerKind[] = ['FUNDING', 'LIQUIDATION_FEE', 'INSURANCE', 'EARN', 'ADJUSTMENT'];

export interface NewEntry {
  readonly entryId: string;
  readonly accountId: string;
  /** The isolated position whose margin changes; null: the balance changes. */
  readonly position: PositionRef | null;
  /** What it is about; null: of no instrument, or as the position says. */
  readonly instrument: string | null;
  readonly asset: string;
  /** Positive: the account gains. */
  readonly quantity: Decimal;
  readonly kind: LedgerKind;
  readonly at: Date;
}

const ENTRIES = new ReportedEvents<NewEntry>(ONE_ACCOUNT, (parts, now) => entryKind(parts, now));

/** Records each entry once, in the order of the list. A credit that would count but never had a price is refused. */
export async function recordLedgerEntries(
  parts: ReportingParts,
  entries: readonly NewEntry[],
  now: Date,
): Promise<BatchResult> {
  return ENTRIES.record(parts, entries, now);
}

function entryKind(parts: LedgerParts, now: Date): ReportedEventKind<NewEntry> {
  const { rulebook } = parts;
  return {
    ...{ name: 'entry', list: 'entries', idField: 'entryId' },
    idOf: ({ entryId }) => entryId,
    contentOf,
    problemOf: (entry, locked) => problemOfContent(entry, locked, rulebook),
    post: (entry, locked) => {
      const refusal = problemOfCreditedEntry(entry, locked, parts, now) ?? bookEntry(entry, locked, rulebook);
      if (refusal === null) bookAutoExchange(locked, originOf(entry), parts, now);
      return refusal;
    },
    readKnown: readEntriesOf,
    insert: (tx, taken) => insertEntries(tx, taken, now),
  };
}

async function readEntriesOf(
  tx: Transaction,
  venues: readonly string[],
  ids: readonly string[],
): Promise<KnownEvent[]> {
  const rows = await tx.$queryRaw<KnownRow[]>`
    SELECT venue_code AS venue, entry_id AS id, account_id::text AS account, instrument, side::text AS side,
      asset_symbol AS asset, trim_scale(quantity)::text AS quantity, kind::text AS kind, at
    FROM reported_entries
    WHERE venue_code = ANY(${columnOf(venues, (venue) => venue)}::text[])
      AND entry_id = ANY(${columnOf(ids, (id) => id)}::text[])`;
  return rows.map(({ venue, id, account, instrument, side, asset, quantity, kind, at }) => {
    const where = instrument === null || side === null ? null : `${account}/${positionKey(instrument, side)}`;
    return { venue, id, content: [account, where, instrument, asset, quantity, kind, at.getTime()].join('|') };
  });
}

interface KnownRow {
  readonly venue: string;
  readonly id: string;
  readonly account: string;
  readonly instrument: string | null;
  readonly side: PositionSide | null;
  readonly asset: string;
  readonly quantity: string;
  readonly kind: string;
  readonly at: Date;
}

async function insertEntries(tx: Transaction, booked: readonly BookedEvent<NewEntry>[], now: Date): Promise<number> {
  return tx.$executeRaw`/* prepared */
    INSERT INTO reported_entries
      (venue_code, entry_id, account_id, instrument, side, asset_symbol, quantity, kind, at, recorded_at)
    SELECT * FROM unnest(
      ${columnOf(booked, ({ locked }) => locked.account.venue)}::text[],
      ${columnOf(booked, ({ event }) => event.entryId)}::text[],
      ${columnOf(booked, ({ event }) => event.accountId)}::uuid[],
      ${columnOf(booked, ({ event }) => instrumentOf(event))}::text[],
      ${columnOf(booked, ({ event }) => event.position?.side ?? null)}::"PositionSide"[],
      ${columnOf(booked, ({ event }) => event.asset)}::text[],
      ${columnOf(booked, ({ event }) => toPlain(event.quantity))}::numeric[],
      ${columnOf(booked, ({ event }) => event.kind)}::"LedgerKind"[],
      ${columnOf(booked, ({ event }) => event.at.toISOString())}::timestamptz[],
      ${columnOf(booked, ({ locked }) => locked.recordedAt(now).toISOString())}::timestamptz[]
    )
    ON CONFLICT DO NOTHING`;
}

/** Isolated margin does not count in the cross account, so that it may be without a price. */
function problemOfCreditedEntry(
  { asset, quantity, position }: NewEntry,
  locked: LockedAccount,
  parts: LedgerParts,
  now: Date,
): Refusal | null {
  if (position !== null || quantity.isNegative()) return null;
  const refusal = problemOfCredit(asset, quantity, locked, parts, now);
  return refusal === null ? null : within(['quantity'], refusal);
}

/** Posts to the balance, or to the margin of the named position. The insurance fund pays what that margin lacks. */
function bookEntry(entry: NewEntry, locked: LockedAccount, rulebook: Rulebook): Refusal | null {
  const { position, asset, quantity, kind } = entry;
  const cause = { ...originOf(entry), reportedAt: entry.at };
  if (position === null) {
    locked.post(asset, quantity, { ...cause, kind });
    return null;
  }
  const held = locked.positions.get(positionKey(position.instrument, position.side));
  const instrument = rulebook.instrument(locked.account.venue, position.instrument);
  if (position.accountId !== locked.account.id || held === undefined || held.size.isZero() || instrument === null) {
    return positionNotFound(['positionId']);
  }
  if (asset !== instrument.settlementAsset) {
    const expected = instrument.settlementAsset;
    const message = `Its margin is held in ${expected} only: leave \`positionId\` out, or book ${expected}.`;
    return refuse('INVALID_INPUT', message, ['asset']);
  }
  if (settingOf(locked, instrument).marginMode === 'CROSS') {
    const message = 'The position is in cross margin: leave `positionId` out to book on the balance.';
    return refuse('ISOLATED_ONLY', message, ['positionId']);
  }
  const settled = bookOnMargin(held.isolatedMargin, quantity);
  locked.post(asset, quantity, { ...cause, kind });
  if (!settled.outOfMargin.isZero()) locked.post(asset, settled.outOfMargin, { ...cause, kind: 'MARGIN_ADJUSTMENT' });
  if (!settled.insurance.isZero()) locked.post(asset, settled.insurance, { ...cause, kind: 'INSURANCE' });
  locked.setPosition({ ...held, isolatedMargin: settled.margin });
  return null;
}

function instrumentOf({ position, instrument }: NewEntry): string | null {
  return position?.instrument ?? instrument;
}

function originOf(entry: NewEntry): Origin {
  return { reference: entry.entryId, instrument: instrumentOf(entry) };
}

function problemOfInstrument(
  { position, instrument }: NewEntry,
  { account }: LockedAccount,
  rulebook: Rulebook,
): Refusal | null {
  if (instrument === null) return null;
  if (rulebook.instrument(account.venue, instrument) === null) return instrumentNotFound(['instrument']);
  if (position === null || position.instrument === instrument) return null;
  const message = `Expected the instrument of the position, or none, got ${instrument}.`;
  return refuse('INVALID_INPUT', message, ['instrument']);
}

function problemOfContent(entry: NewEntry, locked: LockedAccount, rulebook: Rulebook): Refusal | null {
  if (!REPORTED_KINDS.includes(entry.kind)) {
    const message = `Expected one of ${REPORTED_KINDS.join(', ')}, got ${entry.kind}, which this server books itself.`;
    return refuse('INVALID_INPUT', message, ['kind']);
  }
  const unknown = problemOfAsset(entry.asset, rulebook, ['asset']);
  if (unknown !== null) return unknown;
  return problemOfChange(entry.quantity, ['quantity']) ?? problemOfInstrument(entry, locked, rulebook);
}

function contentOf(entry: NewEntry): string {
  const { accountId, position, asset, quantity, kind, at } = entry;
  const where = position === null ? null : `${position.accountId}/${positionKey(position.instrument, position.side)}`;
  return [accountId, where, instrumentOf(entry), asset, toPlain(quantity), kind, at.getTime()].join('|');
}
