/** A finite decimal that is overwritten in place, where a `Decimal` would be three new objects: see last-sent.ts. */
import { decimal, type Decimal } from '../../margin/decimal.js';

export class MutableDecimal {
  private sign = 0;
  private exponent = 0;
  /**
   * Coefficient in base 10,000,000, as in decimal.js: without trailing zero words, so that equal decimals have equal
   * words.
   */
  private readonly words: number[] = [];
  /** Words in use; those after are of a longer, earlier number. */
  private length = 0;

  keep({ s, e, d }: Decimal): void {
    this.sign = s;
    this.exponent = e;
    this.length = d.length;
    for (let index = 0; index < d.length; index++) this.words[index] = d[index] as number;
  }

  equals(value: Decimal): boolean {
    const { e, d } = value;
    if (this.exponent !== e || this.length !== d.length) return false;
    for (let index = 0; index < d.length; index++) if (this.words[index] !== d[index]) return false;
    // 0 and -0 are the same.
    return this.sign === value.s || value.isZero();
  }

  /** A new `Decimal`. */
  get value(): Decimal {
    const value = decimal(0);
    return Object.assign(value, { s: this.sign, e: this.exponent, d: this.words.slice(0, this.length) });
  }
}
