/** Trades between two accounts of a venue: one fact of two sides, both recorded or neither (rules: 25). */
import { toPlain, type Decimal } from '../../margin/decimal.js';
import { refuse, within } from '../../margin/refusal.js';
import { problemOfPrice } from '../../market/quote-check.js';
import { columnOf } from '../../platform/database/columns.js';
import type { Transaction } from '../../platform/database/database.js';
import {
  accountNotFound,
  instrumentNotFound,
  problemOfSize,
  type BatchResult,
  type LedgerParts,
  type Refusal,
  type ReportingParts,
} from '../ledger-checks.js';
import type { LockedAccount } from '../locked-accounts.js';
import type { EventAccounts, KnownEvent, ReportedEventKind } from './event-kind.js';
import { ReportedEvents } from './events.js';
import {
  contentOfTerms,
  effectOf,
  postFill,
  problemOfTerms,
  type AccountFill,
  type PostedFill,
  type FillTerms,
} from './fill-booking.js';
import { insertFills } from './fill-rows.js';

export interface NewTrade {
  readonly tradeId: string;
  readonly instrument: string;
  readonly size: Decimal;
  readonly price: Decimal;
  readonly buyer: FillTerms;
  readonly seller: FillTerms;
  readonly at: Date;
}

interface Sides {
  readonly buyer: LockedAccount;
  readonly seller: LockedAccount;
}

const SIDES = ['buyer', 'seller'] as const;
type Side = (typeof SIDES)[number];
const SIDE_OF = { buyer: 'BUY', seller: 'SELL' } as const;
const PART_OF = { buyer: 'BUYER', seller: 'SELLER' } as const;

const BUYER_AND_SELLER: EventAccounts<NewTrade, Sides> = {
  idsOf: ({ buyer, seller }) => [buyer.accountId, seller.accountId],
  lockedOf: (trade, lockedAccounts) => {
    const [buyer, seller] = SIDES.map((side) => lockedAccounts.get(trade[side].accountId));
    if (buyer === undefined) return { refusal: accountNotFound(accountOf('buyer')) };
    if (seller === undefined) return { refusal: accountNotFound(accountOf('seller')) };
    if (buyer !== seller) return { locked: { buyer, seller } };
    const message = 'Expected two accounts, got the same one on both sides.';
    return { refusal: refuse('INVALID_INPUT', message, accountOf('seller')) };
  },
  venueOf: ({ buyer }) => buyer.account.venue,
};

const TRADES = new ReportedEvents<NewTrade, Sides>(BUYER_AND_SELLER, (parts, now) => tradeKind(parts, now));

/**
 * Records each trade once, on both sides or on neither, in the order of the list. What one side bought the other sold, so
 * that the sizes of a trade add up to 0. Margin is not checked: a trade has happened.
 */
export async function recordTrades(
  parts: ReportingParts,
  trades: readonly NewTrade[],
  now: Date,
): Promise<BatchResult> {
  return TRADES.record(parts, trades, now);
}

function tradeKind(parts: LedgerParts, now: Date): ReportedEventKind<NewTrade, Sides> {
  const posted = new Map<NewTrade, readonly PostedFill[]>();
  return {
    ...{ name: 'trade', list: 'trades', idField: 'tradeId' },
    idOf: ({ tradeId }) => tradeId,
    contentOf: (trade, sides) => contentOf(trade, sides, parts),
    problemOf: (trade, sides) => problemOfContent(trade, sides, parts),
    post: (trade, sides) => {
      const booked: (() => PostedFill)[] = [];
      for (const side of SIDES) {
        const [fill, locked] = [fillOf(trade, side), sides[side]];
        const effect = effectOf(fill, locked, parts, now);
        if (effect.refusal !== null) return ofSide(side, effect.refusal);
        const stored = { fillId: trade.tradeId, part: PART_OF[side] };
        booked.push(() => postFill(stored, fill, effect, locked, parts, now));
      }
      // Once neither side refuses.
      posted.set(
        trade,
        booked.map((post) => post()),
      );
      return null;
    },
    warningsOf: (trade) =>
      (posted.get(trade) ?? []).flatMap(({ warnings }, place) =>
        warnings.map((warning) => ofSide(SIDES[place] as Side, warning)),
      ),
    readKnown: readTradesOf,
    insert: async (tx, taken) => {
      const stored = taken.flatMap(({ event }) => (posted.get(event) ?? []).map(({ row }) => row));
      return Math.floor((await insertFills(tx, stored, now)) / SIDES.length);
    },
  };
}

/** Both sides have one size: where a side of a hedge holds less, that side is at fault. */
function ofSide(side: Side, refusal: Refusal): Refusal {
  return refusal.field?.[0] === 'size' ? { ...refusal, field: [side, 'positionSide'] } : within([side], refusal);
}

function accountOf(side: Side): readonly string[] {
  return [side, 'accountId'];
}

function fillOf({ instrument, size, price, at, ...trade }: NewTrade, side: Side): AccountFill {
  return { instrument, size, price, at, ...trade[side], side: SIDE_OF[side] };
}

function problemOfContent(trade: NewTrade, sides: Sides, parts: LedgerParts): Refusal | null {
  for (const side of SIDES) {
    const problem = problemOfTerms(trade[side], parts);
    if (problem !== null) return within([side], problem);
  }
  return (
    problemOfPlace(trade, sides, parts) ??
    problemOfSize(trade.size, 'size', ['size']) ??
    problemOfPrice(trade.price, ['price'])
  );
}

/** Why the two accounts cannot trade in the instrument. */
function problemOfPlace({ instrument }: NewTrade, sides: Sides, { rulebook }: LedgerParts): Refusal | null {
  const lacking = SIDES.filter((side) => rulebook.instrument(sides[side].account.venue, instrument) === null);
  const [side] = lacking;
  if (lacking.length > 1) return instrumentNotFound(['instrument']);
  if (side !== undefined) return instrumentNotFound(accountOf(side));
  const [buyers, sellers] = SIDES.map((each) => sides[each].account.venue);
  if (buyers === sellers) return null;
  const message = `Expected an account of ${buyers}, as the buyer is; got one of ${sellers}.`;
  return refuse('INVALID_INPUT', message, accountOf('seller'));
}

function contentOf(trade: NewTrade, sides: Sides, parts: LedgerParts): string {
  const { instrument, size, price, at } = trade;
  const shared = [instrument, toPlain(size), toPlain(price), at.getTime()];
  return [...shared, ...SIDES.flatMap((side) => contentOfTerms(trade[side], instrument, sides[side], parts))].join('|');
}

async function readTradesOf(tx: Transaction, venues: readonly string[], ids: readonly string[]): Promise<KnownEvent[]> {
  const rows = await tx.$queryRaw<
    { venue: string; id: string; shared: string[]; at: Date; buyer: string[]; seller: string[] }[]
  >`
    SELECT venue_code AS venue, fill_id AS id, buyer.at,
      ARRAY[buyer.instrument, trim_scale(buyer.size)::text, trim_scale(buyer.price)::text] AS shared,
      ARRAY[buyer.account_id::text, COALESCE(buyer.position_side::text, ''), trim_scale(buyer.fee)::text,
        buyer.fee_asset, buyer.kind::text] AS buyer,
      ARRAY[seller.account_id::text, COALESCE(seller.position_side::text, ''), trim_scale(seller.fee)::text,
        seller.fee_asset, seller.kind::text] AS seller
    FROM fills AS buyer JOIN fills AS seller USING (venue_code, fill_id)
    WHERE venue_code = ANY(${columnOf(venues, (venue) => venue)}::text[])
      AND fill_id = ANY(${columnOf(ids, (id) => id)}::text[])
      AND buyer.trade_part = 'BUYER' AND seller.trade_part = 'SELLER'`;
  return rows.map(({ venue, id, shared, at, buyer, seller }) => {
    return { venue, id, content: [...shared, at.getTime(), ...buyer, ...seller].join('|') };
  });
}
