/**
 * What one turn of the process on duty collects until it is stored: by account, how its machines stand after it, and
 * the alerts that fired.
 */
import type { MarginStatus } from '../../margin/model.js';
import type { RiskAlertKind } from '../../platform/prisma/enums.js';
import type { Chunk, NewAlert, OutboxRow } from './alert-store.js';
import { positionOf, type AlertLevel } from './margin-units.js';
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
  /** What the outbox has told of it, and the numbers of those rows. */
  readonly told: NewAlert[];
  readonly outbox: bigint[];
}

/** What is stored at once, and whose states hold after that. */
export interface Portion {
  readonly chunk: Chunk;
  readonly work: readonly AccountWork[];
}

/** What outbox rows become; a CHANGED row only has its account looked at. */
const ALERT_OF: Readonly<Partial<Record<OutboxRow['kind'], RiskAlertKind>>> = {
  AUTO_EXCHANGED: 'AUTO_EXCHANGED',
  INTEREST_STARTED: 'INTEREST_STARTED',
  RATIO_SCHEDULED: 'COLLATERAL_RATIO_SCHEDULED',
};

export class Turn {
  private readonly work = new Map<string, AccountWork>();
  /** Of accounts for which an outbox row becomes an alert: their cross account as it was evaluated. */
  private readonly evaluated = new Map<string, { readonly status: MarginStatus; readonly margin: MarginColumns }>();
  private round = 0n;
  private outbox: readonly OutboxRow[] = [];
  private awaited: ReadonlySet<string> = new Set();

  /** @param overflow told of an amount that an alert cannot hold */
  constructor(private readonly overflow: (accountId: string, amount: string) => void) {}

  /** What is evaluated from now on is evaluated on this round, and the outbox is that which was read with it. */
  start(round: bigint, outbox: readonly OutboxRow[]): void {
    this.round = round;
    this.outbox = outbox;
    this.awaited = new Set(outbox.flatMap(({ kind, accountId }) => (ALERT_OF[kind] === undefined ? [] : [accountId])));
  }

  /** How the machines of an account stand in this turn; null: it has changed none of them so far. */
  statesOf(accountId: string): AccountStates | null {
    return this.work.get(accountId)?.states ?? null;
  }

  /** The cross account, as it was evaluated. */
  setMargin(accountId: string, level: AlertLevel): void {
    if (!this.awaited.has(accountId)) return;
    this.evaluated.set(accountId, { status: level.status, margin: this.columns(accountId, level) });
  }

  /** A machine has changed. `state` null: it is gone. `before`: how the account's machines stood when the turn began. */
  change(
    accountId: string,
    level: AlertLevel,
    state: MachineState | null,
    crossings: readonly Crossing[],
    before: AccountStates,
  ): void {
    const work = this.workOf(accountId, before);
    if (state === null || isCalm(state)) work.states.delete(level.name);
    else work.states.set(level.name, state);
    work.changed.add(level.name);
    for (const crossing of crossings) {
      work.fired.push({
        ...this.blank(accountId),
        ...positionOf(level.name),
        ...this.columns(accountId, level),
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
   *
   * @param unknown told of accounts that were not evaluated, whose outbox rows can become nothing
   */
  portions(
    limit: number,
    statesOf: (accountId: string) => AccountStates,
    unknown: (accountId: string) => void,
  ): Portion[] {
    const done = new Set<bigint>();
    for (const row of this.outbox) {
      const kind = ALERT_OF[row.kind];
      if (kind === undefined) continue;
      const found = this.evaluated.get(row.accountId);
      if (found === undefined) {
        unknown(row.accountId);
        continue;
      }
      const { accountId, ratioId, effectiveAt, entries } = row;
      const work = this.workOf(accountId, statesOf(accountId));
      const alert = { kind, status: found.status, ...found.margin, ratioId, effectiveAt, entries };
      work.told.push({ ...this.blank(accountId), ...alert });
      work.outbox.push(row.seq);
      done.add(row.seq);
    }
    const groups = grouped([...this.work.values()], limit);
    const silent = this.outbox.filter(({ seq }) => !done.has(seq)).map(({ seq }) => seq);
    return groups.map((work, index) =>
      portion(work, index === groups.length - 1 ? { silent, round: this.round } : null),
    );
  }

  private workOf(accountId: string, before: AccountStates): AccountWork {
    const known = this.work.get(accountId);
    if (known !== undefined) return known;
    const work = { accountId, states: new Map(before), changed: new Set<string>(), fired: [], told: [], outbox: [] };
    this.work.set(accountId, work);
    return work;
  }

  private columns(accountId: string, level: AlertLevel): MarginColumns {
    return columnsOf(level, (amount) => this.overflow(accountId, amount));
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
    const own = Math.max(work.told.length + work.fired.length, work.changed.size);
    if (weight > 0 && weight + own > limit) {
      groups.push([]);
      weight = 0;
    }
    groups.at(-1)?.push(work);
    weight += own;
  }
  return groups;
}

function portion(work: readonly AccountWork[], end: { silent: readonly bigint[]; round: bigint } | null): Portion {
  const states = work.flatMap(({ accountId, changed, states }) =>
    [...changed].map((level) => ({ accountId, level, state: states.get(level) ?? null })),
  );
  const outbox = [...work.flatMap((each) => each.outbox), ...(end?.silent ?? [])];
  const alerts = work.flatMap(({ told, fired }) => [...told, ...fired]);
  return { chunk: { alerts, states, outbox, doneRound: end?.round ?? null }, work };
}
