/** What all commands that write to the ledger share: their parts, bounds, and refusals in the same words. */
import { decimal, type Decimal } from '../margin/decimal.js';
import type { PositionSide } from '../margin/model.js';
import { refuse, type RefusalOf } from '../margin/refusal.js';
import type { PriceBoard } from '../market/price-board.js';
import { NotRecordedError } from '../platform/database/database-errors.js';
import type { Wait } from '../platform/database/wait.js';
import type { Bus } from '../platform/events.js';
import { isUuid } from '../platform/ids.js';
import { LaneBusyError, type Lanes } from '../platform/lanes.js';
import type { Parts } from '../platform/parts.js';
import { isStorable } from '../platform/text.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import type { PolicyCode } from '../policy/versions/refusal.js';
import { lockRows } from './account-rows.js';
import { readAccounts, type Holdings, type KnownHoldings } from './records.js';

export const LEDGER_CODES = ['ACCOUNT_NOT_FOUND', 'FILL_NOT_FOUND', 'ORDERS_OUTDATED', 'ORDERS_REQUIRED'] as const;
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
  readonly lanes: Lanes;
}

/** What records reported events. */
export interface ReportingParts extends LedgerParts {
  readonly hotAccounts: KnownHoldings;
}

/** Other work held these accounts, or some of them, for too long. Nothing was recorded. */
export class AccountsBusyError extends Error {
  constructor(
    readonly accountIds: readonly string[],
    cause: unknown,
  ) {
    super('Other work held these accounts for too long; nothing was recorded.', { cause });
    this.name = 'AccountsBusyError';
  }
}

/**
 * Does work that locks accounts once all earlier work on them in this process has ended. Throws AccountsBusyError,
 * which names those that were held.
 *
 * @param viewer the trader whose writes are bounded; null: of the venue's or the server's own
 */
export async function inLanes<T>(
  { db, lanes }: Pick<LedgerParts, 'db' | 'lanes'>,
  accountIds: readonly string[],
  viewer: string | null,
  work: (wait: Wait) => Promise<T>,
): Promise<T> {
  try {
    return await lanes.run(accountIds, viewer, work);
  } catch (error) {
    if (error instanceof LaneBusyError && accountIds.length > 0) throw new AccountsBusyError(error.keys, error);
    if (error instanceof LaneBusyError) throw new NotRecordedError(error);
    if (!(error instanceof NotRecordedError) || accountIds.length === 0) throw error;
    const free = new Set((await lockRows(db, accountIds, null, true)).map(({ id }) => id));
    const held = accountIds.filter((id) => !free.has(id));
    throw new AccountsBusyError(held.length === 0 ? accountIds : held, error);
  }
}

/**
 * The same for an account as its trader names it. One that the trader does not own has no lane here: nobody waits for it,
 * or learns by it that there is one. Without an owner the venue's own systems name it.
 */
export async function inOwnLane<T>(
  parts: Pick<LedgerParts, 'db' | 'lanes'>,
  { accountId, owner }: { readonly accountId: string; readonly owner: string | null },
  work: (wait: Wait) => Promise<T>,
): Promise<T> {
  const [account] = isUuid(accountId) ? await readAccounts(parts.db, [accountId]) : [];
  const isTheirs = account !== undefined && (owner === null || account.owner === owner);
  return inLanes(parts, isTheirs ? [accountId] : [], owner, work);
}

export interface BatchResult {
  /** Items that are recorded now. */
  readonly recorded: number;
  /** Items that were recorded before, with the same content. */
  readonly alreadyKnown: number;
  readonly refusals: readonly Refusal[];
  /** What is to be said of items that are recorded now, each with its path. */
  readonly warnings: readonly Refusal[];
  /** Accounts that this batch changed. */
  readonly changed: readonly string[];
  /** What the accounts of its items hold after it. */
  readonly holdings: ReadonlyMap<string, Holdings>;
}

export const MAX_QUANTITY: Decimal = decimal('1e15');

const MAX_ID = 200;

/**
 * Tells caches to read these accounts again after an error, too: perhaps only the answer to the commit was lost. Callers
 * may have named what is no id, which no read would get over.
 */
export function lookAgain(bus: Bus, items: readonly { readonly accountId: string }[]): (error: unknown) => never {
  return (error) => {
    bus.emit('accounts', { ids: items.map(({ accountId }) => accountId).filter(isUuid), cause: 'ACCOUNT' });
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
