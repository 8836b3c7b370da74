/**
 * Accounts that were asked for lately, as they were read. While nothing says that one has changed it is answered from
 * here, and costs no statement. What a reader may rely on:
 * - a server answers at least what it has acknowledged itself, since it emits each change before its acknowledgement;
 * - it answers at least what other servers have acknowledged, as far as their notices have come; while notices may be
 *   missing, it reads the database;
 * - a change whose sender died before its notice is found in the database within a second (`AccountFollower`).
 *
 * A transaction that has locked an account's row takes from here what the account holds at the version of the row. And
 * the loop takes what this process has committed itself. Beyond that nothing is alerted, booked or withdrawn on what
 * stands here: the loop and the commands read the database.
 */
import { LRUCache } from 'lru-cache';

import type { LockedRow } from '../../ledger/account-rows.js';
import { readHoldings, UnreadableAccountError, type Holdings, type KnownHoldings } from '../../ledger/records.js';
import type { Parts } from '../../platform/parts.js';
import type { Rulebook } from '../../policy/rulebook/rulebook.js';
import type { MarginLoop } from './margin-loop.js';

type Needed = Pick<Parts, 'db'> & {
  readonly rulebook: Rulebook;
  readonly loop: Pick<MarginLoop, 'currentVersion' | 'isReloading' | 'changed'>;
  /** Whether notices of every other server come in. */
  readonly isInStep: () => boolean;
};

/** Memory that they may take with their margin reports: some 38,000 accounts of 5 assets and 5 positions. */
const MAX_BYTES = 128 * 2 ** 20;
/** Measured: 3,052 bytes with 5 assets, 5 positions, their report and liquidation prices. */
const BYTES = { account: 1_000, item: 250 };

export class HotAccounts implements KnownHoldings {
  private readonly held: LRUCache<string, Holdings>;

  constructor(
    private readonly parts: Needed,
    maxBytes = MAX_BYTES,
  ) {
    this.held = new LRUCache({ maxSize: maxBytes, sizeCalculation: bytesOf });
  }

  /** Unknown ids are left out. An account that cannot be read is an error of its own, and holds up no other. */
  async read(ids: readonly string[]): Promise<Map<string, Holdings | UnreadableAccountError>> {
    const found = new Map<string, Holdings | UnreadableAccountError>();
    const missing: string[] = [];
    const isInStep = this.parts.isInStep();
    for (const id of ids) {
      const holdings = isInStep ? this.find(id) : null;
      if (holdings === null) missing.push(id);
      else found.set(id, holdings);
    }
    for (const [id, holdings] of await this.readAnew(missing)) found.set(id, holdings);
    return found;
  }

  /** From the database, whatever is held. */
  async readAnew(ids: readonly string[]): Promise<Map<string, Holdings | UnreadableAccountError>> {
    const { db, rulebook, loop } = this.parts;
    if (ids.length === 0) return new Map();
    const read = await readHoldings(db, rulebook, ids);
    for (const [id, holdings] of read) {
      // Of a database that went back nothing is kept: it may give the same version again.
      if (!(holdings instanceof UnreadableAccountError) && !loop.isReloading) this.held.set(id, holdings);
    }
    return read;
  }

  /**
   * What the account holds at exactly this version, for a transaction that has locked its row. The instant is compared,
   * too: a database that went back may give the same version again.
   */
  holdingsAt({ id, version, changedAt }: LockedRow): Holdings | null {
    const holdings = this.held.get(id);
    if (holdings === undefined || this.parts.loop.isReloading) return null;
    const { account } = holdings;
    return account.version === version && account.changedAt.getTime() === changedAt.getTime() ? holdings : null;
  }

  /** This process has committed these versions; the loop evaluates them without a read. */
  wrote(committed: readonly Holdings[]): void {
    if (this.parts.loop.isReloading) return;
    for (const holdings of committed) this.held.set(holdings.account.id, holdings);
    this.parts.loop.changed.wrote(committed);
  }

  /** The database went back. */
  clear(): void {
    this.held.clear();
  }

  private find(id: string): Holdings | null {
    const holdings = this.held.get(id);
    if (holdings === undefined) return null;
    return this.parts.loop.currentVersion(id) === holdings.account.version ? holdings : null;
  }
}

function bytesOf({ balances, positions, settings, openOrders }: Holdings): number {
  return BYTES.account + (balances.size + positions.size + settings.size + openOrders.size) * BYTES.item;
}
