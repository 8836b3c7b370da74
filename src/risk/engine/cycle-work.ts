/**
 * What a cycle of the margin loop needs of the database. A cycle that began must end: a price batch that was taken is
 * evaluated, however long the database is away. So this work is tried until it succeeds, or the leadership is lost.
 */
import { LeadershipLostError } from '../../cluster/leadership.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { Prices } from '../../market/prices.js';
import type { Parts } from '../../platform/parts.js';
import { retry } from '../../platform/retry.js';
import type { AlertWriter } from '../alerts/alert-writer.js';
import type { ChangedAccounts } from './changed-accounts.js';
import { Portions } from './portions.js';
import type { SetAside } from './set-aside.js';

const RETRY_MS = 500;

export class CycleWork {
  constructor(
    private readonly parts: Pick<Parts, 'bus' | 'log'> & { readonly prices: Prices },
    private readonly changed: ChangedAccounts,
    private readonly setAside: SetAside,
    private readonly signal: AbortSignal,
  ) {}

  /** @param onFailure is called before each pause */
  insist<T>(onFailure: (err: unknown) => void, work: () => Promise<T>): Promise<T> {
    return retry(work, {
      pause: RETRY_MS,
      signal: this.signal,
      onError: (error) => {
        if (error instanceof LeadershipLostError) throw error;
        onFailure(error);
      },
    });
  }

  /**
   * The caller that changed an account may have stored prices before. At older ones a new position would be unpriced, or in
   * liquidation, for a moment. So accounts come first, then all prices that are stored by then.
   */
  async pricesAfter(): Promise<PriceSnapshot> {
    const { prices, log } = this.parts;
    await this.insist(
      (err) => log.error({ err }, 'Prices could not be read; trying again.'),
      () => prices.catchUp(),
    );
    return prices.snapshot();
  }

  /** Returns how many accounts with outbox rows there are. */
  async startBatch(alertWriter: AlertWriter | null): Promise<number> {
    if (alertWriter === null) return 0;
    const { bus, log } = this.parts;
    const left = await this.insist(
      (err) => log.error({ err }, 'The outbox could not be read; trying again.'),
      () => alertWriter.startBatch(this.setAside.ids),
    );
    // No event named these: their process died between commit and event, or Redis was away.
    const unnoticed = [...left].filter(([id, version]) => !this.changed.isWaiting(id, version)).map(([id]) => id);
    if (unnoticed.length > 0) bus.emit('accounts', { ids: unnoticed, cause: 'ACCOUNT' });
    return left.size;
  }

  async take(alertWriter: AlertWriter | null, priceSeq: bigint): Promise<void> {
    await this.insist(
      (err) => this.parts.log.error({ err }, 'A price batch could not be taken; trying again.'),
      async () => alertWriter?.take(priceSeq),
    );
  }

  /** Stores what the alert writer has collected, in portions, while accounts are evaluated. */
  portions(alertWriter: AlertWriter | null, asOf: Date): Portions {
    return new Portions(alertWriter, () =>
      this.insist(
        (err) => this.parts.log.error({ err }, 'Alerts could not be stored; trying again.'),
        async () => alertWriter?.storePortion(asOf),
      ),
    );
  }

  async endBatch(alertWriter: AlertWriter | null, asOf: Date): Promise<void> {
    if (alertWriter === null) return;
    const { setAside } = this;
    const unevaluated = await this.insist(
      (err) => this.parts.log.error({ err }, 'Alerts could not be stored; trying again.'),
      () => alertWriter.endBatch(asOf),
    );
    for (const id of unevaluated) if (!setAside.has(id)) setAside.add(id, new Error('It was not evaluated.'));
  }
}
