/**
 * What this process follows of others by the database, at a pace; notices by Redis only make it sooner. And what each one
 * makes of all accounts at the same instants.
 */
import type { Services } from './api/execution/context.js';
import type { Histories } from './cluster/histories.js';
import type { Config } from './config.js';
import type { Closers } from './platform/closers.js';
import { AdlClock } from './jobs/adl-clock.js';
import { degraded, type Problems } from './platform/problems.js';
import { refreshRules, reloadRules } from './policy/rulebook/rule-events.js';
import { AccountFollower } from './risk/engine/account-follower.js';

interface Frame {
  readonly config: Config;
  readonly closers: Closers;
  readonly problems: Problems;
}

/** How often prices are looked at that have aged without a new one. */
const PRICE_REFRESH_MS = 1_000;
/** How often price batches that other processes have stored are looked for. */
const PRICE_FOLLOW_MS = 500;
/** How often rules and reference data that other processes have stored are looked for: two statements. */
const RULES_FOLLOW_MS = 1_000;
/** How often accounts that other processes have changed are looked for; one that no notice names is read at the second. */
const ACCOUNTS_FOLLOW_MS = 500;
/** How often the database is compared with what this process has of it. */
const HISTORY_MS = 1_000;

/** Prices age by themselves; what other processes have stored comes by Redis at once, and without it at this pace. */
export function followPrices({ config, closers }: Frame, services: Services): void {
  const { prices, log, clock } = services;
  const onPrices = (error: unknown): void => log.error({ err: error }, 'Prices could not be refreshed; trying again.');
  closers.every(PRICE_REFRESH_MS, () => void prices.refresh().catch(onPrices));
  if (config.databaseUrl === null) return;
  closers.every(PRICE_FOLLOW_MS, () => void prices.catchUp().catch(onPrices));
  const onRules = (error: unknown): void => log.error({ err: error }, 'New rules could not be read; trying again.');
  closers.every(RULES_FOLLOW_MS, () => void refreshRules(services, new Date(clock())).catch(onRules));
}

/** Follows what other processes change of accounts, and finds out when the database has lost what was in it. */
export function followAccounts(
  { closers, problems }: Frame,
  services: Services,
  accounts: AccountFollower,
  histories: Histories,
): void {
  const { db, rulebook, prices, loop, hotAccounts, alertFeed, clock } = services;
  histories.guard(
    [
      { what: 'the price batches', isAhead: () => prices.isAhead() },
      { what: 'the rules', isAhead: () => rulebook.isAhead(db) },
      { what: 'the accounts', isAhead: () => accounts.isAhead() },
    ],
    async ({ lastAlert }) => {
      const now = new Date(clock());
      await loop.hold();
      hotAccounts.clear();
      await reloadRules(services, now);
      await prices.reload();
      await accounts.begin();
      loop.reload();
      await alertFeed.takeHistory(lastAlert, now);
    },
  );
  problems.add('HISTORY_LOST', () =>
    degraded(histories.isReading || loop.isReloading ? 'The database went back; everything is read anew.' : null),
  );
  closers.every(ACCOUNTS_FOLLOW_MS, () => accounts.look());
  closers.every(HISTORY_MS, () => histories.watch());
}

/** Null: no other process has the database open. Begins to follow before the accounts are loaded. */
export async function openAccountFollower(
  { config, closers }: Frame,
  services: Services,
): Promise<AccountFollower | null> {
  if (config.databaseUrl === null) return null;
  const follower = new AccountFollower(services);
  closers.add(() => follower.idle());
  await follower.begin();
  return follower;
}

/** Call when all accounts are read. */
export function rankPositions({ closers }: Frame, services: Services): void {
  const adlClock = new AdlClock(services);
  closers.add(() => adlClock.close());
}
