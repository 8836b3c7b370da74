/** Fills of the matching engine (rules: 1 and 6): reported events, each taken once. */
import { toPlain } from '../../margin/decimal.js';
import { problemOfPrice } from '../../market/quote-check.js';
import { columnOf } from '../../platform/database/columns.js';
import type { Transaction } from '../../platform/database/database.js';
import {
  instrumentNotFound,
  problemOfSize,
  type LedgerParts,
  type Refusal,
  type ReportingParts,
} from '../ledger-checks.js';
import type { LockedAccount } from '../locked-accounts.js';
import { ONE_ACCOUNT, type KnownEvent, type ReportedEventKind } from './event-kind.js';
import { ReportedEvents, type ReportedEventsResult } from './events.js';
import {
  contentOfTerms,
  effectOf,
  postFill,
  problemOfTerms,
  type AccountFill,
  type PostedFill,
} from './fill-booking.js';
import { insertFills } from './fill-rows.js';

export interface NewFill extends AccountFill {
  readonly fillId: string;
}

const FILLS = new ReportedEvents<NewFill>(ONE_ACCOUNT, (parts, now) => fillKind(parts, now));

/**
 * Records each fill once, in the order of the list. Margin is not checked: a fill has happened. A debt past its
 * threshold after a fill and its fee is exchanged before the next fill.
 */
export async function recordFills(
  parts: ReportingParts,
  fills: readonly NewFill[],
  now: Date,
): Promise<ReportedEventsResult<NewFill>> {
  return FILLS.record(parts, fills, now);
}

function fillKind(parts: LedgerParts, now: Date): ReportedEventKind<NewFill> {
  const posted = new Map<NewFill, PostedFill>();
  return {
    ...{ name: 'fill', list: 'fills', idField: 'fillId' },
    idOf: ({ fillId }) => fillId,
    contentOf: (fill, locked) => contentOf(fill, locked, parts),
    problemOf: (fill, locked) => problemOfContent(fill, locked, parts),
    post: (fill, locked) => {
      const effect = effectOf(fill, locked, parts, now);
      if (effect.refusal !== null) return effect.refusal;
      const stored = { fillId: fill.fillId, part: 'NONE' } as const;
      posted.set(fill, postFill(stored, fill, effect, locked, parts, now));
      return null;
    },
    warningsOf: (fill) => posted.get(fill)?.warnings ?? [],
    readKnown: readFillsOf,
    insert: (tx, taken) =>
      insertFills(
        tx,
        taken.map(({ event }) => (posted.get(event) as PostedFill).row),
        now,
      ),
  };
}

async function readFillsOf(tx: Transaction, venues: readonly string[], ids: readonly string[]): Promise<KnownEvent[]> {
  const rows = await tx.$queryRaw<(Record<string, string | null> & { venue: string; id: string; at: Date })[]>`
    SELECT venue_code AS venue, fill_id AS id, account_id::text AS account, instrument, side::text AS side,
      position_side::text AS "positionSide", trim_scale(size)::text AS size, trim_scale(price)::text AS price,
      trim_scale(fee)::text AS fee, fee_asset AS "feeAsset", kind::text AS kind, at
    FROM fills
    WHERE venue_code = ANY(${columnOf(venues, (venue) => venue)}::text[])
      AND fill_id = ANY(${columnOf(ids, (id) => id)}::text[]) AND trade_part = 'NONE'`;
  return rows.map(({ venue, id, account, instrument, side, positionSide, size, price, fee, feeAsset, kind, at }) => {
    const content = [instrument, side, size, price, at.getTime(), account, positionSide, fee, feeAsset, kind];
    return { venue, id, content: content.join('|') };
  });
}

function problemOfContent(fill: NewFill, { account }: LockedAccount, parts: LedgerParts): Refusal | null {
  if (parts.rulebook.instrument(account.venue, fill.instrument) === null) return instrumentNotFound(['instrument']);
  return (
    problemOfSize(fill.size, 'size', ['size']) ?? problemOfPrice(fill.price, ['price']) ?? problemOfTerms(fill, parts)
  );
}

function contentOf(fill: NewFill, locked: LockedAccount, parts: LedgerParts): string {
  const { instrument, side, size, price, at } = fill;
  const shared = [instrument, side, toPlain(size), toPlain(price), at.getTime()];
  return [...shared, ...contentOfTerms(fill, instrument, locked, parts)].join('|');
}
