/** Owner commands: traders change their own accounts. One account, one transaction, all or nothing. */
import { transact, type Transaction } from '../platform/database.js';
import { doOnce, type IdempotentRequest } from '../platform/idempotency.js';
import { isUuid } from '../platform/ids.js';
import type { Parts } from '../platform/parts.js';
import { keyReused, problemOfKey } from '../policy/versions/problems.js';
import { accountNotFound, lookAgain, type Refusal } from './ledger-checks.js';
import { lockAccounts, writeAccounts, type LockedAccount } from './locked-accounts.js';

/** An account as its trader names it. An account of another owner is treated as missing. */
export interface OwnAccount {
  readonly accountId: string;
  readonly owner: string;
}

/** Changes the locked account in memory, or refuses; then nothing is written. */
export type AccountChange = (locked: LockedAccount, tx: Transaction) => Refusal | null | Promise<Refusal | null>;

/** The refusal of a mutation of an account that the trader does not have. */
const NO_SUCH_ACCOUNT = accountNotFound(['accountId']);

/**
 * Changes an account. A change without effect leaves the version as it is.
 *
 * @param prepare runs before the account is locked, for locks that come first
 */
export async function changeOwnAccount(
  { db, bus }: Pick<Parts, 'db' | 'bus'>,
  own: OwnAccount,
  now: Date,
  change: AccountChange,
  prepare: (tx: Transaction) => Promise<void> = () => Promise.resolve(),
): Promise<readonly Refusal[]> {
  const { refusal, changed } = await transact(db, async (tx) => {
    await prepare(tx);
    return changeAccount(tx, own, now, change);
  }).catch(lookAgain(bus, [own]));
  if (changed.length > 0) bus.emit('accounts', { ids: changed, cause: 'ACCOUNT' });
  return refusal === null ? [] : [refusal];
}

/** As `changeOwnAccount`, for money: once by its key. `entry` is the number of the ledger entry, posted now or then. */
export async function moveFunds(
  { db, bus }: Pick<Parts, 'db' | 'bus'>,
  own: OwnAccount,
  request: IdempotentRequest,
  now: Date,
  change: AccountChange,
): Promise<{ readonly entry: bigint | null; readonly refusals: readonly Refusal[] }> {
  const problem = problemOfKey(request.key);
  if (problem !== null) return { entry: null, refusals: [problem] };
  const outcome = await doOnce<Refusal>(db, request, now, async (tx) => {
    const { refusal } = await changeAccount(tx, own, now, change);
    if (refusal !== null) return { refusals: [refusal] };
    // The account is locked: its newest entry is the one just posted.
    const { seq } = await tx.ledgerEntry.findFirstOrThrow({
      where: { accountId: own.accountId },
      orderBy: { seq: 'desc' },
    });
    return { made: String(seq) };
  }).catch(lookAgain(bus, [own]));
  if (outcome.kind === 'refused') return { entry: null, refusals: outcome.refusals };
  if (outcome.kind === 'reused') return { entry: null, refusals: [keyReused()] };
  if (outcome.isNew) bus.emit('accounts', { ids: [own.accountId], cause: 'ACCOUNT' });
  return { entry: BigInt(outcome.made), refusals: [] };
}

async function changeAccount(
  tx: Transaction,
  { accountId, owner }: OwnAccount,
  now: Date,
  change: AccountChange,
): Promise<{ readonly refusal: Refusal | null; readonly changed: readonly string[] }> {
  const lockedAccounts = isUuid(accountId) ? await lockAccounts(tx, [accountId], owner) : null;
  const locked = lockedAccounts?.get(accountId);
  if (locked === undefined) return { refusal: NO_SUCH_ACCOUNT, changed: [] };
  const refusal = await change(locked, tx);
  return { refusal, changed: refusal === null ? await writeAccounts(tx, [locked], now) : [] };
}
