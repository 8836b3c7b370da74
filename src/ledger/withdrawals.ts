/**
 * Withdrawals: money that traders move themselves, out of an account, and in and out of isolated margin (rules: 6 and
 * 8).
 */
import { assessMargin } from '../margin/state/assess.js';
import type { Decimal } from '../margin/decimal.js';
import { checkMarginAdjustment } from '../margin/change/isolated.js';
import { within } from '../margin/refusal.js';
import { checkTransferOut } from '../margin/solve/transferable.js';
import type { IdempotentRequest } from '../platform/idempotency.js';
import { uuidv7 } from '../platform/ids.js';
import {
  positionNotFound,
  problemOfAsset,
  problemOfChange,
  problemOfSize,
  type LedgerParts,
  type PositionRef,
  type Refusal,
} from './ledger-checks.js';
import { rulesOf } from './margin-state.js';
import { moveFunds, type CommandedAccount, type OwnAccount } from './owner-commands.js';
import { positionKey } from './records.js';

export interface Withdrawal extends OwnAccount {
  readonly asset: string;
  /** In units of the asset, above 0. */
  readonly quantity: Decimal;
}

export interface MarginAdjustment extends PositionRef, CommandedAccount {
  /** In the settlement asset; positive: into the margin. */
  readonly quantity: Decimal;
}

export interface MovedFunds {
  /** Number of the ledger entry; null if refused. */
  readonly entry: bigint | null;
  readonly refusals: readonly Refusal[];
}

/** At most what is transferable may leave, exact to the 18th digit. The ledger entry is the record. */
export function withdraw(
  parts: LedgerParts,
  own: Withdrawal,
  request: IdempotentRequest,
  now: Date,
): Promise<MovedFunds> {
  return moveFunds(parts, own, request, now, (locked) => {
    const problem =
      problemOfAsset(own.asset, parts.rulebook, ['asset']) ?? problemOfSize(own.quantity, 'quantity', ['quantity']);
    if (problem !== null) return problem;
    const { market, policy } = rulesOf(locked.account, parts, now);
    const refusal = checkTransferOut(own.asset, own.quantity, locked.state(parts.rulebook), market, policy);
    if (refusal !== null) return within(['quantity'], refusal);
    locked.post(own.asset, own.quantity.negated(), {
      kind: 'WITHDRAWAL',
      reference: `withdrawal:${uuidv7()}`,
      reportedAt: null,
    });
    return null;
  });
}

/** Leverage stays. The position's greatest loss and its liquidation price follow the margin. */
export async function adjustPositionMargin(
  parts: LedgerParts,
  own: MarginAdjustment,
  request: IdempotentRequest,
  now: Date,
): Promise<MovedFunds> {
  const field = ['positionId'];
  const moved = await moveFunds(parts, own, request, now, (locked) => {
    const key = positionKey(own.instrument, own.side);
    const position = locked.positions.get(key);
    const { market, policy } = rulesOf(locked.account, parts, now);
    const state = locked.state(parts.rulebook);
    const report = assessMargin(state, market, policy).positions.find(
      ({ instrument, side }) => positionKey(instrument, side) === key,
    );
    if (position === undefined || report === undefined) return positionNotFound(field);
    const problem = problemOfChange(own.quantity, ['quantity']);
    if (problem !== null) return problem;
    const refusal = checkMarginAdjustment(report, own.quantity, state, market, policy);
    if (refusal !== null) return within(refusal.code === 'ISOLATED_ONLY' ? field : ['quantity'], refusal);
    locked.post(report.settlementAsset, own.quantity.negated(), {
      kind: 'MARGIN_ADJUSTMENT',
      reference: `position:${key}`,
      instrument: own.instrument,
      reportedAt: null,
    });
    locked.setPosition({ ...position, isolatedMargin: position.isolatedMargin.plus(own.quantity) });
    return null;
  });
  // The input names a position: a missing account means a missing position.
  const refusals = moved.refusals.map((refusal) =>
    refusal.code === 'ACCOUNT_NOT_FOUND' ? positionNotFound(field) : refusal,
  );
  return { ...moved, refusals };
}
