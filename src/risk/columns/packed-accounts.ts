/**
 * Exact amounts of every account, packed as text into slabs of bytes outside the heap. So an account that wakes is
 * assessed at once: a read of the database would delay the event loop, or the result. Objects would take ten times the
 * memory, and the garbage collector would visit each again and again.
 */
import { stateOf, type AccountText } from '../../ledger/account-text.js';
import type { AccountState } from '../../margin/model.js';
import { grown } from './growth.js';

/** Records begin at multiples of this. */
const UNIT = 16;
const SLAB_UNITS = 2 ** 16;
const SLAB = SLAB_UNITS * UNIT;
/** In front of each record: its length in bytes. */
const HEADER = 4;

export class PackedAccounts {
  private readonly slabs: Buffer[] = [];
  /** By margin unit: the place of its record, plus 1; 0: none. */
  private places = new Uint32Array(0);
  /** The next place that was never used. */
  private end = 0;
  /** Places of freed records, by size. */
  private readonly free = new Map<number, number[]>();

  get bytes(): number {
    return this.slabs.length * SLAB + this.places.byteLength;
  }

  set(unit: number, account: AccountText): void {
    const record = Buffer.from(JSON.stringify(account));
    if (record.length + HEADER > SLAB) throw new Error('An account with so many positions cannot be held.');
    this.delete(unit);
    const place = this.take(unitsOf(record.length));
    const { slab, offset } = this.at(place);
    slab.writeUInt32LE(record.length, offset);
    record.copy(slab, offset + HEADER);
    if (unit >= this.places.length) this.places = grown(this.places, unit + 1);
    this.places[unit] = place + 1;
  }

  /** Null: there is none. */
  get(unit: number): AccountState | null {
    const place = (this.places[unit] ?? 0) - 1;
    if (place < 0) return null;
    const { slab, offset } = this.at(place);
    const length = slab.readUInt32LE(offset);
    return stateOf(JSON.parse(slab.toString('utf8', offset + HEADER, offset + HEADER + length)) as AccountText);
  }

  delete(unit: number): void {
    const place = (this.places[unit] ?? 0) - 1;
    if (place < 0) return;
    const { slab, offset } = this.at(place);
    const units = unitsOf(slab.readUInt32LE(offset));
    const freed = this.free.get(units);
    if (freed === undefined) this.free.set(units, [place]);
    else freed.push(place);
    this.places[unit] = 0;
  }

  private take(units: number): number {
    const freed = this.free.get(units)?.pop();
    if (freed !== undefined) return freed;
    // A record never crosses two slabs.
    if ((this.end % SLAB_UNITS) + units > SLAB_UNITS) this.end = Math.ceil(this.end / SLAB_UNITS) * SLAB_UNITS;
    const place = this.end;
    this.end += units;
    while (this.slabs.length * SLAB_UNITS < this.end) this.slabs.push(Buffer.allocUnsafeSlow(SLAB));
    return place;
  }

  private at(place: number): { slab: Buffer; offset: number } {
    const slab = this.slabs[Math.floor(place / SLAB_UNITS)] as Buffer;
    return { slab, offset: (place % SLAB_UNITS) * UNIT };
  }
}

function unitsOf(length: number): number {
  return Math.ceil((length + HEADER) / UNIT);
}
