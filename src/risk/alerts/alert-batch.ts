/**
 * An alert batch: what one cycle of the leader collects until it is stored. By account: the states of its machines, and
 * the alerts that fired. What was collected is taken in portions, while more is collected.
 */
import type { RiskAlertKind } from '../../platform/prisma/enums.js';
import type { OutboxRow } from '../../platform/outbox.js';
import { columnsOf, type MarginColumns } from './alert-amounts.js';
import { isCalm, type Crossing, type MachineState } from './alert-machine.js';
import type { AccountStates } from './account-states.js';
import { joined, weightOf, type AccountWork } from './alert-portion.js';
import type { NewAlert } from './alert-store.js';
import { closedUnit, positionOf, type UnitState, type UnitStates } from './margin-units.js';

/** The alert of an outbox row of what happened. The others make none; their accounts are evaluated. */
const ALERT_OF: Readonly<Partial<Record<OutboxRow['kind'], RiskAlertKind>>> = {
  AUTO_EXCHANGED: 'AUTO_EXCHANGED',
  INTEREST_STARTED: 'INTEREST_STARTED',
  RATIO_SCHEDULED: 'COLLATERAL_RATIO_SCHEDULED',
};

export class AlertBatch {
  /** In the order of evaluation. */
  private readonly work = new Map<string, AccountWork>();
  /** Margin units of each account with outbox rows, as evaluated after these were read. */
  private readonly evaluated = new Map<string, UnitStates>();
  /** Evaluations are at this price batch. */
  priceSeq = 0n;
  /** Alerts, or states, of what was collected and not taken. */
  private collected = 0;
  /** Outbox rows of which nothing was made so far, by account. */
  private rows = new Map<string, OutboxRow[]>();
  /** Accounts with outbox rows. */
  named: ReadonlySet<string> = new Set();

  /**
   * @param overflow called with an amount that an alert cannot hold
   *
   * @param pending work of earlier cycles that could not be stored
   */
  constructor(
    private readonly overflow: (accountId: string, amount: string) => void,
    pending: readonly AccountWork[],
  ) {
    for (const work of pending) this.putBack(work);
  }

  /** Alerts, or states, that wait to be taken. */
  get weight(): number {
    return this.collected;
  }

  get isEmpty(): boolean {
    return this.work.size === 0;
  }

  /** Accounts of which outbox rows are in the work. */
  withOutbox(): string[] {
    return [...this.work.values()].filter(({ outbox }) => outbox.length > 0).map(({ accountId }) => accountId);
  }

  /** What is evaluated from now on is read after `outbox`. */
  start(outbox: readonly OutboxRow[]): void {
    this.rows = new Map();
    for (const row of outbox) {
      const own = this.rows.get(row.accountId);
      if (own === undefined) this.rows.set(row.accountId, [row]);
      else own.push(row);
    }
    this.named = new Set(this.rows.keys());
    // Earlier evaluations may lack the changes that these rows are about.
    this.evaluated.clear();
  }

  /** Machine states of an account in this cycle; null: none has changed so far. */
  statesOf(accountId: string): AccountStates | null {
    return this.work.get(accountId)?.states ?? null;
  }

  /** The margin units, as evaluated. */
  setUnits(accountId: string, unitStates: UnitStates): void {
    if (this.named.has(accountId)) this.evaluated.set(accountId, unitStates);
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
    this.collected -= weightOf(work);
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
    this.collected += weightOf(work);
  }

  /**
   * Takes at most `limit` alerts, or states, in the order of evaluation, to be stored at once; an account is never
   * divided. One whose outbox rows wait for its evaluation waits with them, until `finish`.
   */
  take(limit: number): AccountWork[] {
    const taken: AccountWork[] = [];
    let weight = 0;
    for (const work of this.work.values()) {
      const rows = this.rows.get(work.accountId) ?? [];
      if (rows.length > 0 && !this.evaluated.has(work.accountId)) continue;
      const own = Math.max(weightOf(work), work.fromOutbox.length + work.fired.length + rows.filter(mayAlert).length);
      if (weight > 0 && weight + own > limit) break;
      this.makeAlerts(work);
      this.work.delete(work.accountId);
      this.collected -= weightOf(work);
      taken.push(work);
      weight += own;
    }
    return taken;
  }

  /** All is evaluated. Returns the accounts with outbox rows that were not: their rows stay. */
  finish(statesOf: (accountId: string) => AccountStates): ReadonlySet<string> {
    const unevaluated = new Set<string>();
    for (const id of this.rows.keys()) {
      if (this.evaluated.has(id)) this.workOf(id, statesOf(id));
      else unevaluated.add(id);
    }
    for (const id of unevaluated) this.rows.delete(id);
    return unevaluated;
  }

  /** It was taken, and could not be stored. */
  putBack(before: AccountWork): void {
    const { accountId } = before;
    const after = this.work.get(accountId);
    if (after !== undefined) this.collected -= weightOf(after);
    const work = after === undefined ? before : joined(before, after);
    this.work.set(accountId, work);
    this.collected += weightOf(work);
  }

  /**
   * Makes the alerts of the account's outbox rows. They come before those of its machines, because their causes come
   * before the evaluation.
   */
  private makeAlerts(work: AccountWork): void {
    const { accountId } = work;
    const [rows, unitStates] = [this.rows.get(accountId), this.evaluated.get(accountId)];
    if (rows === undefined || unitStates === undefined) return;
    this.rows.delete(accountId);
    this.collected -= weightOf(work);
    const [cross] = unitStates;
    const corrected = new Set<string | null>();
    for (const row of rows) {
      const { seq, kind: what, ratioId, effectiveAt, entries, unit } = row;
      work.outbox.push(seq);
      // Clients may believe several statuses of one unit: one alert corrects them all.
      if (what === 'STATUS_LOST' && !corrected.has(unit)) {
        const correction = this.correction(row, unitStates, work.states);
        if (correction.length > 0) corrected.add(unit);
        work.fired.push(...correction);
      }
      const kind = ALERT_OF[what];
      if (kind === undefined) continue;
      const alert = { kind, status: cross.status, ...this.columns(accountId, cross), ratioId, effectiveAt, entries };
      work.fromOutbox.push({ ...this.blank(accountId), ...alert });
    }
    this.collected += weightOf(work);
  }

  /** What was alerted last of the unit is lost, and no longer true: says how it stands. */
  private correction(
    { accountId, unit, status }: OutboxRow,
    unitStates: UnitStates,
    states: AccountStates,
  ): NewAlert[] {
    if (unit === null || status === null) return [];
    const unitState = unitStates.find(({ name }) => name === unit) ?? closedUnit(unit);
    const alerted = states.get(unit)?.status ?? 'HEALTHY';
    if (alerted === (status === 'NO_EXPOSURE' ? 'HEALTHY' : status)) return [];
    return [
      {
        ...this.blank(accountId),
        ...positionOf(unit),
        ...this.columns(accountId, unitState),
        kind: 'STATUS_CHANGED',
        status: alerted === 'HEALTHY' && unitState.status === 'NO_EXPOSURE' ? 'NO_EXPOSURE' : alerted,
        previousStatus: status,
      },
    ];
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

function mayAlert({ kind }: OutboxRow): boolean {
  return kind === 'STATUS_LOST' || ALERT_OF[kind] !== undefined;
}
