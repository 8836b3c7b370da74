/** CPU time of two pieces of work that take turns in one process, so that the machine's speed affects both alike. */

const TURNS = 15;

export interface Turns {
  /** Microseconds a call. */
  readonly own: number;
  readonly others: number;
  /** The median of those of each turn. */
  readonly ratio: number;
}

/** Medians over turns of so many calls. */
export function inTurns(own: () => unknown, others: () => unknown, calls: number): Turns {
  microsecondsOf(own, calls);
  microsecondsOf(others, calls);
  const turns = Array.from({ length: TURNS }, () => {
    const [first, second] = [microsecondsOf(own, calls), microsecondsOf(others, calls)];
    return { own: first, others: second, ratio: first / second };
  });
  const medianOf = (pick: (turn: Turns) => number): number => median(turns.map(pick));
  return { own: medianOf((t) => t.own), others: medianOf((t) => t.others), ratio: medianOf((t) => t.ratio) };
}

function microsecondsOf(work: () => unknown, calls: number): number {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call++) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
