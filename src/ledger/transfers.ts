/** Deposits and withdrawals that other systems report (rules: 8). */
import { ZERO, toPlain, type Decimal } from '../margin/decimal.js';
import { within } from '../margin/refusal.js';
import { checkTransferOut } from '../margin/solve/transferable.js';
import type { Transaction } from '../platform/database.js';
import { isUuid } from '../platform/ids.js';
import { ratioKey, type RatioVersion } from '../policy/versions/ratio-version.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { problemOfAsset, problemOfChange, type BatchResult, type LedgerParts, type Refusal } from './ledger-checks.js';
import type { LockedAccount } from './locked-accounts.js';
import { recordEvents, type ReportedEventKind } from './reported-events.js';
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

/**
 * Records each transfer once. A deposit is refused only by platform-wide caps. A withdrawal must leave what the
 * positions need. A refused transfer is not stored: its id may come again.
 */
export async function recordTransfers(
  parts: LedgerParts,
  transfers: readonly NewTransfer[],
  now: Date,
): Promise<BatchResult> {
  let capped: readonly RatioVersion[] = [];
  return recordEvents(
    parts,
    transfers,
    now,
    async (tx) => transferKind(parts, now, await CapRoom.read(tx, capped)),
    async (tx) => {
      capped = await cappedByDeposits(tx, transfers, parts.rulebook, now);
      await lockCaps(tx, capped);
    },
  );
}

function transferKind(parts: LedgerParts, now: Date, room: CapRoom): ReportedEventKind<NewTransfer> {
  const { rulebook } = parts;
  return {
    ...{ name: 'transfer', list: 'transfers', idField: 'transferId' },
    idOf: ({ transferId }) => transferId,
    contentOf: ({ accountId, asset, quantity, at }) => [accountId, asset, toPlain(quantity), at.getTime()].join('|'),
    problemOf: ({ asset, quantity }) =>
      problemOfAsset(asset, rulebook, ['asset']) ?? problemOfChange(quantity, ['quantity']),
    post: (transfer, locked) => {
      const { asset, quantity } = transfer;
      const isOut = quantity.isNegative();
      const refusal = isOut
        ? refusalOfOut(transfer, locked, parts, now)
        : room.checkDeposit(locked, asset, quantity, rulebook);
      if (refusal !== null) return within(['quantity'], refusal);
      room.use(locked, asset, quantity);
      const kind = isOut ? 'WITHDRAWAL' : 'DEPOSIT';
      locked.post(asset, quantity, { kind, reference: transfer.transferId, reportedAt: transfer.at });
      return null;
    },
    readKnown: async (tx, venues, ids) => {
      const rows = await tx.transfer.findMany({ where: { venueCode: { in: venues }, transferId: { in: ids } } });
      return rows.map(({ venueCode, transferId, accountId, assetSymbol, quantity, at }) => {
        const content = [accountId, assetSymbol, quantity.toFixed(), at.getTime()].join('|');
        return { venue: venueCode, id: transferId, content };
      });
    },
    insert: async (tx, taken) => {
      const data = taken.map(({ event: { asset, quantity, ...transfer }, locked }) => ({
        ...transfer,
        venueCode: locked.account.venue,
        assetSymbol: asset,
        quantity: toPlain(quantity),
        recordedAt: locked.recordedAt(now),
      }));
      await tx.transfer.createMany({ data });
    },
  };
}

function refusalOfOut(transfer: NewTransfer, locked: LockedAccount, parts: LedgerParts, now: Date): Refusal | null {
  const { market, policy } = rulesOf(locked.account, parts, now);
  return checkTransferOut(transfer.asset, transfer.quantity.negated(), locked.state(parts.rulebook), market, policy);
}

/** Capped ratios that the deposits can fill up. Venue and chain never change, so they are read before the locks. */
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
