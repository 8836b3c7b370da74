/**
 * Follows in the database what other servers change of accounts. Notices say it sooner, and say why. But they may be
 * lost, so an account that is still behind at the second look is read anew.
 */
import { hasVersions, readChangedSince, readSnapshot, type WrittenVersion } from '../../ledger/account-rows.js';
import type { Parts } from '../../platform/parts.js';
import type { MarginLoop } from './margin-loop.js';

const MAX_LAST = 500;

export class AccountFollower {
  private snapshot: string | null = null;
  /** Versions that the look before has found, by account. */
  private found: ReadonlyMap<string, number> = new Map();
  /** The last versions that were found: if commits are lost, some of these are. */
  private last: readonly WrittenVersion[] = [];
  private looking: Promise<void> | null = null;

  constructor(private readonly parts: Pick<Parts, 'db' | 'log'> & { readonly loop: MarginLoop }) {}

  /** Call before the accounts are loaded: what changes from now on is found. */
  async begin(): Promise<void> {
    await this.idle();
    this.snapshot = await readSnapshot(this.parts.db);
    this.found = new Map();
    this.last = [];
  }

  /** Whether versions were found that the database has no longer: it went back. */
  async isAhead(): Promise<boolean> {
    return !(await hasVersions(this.parts.db, this.last));
  }

  /** Call about twice a second. Never throws. */
  look(): void {
    if (this.looking === null) this.begun(this.read(false)).catch(this.onFailure);
  }

  /** The loop reads, before its next evaluation, every account that others have changed until now. */
  async catchUp(): Promise<void> {
    while (this.looking !== null) await this.looking;
    await this.begun(this.read(true));
  }

  /** Resolves after the look under way. */
  async idle(): Promise<void> {
    await this.looking;
  }

  private begun(reading: Promise<void>): Promise<void> {
    this.looking = reading.catch(() => undefined).finally(() => (this.looking = null));
    return reading;
  }

  private readonly onFailure = (err: unknown): void =>
    this.parts.log.error({ err }, 'Changes of accounts could not be read; trying again.');

  /** @param atOnce what this look finds is read, too, and not only at the next one */
  private async read(atOnce: boolean): Promise<void> {
    const { db, loop } = this.parts;
    const { snapshot, versions } =
      this.snapshot === null
        ? { snapshot: await readSnapshot(db), versions: [] }
        : await readChangedSince(db, this.snapshot);
    const found = new Map(versions.map(({ id, version }) => [id, version]));
    const due = atOnce ? [...this.found, ...found] : [...this.found];
    const behind = due.filter(([id, version]) => (loop.accounts.columns.versionOf(id) ?? 0) < version);
    this.snapshot = snapshot;
    if (versions.length > 0) this.last = versions.slice(0, MAX_LAST);
    this.found = found;
    if (behind.length > 0) loop.readAnew(behind.map(([id]) => id));
  }
}
