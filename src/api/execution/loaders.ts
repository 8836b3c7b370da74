/** Batching: what a request asks for many times is read once, for all that it asks it of. */
import DataLoader from 'dataloader';

import { readAlertRules, readAlertRulesOf, type AlertRuleRecord } from '../../risk/alerts/alert-rules.js';
import { findByExternalIds, type ExternalAccount } from '../../ledger/accounts.js';
import { marginsAt, type MarginAt, type PastAccount } from '../../ledger/margin-at.js';
import type { LedgerParts } from '../../ledger/ledger-checks.js';
import {
  readFillPages,
  readFills,
  readLedgerEntries,
  readLedgerPages,
  readReversals,
  type FillRecord,
  type FillReversal,
  type HistoryPage,
  type LedgerEntryRecord,
} from '../../ledger/history.js';
import { marginState, type MarginState } from '../../ledger/margin-state.js';
import { platformUsed } from '../../ledger/platform-caps.js';
import type { Holdings } from '../../ledger/records.js';
import { decimal, type Decimal } from '../../margin/decimal.js';
import {
  countUnacknowledged,
  readAlertPages,
  readAlerts,
  readLastAlert,
  type AlertPage,
  type AlertRecord,
} from '../../risk/alerts/alert-records.js';
import { pageKey } from '../../platform/database/sequence-pages.js';
import type { HotAccounts } from '../../risk/engine/hot-accounts.js';
import { yieldIfBusy } from '../../platform/yielding.js';
import type { RatioVersion } from '../../policy/versions/ratio-version.js';

export interface Loaders {
  /** By account id; null where there is none. */
  readonly holdings: DataLoader<string, Holdings | null>;
  readonly margin: DataLoader<string, MarginState | null>;
  /** Ids of accounts; null where there is none. */
  readonly externalId: DataLoader<ExternalAccount, string | null, string>;
  readonly marginAt: DataLoader<PastAccount, MarginAt, string>;
  readonly platformUsed: DataLoader<RatioVersion, Decimal>;
  readonly ledgerPage: DataLoader<HistoryPage, LedgerEntryRecord[], string>;
  readonly fillPage: DataLoader<HistoryPage, FillRecord[], string>;
  readonly ledgerEntry: DataLoader<bigint, LedgerEntryRecord | null>;
  readonly fill: DataLoader<bigint, FillRecord | null>;
  /** By number of a fill. */
  readonly reversal: DataLoader<bigint, FillReversal>;
  readonly alertPage: DataLoader<AlertPage, AlertRecord[], string>;
  readonly alert: DataLoader<bigint, AlertRecord | null>;
  /** How many of an account's alerts nobody has acknowledged. */
  readonly unacknowledged: DataLoader<string, number>;
  /** The number of the last alert, read once. */
  readonly lastAlert: () => Promise<bigint>;
  /** By account id. */
  readonly alertRules: DataLoader<string, AlertRuleRecord[]>;
  readonly alertRule: DataLoader<string, AlertRuleRecord | null>;
}

type LoaderParts = LedgerParts & { readonly clock: () => number; readonly hotAccounts: Pick<HotAccounts, 'read'> };

/** @param now when the request began; what it computes itself, such as an impact, may be of a later instant */
export function createLoaders(parts: LoaderParts, now: Date): Loaders {
  const { db, rulebook, board, clock, hotAccounts } = parts;
  const holdings = new DataLoader<string, Holdings | null>(async (ids) => {
    const found = await hotAccounts.read(ids);
    return ids.map((id) => found.get(id) ?? null);
  });
  let lastAlert: Promise<bigint> | null = null;
  return {
    holdings,
    margin: new DataLoader(async (ids) => {
      const found = await holdings.loadMany(ids);
      const states: (MarginState | Error | null)[] = [];
      for (const held of found) {
        await yieldIfBusy();
        states.push(held === null || held instanceof Error ? held : marginState(held, rulebook, board, now));
      }
      return states;
    }),
    externalId: new DataLoader<ExternalAccount, string | null, string>((named) => findByExternalIds(db, named), {
      cacheKeyFn: ({ venue, externalId, visibleTo }) => JSON.stringify([venue, externalId, visibleTo]),
    }),
    marginAt: new DataLoader<PastAccount, MarginAt, string>(
      (asked) => marginsAt(parts, asked, new Date(Math.max(clock(), now.getTime()))),
      {
        cacheKeyFn: ({ account, at }) => `${account.id} ${at.getTime()}`,
      },
    ),
    platformUsed: new DataLoader(async (versions) => {
      const used = await platformUsed(db, versions);
      return versions.map(({ id }) => decimal(used.get(id) ?? 0));
    }),
    ledgerPage: new DataLoader<HistoryPage, LedgerEntryRecord[], string>((pages) => readLedgerPages(db, pages), {
      cacheKeyFn: (page) => pageKey(page, page.accountId, page.filter),
    }),
    fillPage: new DataLoader<HistoryPage, FillRecord[], string>((pages) => readFillPages(db, pages), {
      cacheKeyFn: (page) => pageKey(page, page.accountId, page.filter),
    }),
    ledgerEntry: new DataLoader(async (seqs) => {
      const found = new Map((await readLedgerEntries(db, seqs)).map((entry) => [entry.seq, entry]));
      return seqs.map((seq) => found.get(seq) ?? null);
    }),
    fill: new DataLoader(async (seqs) => {
      const found = new Map((await readFills(db, seqs)).map((fill) => [fill.seq, fill]));
      return seqs.map((seq) => found.get(seq) ?? null);
    }),
    reversal: new DataLoader((seqs) => readReversals(db, seqs)),
    alertPage: new DataLoader<AlertPage, AlertRecord[], string>((pages) => readAlertPages(db, pages), {
      cacheKeyFn: (page) => pageKey(page, page.accountId, page.choice),
    }),
    alert: new DataLoader(async (seqs) => {
      const found = new Map((await readAlerts(db, seqs)).map((alert) => [alert.seq, alert]));
      return seqs.map((seq) => found.get(seq) ?? null);
    }),
    unacknowledged: new DataLoader((accountIds) => countUnacknowledged(db, accountIds)),
    lastAlert: () => (lastAlert ??= readLastAlert(db)),
    alertRules: new DataLoader(async (accountIds) => {
      const found = await readAlertRulesOf(db, accountIds);
      return accountIds.map((id) => found.filter(({ accountId }) => accountId === id));
    }),
    alertRule: new DataLoader(async (ids) => {
      const found = new Map((await readAlertRules(db, ids)).map((rule) => [rule.id, rule]));
      return ids.map((id) => found.get(id) ?? null);
    }),
  };
}
