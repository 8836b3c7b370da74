/** Fills of the matching engine (rules: 1 and 6): reported events, each taken once. */
import { toPlain, type Decimal } from '../../margin/decimal.js';
import { checkFee } from '../../margin/change/fee.js';
import { applyFill, feeAssetOf } from '../../margin/change/fill.js';
import { COMMON_UNIT, type PositionSide, type TradeSide } from '../../margin/model.js';
import { settlementAssetOf } from '../../margin/state/settlement.js';
import { refuse, within } from '../../margin/refusal.js';
import { problemOfPrice } from '../../market/quote-check.js';
import { columnOf } from '../../platform/database/columns.js';
import type { Transaction } from '../../platform/database/database.js';
import type { FillKind, LedgerKind } from '../../platform/prisma/enums.js';
import type { InstrumentRecord, Rulebook } from '../../policy/rulebook/rulebook.js';
import {
  instrumentNotFound,
  problemOfAsset,
  problemOfFee,
  problemOfSize,
  type BatchResult,
  type LedgerParts,
  type Refusal,
  type ReportingParts,
} from '../ledger-checks.js';
import type { LockedAccount, NumberedFill } from '../locked-accounts.js';
import { haveOrders, ordersOutdated, problemOfOrders, takeOrders, type ReportedOrders } from '../open-orders.js';
import { bookAutoExchange } from '../auto-exchange.js';
import { ONE_ACCOUNT, type BookedEvent, type KnownEvent, type ReportedEventKind } from './event-kind.js';
import { ReportedEvents } from './events.js';
import { settingOf } from '../records.js';
import { rulesOf } from '../margin-state.js';

export interface NewFill {
  readonly fillId: string;
  readonly accountId: string;
  readonly instrument: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: Decimal;
  readonly price: Decimal;
  /** In units of the fee asset; positive: the account pays. */
  readonly fee: Decimal;
  /** Null, or left out: the settlement asset. */
  readonly feeAsset?: string | null;
  /** What it was at the venue; each kind is booked alike. */
  readonly kind: FillKind;
  /** What rests in its instrument after it, in hedge mode on its side; null or left out: not reported with it. */
  readonly openOrders?: ReportedOrders | null;
  readonly at: Date;
}

export interface FillsResult extends BatchResult {
  /** Fills recorded now or before. */
  readonly standing: readonly NewFill[];
  /** One for each fill whose open orders were not taken, since a later report is known, with its path. */
  readonly ignored: readonly Refusal[];
}

/** Fills whose open orders were outdated, in the last try of their transaction. */
const outdated = new WeakSet<NewFill>();

const FILLS = new ReportedEvents<NewFill>(ONE_ACCOUNT, (parts, now, { events }) => {
  // Of fills that this try finds recorded nothing is ignored.
  for (const fill of events) outdated.delete(fill);
  return fillKind(parts, now);
});

/**
 * Records each fill once, in the order of the list. Margin is not checked: a fill has happened. A debt past its
 * threshold after a fill and its fee is exchanged before the next fill.
 */
export async function recordFills(parts: ReportingParts, fills: readonly NewFill[], now: Date): Promise<FillsResult> {
  const result = await FILLS.record(parts, fills, now);
  const ignored = fills.flatMap((fill, index) =>
    outdated.has(fill) ? [ordersOutdated(['fills', `${index}`, 'openOrders', 'sequence'])] : [],
  );
  return { ...result, ignored };
}

function fillKind(parts: LedgerParts, now: Date): ReportedEventKind<NewFill> {
  const { rulebook } = parts;
  const effects = new Map<NewFill, BookedEffect>();
  const instrumentOf = (fill: NewFill, { account }: LockedAccount): InstrumentRecord | null =>
    rulebook.instrument(account.venue, fill.instrument);
  const feeAsset = (fill: NewFill, locked: LockedAccount): string => {
    const settlementAsset = instrumentOf(fill, locked)?.settlementAsset ?? COMMON_UNIT;
    return feeAssetOf({ feeAsset: fill.feeAsset ?? null, settlementAsset });
  };
  return {
    ...{ name: 'fill', list: 'fills', idField: 'fillId' },
    idOf: ({ fillId }) => fillId,
    contentOf: (fill, locked) => contentOf(fill, locked, feeAsset(fill, locked)),
    problemOf: (fill, locked) => problemOfContent(fill, instrumentOf(fill, locked), feeAsset(fill, locked), rulebook),
    post: (fill, locked) => {
      const { market, policy } = rulesOf(locked.account, parts, now);
      const settled = { ...fill, settlementAsset: settlementAssetOf(fill.instrument, policy) };
      const feeProblem = checkFee(settled, locked.state(rulebook), market, policy);
      if (feeProblem !== null) return feeProblem;
      const lacking = lacksOrders(fill, locked, parts, now);
      if (lacking !== null) return lacking;
      const effect = bookFill(fill, instrumentOf(fill, locked) as InstrumentRecord, locked, rulebook);
      if (effect.refusal !== null) {
        return within([fill.positionSide === null ? 'positionSide' : 'size'], effect.refusal);
      }
      const { numbered } = effect;
      bookAutoExchange(locked, { reference: fill.fillId, instrument: fill.instrument, fill: numbered }, parts, now);
      effects.set(fill, effect);
      if (fill.openOrders != null && !takeOrders(locked, fill, fill.openOrders)) outdated.add(fill);
      return null;
    },
    readKnown: readFillsOf,
    insert: (tx, taken) =>
      insertFills(
        tx,
        taken.map((booked) => ({
          ...booked,
          ...(effects.get(booked.event) as BookedEffect),
          feeAsset: feeAsset(booked.event, booked.locked),
        })),
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
      AND fill_id = ANY(${columnOf(ids, (id) => id)}::text[])`;
  return rows.map(({ venue, id, account, instrument, side, positionSide, size, price, fee, feeAsset, kind, at }) => {
    const content = [account, instrument, side, positionSide, size, price, fee, feeAsset, kind, at.getTime()];
    return { venue, id, content: content.join('|') };
  });
}

/** What a fill has come to, before its row is stored. */
interface BookedEffect {
  readonly realizedPnl: Decimal;
  readonly numbered: NumberedFill;
}

/** Numbers those that were not there, and returns how many these are. */
async function insertFills(
  tx: Transaction,
  booked: readonly (BookedEvent<NewFill> & BookedEffect & { readonly feeAsset: string })[],
  now: Date,
): Promise<number> {
  // Ordered, because the sequence numbers an account's fills.
  const inserted = await tx.$queryRaw<{ seq: bigint; venue: string; id: string }[]>`/* prepared */
    INSERT INTO fills (venue_code, fill_id, account_id, instrument, side, position_side, size, price, fee, fee_asset,
      realized_pnl, kind, at, recorded_at)
    SELECT venue_code, fill_id, account_id, instrument, side, position_side, size, price, fee, fee_asset, realized_pnl,
      kind, at, recorded_at
    FROM unnest(
      ${columnOf(booked, ({ locked }) => locked.account.venue)}::text[],
      ${columnOf(booked, ({ event }) => event.fillId)}::text[],
      ${columnOf(booked, ({ event }) => event.accountId)}::uuid[],
      ${columnOf(booked, ({ event }) => event.instrument)}::text[],
      ${columnOf(booked, ({ event }) => event.side)}::"TradeSide"[],
      ${columnOf(booked, ({ event, locked }) => sideOf(event, locked))}::"PositionSide"[],
      ${columnOf(booked, ({ event }) => toPlain(event.size))}::numeric[],
      ${columnOf(booked, ({ event }) => toPlain(event.price))}::numeric[],
      ${columnOf(booked, ({ event }) => toPlain(event.fee))}::numeric[],
      ${columnOf(booked, ({ feeAsset }) => feeAsset)}::text[],
      ${columnOf(booked, ({ realizedPnl }) => toPlain(realizedPnl))}::numeric[],
      ${columnOf(booked, ({ event }) => event.kind)}::"FillKind"[],
      ${columnOf(booked, ({ event }) => event.at.toISOString())}::timestamptz[],
      ${columnOf(booked, ({ locked }) => locked.recordedAt(now).toISOString())}::timestamptz[]
    ) WITH ORDINALITY AS row (venue_code, fill_id, account_id, instrument, side, position_side, size, price, fee,
      fee_asset, realized_pnl, kind, at, recorded_at, position)
    ORDER BY position
    ON CONFLICT DO NOTHING
    RETURNING seq, venue_code AS venue, fill_id AS id`;
  const numbers = new Map(inserted.map(({ seq, venue, id }) => [`${venue}/${id}`, seq]));
  for (const { event, locked, numbered } of booked) {
    numbered.seq = numbers.get(`${locked.account.venue}/${event.fillId}`) ?? null;
  }
  return inserted.length;
}

function bookFill(
  fill: NewFill,
  instrument: InstrumentRecord,
  locked: LockedAccount,
  rulebook: Rulebook,
): { refusal: Refusal } | ({ refusal: null } & BookedEffect) {
  const effect = applyFill(locked.state(rulebook), {
    ...fill,
    ...settingOf(locked, instrument),
    settlementAsset: instrument.settlementAsset,
  });
  if (effect.refusal !== null) return effect;
  const numbered: NumberedFill = { seq: null };
  const origin = { reference: fill.fillId, instrument: fill.instrument, fill: numbered };
  for (const position of effect.positions) locked.setPosition(position);
  for (const change of effect.changes) {
    const cause = { ...origin, kind: change.kind as LedgerKind, reportedAt: fill.at };
    locked.post(change.asset, change.quantity, cause);
  }
  return { refusal: null, realizedPnl: effect.realizedPnl, numbered };
}

function problemOfContent(
  fill: NewFill,
  instrument: InstrumentRecord | null,
  feeAsset: string,
  rulebook: Rulebook,
): Refusal | null {
  if (instrument === null) return instrumentNotFound(['instrument']);
  return (
    problemOfSize(fill.size, 'size', ['size']) ??
    problemOfPrice(fill.price, ['price']) ??
    problemOfFee(fill.fee, ['fee']) ??
    problemOfAsset(feeAsset, rulebook, ['feeAsset']) ??
    (fill.openOrders == null ? null : problemOfOrders(fill.openOrders, ['openOrders']))
  );
}

/**
 * Where orders count for maintenance margin, a fill that leaves out what still rests would count its order twice, and
 * alert the account for nothing (rules: 20). Null: it carries that, or no order is known there.
 */
function lacksOrders(fill: NewFill, locked: LockedAccount, { rulebook }: LedgerParts, now: Date): Refusal | null {
  if (fill.openOrders != null || !haveOrders(locked, fill)) return null;
  const { venue, chain } = locked.account;
  if (rulebook.policy(venue, chain, now).openOrders.maintenance === 'NONE') return null;
  const message =
    'Orders count for maintenance margin at this venue, and some rest in the instrument: expected with the fill what ' +
    'rests after it.';
  return refuse('ORDERS_REQUIRED', message, ['openOrders']);
}

function contentOf(fill: NewFill, locked: LockedAccount, feeAsset: string): string {
  const numbers = [fill.size, fill.price, fill.fee].map(toPlain);
  return [
    fill.accountId,
    fill.instrument,
    fill.side,
    sideOf(fill, locked),
    ...numbers,
    feeAsset,
    fill.kind,
    fill.at.getTime(),
  ].join('|');
}

/** The position side counts only in hedge mode. */
function sideOf({ positionSide }: NewFill, { account }: LockedAccount): PositionSide | null {
  return account.positionMode === 'HEDGE' ? positionSide : null;
}
