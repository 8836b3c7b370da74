/** A portion of what a cycle has found: it is stored in one transaction. */
import type { MachineState } from './alert-machine.js';
import type { Chunk, NewAlert } from './alert-store.js';

export interface AccountWork {
  readonly accountId: string;
  /** After the cycle. */
  readonly states: Map<string, MachineState>;
  /** Names of margin units whose machines have changed. */
  readonly changed: Set<string>;
  /** Fired by its machines. */
  readonly fired: NewAlert[];
  /** Made from its outbox rows. */
  readonly fromOutbox: NewAlert[];
  /** Its outbox rows. They are deleted only together with the results of its evaluation. */
  readonly outbox: bigint[];
}

/** The states hold from when it is stored. */
export interface Portion {
  readonly chunk: Chunk;
  readonly work: ReadonlyMap<string, AccountWork>;
}

/** How many alerts, or states, it makes. */
export function weightOf({ fromOutbox, fired, changed }: AccountWork): number {
  return Math.max(fromOutbox.length + fired.length, changed.size);
}

/** @param doneSeq the price batch that is done with it; null: more follows */
export function portionOf(work: readonly AccountWork[], doneSeq: bigint | null): Portion {
  const states = work.flatMap(({ accountId, changed, states }) =>
    [...changed].map((unit) => ({ accountId, unit, state: states.get(unit) ?? null })),
  );
  const outbox = work.flatMap((each) => each.outbox);
  const alerts = work.flatMap(({ fromOutbox, fired }) => [...fromOutbox, ...fired]);
  const chunk = { alerts, states, outbox, doneSeq };
  return { chunk, work: new Map(work.map((each) => [each.accountId, each])) };
}

/** Without the work of these accounts. The price batch is not done with it. */
export function without({ work }: Portion, ids: readonly string[]): Portion {
  const left = new Set(ids);
  return portionOf(
    [...work.values()].filter(({ accountId }) => !left.has(accountId)),
    null,
  );
}

/** What an account had to be stored, and what came on top of it. */
export function joined(before: AccountWork, after: AccountWork): AccountWork {
  return {
    accountId: before.accountId,
    states: after.states,
    changed: new Set([...before.changed, ...after.changed]),
    fired: [...before.fired, ...after.fired],
    fromOutbox: [...before.fromOutbox, ...after.fromOutbox],
    outbox: [...before.outbox, ...after.outbox],
  };
}
