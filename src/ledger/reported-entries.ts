/**
 * Other entries that the venue reports: funding, liquidation fees, insurance, earn, corrections. Each is taken once.
 */
import { toPlain, type Decimal } from '../margin/decimal.js';
import { SETTLEMENT_ASSET } from '../margin/model.js';
import { refuse } from '../margin/refusal.js';
import { bookOnMargin } from '../margin/change/settle-isolated.js';
import type { LedgerKind } from '../platform/prisma/enums.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import {
  positionNotFound,
  problemOfAsset,
  problemOfChange,
  type BatchResult,
  type LedgerParts,
  type PositionRef,
  type Refusal,
} from './ledger-checks.js';
import type { LockedAccount } from './locked-accounts.js';
import { bookAutoExchange } from './auto-exchange.js';
import { recordEvents, type ReportedEventKind } from './reported-events.js';
import { positionKey, settingOf } from './records.js';

/** This server makes entries of all other kinds itself. */
export const REPORTED_KINDS: readonly LedgerKind[] = ['FUNDING', 'LIQUIDATION_FEE', 'INSURANCE', 'EARN', 'ADJUSTMENT'];

export interface NewEntry {
  readonly entryId: string;
  readonly accountId: string;
  /** The isolated position whose margin changes; null: the balance changes. */
  readonly position: PositionRef | null;
  readonly asset: string;
  /** Positive: the account gains. */
  readonly quantity: Decimal;
  readonly kind: LedgerKind;
  readonly at: Date;
}

/** Records each entry once, in the order of the list. */
export async function recordLedgerEntries(
  parts: LedgerParts,
  entries: readonly NewEntry[],
  now: Date,
): Promise<BatchResult> {
  return recordEvents(parts, entries, now, () => entryKind(parts, now));
}

function entryKind(parts: LedgerParts, now: Date): ReportedEventKind<NewEntry> {
  const { rulebook } = parts;
  return {
    ...{ name: 'entry', list: 'entries', idField: 'entryId' },
    idOf: ({ entryId }) => entryId,
    contentOf,
    problemOf: (entry) => problemOfContent(entry, rulebook),
    post: (entry, locked) => {
      const refusal = bookEntry(entry, locked, rulebook);
      if (refusal === null) bookAutoExchange(locked, entry.entryId, parts, now);
      return refusal;
    },
    readKnown: async (tx, venues, ids) => {
      const rows = await tx.reportedEntry.findMany({ where: { venueCode: { in: venues }, entryId: { in: ids } } });
      return rows.map(({ venueCode, entryId, accountId, instrument, side, assetSymbol, quantity, kind, at }) => {
        const where = instrument === null || side === null ? null : `${accountId}/${positionKey(instrument, side)}`;
        const content = [accountId, where, assetSymbol, quantity.toFixed(), kind, at.getTime()].join('|');
        return { venue: venueCode, id: entryId, content };
      });
    },
    insert: async (tx, taken) => {
      const data = taken.map(({ event: { position, asset, quantity, ...entry }, locked }) => ({
        ...entry,
        venueCode: locked.account.venue,
        instrument: position?.instrument ?? null,
        side: position?.side ?? null,
        assetSymbol: asset,
        quantity: toPlain(quantity),
        recordedAt: locked.recordedAt(now),
      }));
      await tx.reportedEntry.createMany({ data });
    },
  };
}

/** Posts to the balance, or to the margin of the named position. The insurance fund pays what that margin lacks. */
function bookEntry(
  { entryId, position, asset, quantity, kind, at }: NewEntry,
  locked: LockedAccount,
  rulebook: Rulebook,
): Refusal | null {
  const cause = { reference: entryId, reportedAt: at };
  if (position === null) {
    locked.post(asset, quantity, { ...cause, kind });
    return null;
  }
  const held = locked.positions.get(positionKey(position.instrument, position.side));
  const instrument = rulebook.instrument(locked.account.venue, position.instrument);
  if (position.accountId !== locked.account.id || held === undefined || held.size.isZero() || instrument === null) {
    return positionNotFound(['positionId']);
  }
  if (settingOf(locked, instrument).marginMode === 'CROSS') {
    const message = 'The position is in cross margin: leave `positionId` out to book on the balance.';
    return refuse('ISOLATED_ONLY', message, ['positionId']);
  }
  const settled = bookOnMargin(held.isolatedMargin, quantity);
  locked.post(asset, quantity, { ...cause, kind });
  if (!settled.outOfMargin.isZero()) locked.post(asset, settled.outOfMargin, { ...cause, kind: 'MARGIN_ADJUSTMENT' });
  if (!settled.insurance.isZero()) locked.post(asset, settled.insurance, { ...cause, kind: 'INSURANCE' });
  locked.setPosition({ ...held, isolatedMargin: settled.margin });
  return null;
}

function problemOfContent(entry: NewEntry, rulebook: Rulebook): Refusal | null {
  if (!REPORTED_KINDS.includes(entry.kind)) {
    const message = `Expected one of ${REPORTED_KINDS.join(', ')}, got ${entry.kind}, which this server books itself.`;
    return refuse('INVALID_INPUT', message, ['kind']);
  }
  const unknown = problemOfAsset(entry.asset, rulebook, ['asset']);
  if (unknown !== null) return unknown;
  if (entry.position !== null && entry.asset !== SETTLEMENT_ASSET) {
    const message = `Isolated margin is held in ${SETTLEMENT_ASSET} only: leave \`positionId\` out, or book ${SETTLEMENT_ASSET}.`;
    return refuse('INVALID_INPUT', message, ['asset']);
  }
  return problemOfChange(entry.quantity, ['quantity']);
}

function contentOf({ accountId, position, asset, quantity, kind, at }: NewEntry): string {
  const where = position === null ? null : `${position.accountId}/${positionKey(position.instrument, position.side)}`;
  return [accountId, where, asset, toPlain(quantity), kind, at.getTime()].join('|');
}
