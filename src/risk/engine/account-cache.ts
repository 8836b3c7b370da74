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
import { AccountTexts } from '../../ledger/account-text.js';
import { holdingsOf, type Holdings } from '../../ledger/records.js';
import type { AccountState, Policy } from '../../margin/model.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { Database } from '../../platform/database.js';
import { Slice } from '../../platform/yielding.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import { alertBoundaries } from '../alerts/alert-machine.js';
import type { Bitmap } from '../columns/bitmap.js';
import { AccountColumns } from '../columns/account-columns.js';
import type { KnownAccounts, RuleSet } from '../columns/known-accounts.js';
import { PackedAccounts } from '../columns/packed-accounts.js';
import { PriceColumn } from '../columns/price-column.js';
import { RuleColumns } from '../columns/rule-columns.js';

/** Accounts of one statement: PGlite blocks the event loop while it answers. At start nobody waits for it. */
const PAGE = 500;
const FIRST_PAGE = 1_000;
const VERSIONS = 10_000;

export interface RuleChange extends RuleSet {
  readonly cause: 'COLLATERAL_RATIO' | 'POLICY';
}

export class AccountCache implements KnownAccounts {
  readonly prices = new PriceColumn();
  readonly columns = new AccountColumns(new RuleColumns(this.prices));
  private readonly exact = new PackedAccounts();
  private readonly texts: AccountTexts;
  /** By number. */
  private readonly ruleSets: RuleSet[] = [];

  constructor(
    private readonly db: Database,
    private readonly rulebook: Rulebook,
  ) {
    this.texts = new AccountTexts(rulebook);
  }

  get size(): number {
    return this.columns.size;
  }

  /** Memory that all accounts take. */
  get bytes(): number {
    return this.columns.bytes + this.exact.bytes;
  }

  /** Reads every account that is missing here or older; `onPage` is called with the number read so far. */
  async load(at: Date, onPage: (accounts: number) => void): Promise<void> {
    let read = 0;
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
      for (const row of page) this.put(row, at);
      read += page.length;
      onPage(read);
      if (last === null) return;
      if (slice.isOver) await slice.yield();
    }
  }

  /** Reads these accounts anew; unknown ids are left out. */
  async read(ids: readonly string[], at: Date): Promise<Map<string, Holdings>> {
    const found = new Map<string, Holdings>();
    const slice = new Slice();
    for (let from = 0; from < ids.length; from += PAGE) {
      if (slice.isOver) await slice.yield();
      for (const row of await readRows(this.db, ids.slice(from, from + PAGE))) {
        found.set(row[0], holdingsOf(row));
        this.put(row, at);
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
      const { thresholdsChanged } = this.columns.rules.setPolicy(venue, chain, policy, alertBoundaries(policy, []));
      this.ruleSets[number] = { venue, chain, policy };
      this.columns.addRuleSet(number, dirty, thresholdsChanged);
      const cause = haveSameRatios(before, policy) ? 'POLICY' : 'COLLATERAL_RATIO';
      changed.push({ venue, chain, policy, cause });
    });
    return changed;
  }

  /** Takes over the prices and marks affected accounts dirty. Returns the prices that became stale, or fresh again. */
  takePrices(snapshot: PriceSnapshot, dirty: Bitmap): ReadonlySet<number> {
    const markets = new Map([...this.rulebook.venues.keys()].map((venue) => [venue, snapshot.marketOf(venue)]));
    const [any] = markets.values();
    const { moved, aged } = this.prices.take({
      index: (asset) => any?.index(asset) ?? null,
      mark: (venue, instrument) => markets.get(venue)?.mark(instrument) ?? null,
    });
    for (const price of moved) this.columns.addHolders(price, dirty);
    return aged;
  }

  /** Adds or replaces an account, unless the version held is as new. */
  put([id, version, venue, chain, , , , , held]: AccountRow, at: Date): void {
    if ((this.columns.versionOf(id) ?? 0) >= version) return;
    const text = this.texts.of(venue, held);
    const [cross = 0] = this.columns.put(id, this.ruleSetOf(venue, chain, at), text, version);
    this.exact.set(cross, text);
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
