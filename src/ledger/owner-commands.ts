/**
 * Owner commands: traders change their own accounts, and the venue's engine changes what it keeps for them. One account,
 * one transaction, all or nothing.
 */
import { transact, type Transaction } from '../platform/database/database.js';
import { doOnce, type IdempotentRequest } from '../platform/idempotency.js';
import { isUuid } from '../platform/ids.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { keyReused, problemOfKey } from '../policy/versions/problems.js';
import { accountNotFound, inOwnLane, lookAgain, type LedgerParts, type Refusal } from './ledger-checks.js';
import { writeAccounts } from './account-writes.js';
import { lockAccounts, type LockedAccount } from './locked-accounts.js';

/** An account as its trader or the venue's own systems name it. */
export interface CommandedAccount {
  readonly accountId: string;
  /** Null: named by the venue's own systems, which may change any account. */
  readonly owner: string | null;
}

/** An account as its trader names it. An account of another owner is treated as missing. */
export interface OwnAccount extends CommandedAccount {
  readonly owner: string;
}

/** Changes the locked account in memory, or refuses; then nothing is written. */
export type AccountChange = (locked: LockedAccount, tx: Transaction) => Refusal | null | Promise<Refusal | null>;

/** The refusal of a mutation of an account that is not there, or not the trader's. */
const NO_SUCH_ACCOUNT = accountNotFound(['accountId']);

type CommandParts = Pick<LedgerParts, 'db' | 'bus' | 'rulebook' | 'lanes'>;

/** Changes an account. A change without effect leaves the version as it is. */
export async function commandAccount(
  parts: CommandParts,
  own: CommandedAccount,
  now: Date,
  change: AccountChange,
): Promise<readonly Refusal[]> {
  const { db, bus, rulebook } = parts;
  const { refusal, changed } = await inOwnLane(parts, own, (wait) =>
    transact(db, (tx) => changeAccount(tx, rulebook, own, now, change), wait).catch(lookAgain(bus, [own])),
  );
  if (changed.length > 0) bus.emit('accounts', { ids: changed, cause: 'ACCOUNT' });
  return refusal === null ? [] : [refusal];
}

/** As `commandAccount`, for money: once by its key. `entry` is the number of the ledger entry, posted now or then. */
export async function moveFunds(
  parts: CommandParts,
  own: CommandedAccount,
  request: IdempotentRequest,
  now: Date,
  change: AccountChange,
): Promise<{ readonly entry: bigint | null; readonly refusals: readonly Refusal[] }> {
  const { db, bus, rulebook } = parts;
  const problem = problemOfKey(request.key);
  if (problem !== null) return { entry: null, refusals: [problem] };
  const move = async (tx: Transaction): Promise<{ made: string } | { refusals: Refusal[] }> => {
    const { refusal } = await changeAccount(tx, rulebook, own, now, change);
    if (refusal !== null) return { refusals: [refusal] };
    // The account is locked: its newest entry is the one just posted.
    const { seq } = await tx.ledgerEntry.findFirstOrThrow({
      where: { accountId: own.accountId },
      orderBy: { seq: 'desc' },
    });
    return { made: String(seq) };
  };
  const outcome = await inOwnLane(parts, own, (wait) =>
    doOnce(db, request, now, move, wait).catch(lookAgain(bus, [own])),
  );
  if (outcome.kind === 'refused') return { entry: null, refusals: outcome.refusals };
  if (outcome.kind === 'reused') return { entry: null, refusals: [keyReused()] };
  if (outcome.isNew) bus.emit('accounts', { ids: [own.accountId], cause: 'ACCOUNT' });
  return { entry: BigInt(outcome.made), refusals: [] };
}

async function changeAccount(
  tx: Transaction,
  rulebook: Rulebook,
  { accountId, owner }: CommandedAccount,
  now: Date,
  change: AccountChange,
): Promise<{ readonly refusal: Refusal | null; readonly changed: readonly string[] }> {
  const lockedAccounts = isUuid(accountId) ? await lockAccounts(tx, rulebook, [accountId], owner) : null;
  const locked = lockedAccounts?.get(accountId);
  if (locked === undefined) return { refusal: NO_SUCH_ACCOUNT, changed: [] };
  const refusal = await change(locked, tx);
  return { refusal, changed: refusal === null ? await writeAccounts(tx, [locked], now) : [] };
}
