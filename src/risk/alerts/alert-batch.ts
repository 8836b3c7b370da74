/**
 * An alert batch: what one cycle of the leader collects until it is stored. By account: the states of its machines, and
 * the alerts that fired.
 */
import type { RiskAlertKind } from '../../platform/prisma/enums.js';
import type { OutboxRow } from '../../platform/outbox.js';
import type { Chunk, NewAlert } from './alert-store.js';
import { positionOf, type UnitState } from './margin-units.js';
import { isCalm, type Crossing, type MachineState } from './alert-machine.js';
import { columnsOf, type MarginColumns } from './alert-amounts.js';

/** By name of the margin unit; calm units are left out. */
export type AccountStates = ReadonlyMap<string, MachineState>;

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

/** Stored in one transaction; the states hold from then on. */
export interface Portion {
  readonly chunk: Chunk;
  readonly work: readonly AccountWork[];
}

/** The result of a cycle. */
export interface Outcome {
  /** To be stored in this order. */
  readonly portions: Portion[];
  /** Accounts with outbox rows that were not evaluated: their rows stay. */
  readonly unevaluated: ReadonlySet<string>;
}

/** The alert of an outbox row. A CHANGED row makes none; its account is evaluated. */
const ALERT_OF: Readonly<Partial<Record<OutboxRow['kind'], RiskAlertKind>>> = {
  AUTO_EXCHANGED: 'AUTO_EXCHANGED',
  INTEREST_STARTED: 'INTEREST_STARTED',
  RATIO_SCHEDULED: 'COLLATERAL_RATIO_SCHEDULED',
};

export class AlertBatch {
  private readonly work = new Map<string, AccountWork>();
  /** Cross unit of each account with outbox rows, as evaluated after these were read. */
  private readonly evaluated = new Map<string, UnitState>();
  private priceSeq = 0n;
  private outbox: readonly OutboxRow[] = [];
  /** Accounts with outbox rows. */
  named: ReadonlySet<string> = new Set();

  /** @param overflow called with an amount that an alert cannot hold */
  constructor(private readonly overflow: (accountId: string, amount: string) => void) {}

  /** From now on evaluations are at this price batch, and `outbox` was read with it. */
  start(priceSeq: bigint, outbox: readonly OutboxRow[]): void {
    this.priceSeq = priceSeq;
    this.outbox = outbox;
    this.named = new Set(outbox.map(({ accountId }) => accountId));
    // Earlier evaluations may lack the changes that these rows are about.
    this.evaluated.clear();
  }

  /** Machine states of an account in this cycle; null: none has changed so far. */
  statesOf(accountId: string): AccountStates | null {
    return this.work.get(accountId)?.states ?? null;
  }

  /** The cross unit, as evaluated. */
  setCross(accountId: string, unitState: UnitState): void {
    if (this.named.has(accountId)) this.evaluated.set(accountId, unitState);
  }

  /** A machine has changed. `state` null: it is gone. `before`: the account's states at the start of the cycle. */
  change(
    accountId: string,
    unitState: UnitState,
    state: MachineState | null,
    crossings: readonly Crossing[],
    before: AccountStates,
  ): void {
    const work = this.workOf(accountId, before);
    if (state === null || isCalm(state)) work.states.delete(unitState.name);
    else work.states.set(unitState.name, state);
    work.changed.add(unitState.name);
    for (const crossing of crossings) {
      work.fired.push({
        ...this.blank(accountId),
        ...positionOf(unitState.name),
        ...this.columns(accountId, unitState),
        kind: crossing.kind,
        status: crossing.status,
        previousStatus: crossing.kind === 'STATUS_CHANGED' ? crossing.previousStatus : null,
        ruleId: crossing.kind === 'RULE_FIRED' ? crossing.rule : null,
      });
    }
  }

  /**
   * At most `limit` alerts, or states, in one portion; an account is never divided. Alerts of the outbox come before
   * those of the machines, because their causes come before the evaluation.
   */
  outcome(limit: number, statesOf: (accountId: string) => AccountStates): Outcome {
    const unevaluated = new Set<string>();
    for (const { seq, accountId, kind: what, ratioId, effectiveAt, entries } of this.outbox) {
      const cross = this.evaluated.get(accountId);
      if (cross === undefined) {
        unevaluated.add(accountId);
        continue;
      }
      const work = this.workOf(accountId, statesOf(accountId));
      work.outbox.push(seq);
      const kind = ALERT_OF[what];
      if (kind === undefined) continue;
      const alert = { kind, status: cross.status, ...this.columns(accountId, cross), ratioId, effectiveAt, entries };
      work.fromOutbox.push({ ...this.blank(accountId), ...alert });
    }
    const groups = grouped([...this.work.values()], limit);
    const portions = groups.map((work, index) => portion(work, index === groups.length - 1 ? this.priceSeq : null));
    return { portions, unevaluated };
  }

  private workOf(accountId: string, before: AccountStates): AccountWork {
    const known = this.work.get(accountId);
    if (known !== undefined) return known;
    const work = {
      accountId,
      states: new Map(before),
      changed: new Set<string>(),
      fired: [],
      fromOutbox: [],
      outbox: [],
    };
    this.work.set(accountId, work);
    return work;
  }

  private columns(accountId: string, unitState: UnitState): MarginColumns {
    return columnsOf(unitState, (amount) => this.overflow(accountId, amount));
  }

  private blank(accountId: string): Omit<NewAlert, 'kind' | 'status' | keyof MarginColumns> {
    return {
      accountId,
      instrument: null,
      side: null,
      previousStatus: null,
      ruleId: null,
      ratioId: null,
      effectiveAt: null,
      entries: [],
      priceSeq: this.priceSeq,
    };
  }
}

/** At least one group, since the last one also ends the cycle. */
function grouped(all: readonly AccountWork[], limit: number): AccountWork[][] {
  const groups: AccountWork[][] = [[]];
  let weight = 0;
  for (const work of all) {
    const own = Math.max(work.fromOutbox.length + work.fired.length, work.changed.size);
    if (weight > 0 && weight + own > limit) {
      groups.push([]);
      weight = 0;
    }
    groups.at(-1)?.push(work);
    weight += own;
  }
  return groups;
}

function portion(work: readonly AccountWork[], doneSeq: bigint | null): Portion {
  const states = work.flatMap(({ accountId, changed, states }) =>
    [...changed].map((unit) => ({ accountId, unit, state: states.get(unit) ?? null })),
  );
  const outbox = work.flatMap((each) => each.outbox);
  const alerts = work.flatMap(({ fromOutbox, fired }) => [...fromOutbox, ...fired]);
  return { chunk: { alerts, states, outbox, doneSeq }, work };
}
