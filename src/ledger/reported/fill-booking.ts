/** How a fill is booked to one account (rules: 1 and 6), whether it is reported by itself or as a side of a trade. */
import { notAccepted } from '../../margin/change/acceptance.js';
import { checkFee } from '../../margin/change/fee.js';
import { applyFill, feeAssetOf, type FillEffect } from '../../margin/change/fill.js';
import type { Decimal } from '../../margin/decimal.js';
import type { Policy, PositionSide, TradeSide } from '../../margin/model.js';
import { refuse, within } from '../../margin/refusal.js';
import type { FillKind } from '../../platform/prisma/enums.js';
import type { InstrumentRecord } from '../../policy/rulebook/rulebook.js';
import { bookAutoExchange } from '../auto-exchange.js';
import { problemOfAsset, problemOfFee, type LedgerParts, type Refusal } from '../ledger-checks.js';
import type { LockedAccount, NumberedFill } from '../locked-accounts.js';
import { rulesOf } from '../margin-state.js';
import {
  haveOrders,
  ordersOutdated,
  problemOfOrders,
  sideOf,
  takeOrders,
  type ReportedOrders,
} from '../open-orders.js';
import { settingOf } from '../records.js';
import type { NewFillRow } from './fill-rows.js';

/** What is an account's own in a fill or a trade. */
export interface FillTerms {
  readonly accountId: string;
  /** Required in hedge mode, and not looked at in one-way mode. */
  readonly positionSide: PositionSide | null;
  /** In units of the fee asset; positive: the account pays. */
  readonly fee: Decimal;
  /** Null, or left out: the settlement asset. */
  readonly feeAsset?: string | null;
  /** What it was at the venue; each kind is booked alike. */
  readonly kind: FillKind;
  /** What rests in the instrument after it, in hedge mode on its side; null or left out: not reported with it. */
  readonly openOrders?: ReportedOrders | null;
}

/** A fill, as one account takes part in it. */
export interface AccountFill extends FillTerms {
  readonly instrument: string;
  readonly side: TradeSide;
  readonly size: Decimal;
  readonly price: Decimal;
  readonly at: Date;
}

/** Why an account's own part is invalid, whatever the account holds. */
export function problemOfTerms(terms: FillTerms, { rulebook }: Pick<LedgerParts, 'rulebook'>): Refusal | null {
  if (terms.kind === 'REVERSAL') {
    return refuse('INVALID_INPUT', 'Expected what the fill was; a reversal is reported by `reverseFill`.', ['kind']);
  }
  return (
    problemOfFee(terms.fee, ['fee']) ??
    (terms.feeAsset == null ? null : problemOfAsset(terms.feeAsset, rulebook, ['feeAsset'])) ??
    (terms.openOrders == null ? null : problemOfOrders(terms.openOrders, ['openOrders']))
  );
}

/** All that identifies an account's own part; what rests is a state, and no part of it. */
export function contentOfTerms(
  terms: FillTerms,
  instrument: string,
  locked: LockedAccount,
  parts: Pick<LedgerParts, 'rulebook'>,
): string[] {
  const { accountId, fee, kind } = terms;
  const { settlementAsset } = instrumentOf(instrument, locked, parts);
  const feeAsset = feeAssetOf({ ...terms, settlementAsset });
  return [accountId, sideOf(terms, locked) ?? '', fee.toFixed(), feeAsset, kind];
}

/** `problemOf` of a kind has found it. */
function instrumentOf(
  symbol: string,
  { account }: LockedAccount,
  { rulebook }: Pick<LedgerParts, 'rulebook'>,
): InstrumentRecord {
  const instrument = rulebook.instrument(account.venue, symbol);
  if (instrument === null) throw new Error(`${account.venue} has no instrument ${symbol}.`);
  return instrument;
}

/** What the fill does to the account, before anything is posted, or why it is refused. */
export function effectOf(
  fill: AccountFill,
  locked: LockedAccount,
  parts: LedgerParts,
  now: Date,
): FillEffect | { readonly refusal: Refusal } {
  const instrument = instrumentOf(fill.instrument, locked, parts);
  const state = locked.state(parts.rulebook);
  const { market, policy } = rulesOf(locked.account, parts, now);
  const settled = { ...fill, settlementAsset: instrument.settlementAsset };
  const problem = checkFee(settled, state, market, policy) ?? lacksOrders(fill, locked, policy);
  if (problem !== null) return { refusal: problem };
  const effect = applyFill(state, { ...settled, ...settingOf(locked, instrument) });
  if (effect.refusal === null) return effect;
  return { refusal: within([fill.positionSide === null ? 'positionSide' : 'size'], effect.refusal) };
}

/**
 * Where orders count for maintenance margin, a fill that leaves out what still rests would count its order twice, and
 * alert the account for nothing (rules: 20). Null: it carries that, or no order is known there.
 */
function lacksOrders(fill: AccountFill, locked: LockedAccount, { openOrders }: Policy): Refusal | null {
  if (fill.openOrders != null || openOrders.maintenance === 'NONE' || !haveOrders(locked, fill)) return null;
  const message =
    'Orders count for maintenance margin at this venue, and some rest in the instrument: expected with the fill what ' +
    'rests after it.';
  return refuse('ORDERS_REQUIRED', message, ['openOrders']);
}

/** A fill that is posted: the row that is to be stored, and what is to be said of it. */
export interface PostedFill {
  readonly row: NewFillRow;
  readonly warnings: readonly Refusal[];
}

/** Posts the effect, exchanges debts past their thresholds, and takes what rests. */
export function postFill(
  { fillId, part }: Pick<NewFillRow, 'fillId' | 'part'>,
  fill: AccountFill,
  effect: FillEffect,
  locked: LockedAccount,
  parts: LedgerParts,
  now: Date,
): PostedFill {
  const numbered: NumberedFill = { seq: null };
  const { instrument, side, size, price, fee, kind, openOrders, at } = fill;
  const origin = { reference: fillId, instrument, fill: numbered };
  for (const position of effect.positions) locked.setPosition(position);
  for (const change of effect.changes) {
    locked.post(change.asset, change.quantity, { ...origin, kind: change.kind, reportedAt: at });
  }
  bookAutoExchange(locked, origin, parts, now);
  const warnings = effect.positions.some((position) => !position.size.isZero())
    ? unaccepted(fill, locked, parts, now)
    : [];
  if (openOrders != null && !takeOrders(locked, fill, openOrders)) {
    warnings.push(ordersOutdated(['openOrders', 'sequence']));
  }
  const row = {
    ...{ numbered, fillId, part, locked, instrument, side, size, price, fee, kind, at },
    positionSide: sideOf(fill, locked),
    feeAsset: feeAssetOf({ ...fill, settlementAsset: instrumentOf(instrument, locked, parts).settlementAsset }),
    realizedPnl: effect.realizedPnl,
  };
  return { row, warnings };
}

/** A fill is a fact, also where nothing may be opened (rules: 16). */
function unaccepted({ instrument }: AccountFill, { account }: LockedAccount, parts: LedgerParts, now: Date): Refusal[] {
  const policy = parts.rulebook.policy(account.venue, account.chain, now);
  const refusal = notAccepted([instrument], account, policy);
  return refusal === null ? [] : [within(['instrument'], refusal)];
}
