/** Random choices, the same for the same seed (Mulberry32) in the same order. Each actor has its own. */
export class Dice {
  constructor(private state: number) {}

  /** Others, which follow from these. */
  fork(): Dice {
    return new Dice(this.within(0, 2 ** 31 - 1));
  }

  /** From 0 up to, and without, 1. */
  part(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`. */
  within(least: number, most: number): number {
    return least + Math.floor(this.part() * (most - least + 1));
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.within(0, list.length - 1)];
    if (picked === undefined) throw new Error('Expected something to pick from.');
    return picked;
  }

  shuffled<T>(list: readonly T[]): T[] {
    const left = [...list];
    return list.flatMap(() => left.splice(this.within(0, left.length - 1), 1));
  }
}
