/**
 * Ranks accounts by floats, worst first. It keeps more than asked for, since floats that are close may be in the wrong
 * order.
 */

interface Ranked {
  readonly cross: number;
  /** Without a positive balance there is no ratio: such accounts are worse than all others. */
  readonly isInfinite: boolean;
  /** The margin ratio; if it is infinite, the balance with its sign turned. */
  readonly badness: number;
}

export class Ranking {
  private readonly ranked: Ranked[] = [];

  constructor(private readonly room: number) {}

  /** Adds a margin unit of an account; the account is ranked once, by its worst unit. */
  add(cross: number, balance: number, maintenance: number): void {
    const isInfinite = !(balance > 0);
    const badness = isInfinite ? -balance : maintenance / balance;
    const { ranked, room } = this;
    if (ranked.length === room && !isWorse(isInfinite, badness, ranked[room - 1] as Ranked)) return;
    const known = ranked.findIndex((one) => one.cross === cross);
    if (known >= 0) {
      if (!isWorse(isInfinite, badness, ranked[known] as Ranked)) return;
      ranked.splice(known, 1);
    }
    let place = ranked.length;
    while (place > 0 && isWorse(isInfinite, badness, ranked[place - 1] as Ranked)) place -= 1;
    ranked.splice(place, 0, { cross, isInfinite, badness });
    if (ranked.length > room) ranked.pop();
  }

  /** The worst first. */
  get accounts(): readonly number[] {
    return this.ranked.map(({ cross }) => cross);
  }
}

function isWorse(isInfinite: boolean, badness: number, than: Ranked): boolean {
  return isInfinite === than.isInfinite ? badness > than.badness : isInfinite;
}
