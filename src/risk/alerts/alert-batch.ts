/**
 * What one turn of the process on duty collects until it is stored: by account, how its machines stand after it, and
 * the alerts that fired.
 */
import type { RiskAlertKind } from '../../platform/prisma/enums.js';
import type { OutboxRow } from '../../platform/outbox.js';
import type { Chunk, NewAlert } from './alert-store.js';
import { positionOf, type UnitState } from './margin-units.js';
import { isCalm, type Crossing, type MachineState } from './alert-machine.js';
import { columnsOf, type MarginColumns } from './alert-amounts.js';

/** By level; calm levels are left out. */
export type AccountStates = ReadonlyMap<string, MachineState>;

export interface AccountWork {
  readonly accountId: string;
  /** As they stand after the turn. */
  readonly states: Map<string, MachineState>;
  /** Names of the levels whose machines have changed. */
  readonly changed: Set<string>;
  /** What its machines have fired. */
  readonly fired: NewAlert[];
  /** What the outbox has told of it. */
  readonly fromOutbox: NewAlert[];
  /** The numbers of its outbox rows: they are deleted with what its evaluation has brought, and in no other way. */
  readonly outbox: bigint[];
}

/** What is stored at once, and whose states hold after that. */
export interface Portion {
  readonly chunk: Chunk;
  readonly work: readonly AccountWork[];
}

/** What a turn comes to. */
export interface Outcome {
  /** In the order in which they are to be stored. */
  readonly portions: Portion[];
  /** Accounts that the outbox names and that were not evaluated: their rows stay. */
  readonly unevaluated: ReadonlySet<string>;
}

/** What outbox rows become; a CHANGED row only has its account looked at. */
const ALERT_OF: Readonly<Partial<Record<OutboxRow['kind'], RiskAlertKind>>> = {
  AUTO_EXCHANGED: 'AUTO_EXCHANGED',
  INTEREST_STARTED: 'INTEREST_STARTED',
  RATIO_SCHEDULED: 'COLLATERAL_RATIO_SCHEDULED',
};

export class AlertBatch {
  private readonly work = new Map<string, AccountWork>();
  /** Of accounts that the outbox names: their cross account as it was evaluated after the outbox was read. */
  private readonly evaluated = new Map<string, UnitState>();
  private round = 0n;
  private outbox: readonly OutboxRow[] = [];
  /** The accounts that the outbox names. */
  named: ReadonlySet<string> = new Set();

  /** @param overflow told of an amount that an alert cannot hold */
  constructor(private readonly overflow: (accountId: string, amount: string) => void) {}

  /** What is evaluated from now on is evaluated on this round, and the outbox is that which was read with it. */
  start(round: bigint, outbox: readonly OutboxRow[]): void {
    this.round = round;
    this.outbox = outbox;
    this.named = new Set(outbox.map(({ accountId }) => accountId));
    // An evaluation from before these rows were read may be of an account that did not have their changes.
    this.evaluated.clear();
  }

  /** How the machines of an account stand in this turn; null: it has changed none of them so far. */
  statesOf(accountId: string): AccountStates | null {
    return this.work.get(accountId)?.states ?? null;
  }

  /** The cross account, as it was evaluated. */
  setCross(accountId: string, unitState: UnitState): void {
    if (this.named.has(accountId)) this.evaluated.set(accountId, unitState);
  }

  /** A machine has changed. `state` null: it is gone. `before`: how the account's machines stood when the turn began. */
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
   * What is to be stored, in order: at most `limit` alerts, or levels, at once, an account never divided. Alerts of the
   * outbox come before what an account's machines fired, since they tell what happened to it before it was evaluated.
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
    const portions = groups.map((work, index) => portion(work, index === groups.length - 1 ? this.round : null));
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
      round: this.round,
    };
  }
}

/** One group at least, since the last one also ends the turn. */
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
    [...changed].map((level) => ({ accountId, level, state: states.get(level) ?? null })),
  );
  const outbox = work.flatMap((each) => each.outbox);
  const alerts = work.flatMap(({ fromOutbox: fromOutbox, fired }) => [...fromOutbox, ...fired]);
  return { chunk: { alerts, states, outbox, doneSeq: doneSeq }, work };
}
