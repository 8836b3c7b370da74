/**
 * A set of small whole numbers, one bit each: holders of a price, or dirty units. Adding a member twice costs nothing.
 * Sets are joined word by word, and read in ascending order, in which the columns lie in memory.
 */
import { grown } from './growth.js';

export class Bitmap {
  /** Signed, since V8 computes with 32 signed bits. */
  private words = new Int32Array(0);
  /** The word at which `take` goes on, lest recurring low numbers starve the high ones. */
  private cursor = 0;

  get bytes(): number {
    return this.words.byteLength;
  }

  add(bit: number): void {
    const word = bit >>> 5;
    if (word >= this.words.length) this.words = grown(this.words, word + 1);
    this.words[word] = (this.words[word] as number) | (1 << (bit & 31));
  }

  has(bit: number): boolean {
    return (((this.words[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  delete(bit: number): void {
    const word = bit >>> 5;
    if (word < this.words.length) this.words[word] = (this.words[word] as number) & ~(1 << (bit & 31));
  }

  hasAtLeast(count: number): boolean {
    let left = count;
    for (let word = 0; word < this.words.length && left > 0; word++) {
      for (let bits = this.words[word] as number; bits !== 0; bits &= bits - 1) left -= 1;
    }
    return left <= 0;
  }

  addAll(other: Bitmap): void {
    const { words } = other;
    if (words.length > this.words.length) this.words = grown(this.words, words.length);
    const mine = this.words;
    for (let word = 0; word < words.length; word++) mine[word] = (mine[word] as number) | (words[word] as number);
  }

  /**
   * Moves members from the set into `out`, as many as fit, ascending from where the last call ended. Returns their
   * number. Fewer than `out.length`: the set is empty now.
   */
  take(out: Uint32Array): number {
    const { words } = this;
    let count = 0;
    for (let visited = 0; visited <= words.length; visited++) {
      if (this.cursor >= words.length) this.cursor = 0;
      let word = words[this.cursor] ?? 0;
      while (word !== 0) {
        if (count === out.length) {
          words[this.cursor] = word;
          return count;
        }
        out[count++] = this.cursor * 32 + 31 - Math.clz32(word & -word);
        word &= word - 1;
      }
      if (this.cursor < words.length) words[this.cursor] = 0;
      this.cursor += 1;
    }
    return count;
  }
}
