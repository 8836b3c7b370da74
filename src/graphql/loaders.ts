/** Batching: what a request asks for many times is read once, for all that it asks it of. */
import DataLoader from 'dataloader';

import type { LedgerParts } from '../ledger/batch.js';
import {
  readFillPages,
  readFills,
  readLedgerEntries,
  readLedgerPages,
  type FillRecord,
  type HistoryPage,
  type LedgerEntryRecord,
} from '../ledger/history.js';
import { marginState, type MarginState } from '../ledger/margin-state.js';
import { readHoldings, type Holdings } from '../ledger/records.js';
import { decimal, type Decimal } from '../margin/decimal.js';
import { platformUsed } from '../policy/ratio-change.js';
import type { RatioVersion } from '../policy/ratio-version.js';

export interface Loaders {
  /** By account id; null where there is none. */
  readonly holdings: DataLoader<string, Holdings | null>;
  readonly margin: DataLoader<string, MarginState | null>;
  readonly platformUsed: DataLoader<RatioVersion, Decimal>;
  readonly ledgerPage: DataLoader<HistoryPage, LedgerEntryRecord[]>;
  readonly fillPage: DataLoader<HistoryPage, FillRecord[]>;
  readonly ledgerEntry: DataLoader<bigint, LedgerEntryRecord | null>;
  readonly fill: DataLoader<bigint, FillRecord | null>;
}

export function createLoaders({ db, rulebook, board }: LedgerParts, now: Date): Loaders {
  const holdings = new DataLoader<string, Holdings | null>(async (ids) => {
    const found = await readHoldings(db, ids);
    return ids.map((id) => found.get(id) ?? null);
  });
  return {
    holdings,
    margin: new DataLoader(async (ids) => {
      const found = await holdings.loadMany(ids);
      return found.map((held) => {
        if (held === null || held instanceof Error) return held;
        return marginState(held, rulebook, board, now);
      });
    }),
    platformUsed: new DataLoader(async (versions) => {
      const used = await platformUsed(db, versions);
      return versions.map(({ id }) => decimal(used.get(id) ?? 0));
    }),
    ledgerPage: new DataLoader((pages) => readLedgerPages(db, pages)),
    fillPage: new DataLoader((pages) => readFillPages(db, pages)),
    ledgerEntry: new DataLoader(async (seqs) => {
      const found = new Map((await readLedgerEntries(db, seqs)).map((entry) => [entry.seq, entry]));
      return seqs.map((seq) => found.get(seq) ?? null);
    }),
    fill: new DataLoader(async (seqs) => {
      const found = new Map((await readFills(db, seqs)).map((fill) => [fill.seq, fill]));
      return seqs.map((seq) => found.get(seq) ?? null);
    }),
  };
}
