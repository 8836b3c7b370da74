/**
 * What all that writes to the ledger has in common: its parts, its bounds, and what is refused in the same words.
 */
import { decimal, type Decimal } from '../margin/decimal.js';
import type { PositionSide } from '../margin/model.js';
import { refuse, type Refusal } from '../margin/refusal.js';
import type { PriceBoard } from '../market/price-board.js';
import { isAhead } from '../market/staleness.js';
import type { Bus } from '../platform/events.js';
import type { Database } from '../platform/database.js';
import { isStorable } from '../platform/text.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import type { AccountRecord } from './records.js';

/** What a position is known by, open or not. */
export interface PositionRef {
  readonly accountId: string;
  readonly instrument: string;
  readonly side: PositionSide;
}

/** What the ledger works with. */
export interface LedgerParts {
  readonly db: Database;
  readonly rulebook: Rulebook;
  readonly board: PriceBoard;
  readonly bus: Bus;
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

export const MAX_QUANTITY: Decimal = decimal('1e15');

const MAX_ID = 200;

/**
 * For whoever keeps a copy of these accounts: they have to be looked at again after an error too, since what was lost
 * may have been nothing but the answer to the commit.
 */
export function lookAgain(bus: Bus, items: readonly { readonly accountId: string }[]): (error: unknown) => never {
  return (error) => {
    bus.emit('accounts', { ids: items.map(({ accountId }) => accountId), cause: 'ACCOUNT' });
    throw error;
  };
}

export function problemOfId(id: string, field: readonly string[]): Refusal | null {
  if (id.length >= 1 && id.length <= MAX_ID && isStorable(id)) return null;
  const message = `Expected an id of 1 to ${MAX_ID} characters without NUL or half a surrogate pair.`;
  return { ...refuse('INVALID_INPUT', message), field };
}

export function problemOfInstant(at: Date, now: Date, field: readonly string[]): Refusal | null {
  if (at.getTime() < 0) return { ...refuse('INVALID_INPUT', 'Expected an instant after 1970.'), field };
  if (!isAhead(at.getTime(), now.getTime())) return null;
  const message = `${at.toISOString()} is more than a minute ahead of this server, which has ${now.toISOString()}.`;
  return { ...refuse('INVALID_INPUT', message), field };
}

export function accountNotFound(field: readonly string[]): Refusal {
  return { ...refuse('ACCOUNT_NOT_FOUND', 'There is no such account.'), field };
}

export function positionNotFound(field: readonly string[]): Refusal {
  return { ...refuse('POSITION_NOT_FOUND', 'There is no such open position.'), field };
}

export function reusedId(kind: string, account: AccountRecord, field: readonly string[]): Refusal {
  const message = `This ${kind} id was recorded at ${account.venue} before, with other content.`;
  return { ...refuse('IDEMPOTENCY_KEY_REUSED', message), field };
}
