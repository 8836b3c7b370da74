/** Reversals: a fill, or both sides of a trade, taken back once (rules: 25). */
import {
  changedPositions,
  impossible,
  reverseFill,
  type PositionAmounts,
  type ReversalEffect,
} from '../../margin/change/reverse-fill.js';
import { ZERO, type Decimal } from '../../margin/decimal.js';
import { refuse, within } from '../../margin/refusal.js';
import { columnOf } from '../../platform/database/columns.js';
import type { Transaction } from '../../platform/database/database.js';
import type { LedgerKind } from '../../platform/prisma/enums.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { bookAutoExchange } from '../auto-exchange.js';
import { PARTS_OF, findFills, type FillOrTrade, type FillRecord } from '../history.js';
import { accountNotFound, problemOfId, type LedgerParts, type Refusal, type ReportingParts } from '../ledger-checks.js';
import type { LockedAccount, NumberedFill } from '../locked-accounts.js';
import { problemOfCredit } from '../margin-state.js';
import type { EventAccounts, KnownEvent, ReportedEventKind } from './event-kind.js';
import { ReportedEvents, type ReportedEventsResult } from './events.js';
import { insertFills, type NewFillRow } from './fill-rows.js';
import { readHistory } from './position-facts.js';

export interface ReversalRequest {
  /** An id of a fill of its own. */
  readonly reversalId: string;
  readonly venue: string;
  readonly what: FillOrTrade;
  /** Of the fill or the trade. */
  readonly id: string;
  readonly at: Date;
}

interface NewReversal extends ReversalRequest {
  /** The fill, or both sides of the trade. */
  readonly fills: readonly FillRecord[];
}

/** What a fill's account and its positions have been through, or why nobody knows. */
type Known = Awaited<ReturnType<typeof readHistory>>;

const FIELD_OF = { fill: ['fillId'], trade: ['tradeId'] } as const;

const ITS_ACCOUNTS: EventAccounts<NewReversal, readonly LockedAccount[]> = {
  idsOf: ({ fills }) => fills.map(({ accountId }) => accountId),
  lockedOf: ({ fills, what }, lockedAccounts) => {
    const locked = fills.flatMap(({ accountId }) => lockedAccounts.get(accountId) ?? []);
    return locked.length === fills.length ? { locked } : { refusal: accountNotFound(FIELD_OF[what]) };
  },
  venueOf: ([locked]) => locked?.account.venue ?? '',
};

type ReversalEvents = ReportedEvents<NewReversal, readonly LockedAccount[]>;

/** Ids of trades are none of fills, so that each has reversals of its own. */
const REVERSALS: Readonly<Record<FillOrTrade, ReversalEvents>> = {
  fill: reversalsOf('fill'),
  trade: reversalsOf('trade'),
};

/** Each reads and takes again thousands of facts: no other account waits for it in the same transaction. */
function reversalsOf(what: FillOrTrade): ReversalEvents {
  return new ReportedEvents<NewReversal, readonly LockedAccount[]>(
    ITS_ACCOUNTS,
    async (parts, now, { tx, events }) => {
      const histories = new Map<bigint, Known>();
      for (const fill of events.flatMap(({ fills }) => fills)) {
        histories.set(fill.seq, await readKnown(tx, fill, parts.rulebook));
      }
      return reversalKind(parts, now, { what, histories });
    },
    { isAlone: true },
  );
}

/**
 * Takes a fill back, or a trade on both sides, once: what it did to size, cost, realised PnL, fee and isolated margin is
 * undone as if it had never been. The differences are entries of the kinds that they take back. Margin is not checked.
 */
export async function recordReversal(
  parts: ReportingParts,
  request: ReversalRequest,
  now: Date,
): Promise<ReportedEventsResult<ReversalRequest>> {
  const { venue, what, id } = request;
  const nothing = { recorded: 0, alreadyKnown: 0, warnings: [], standing: [], changed: [], holdings: new Map() };
  const isVenue = parts.rulebook.venues.has(venue);
  const problem = isVenue
    ? problemOfId(id, FIELD_OF[what])
    : refuse('VENUE_NOT_FOUND', 'There is no such venue.', ['venue']);
  if (problem !== null) return { ...nothing, refusals: [problem] };
  const fills = await findFills(parts.db, venue, what, id);
  if (fills.length === PARTS_OF[what].length) return REVERSALS[what].record(parts, [{ ...request, fills }], now);
  const refusal = refuse('FILL_NOT_FOUND', `${venue} has recorded no such ${what}.`, FIELD_OF[what]);
  return { ...nothing, refusals: [refusal] };
}

/** Facts in the way that no replay shows come first: they are looked for in the ledger. */
async function readKnown(tx: Transaction, fill: FillRecord, rulebook: Rulebook): Promise<Known> {
  if (fill.kind === 'REVERSAL') return 'it is a reversal itself';
  const obstacle = await readObstacle(tx, fill);
  if (obstacle !== null) return obstacle;
  const instrument = rulebook.instrument(fill.venue, fill.instrument);
  return instrument === null ? `this server knows no instrument ${fill.instrument}` : readHistory(tx, fill, instrument);
}

/** A reversal of the fill, or what the insurance fund or an exchange has booked since; null: neither. */
async function readObstacle(tx: Transaction, fill: FillRecord): Promise<string | null> {
  const [reversal] = await tx.$queryRaw<{ id: string }[]>`
    SELECT fill_id AS id FROM reversals JOIN fills ON seq = reversal_seq WHERE reversed_seq = ${fill.seq}`;
  if (reversal !== undefined) return `it was reversed by ${reversal.id}`;
  // Insurance of no instrument may be for any: it is of an older release, or reported for the account.
  const [entry] = await tx.$queryRaw<{ kind: LedgerKind; reference: string }[]>`
    SELECT kind::text AS kind, reference FROM ledger_entries
    WHERE account_id = ${fill.accountId}::uuid AND at >= ${fill.recordedAt}::timestamptz
      AND (fill_seq IS NULL OR fill_seq >= ${fill.seq})
      AND (kind = 'AUTO_EXCHANGE' OR kind = 'INSURANCE' AND COALESCE(instrument, ${fill.instrument}) = ${fill.instrument})
    ORDER BY at, seq LIMIT 1`;
  if (entry === undefined) return null;
  return entry.kind === 'INSURANCE'
    ? `the insurance fund paid for ${entry.reference}`
    : `assets were exchanged for a debt after ${entry.reference}`;
}

function reversalKind(
  parts: LedgerParts,
  now: Date,
  { what, histories }: { readonly what: FillOrTrade; readonly histories: ReadonlyMap<bigint, Known> },
): ReportedEventKind<NewReversal, readonly LockedAccount[]> {
  const rows = new Map<NewReversal, readonly NewFillRow[]>();
  const reversed = new Map<NewFillRow, bigint>();
  return {
    ...{ name: 'reversal', list: null, idField: 'reversalId' },
    idOf: ({ reversalId }) => reversalId,
    contentOf: ({ id, at }) => [id, at.getTime()].join('|'),
    problemOf: () => null,
    post: (reversal, accounts) => {
      const booked: (() => NewFillRow)[] = [];
      for (const [place, fill] of reversal.fills.entries()) {
        const locked = accounts[place] as LockedAccount;
        const effect = effectOf(fill, locked, histories.get(fill.seq) as Known, parts, now);
        if (effect.refusal !== null) return ofFill(reversal, fill, effect.refusal);
        booked.push(() => {
          const row = postReversal(reversal, fill, effect, locked, parts, now);
          reversed.set(row, fill.seq);
          return row;
        });
      }
      // Once neither side refuses.
      rows.set(
        reversal,
        booked.map((post) => post()),
      );
      return null;
    },
    readKnown: (tx, venues, ids) => readReversalsOf(tx, what, venues, ids),
    insert: async (tx, taken) => {
      const stored = taken.flatMap(({ event }) => rows.get(event) ?? []);
      const inserted = await insertFills(tx, stored, now);
      if (inserted === stored.length) await insertReversals(tx, stored, reversed);
      return inserted === stored.length ? taken.length : 0;
    },
  };
}

/** Of a trade the message names the side. */
function ofFill({ what }: NewReversal, { tradePart }: FillRecord, refusal: Refusal): Refusal {
  const message = tradePart === 'NONE' ? refusal.message : `Of the ${tradePart.toLowerCase()}: ${refusal.message}`;
  return within(FIELD_OF[what], { ...refusal, message });
}

function effectOf(
  fill: FillRecord,
  locked: LockedAccount,
  known: Known,
  parts: LedgerParts,
  now: Date,
): ReversalEffect | { readonly refusal: Refusal } {
  if (typeof known === 'string') return impossible(known);
  const effect = reverseFill(known);
  if (effect.refusal !== null) return effect;
  // Positions of size 0 are kept, and count for nothing.
  const held = [...locked.positions.values()].filter(
    ({ instrument, size }) => instrument === fill.instrument && !size.isZero(),
  );
  if (changedPositions<PositionAmounts>(held, effect.present).length > 0) {
    return impossible('its position is not what the recorded facts come to');
  }
  const credits = new Map<string, Decimal>();
  for (const { asset, quantity } of effect.changes) {
    credits.set(asset, (credits.get(asset) ?? ZERO).plus(quantity));
  }
  for (const [asset, quantity] of credits) {
    const credit = quantity.gt(ZERO) ? problemOfCredit(asset, quantity, locked, parts, now) : null;
    if (credit !== null) return { refusal: credit };
  }
  return effect;
}

/** The reversal is a fill of the same size in the opposite direction, with what the positions come to without the other. */
function postReversal(
  { reversalId, at }: NewReversal,
  fill: FillRecord,
  effect: ReversalEffect,
  locked: LockedAccount,
  parts: LedgerParts,
  now: Date,
): NewFillRow {
  const numbered: NumberedFill = { seq: null };
  const { tradePart: part, instrument, positionSide, size, price, fee, feeAsset } = fill;
  const origin = { reference: reversalId, instrument, fill: numbered };
  for (const { side, size: left, cost, isolatedMargin } of effect.positions) {
    locked.setPosition({ instrument, side, size: left, cost, isolatedMargin });
  }
  for (const { asset, quantity, kind } of effect.changes) {
    locked.post(asset, quantity, { ...origin, kind: kind, reportedAt: at });
  }
  bookAutoExchange(locked, origin, parts, now);
  return {
    ...{ numbered, fillId: reversalId, part, locked, instrument, positionSide, size, price, feeAsset, at },
    ...{ side: fill.side === 'BUY' ? 'SELL' : 'BUY', fee: ZERO.minus(fee), kind: 'REVERSAL' },
    realizedPnl: effect.realizedPnl,
  };
}

async function insertReversals(
  tx: Transaction,
  rows: readonly NewFillRow[],
  reversed: ReadonlyMap<NewFillRow, bigint>,
): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO reversals (reversed_seq, reversal_seq)
    SELECT * FROM unnest(
      ${columnOf(rows, (row) => String(reversed.get(row)))}::bigint[],
      ${columnOf(rows, ({ numbered }) => String(numbered.seq))}::bigint[]
    )`;
}

/** Reversals under these ids; other fills, or trades, have no content that one could have. */
async function readReversalsOf(
  tx: Transaction,
  what: FillOrTrade,
  venues: readonly string[],
  ids: readonly string[],
): Promise<KnownEvent[]> {
  const rows = await tx.$queryRaw<{ venue: string; id: string; reversed: string | null; at: Date }[]>`
    SELECT fill.venue_code AS venue, fill.fill_id AS id, reversed.fill_id AS reversed, fill.at
    FROM fills AS fill
    LEFT JOIN reversals ON reversal_seq = fill.seq LEFT JOIN fills AS reversed ON reversed.seq = reversed_seq
    WHERE fill.venue_code = ANY(${columnOf(venues, (venue) => venue)}::text[])
      AND fill.fill_id = ANY(${columnOf(ids, (id) => id)}::text[])
      AND fill.trade_part::text = ANY(${[...PARTS_OF[what]]}::text[])`;
  return rows.map(({ venue, id, reversed, at }) => {
    return { venue, id, content: reversed === null ? '' : [reversed, at.getTime()].join('|') };
  });
}
