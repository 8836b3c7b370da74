/** The newest alerts, in memory: what streams that are nearly up to date go on from. */
import type { AlertRecord } from './alert-records.js';

export class AlertRing {
  private alerts: AlertRecord[] = [];
  private start = 0n;
  private end = 0n;

  constructor(private readonly capacity: number) {}

  /** Every alert with a number above `from` and up to `through` is here. */
  get from(): bigint {
    return this.start;
  }

  get through(): bigint {
    return this.end;
  }

  /** Forgets everything, and goes on behind this number. */
  reset(end: bigint): void {
    this.alerts = [];
    this.start = end;
    this.end = end;
  }

  /** Adds the alerts that come next, in order, up to a number; the oldest fall out. */
  append(alerts: readonly AlertRecord[], through: bigint): void {
    this.alerts.push(...alerts);
    this.end = through;
    const excess = this.alerts.splice(0, Math.max(this.alerts.length - this.capacity, 0));
    this.start = excess.at(-1)?.seq ?? this.start;
  }

  /** The first one above the number that satisfies the condition; null: none does. */
  firstAfter(number: bigint, satisfies: (alert: AlertRecord) => boolean): AlertRecord | null {
    for (let index = this.indexAfter(number); index < this.alerts.length; index++) {
      const alert = this.alerts[index];
      if (alert !== undefined && satisfies(alert)) return alert;
    }
    return null;
  }

  /** By halving: the numbers rise. */
  private indexAfter(number: bigint): number {
    let low = 0;
    let high = this.alerts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.alerts[middle]?.seq ?? 0n) <= number) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
