/** What all commands that write to the ledger share: their parts, bounds, and refusals in the same words. */
import { decimal, type Decimal } from '../margin/decimal.js';
import type { PositionSide } from '../margin/model.js';
import { refuse, type RefusalOf } from '../margin/refusal.js';
import type { PriceBoard } from '../market/price-board.js';
import type { Bus } from '../platform/events.js';
import type { Parts } from '../platform/parts.js';
import { isStorable } from '../platform/text.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import type { PolicyCode } from '../policy/versions/refusal.js';

export const LEDGER_CODES = ['ACCOUNT_NOT_FOUND', 'POSITION_NOT_FOUND'] as const;
export type LedgerCode = PolicyCode | (typeof LEDGER_CODES)[number];
export type Refusal = RefusalOf<LedgerCode>;

/** The key of a position, open or not. */
export interface PositionRef {
  readonly accountId: string;
  readonly instrument: string;
  readonly side: PositionSide;
}

/** What ledger commands work with. */
export interface LedgerParts extends Pick<Parts, 'db' | 'bus'> {
  readonly rulebook: Rulebook;
  readonly board: PriceBoard;
}

export interface BatchResult {
  /** Items that are recorded now. */
  readonly recorded: number;
  /** Items that were recorded before, with the same content. */
  readonly alreadyKnown: number;
  readonly refusals: readonly Refusal[];
  /** Accounts that this batch changed. */
  readonly changed: readonly string[];
}

const MAX_QUANTITY: Decimal = decimal('1e15');

const MAX_ID = 200;

/** Tells caches to read these accounts again after an error, too: perhaps only the answer to the commit was lost. */
export function lookAgain(bus: Bus, items: readonly { readonly accountId: string }[]): (error: unknown) => never {
  return (error) => {
    bus.emit('accounts', { ids: items.map(({ accountId }) => accountId), cause: 'ACCOUNT' });
    throw error;
  };
}

export function problemOfId(id: string, field: readonly string[]): Refusal | null {
  if (id.length >= 1 && id.length <= MAX_ID && isStorable(id)) return null;
  const message = `Expected an id of 1 to ${MAX_ID} characters without NUL or half a surrogate pair.`;
  return refuse('INVALID_INPUT', message, field);
}

export function accountNotFound(field: readonly string[]): Refusal {
  return refuse('ACCOUNT_NOT_FOUND', 'There is no such account.', field);
}

export function positionNotFound(field: readonly string[]): Refusal {
  return refuse('POSITION_NOT_FOUND', 'There is no such open position.', field);
}

export function instrumentNotFound(field: readonly string[]): Refusal {
  return refuse('INSTRUMENT_NOT_FOUND', "There is no such instrument at the account's venue.", field);
}

export function problemOfAsset(asset: string, rulebook: Rulebook, field: readonly string[]): Refusal | null {
  return rulebook.assets.has(asset) ? null : refuse('ASSET_NOT_FOUND', 'There is no such asset.', field);
}

/** Checks a signed quantity: a change of a balance or a margin. */
export function problemOfChange(quantity: Decimal, field: readonly string[]): Refusal | null {
  if (!quantity.isZero() && quantity.abs().lte(MAX_QUANTITY)) return null;
  return refuse('INVALID_INPUT', 'Expected a quantity other than 0, of at most 1e15 either way.', field);
}

/** Checks an unsigned quantity, whose direction stands beside it. */
export function problemOfSize(size: Decimal, name: 'size' | 'quantity', field: readonly string[]): Refusal | null {
  if (size.gt(0) && size.lte(MAX_QUANTITY)) return null;
  return refuse('INVALID_INPUT', `Expected a ${name} above 0, of at most 1e15.`, field);
}

export function problemOfFee(fee: Decimal, field: readonly string[]): Refusal | null {
  if (fee.abs().lte(MAX_QUANTITY)) return null;
  return refuse('INVALID_INPUT', 'Expected a fee of at most 1e15 either way.', field);
}
