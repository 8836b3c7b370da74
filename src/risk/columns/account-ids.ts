/**
 * Account ids (UUIDs) by number of their cross unit: 16 bytes each, and an open hash table over them. A Map of strings
 * would take more memory than all that the account holds.
 */
import { grown } from './growth.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const SMALLEST_TABLE = 64;
/** Scratch space for writing out one id. */
const BYTES = Buffer.alloc(16);

type Words = readonly [number, number, number, number];

export class AccountIds {
  /** Four words for each margin unit. */
  private words = new Uint32Array(0);
  /** Cross unit + 1; 0: free. The length is a power of two. */
  private table = new Uint32Array(SMALLEST_TABLE);
  private count = 0;

  get size(): number {
    return this.count;
  }

  get bytes(): number {
    return this.words.byteLength + this.table.byteLength;
  }

  /** Null: unknown. */
  find(id: string): number | null {
    const words = wordsOf(id);
    const found = words === null ? 0 : (this.table[this.placeOf(words)] as number);
    return found === 0 ? null : found - 1;
  }

  /** The id must be new, and the unit without one. */
  add(id: string, unit: number): void {
    const words = wordsOf(id);
    if (words === null) throw new Error(`${id} is not a UUID.`);
    if (unit * 4 + 4 > this.words.length) this.words = grown(this.words, unit * 4 + 4);
    this.words.set(words, unit * 4);
    this.count += 1;
    if (this.count * 4 > this.table.length * 3) this.rehash();
    this.table[this.placeOf(words)] = unit + 1;
  }

  delete(id: string): void {
    const words = wordsOf(id);
    if (words === null) return;
    const mask = this.table.length - 1;
    let hole = this.placeOf(words);
    if (this.table[hole] === 0) return;
    this.count -= 1;
    // Entries that follow without a gap move up where they may, so that no search ends at the hole.
    for (let place = (hole + 1) & mask; this.table[place] !== 0; place = (place + 1) & mask) {
      const home = hash(this.wordsAt((this.table[place] as number) - 1)) & mask;
      if (((place - home) & mask) < ((place - hole) & mask)) continue;
      this.table[hole] = this.table[place] as number;
      hole = place;
    }
    this.table[hole] = 0;
  }

  of(unit: number): string {
    const [a, b, c, d] = this.wordsAt(unit);
    BYTES.writeUInt32BE(a, 0);
    BYTES.writeUInt32BE(b, 4);
    BYTES.writeUInt32BE(c, 8);
    BYTES.writeUInt32BE(d, 12);
    const hex = BYTES.toString('hex');
    const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
    return parts.join('-');
  }

  /** The place of the id, or the free place where it would be. */
  private placeOf(words: Words): number {
    const mask = this.table.length - 1;
    let place = hash(words) & mask;
    for (;;) {
      const found = this.table[place] as number;
      if (found === 0 || this.isAt(words, found - 1)) return place;
      place = (place + 1) & mask;
    }
  }

  private isAt(words: Words, unit: number): boolean {
    for (let word = 0; word < 4; word++) if (this.words[unit * 4 + word] !== words[word]) return false;
    return true;
  }

  private wordsAt(unit: number): Words {
    const [a = 0, b = 0, c = 0, d = 0] = this.words.subarray(unit * 4, unit * 4 + 4);
    return [a, b, c, d];
  }

  private rehash(): void {
    const before = this.table;
    this.table = new Uint32Array(before.length * 2);
    for (const found of before) if (found !== 0) this.table[this.placeOf(this.wordsAt(found - 1))] = found;
  }
}

function wordsOf(id: string): Words | null {
  if (!UUID.test(id)) return null;
  const digits = id.replaceAll('-', '');
  const word = (index: number): number => Number.parseInt(digits.slice(index * 8, index * 8 + 8), 16);
  return [word(0), word(1), word(2), word(3)];
}

function hash(words: Words): number {
  let mixed = 0;
  for (const word of words) {
    mixed = Math.imul(mixed ^ word, 0x9e3779b1);
    mixed ^= mixed >>> 15;
  }
  return mixed >>> 0;
}
