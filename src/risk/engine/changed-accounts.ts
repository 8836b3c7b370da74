/** Accounts that must be read anew, and why; until they are, what is held of them may be old. */
import type { Holdings } from '../../ledger/records.js';
import type { ChangeCause } from '../streams/watch-stream.js';

type Causes = ReadonlyMap<string, ChangeCause>;
type Written = ReadonlyMap<string, Holdings>;

const NOTHING: Causes = new Map();

export class ChangedAccounts {
  private waiting = new Map<string, ChangeCause>();
  /** While `readAll` works. */
  private reading = NOTHING;
  /** Of those that wait: what this process has committed itself, and no one has changed since. It needs no read. */
  private written = new Map<string, Holdings>();

  /**
   * Call `add` with `isHeld` next. What waits for a read is read all the same: another process may have changed the
   * account after this one, and its notice may have come first.
   */
  wrote(committed: readonly Holdings[]): void {
    for (const holdings of committed) {
      const { id } = holdings.account;
      if (!this.waiting.has(id) || this.written.has(id)) this.written.set(id, holdings);
    }
  }

  /** All are read, also those that this process has changed itself. */
  forgetWritten(): void {
    this.written.clear();
  }

  /** The first cause stays until the account is assessed, except that any cause replaces PRICE. */
  add(id: string, cause: ChangeCause, isHeld = false): void {
    if (!isHeld) this.written.delete(id);
    if ((this.waiting.get(id) ?? 'PRICE') === 'PRICE') this.waiting.set(id, cause);
  }

  /** Whatever the cause was. */
  resync(ids: Iterable<string>): void {
    this.forgetWritten();
    for (const id of ids) this.waiting.set(id, 'RESYNC');
  }

  /** Waits to be read, or is being read. */
  has(id: string): boolean {
    return this.waiting.has(id) || this.reading.has(id);
  }

  /** For a read, or as written at this version or a newer one. */
  isWaiting(id: string, version: number): boolean {
    return this.waiting.has(id) && (this.written.get(id)?.account.version ?? version) >= version;
  }

  /** Takes all that wait; if `read` fails they wait again. Returns whether there were any. */
  async readAll(read: (batch: Causes, written: Written) => Promise<void>): Promise<boolean> {
    const batch = this.waiting;
    if (batch.size === 0) return false;
    const { written } = this;
    this.waiting = new Map();
    this.written = new Map();
    this.reading = batch;
    try {
      await read(batch, written);
    } catch (error) {
      for (const [id, cause] of batch) this.add(id, cause);
      throw error;
    } finally {
      this.reading = NOTHING;
    }
    return true;
  }
}
