/** The newest alerts in memory, for streams that are nearly up to date. */
import type { AlertRecord } from './alert-records.js';

export class AlertRing {
  private alerts: AlertRecord[] = [];
  private start = 0n;
  private end = 0n;

  constructor(private readonly capacity: number) {}

  /** Holds every alert with a number above `from` and up to `through`. */
  get from(): bigint {
    return this.start;
  }

  get through(): bigint {
    return this.end;
  }

  /** Drops all alerts; the next one comes after this number. */
  reset(end: bigint): void {
    this.alerts = [];
    this.start = end;
    this.end = end;
  }

  /** Appends the next alerts in order, up to a number; drops the oldest beyond the capacity. */
  append(alerts: readonly AlertRecord[], through: bigint): void {
    this.alerts.push(...alerts);
    this.end = through;
    const excess = this.alerts.splice(0, Math.max(this.alerts.length - this.capacity, 0));
    this.start = excess.at(-1)?.seq ?? this.start;
  }

  /** All alerts above the number. */
  after(number: bigint): readonly AlertRecord[] {
    return this.alerts.slice(this.indexAfter(number));
  }

  /** The first alert above the number that satisfies the condition, or null. */
  firstAfter(number: bigint, satisfies: (alert: AlertRecord) => boolean): AlertRecord | null {
    for (let index = this.indexAfter(number); index < this.alerts.length; index++) {
      const alert = this.alerts[index];
      if (alert !== undefined && satisfies(alert)) return alert;
    }
    return null;
  }

  /** Binary search: the numbers rise. */
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
