/**
 * All accounts of the database in memory: columns for the prefilter, and exact amounts, packed. Everything held of an
 * account is of one version; an older version never replaces a newer one.
 */
import {
  readRows,
  readRowsAfter,
  readVersionsAfter,
  type AccountRow,
  type AccountVersion,
} from '../../ledger/account-rows.js';
import { AccountTexts, textOf, type AccountText } from '../../ledger/account-text.js';
import {
  accountState,
  holdingsOf,
  UnreadableAccountError,
  type AccountRecord,
  type Holdings,
} from '../../ledger/records.js';
import { problemOfRow } from '../../ledger/row-problems.js';
import type { AccountState, Policy } from '../../margin/model.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { Database } from '../../platform/database/database.js';
import { Slice } from '../../platform/yielding.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { alertBoundaries } from '../alerts/alert-machine.js';
import { Bitmap } from '../columns/bitmap.js';
import { AccountColumns } from '../columns/account-columns.js';
import type { KnownAccounts, RuleSet } from '../columns/known-accounts.js';
import { PackedAccounts } from '../columns/packed-accounts.js';
import { PriceColumn } from '../columns/price-column.js';
import { RuleColumns } from '../columns/rule-columns.js';
import { AdlRanks } from '../impact/adl-ranks.js';
import { Overviews } from '../impact/overview.js';
import type { SetAside } from './set-aside.js';

/** Accounts of one statement: PGlite blocks the event loop while it answers. At start nobody waits for it. */
const PAGE = 500;
const FIRST_PAGE = 1_000;
const VERSIONS = 10_000;

/** Questions about all accounts must wait: the accounts are still being read. */
export class AccountsLoadingError extends Error {
  /** @param read how many are there so far */
  constructor(read: number) {
    super(
      `This server is starting: ${read} accounts are read. What looks at all of them is answered when all are; try again ` +
        'shortly. An account, its changes and its streams are served.',
    );
    this.name = 'AccountsLoadingError';
  }
}

export interface RuleChange extends RuleSet {
  readonly cause: 'COLLATERAL_RATIO' | 'POLICY';
}

export class AccountCache implements KnownAccounts {
  readonly prices = new PriceColumn();
  readonly columns = new AccountColumns(new RuleColumns(this.prices));
  readonly ruleSets: RuleSet[] = [];
  readonly overviews = new Overviews(this);
  readonly adlRanks = new AdlRanks(this.columns);
  private readonly exact = new PackedAccounts();
  private readonly texts: AccountTexts;

  constructor(
    private readonly db: Database,
    private readonly rulebook: Rulebook,
    private readonly setAside: SetAside,
  ) {
    this.texts = new AccountTexts(rulebook);
  }

  get size(): number {
    return this.columns.size;
  }

  /** Memory that all accounts take. */
  get bytes(): number {
    return this.columns.bytes + this.exact.bytes + this.adlRanks.bytes;
  }

  /** Reads every account that is missing here or older; `onPage` is called with the number read so far. */
  async load(at: Date, onPage: (accounts: number) => void): Promise<void> {
    let read = 0;
    await this.readAll((page) => {
      for (const row of page) this.put(row, at);
      read += page.length;
      onPage(read);
    });
  }

  /**
   * Takes every account as the database has it, after that went back: a version that was lost may have been given
   * again. Accounts that the database has not are removed.
   */
  async reload(at: Date): Promise<void> {
    const { columns, setAside } = this;
    for (const id of setAside.ids) setAside.release(id);
    const kept = new Bitmap();
    await this.readAll((page) => {
      for (const row of page) {
        this.put(row, at, true);
        for (const unit of columns.unitsOf(row[0])) kept.add(unit);
      }
    });
    for (let unit = 0; unit < columns.units.end; unit++) {
      if (columns.crossOf(unit) === unit && !kept.has(unit)) this.forget(columns.accountOf(unit));
    }
  }

  private async readAll(take: (page: readonly AccountRow[]) => void): Promise<void> {
    // The database reads the next page while this one is stored here.
    let next = readRowsAfter(this.db, null, FIRST_PAGE);
    const slice = new Slice();
    for (;;) {
      const page: readonly AccountRow[] = await next;
      const last = page.length < FIRST_PAGE ? null : (page.at(-1)?.[0] ?? null);
      if (last !== null) {
        next = readRowsAfter(this.db, last, FIRST_PAGE);
        // Awaited later; without this a failure until then would count as unhandled.
        next.catch(() => undefined);
      }
      take(page);
      if (last === null) return;
      if (slice.isOver) await slice.yield();
    }
  }

  /**
   * Reads these accounts anew; unknown ids are left out, and those that cannot be read are set aside.
   *
   * @param written versions that this process has committed, which are taken as they are, unless a newer one is held
   */
  async read(ids: readonly string[], at: Date, written: ReadonlyMap<string, Holdings>): Promise<Map<string, Holdings>> {
    const found = new Map<string, Holdings>();
    const slice = new Slice();
    for (const [id, holdings] of written) {
      if (slice.isOver) await slice.yield();
      if ((this.columns.versionOf(id) ?? 0) > holdings.account.version) continue;
      this.putHoldings(holdings, at);
      found.set(id, holdings);
    }
    const unread = ids.filter((id) => !found.has(id));
    for (let from = 0; from < unread.length; from += PAGE) {
      if (slice.isOver) await slice.yield();
      for (const row of await readRows(this.db, unread.slice(from, from + PAGE))) {
        if (this.put(row, at)) found.set(row[0], holdingsOf(row));
      }
    }
    return found;
  }

  /** Accounts of which the database has another version. */
  async outdated(): Promise<string[]> {
    const ids: string[] = [];
    for (let last: string | null = null; ;) {
      const page: readonly AccountVersion[] = await readVersionsAfter(this.db, last, VERSIONS);
      for (const { id, version } of page) if (this.columns.versionOf(id) !== version) ids.push(id);
      const end = page.at(-1);
      if (end === undefined || page.length < VERSIONS) return ids;
      last = end.id;
    }
  }

  /** Exact amounts of the account with this cross unit. */
  stateAt(cross: number): AccountState {
    const state = this.exact.get(cross);
    if (state === null) throw new Error(`Nothing is known of the bucket ${cross}.`);
    return state;
  }

  ruleSetAt(cross: number): RuleSet {
    return this.ruleSets[this.columns.ruleSetOf(cross)] as RuleSet;
  }

  /** The rules of a venue and chain, and their number in the columns; null: no account is there. */
  placeOf(venue: string, chain: string | null): { readonly ruleSet: number; readonly policy: Policy } | null {
    const ruleSet = this.columns.rules.ruleSet(venue, chain);
    return ruleSet === null ? null : { ruleSet, policy: (this.ruleSets[ruleSet] as RuleSet).policy };
  }

  /** Takes over the policies in force, marks affected accounts dirty, and returns the policies that changed. */
  takeRules(at: Date, dirty: Bitmap): RuleChange[] {
    const changed: RuleChange[] = [];
    this.ruleSets.forEach(({ venue, chain, policy: before }, number) => {
      const policy = this.rulebook.policy(venue, chain, at);
      if (policy === before) return;
      const thresholdsChanged = this.setPolicy(number, venue, chain, policy);
      this.ruleSets[number] = { venue, chain, policy };
      this.columns.addRuleSet(number, dirty, thresholdsChanged);
      const cause = haveSameRatios(before, policy) ? 'POLICY' : 'COLLATERAL_RATIO';
      changed.push({ venue, chain, policy, cause });
    });
    if (changed.length > 0) this.overviews.changed();
    return changed;
  }

  private setPolicy(number: number, venue: string, chain: string | null, policy: Policy): boolean {
    const { columns } = this;
    const set = (): boolean =>
      columns.rules.setPolicy(venue, chain, policy, alertBoundaries(policy, [])).thresholdsChanged;
    if (!columns.rules.movesPrices(number, policy)) return set();
    columns.reprice(number, set);
    // Quiet ranges are of other prices.
    return true;
  }

  /** Takes over the prices and marks affected accounts dirty. Returns the prices that became stale, or fresh again. */
  takePrices(snapshot: PriceSnapshot, dirty: Bitmap): ReadonlySet<number> {
    const markets = new Map([...this.rulebook.venues.keys()].map((venue) => [venue, snapshot.marketOf(venue)]));
    const inUnit = new Map([...this.rulebook.venues].map(([venue, { unit }]) => [unit, markets.get(venue)]));
    const { moved, aged } = this.prices.take({
      index: (asset, unit) => inUnit.get(unit)?.index(asset) ?? null,
      mark: (venue, instrument) => markets.get(venue)?.mark(instrument) ?? null,
    });
    for (const price of moved) this.columns.addHolders(price, dirty);
    if (moved.length > 0) this.overviews.changed();
    return aged;
  }

  /**
   * Adds or replaces an account, unless the version held is as new. False: it cannot be read. It is set aside then, and
   * the version held is forgotten, since nothing of it is true any more.
   *
   * @param anew whatever version is held
   */
  put(row: AccountRow, at: Date, anew = false): boolean {
    const [id, version, venue, chain, , , , , held] = row;
    if (!anew && (this.columns.versionOf(id) ?? 0) > version) return true;
    try {
      const problem = problemOfRow(row, this.rulebook);
      if (problem !== null) throw new UnreadableAccountError(row, problem);
      if (!anew && this.columns.versionOf(id) === version) return true;
      this.store({ id, version, venue, chain }, this.texts.of(venue, held), at);
      return true;
    } catch (error) {
      this.setAside.add(id, error);
      this.forget(id);
      return false;
    }
  }

  /** The same of what this process has read before, and changed. */
  private putHoldings(holdings: Holdings, at: Date): void {
    const { account } = holdings;
    if ((this.columns.versionOf(account.id) ?? 0) >= account.version) return;
    this.store(account, textOf(accountState(holdings, this.rulebook)), at);
  }

  private store(
    { id, version, venue, chain }: Pick<AccountRecord, 'id' | 'version' | 'venue' | 'chain'>,
    text: AccountText,
    at: Date,
  ): void {
    const ruleSet = this.ruleSetOf(venue, chain, at);
    this.overviews.leaves(id);
    try {
      const [cross = 0] = this.columns.put(id, ruleSet, text, version);
      this.exact.set(cross, text);
      this.overviews.enters(id);
    } catch (error) {
      // It is in no overview any more, and must not leave them twice.
      this.drop(id);
      throw error;
    }
  }

  private forget(id: string): void {
    this.overviews.leaves(id);
    this.drop(id);
  }

  private drop(id: string): void {
    const [cross] = this.columns.unitsOf(id);
    if (cross !== undefined) {
      this.exact.delete(cross);
      this.adlRanks.forget(cross);
    }
    this.columns.remove(id);
  }

  private ruleSetOf(venue: string, chain: string | null, at: Date): number {
    const { rules } = this.columns;
    const known = rules.ruleSet(venue, chain);
    if (known !== null) return known;
    const policy = this.rulebook.policy(venue, chain, at);
    const { ruleSet } = rules.setPolicy(venue, chain, policy, alertBoundaries(policy, []));
    this.ruleSets[ruleSet] = { venue, chain, policy };
    return ruleSet;
  }
}

function haveSameRatios({ collateralRatios: before }: Policy, { collateralRatios: now }: Policy): boolean {
  return before.size === now.size && [...now].every(([asset, { id }]) => before.get(asset)?.id === id);
}
