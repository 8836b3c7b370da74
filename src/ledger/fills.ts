/** Fills of the matching engine (rules: 1 and 6): facts, each taken once. */
import { toPlain, type Decimal } from '../margin/decimal.js';
import { applyFill } from '../margin/change/fill.js';
import { SETTLEMENT_ASSET, type PositionSide, type TradeSide } from '../margin/model.js';
import { refuse, type Refusal } from '../margin/refusal.js';
import { LARGEST_PRICE } from '../market/quote-check.js';
import type { LedgerKind } from '../platform/prisma/enums.js';
import type { InstrumentRecord, Rulebook } from '../policy/rulebook/rulebook.js';
import { LARGEST_QUANTITY, type BatchResult, type LedgerParts, type PositionRef } from './ledger-checks.js';
import type { OpenBook } from './locked-accounts.js';
import { bookAutoExchange } from './auto-exchange.js';
import { recordFacts, type BookedFact, type FactKind, type FieldOf } from './reported-events.js';
import { settingOf } from './records.js';

export interface NewFill {
  readonly fillId: string;
  readonly accountId: string;
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  readonly price: Decimal;
  /** Positive: paid by the account. */
  readonly fee: Decimal;
  readonly at: Date;
}

export interface FillsResult extends BatchResult {
  /** The open positions of the instruments that the recorded and the known fills are about. */
  readonly positions: readonly PositionRef[];
}

/**
 * Records each fill once, in the order of the list. Nothing is asked of the margin: a fill has happened. What it and its
 * fee leave owed past a threshold is exchanged before the next one.
 */
export async function recordFills(parts: LedgerParts, fills: readonly NewFill[], now: Date): Promise<FillsResult> {
  const { standing, ...result } = await recordFacts(parts, fills, now, () => fillKind(parts, now));
  return { ...result, positions: openPositions(standing) };
}

function fillKind(parts: LedgerParts, now: Date): FactKind<NewFill> {
  const { rulebook } = parts;
  const realized = new Map<NewFill, Decimal>();
  const instrumentOf = (fill: NewFill, { account }: OpenBook): InstrumentRecord | null =>
    rulebook.instrument(account.venue, fill.instrument);
  return {
    ...{ name: 'fill', list: 'fills', idField: 'fillId' },
    idOf: ({ fillId }) => fillId,
    contentOf,
    problemOf: (fill, book, field) => problemOfContent(fill, instrumentOf(fill, book), field),
    post: (fill, book, field) => {
      const effect = bookFill(fill, instrumentOf(fill, book) as InstrumentRecord, book, rulebook);
      if (effect.refusal !== null) {
        return { ...effect.refusal, field: field(fill.positionSide === null ? 'positionSide' : 'size') };
      }
      bookAutoExchange(book, fill.fillId, parts, now);
      realized.set(fill, effect.realizedPnl);
      return null;
    },
    readKnown: async (tx, venues, ids) => {
      const rows = await tx.fill.findMany({ where: { venueCode: { in: venues }, fillId: { in: ids } } });
      return rows.map((row) => {
        const numbers = [row.size, row.price, row.fee].map((number) => number.toFixed());
        const content = [row.accountId, row.instrument, row.side, row.positionSide, ...numbers, row.at.getTime()];
        return { venue: row.venueCode, id: row.fillId, content: content.join('|') };
      });
    },
    insert: async (tx, taken) => {
      const data = taken.map(({ fact, book }) => ({
        ...fact,
        venueCode: book.account.venue,
        positionSide: sideOf(fact, book),
        size: toPlain(fact.size),
        price: toPlain(fact.price),
        fee: toPlain(fact.fee),
        realizedPnl: toPlain(realized.get(fact) as Decimal),
        recordedAt: book.recordedAt(now),
      }));
      await tx.fill.createMany({ data });
    },
  };
}

function bookFill(
  fill: NewFill,
  instrument: InstrumentRecord,
  book: OpenBook,
  rulebook: Rulebook,
): { refusal: Refusal } | { refusal: null; realizedPnl: Decimal } {
  const effect = applyFill(book.state(rulebook), { ...fill, ...settingOf(book, instrument) });
  if (effect.refusal !== null) return effect;
  for (const position of effect.positions) book.setPosition(position);
  for (const change of effect.changes) {
    const cause = { kind: change.kind as LedgerKind, reference: fill.fillId, reportedAt: fill.at };
    book.post(SETTLEMENT_ASSET, change.quantity, cause);
  }
  return effect;
}

function problemOfContent(fill: NewFill, instrument: InstrumentRecord | null, field: FieldOf): Refusal | null {
  if (instrument === null) {
    const message = "There is no such instrument at the account's venue.";
    return { ...refuse('INSTRUMENT_NOT_FOUND', message), field: field('instrument') };
  }
  if (!fill.size.gt(0) || fill.size.gt(LARGEST_QUANTITY)) {
    return { ...refuse('INVALID_INPUT', 'Expected a size above 0, of at most 1e15.'), field: field('size') };
  }
  if (!fill.price.gt(0) || fill.price.gt(LARGEST_PRICE)) {
    return { ...refuse('INVALID_INPUT', 'Expected a price above 0, of at most 1e12.'), field: field('price') };
  }
  if (fill.fee.abs().gt(LARGEST_QUANTITY)) {
    return { ...refuse('INVALID_INPUT', 'Expected a fee of at most 1e15 either way.'), field: field('fee') };
  }
  return null;
}

function contentOf(fill: NewFill, book: OpenBook): string {
  const numbers = [fill.size, fill.price, fill.fee].map(toPlain);
  return [fill.accountId, fill.instrument, fill.side, sideOf(fill, book), ...numbers, fill.at.getTime()].join('|');
}

/** The side of a hedge counts only where there is one. */
function sideOf({ positionSide }: NewFill, { account }: OpenBook): PositionSide | null {
  return account.positionMode === 'HEDGE' ? positionSide : null;
}

function openPositions(standing: readonly BookedFact<NewFill>[]): PositionRef[] {
  const touched = new Set(standing.map(({ fact }) => `${fact.accountId}/${fact.instrument}`));
  return [...new Set(standing.map(({ book }) => book))].flatMap((book) =>
    [...book.positions.values()]
      .filter((position) => !position.size.isZero() && touched.has(`${book.account.id}/${position.instrument}`))
      .map(({ instrument, side }) => ({ accountId: book.account.id, instrument, side })),
  );
}
