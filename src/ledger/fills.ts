/** Fills of the matching engine (rules: 1 and 6): reported events, each taken once. */
import { toPlain, type Decimal } from '../margin/decimal.js';
import { applyFill } from '../margin/change/fill.js';
import { SETTLEMENT_ASSET, type PositionSide, type TradeSide } from '../margin/model.js';
import { within } from '../margin/refusal.js';
import { problemOfPrice } from '../market/quote-check.js';
import type { LedgerKind } from '../platform/prisma/enums.js';
import type { InstrumentRecord, Rulebook } from '../policy/rulebook/rulebook.js';
import {
  instrumentNotFound,
  problemOfFee,
  problemOfSize,
  type BatchResult,
  type LedgerParts,
  type PositionRef,
  type Refusal,
} from './ledger-checks.js';
import type { LockedAccount } from './locked-accounts.js';
import { bookAutoExchange } from './auto-exchange.js';
import { recordEvents, type BookedEvent, type ReportedEventKind } from './reported-events.js';
import { settingOf } from './records.js';

export interface NewFill {
  readonly fillId: string;
  readonly accountId: string;
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  readonly price: Decimal;
  /** Positive: the account pays. */
  readonly fee: Decimal;
  readonly at: Date;
}

export interface FillsResult extends BatchResult {
  /** Open positions in the instruments of the recorded and the known fills. */
  readonly positions: readonly PositionRef[];
}

/**
 * Records each fill once, in the order of the list. Margin is not checked: a fill has happened. A debt past its
 * threshold after a fill and its fee is exchanged before the next fill.
 */
export async function recordFills(parts: LedgerParts, fills: readonly NewFill[], now: Date): Promise<FillsResult> {
  const { standing, ...result } = await recordEvents(parts, fills, now, () => fillKind(parts, now));
  return { ...result, positions: openPositions(standing) };
}

function fillKind(parts: LedgerParts, now: Date): ReportedEventKind<NewFill> {
  const { rulebook } = parts;
  const realized = new Map<NewFill, Decimal>();
  const instrumentOf = (fill: NewFill, { account }: LockedAccount): InstrumentRecord | null =>
    rulebook.instrument(account.venue, fill.instrument);
  return {
    ...{ name: 'fill', list: 'fills', idField: 'fillId' },
    idOf: ({ fillId }) => fillId,
    contentOf,
    problemOf: (fill, locked) => problemOfContent(fill, instrumentOf(fill, locked)),
    post: (fill, locked) => {
      const effect = bookFill(fill, instrumentOf(fill, locked) as InstrumentRecord, locked, rulebook);
      if (effect.refusal !== null) {
        return within([fill.positionSide === null ? 'positionSide' : 'size'], effect.refusal);
      }
      bookAutoExchange(locked, fill.fillId, parts, now);
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
      const data = taken.map(({ event, locked }) => ({
        ...event,
        venueCode: locked.account.venue,
        positionSide: sideOf(event, locked),
        size: toPlain(event.size),
        price: toPlain(event.price),
        fee: toPlain(event.fee),
        realizedPnl: toPlain(realized.get(event) as Decimal),
        recordedAt: locked.recordedAt(now),
      }));
      await tx.fill.createMany({ data });
    },
  };
}

function bookFill(
  fill: NewFill,
  instrument: InstrumentRecord,
  locked: LockedAccount,
  rulebook: Rulebook,
): { refusal: Refusal } | { refusal: null; realizedPnl: Decimal } {
  const effect = applyFill(locked.state(rulebook), { ...fill, ...settingOf(locked, instrument) });
  if (effect.refusal !== null) return effect;
  for (const position of effect.positions) locked.setPosition(position);
  for (const change of effect.changes) {
    const cause = { kind: change.kind as LedgerKind, reference: fill.fillId, reportedAt: fill.at };
    locked.post(SETTLEMENT_ASSET, change.quantity, cause);
  }
  return effect;
}

function problemOfContent(fill: NewFill, instrument: InstrumentRecord | null): Refusal | null {
  if (instrument === null) return instrumentNotFound(['instrument']);
  return (
    problemOfSize(fill.size, 'size', ['size']) ??
    problemOfPrice(fill.price, ['price']) ??
    problemOfFee(fill.fee, ['fee'])
  );
}

function contentOf(fill: NewFill, locked: LockedAccount): string {
  const numbers = [fill.size, fill.price, fill.fee].map(toPlain);
  return [fill.accountId, fill.instrument, fill.side, sideOf(fill, locked), ...numbers, fill.at.getTime()].join('|');
}

/** The position side counts only in hedge mode. */
function sideOf({ positionSide }: NewFill, { account }: LockedAccount): PositionSide | null {
  return account.positionMode === 'HEDGE' ? positionSide : null;
}

function openPositions(standing: readonly BookedEvent<NewFill>[]): PositionRef[] {
  const touched = new Set(standing.map(({ event }) => `${event.accountId}/${event.instrument}`));
  return [...new Set(standing.map(({ locked }) => locked))].flatMap((locked) =>
    [...locked.positions.values()]
      .filter((position) => !position.size.isZero() && touched.has(`${locked.account.id}/${position.instrument}`))
      .map(({ instrument, side }) => ({ accountId: locked.account.id, instrument, side })),
  );
}
