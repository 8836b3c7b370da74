/** Fills of the matching engine (rules: 1 and 6): facts, each taken once. */
import { toPlain, type Decimal } from '../margin/decimal.js';
import { applyFill } from '../margin/fill.js';
import { SETTLEMENT_ASSET, type PositionSide, type TradeSide } from '../margin/model.js';
import { refuse, type Refusal } from '../margin/refusal.js';
import { transact, type Transaction } from '../platform/database.js';
import { isUuid } from '../platform/ids.js';
import type { LedgerKind } from '../platform/prisma/enums.js';
import type { InstrumentRecord, Rulebook } from '../policy/rulebook.js';
import {
  LARGEST_PRICE,
  LARGEST_QUANTITY,
  accountNotFound,
  lookAgain,
  problemOfId,
  problemOfInstant,
  reusedId,
  type BatchResult,
  type LedgerParts,
  type PositionRef,
} from './batch.js';
import { openBooks, writeBooks, type OpenBook } from './books.js';
import { bookAutoExchange } from './exchange.js';
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

interface TakenFill extends NewFill {
  readonly venue: string;
  readonly realizedPnl: Decimal;
}

/**
 * Records each fill once, in the order of the list. Nothing is asked of the margin: a fill has happened. What it and its
 * fee leave owed past a threshold is exchanged before the next one.
 */
export async function recordFills(parts: LedgerParts, fills: readonly NewFill[], now: Date): Promise<FillsResult> {
  const { db, rulebook, bus } = parts;
  const result = await transact(db, async (tx): Promise<FillsResult> => {
    const ids = new Set(fills.map((fill) => fill.accountId).filter(isUuid));
    const books = await openBooks(tx, [...ids]);
    const known = await readKnown(tx, fills, books);
    const refusals: Refusal[] = [];
    const taken: TakenFill[] = [];
    const touched = new Set<string>();
    let alreadyKnown = 0;
    for (const [index, fill] of fills.entries()) {
      const field = (name: string): string[] => ['input', 'fills', String(index), name];
      const book = books.get(fill.accountId);
      const instrument = book === undefined ? null : rulebook.instrument(book.account.venue, fill.instrument);
      const problem =
        problemOfId(fill.fillId, field('fillId')) ??
        (book === undefined ? accountNotFound(field('accountId')) : null) ??
        problemOfContent(fill, instrument, now, field);
      if (book === undefined || instrument === null || problem !== null) {
        if (problem !== null) refusals.push(problem);
        continue;
      }
      const key = `${book.account.venue}/${fill.fillId}`;
      const before = known.get(key);
      if (before !== undefined && before !== contentOf(fill, book)) {
        refusals.push(reusedId('fill', book.account, field('fillId')));
        continue;
      }
      touched.add(`${fill.accountId}/${fill.instrument}`);
      if (before !== undefined) {
        alreadyKnown += 1;
        continue;
      }
      const effect = bookFill(fill, instrument, book, rulebook);
      if (effect.refusal !== null) {
        refusals.push({ ...effect.refusal, field: field(fill.positionSide === null ? 'positionSide' : 'size') });
        continue;
      }
      bookAutoExchange(book, fill.fillId, parts, now);
      known.set(key, contentOf(fill, book));
      taken.push({ ...fill, venue: book.account.venue, realizedPnl: effect.realizedPnl });
    }
    await insertFills(tx, taken, books, now);
    const changed = await writeBooks(tx, books.values(), now);
    return { recorded: taken.length, alreadyKnown, refusals, changed, positions: openPositions(books, touched) };
  }).catch(lookAgain(bus, fills));
  if (result.changed.length > 0) bus.emit('accounts', result.changed);
  return result;
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

function problemOfContent(
  fill: NewFill,
  instrument: InstrumentRecord | null,
  now: Date,
  field: (name: string) => string[],
): Refusal | null {
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
  return problemOfInstant(fill.at, now, field('at'));
}

/** All that makes a fill the same fill, in one line; the side of a hedge is looked at only where there is one. */
function contentOf(fill: Omit<NewFill, 'fillId'>, book: OpenBook): string {
  const positionSide = book.account.positionMode === 'HEDGE' ? fill.positionSide : null;
  const numbers = [fill.size, fill.price, fill.fee].map(toPlain);
  return [fill.accountId, fill.instrument, fill.side, positionSide, ...numbers, fill.at.getTime()].join('|');
}

async function readKnown(
  tx: Transaction,
  fills: readonly NewFill[],
  books: ReadonlyMap<string, OpenBook>,
): Promise<Map<string, string>> {
  const venues = [...new Set([...books.values()].map((book) => book.account.venue))];
  const ids = fills.map((fill) => fill.fillId).filter((id) => problemOfId(id, []) === null);
  const rows = await tx.fill.findMany({ where: { venueCode: { in: venues }, fillId: { in: ids } } });
  return new Map(
    rows.map((row) => {
      const numbers = [row.size, row.price, row.fee].map((number) => number.toFixed());
      const content = [row.accountId, row.instrument, row.side, row.positionSide, ...numbers, row.at.getTime()];
      return [`${row.venueCode}/${row.fillId}`, content.join('|')];
    }),
  );
}

async function insertFills(
  tx: Transaction,
  taken: readonly TakenFill[],
  books: ReadonlyMap<string, OpenBook>,
  recordedAt: Date,
): Promise<void> {
  if (taken.length === 0) return;
  await tx.fill.createMany({
    data: taken.map(({ venue, ...fill }) => ({
      ...fill,
      venueCode: venue,
      positionSide: books.get(fill.accountId)?.account.positionMode === 'HEDGE' ? fill.positionSide : null,
      size: toPlain(fill.size),
      price: toPlain(fill.price),
      fee: toPlain(fill.fee),
      realizedPnl: toPlain(fill.realizedPnl),
      recordedAt,
    })),
  });
}

function openPositions(books: ReadonlyMap<string, OpenBook>, touched: ReadonlySet<string>): PositionRef[] {
  return [...books.values()].flatMap((book) =>
    [...book.positions.values()]
      .filter((position) => !position.size.isZero() && touched.has(`${book.account.id}/${position.instrument}`))
      .map(({ instrument, side }) => ({ accountId: book.account.id, instrument, side })),
  );
}
