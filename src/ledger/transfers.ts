/** Deposits and withdrawals that began elsewhere (rules: 8). */
import { ZERO, toPlain, type Decimal } from '../margin/decimal.js';
import { refuse, type Refusal } from '../margin/refusal.js';
import { checkTransferOut } from '../margin/transferable.js';
import { transact, type Transaction } from '../platform/database.js';
import { isUuid } from '../platform/ids.js';
import { ratioKey, type RatioVersion } from '../policy/ratio-version.js';
import type { Rulebook } from '../policy/rulebook.js';
import {
  LARGEST_QUANTITY,
  accountNotFound,
  lookAgain,
  problemOfId,
  problemOfInstant,
  reusedId,
  type BatchResult,
  type LedgerParts,
} from './batch.js';
import { openBooks, writeBooks, type OpenBook } from './books.js';
import { rulesOf } from './margin-state.js';
import { CapRoom, cappedRatios, lockCaps } from './platform-caps.js';
import { readAccounts } from './records.js';

export interface NewTransfer {
  readonly transferId: string;
  readonly accountId: string;
  readonly asset: string;
  /** Positive: in; negative: out. */
  readonly quantity: Decimal;
  readonly at: Date;
}

interface KnownTransfer {
  readonly accountId: string;
  readonly asset: string;
  readonly quantity: string;
  readonly at: number;
}

/**
 * Records each transfer once. A deposit is a fact, but for the platform-wide caps; a withdrawal has to leave what the
 * positions need. A refused transfer is not remembered: its id may come again.
 */
export async function recordTransfers(
  parts: LedgerParts,
  transfers: readonly NewTransfer[],
  now: Date,
): Promise<BatchResult> {
  const { db, rulebook, bus } = parts;
  const result = await transact(db, async (tx): Promise<BatchResult> => {
    const ids = [...new Set(transfers.map((transfer) => transfer.accountId).filter(isUuid))];
    const capped = await cappedByDeposits(tx, transfers, rulebook, now);
    await lockCaps(tx, capped);
    const books = await openBooks(tx, ids);
    const room = await CapRoom.read(tx, capped);
    const known = await readKnown(tx, transfers, books);
    const refusals: Refusal[] = [];
    const taken: NewTransfer[] = [];
    let alreadyKnown = 0;
    for (const [index, transfer] of transfers.entries()) {
      const field = (name: string): string[] => ['input', 'transfers', String(index), name];
      const book = books.get(transfer.accountId);
      const problem =
        problemOfId(transfer.transferId, field('transferId')) ??
        (book === undefined ? accountNotFound(field('accountId')) : null) ??
        problemOfContent(transfer, rulebook, now, field);
      if (book === undefined || problem !== null) {
        if (problem !== null) refusals.push(problem);
        continue;
      }
      const key = `${book.account.venue}/${transfer.transferId}`;
      const before = known.get(key);
      if (before !== undefined) {
        if (isSame(before, transfer)) alreadyKnown += 1;
        else refusals.push(reusedId('transfer', book.account, field('transferId')));
        continue;
      }
      const refusal = transfer.quantity.isNegative()
        ? refusalOfOut(transfer, book, parts, now)
        : room.checkDeposit(book, transfer.asset, transfer.quantity, rulebook);
      if (refusal !== null) {
        refusals.push({ ...refusal, field: field('quantity') });
        continue;
      }
      room.use(book, transfer.asset, transfer.quantity);
      book.post(transfer.asset, transfer.quantity, {
        kind: transfer.quantity.isNegative() ? 'WITHDRAWAL' : 'DEPOSIT',
        reference: transfer.transferId,
        reportedAt: transfer.at,
      });
      known.set(key, { ...transfer, quantity: toPlain(transfer.quantity), at: transfer.at.getTime() });
      taken.push(transfer);
    }
    await insertTransfers(tx, taken, books, now);
    const changed = await writeBooks(tx, books.values(), now);
    return { recorded: taken.length, alreadyKnown, refusals, changed };
  }).catch(lookAgain(bus, transfers));
  if (result.changed.length > 0) bus.emit('accounts', result.changed);
  return result;
}

function problemOfContent(
  transfer: NewTransfer,
  rulebook: Rulebook,
  now: Date,
  field: (name: string) => string[],
): Refusal | null {
  if (!rulebook.assets.has(transfer.asset)) {
    return { ...refuse('ASSET_NOT_FOUND', 'There is no such asset.'), field: field('asset') };
  }
  if (transfer.quantity.isZero() || transfer.quantity.abs().gt(LARGEST_QUANTITY)) {
    const message = 'Expected a quantity other than 0, of at most 1e15 either way.';
    return { ...refuse('INVALID_INPUT', message), field: field('quantity') };
  }
  return problemOfInstant(transfer.at, now, field('at'));
}

function refusalOfOut(transfer: NewTransfer, book: OpenBook, parts: LedgerParts, now: Date): Refusal | null {
  const { market, policy } = rulesOf(book.account, parts, now);
  return checkTransferOut(transfer.asset, transfer.quantity.negated(), book.state(parts.rulebook), market, policy);
}

/** The capped ratios that the deposits can fill up. Venue and chain never change: they are read before the locks. */
async function cappedByDeposits(
  tx: Transaction,
  transfers: readonly NewTransfer[],
  rulebook: Rulebook,
  now: Date,
): Promise<RatioVersion[]> {
  const assets = [...new Set(transfers.filter(({ quantity }) => quantity.gt(ZERO)).map(({ asset }) => asset))];
  const ratios = assets.flatMap((asset) => cappedRatios(rulebook, now, { asset }));
  if (ratios.length === 0) return [];
  const ids = [...new Set(transfers.map(({ accountId }) => accountId).filter(isUuid))];
  const accounts = new Map((await readAccounts(tx, ids)).map((account) => [account.id, account]));
  const keys = new Set(
    transfers.flatMap(({ accountId, asset }) => {
      const account = accounts.get(accountId);
      return account === undefined ? [] : [ratioKey(account.venue, account.chain, asset)];
    }),
  );
  return ratios.filter((ratio) => keys.has(ratio.ratioKey));
}

function isSame(known: KnownTransfer, transfer: NewTransfer): boolean {
  return (
    known.accountId === transfer.accountId &&
    known.asset === transfer.asset &&
    known.quantity === toPlain(transfer.quantity) &&
    known.at === transfer.at.getTime()
  );
}

/** What was recorded under these ids, at the venues of these accounts. */
async function readKnown(
  tx: Transaction,
  transfers: readonly NewTransfer[],
  books: ReadonlyMap<string, OpenBook>,
): Promise<Map<string, KnownTransfer>> {
  const venues = [...new Set([...books.values()].map((book) => book.account.venue))];
  const ids = transfers.map((transfer) => transfer.transferId).filter((id) => problemOfId(id, []) === null);
  const rows = await tx.transfer.findMany({ where: { venueCode: { in: venues }, transferId: { in: ids } } });
  return new Map(
    rows.map((row) => [
      `${row.venueCode}/${row.transferId}`,
      { accountId: row.accountId, asset: row.assetSymbol, quantity: row.quantity.toFixed(), at: row.at.getTime() },
    ]),
  );
}

async function insertTransfers(
  tx: Transaction,
  taken: readonly NewTransfer[],
  books: ReadonlyMap<string, OpenBook>,
  recordedAt: Date,
): Promise<void> {
  if (taken.length === 0) return;
  await tx.transfer.createMany({
    data: taken.map((transfer) => ({
      venueCode: (books.get(transfer.accountId) as OpenBook).account.venue,
      transferId: transfer.transferId,
      accountId: transfer.accountId,
      assetSymbol: transfer.asset,
      quantity: toPlain(transfer.quantity),
      at: transfer.at,
      recordedAt,
    })),
  });
}
