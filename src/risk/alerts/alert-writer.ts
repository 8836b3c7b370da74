/**
 * Writes alerts while this process leads. It steps the machines over what the loop has evaluated, and stores fired
 * alerts together with the machines' states. So each crossing is stored exactly once. If the process dies before
 * storing, the machines stay, and the next leader evaluates the same price batch again. If it dies afterwards, nothing
 * is left to fire.
 *
 * A cycle: `startBatch`, `take`, `evaluated` for each account that was assessed, `endBatch`. What has fired is stored in
 * portions: by `storePortion` while the cycle goes on, and the rest by `endBatch`. Machines in memory advance only after
 * the database has their states. The price batch counts as done with the last portion: if the process dies before, its
 * successor evaluates the batch again, at which what is stored fires no more.
 *
 * Memory: the portion that is being stored, and what is collected meanwhile. The loop waits when that is a portion, too.
 */
import type { Fraction } from '../../margin/fraction.js';
import type { Policy } from '../../margin/model.js';
import { readOutbox } from '../../platform/outbox.js';
import type { Parts } from '../../platform/parts.js';
import type { LeadershipState, Term } from '../../cluster/leadership.js';
import {
  readAllRules,
  readLeadership,
  readRules,
  readStates,
  storeChunk,
  takePriceBatch,
  type Chunk,
} from './alert-store.js';
import { closedUnit, type UnitStates } from './margin-units.js';
import { CALM, alertBoundaries, close, step, type AlertRule } from './alert-machine.js';
import { AlertBatch } from './alert-batch.js';
import { shared, type AccountStates } from './account-states.js';
import { portionOf, without, type AccountWork, type Portion } from './alert-portion.js';

type Needed = Pick<Parts, 'db' | 'log' | 'bus'>;

/** Outbox rows of one cycle; the others wait for the next. */
const OUTBOX_ROWS = 5_000;
/** Alerts of one transaction. The client of the database keeps the text of its last hundred statements. */
const CHUNK = 1_000;
/** Of the first one that a long cycle stores: it is stored soon. */
const FIRST_CHUNK = 250;

const NO_STATES: AccountStates = new Map();
const NO_RULES: readonly AlertRule[] = [];
const NOBODY: ReadonlySet<string> = new Set();

interface Storing extends Portion {
  readonly at: Date;
  /** The cycle ends with it. */
  readonly isLast: boolean;
}

export class AlertWriter {
  /**
   * `seq` of a price batch that a predecessor has taken and not finished, or null. It must be evaluated again, at its
   * prices or later ones.
   */
  readonly unfinishedSeq: bigint | null;
  private takenSeq: bigint;
  private doneSeq: bigint;
  private lastAlert: bigint;
  private batch: AlertBatch | null = null;
  /** The portion that is being stored. After a failure it is tried again as it is. */
  private storing: Storing | null = null;
  /** The cycle is ending: at the instant of its alerts, with accounts that were not evaluated. */
  private ending: { readonly at: Date; readonly unevaluated: ReadonlySet<string> } | null = null;
  /** Whether the cycle has stored a portion. */
  private hasStored = false;
  /** What could not be stored in this cycle, by account: somebody has locked its row. */
  private held = new Map<string, AccountWork>();
  /** The same of the cycle before. It goes on in this one. */
  private pending: ReadonlyMap<string, AccountWork> = new Map();
  /** For accounts without rules, by policy. */
  private readonly statusBoundaries = new WeakMap<Policy, readonly Fraction[]>();

  private constructor(
    private readonly parts: Needed,
    private readonly term: Term,
    leadership: LeadershipState,
    private readonly states: Map<string, AccountStates>,
    private readonly rules: Map<string, readonly AlertRule[]>,
    private readonly chunk: number,
  ) {
    this.takenSeq = leadership.takenSeq;
    this.doneSeq = leadership.doneSeq;
    this.lastAlert = leadership.lastAlert;
    this.unfinishedSeq = leadership.takenSeq === leadership.doneSeq ? null : leadership.takenSeq;
  }

  /**
   * Reads what predecessors have stored. Throws LeadershipLostError, as every method that writes does.
   *
   * @param chunk alerts of one transaction, unless a single account has more
   */
  static async begin(parts: Needed, term: Term, chunk = CHUNK): Promise<AlertWriter> {
    // The term first: from then on no predecessor writes any more.
    const leadership = await readLeadership(parts.db, term);
    const states = await readStates(parts.db);
    return new AlertWriter(parts, term, leadership, states, await readAllRules(parts.db), chunk);
  }

  /** Accounts with machines that are not calm, and those with rules. */
  *accounts(): Iterable<string> {
    yield* this.states.keys();
    for (const id of this.rules.keys()) if (!this.states.has(id)) yield id;
  }

  /** Accounts with outbox rows in this cycle: rows stay in the outbox until their account is evaluated. */
  named(): ReadonlySet<string> {
    return this.batch?.named ?? NOBODY;
  }

  /**
   * Every ratio at which an account may fire or rearm. They may change in a cycle for which `startBatch` has named the
   * account.
   */
  boundariesOf(accountId: string, policy: Policy): readonly Fraction[] {
    const rules = this.rules.get(accountId);
    if (rules !== undefined) return alertBoundaries(policy, rules);
    const known = this.statusBoundaries.get(policy) ?? alertBoundaries(policy, NO_RULES);
    this.statusBoundaries.set(policy, known);
    return known;
  }

  /**
   * Returns the accounts that must be evaluated in this cycle, each at this version or a newer one. May be called again
   * for a cycle that could not go on: what was collected stays.
   *
   * @param waiting accounts whose outbox rows wait, since they cannot be evaluated now
   */
  async startBatch(waiting: readonly string[] = []): Promise<ReadonlyMap<string, number>> {
    if (this.ending !== null || this.storing !== null) {
      throw new Error('The cycle before is not stored yet: endBatch must succeed first.');
    }
    const { db } = this.parts;
    // Rows of some accounts are in their work already.
    const known = [...waiting, ...this.pending.keys(), ...this.held.keys(), ...(this.batch?.withOutbox() ?? [])];
    const outbox = await readOutbox(db, OUTBOX_ROWS, known);
    const ids = [...new Set(outbox.map(({ accountId }) => accountId))];
    // Read after the outbox, so that rules and versions of the outbox rows are there.
    const found = ids.length === 0 ? null : await readRules(db, ids);
    for (const id of ids) {
      const rules = found?.rules.get(id);
      if (rules === undefined) this.rules.delete(id);
      else this.rules.set(id, rules);
    }
    this.batch ??= new AlertBatch(this.onOverflow, [...this.pending.values()]);
    this.batch.start(outbox);
    return new Map(ids.map((id) => [id, found?.versions.get(id) ?? 0]));
  }

  /**
   * Takes the price batch at which all of this cycle is evaluated, or the last one again if only accounts have changed.
   * Call it right before: a batch that was taken is evaluated, by this leader or by the next.
   */
  async take(priceSeq: bigint): Promise<void> {
    if (this.batch === null) throw new Error('No batch is under way: startBatch comes first.');
    if (priceSeq < this.takenSeq) {
      throw new RangeError(
        `Price batch ${this.takenSeq} was taken already, ${priceSeq} is older: catch up with the prices first.`,
      );
    }
    if (priceSeq > this.takenSeq) {
      await takePriceBatch(this.parts.db, this.term, priceSeq);
      this.takenSeq = priceSeq;
    }
    this.batch.priceSeq = priceSeq;
  }

  /** Steps the machines of an account that was assessed at the prices of this cycle. */
  evaluated(accountId: string, unitStates: UnitStates, policy: Policy): void {
    const { batch } = this;
    if (batch === null || this.ending !== null) throw new Error('No batch is under way: startBatch comes first.');
    const held = this.held.get(accountId);
    // It goes on where it stands, and is tried again.
    if (held !== undefined && this.held.delete(accountId)) batch.putBack(held);
    const before = this.statesOf(accountId);
    const states = batch.statesOf(accountId) ?? before;
    const rules = this.rules.get(accountId) ?? NO_RULES;
    batch.setUnits(accountId, unitStates);
    for (const unitState of unitStates) {
      const state = states.get(unitState.name) ?? CALM;
      const next = step(state, unitState, policy, rules);
      if (next.state !== state) batch.change(accountId, unitState, next.state, next.crossings, before);
    }
    for (const [name, state] of states) {
      if (unitStates.some((unitState) => unitState.name === name)) continue;
      batch.change(accountId, closedUnit(name), null, close(state), before);
    }
  }

  /** Whether so much has been collected that a portion should be stored before more is evaluated. */
  get isFull(): boolean {
    const limit = this.hasStored ? this.chunk : Math.min(this.chunk, FIRST_CHUNK);
    return this.batch !== null && this.batch.weight >= limit;
  }

  /**
   * Stores a portion of what was collected so far; more may be evaluated meanwhile. One call at a time, and none beside
   * `endBatch`. After a failure, call again.
   */
  async storePortion(asOf: Date): Promise<void> {
    if (this.batch === null) throw new Error('No batch is under way: startBatch comes first.');
    await this.storeNext(this.batch, asOf);
  }

  /**
   * Stores the rest of the alerts and states of the cycle; `asOf` is the instant of the alerts. After a failure, call
   * again: it goes on where the database stands, and stores nothing twice. Returns the accounts with outbox rows that
   * were not evaluated: their rows stay.
   */
  async endBatch(asOf: Date): Promise<readonly string[]> {
    const { batch } = this;
    if (batch === null) throw new Error('No batch is under way: startBatch comes first.');
    this.ending ??= { at: asOf, unevaluated: batch.finish((account) => this.statesOf(account)) };
    const { at, unevaluated } = this.ending;
    while (!(await this.storeNext(batch, at)));
    this.reportPending(this.held);
    this.pending = this.held;
    this.held = new Map();
    this.batch = null;
    this.ending = null;
    this.hasStored = false;
    return [...unevaluated];
  }

  /** Of the machines of an account, without what is collected and not taken. */
  private statesOf(accountId: string): AccountStates {
    return this.storing?.work.get(accountId)?.states ?? this.states.get(accountId) ?? NO_STATES;
  }

  /** Returns whether it was the last portion of the cycle. */
  private async storeNext(batch: AlertBatch, at: Date): Promise<boolean> {
    this.storing ??= this.takePortion(batch, at);
    for (;;) {
      const portion: Storing = this.storing;
      const locked = await this.store(portion);
      if (locked.length === 0) {
        this.advance(portion);
        this.storing = null;
        this.hasStored = true;
        return portion.isLast;
      }
      for (const id of locked) this.keep(batch, portion.work.get(id));
      this.storing = { ...portion, ...without(portion, locked) };
    }
  }

  private takePortion(batch: AlertBatch, at: Date): Storing {
    const work = batch.take(this.ending === null && !this.hasStored ? Math.min(this.chunk, FIRST_CHUNK) : this.chunk);
    const isLast = this.ending !== null && batch.isEmpty;
    return { ...portionOf(work, isLast && this.held.size === 0 ? batch.priceSeq : null), at, isLast };
  }

  /** An account is locked: its work goes on in the next cycle, or with what was collected of it meanwhile. */
  private keep(batch: AlertBatch, work: AccountWork | undefined): void {
    if (work === undefined) return;
    const { accountId } = work;
    if (batch.statesOf(accountId) === null) this.held.set(accountId, work);
    else batch.putBack(work);
  }

  private async store({ chunk, at }: Storing): Promise<readonly string[]> {
    if (this.isStored(chunk)) return [];
    return storeChunk(this.parts.db, this.term, chunk, { lastAlert: this.lastAlert, at });
  }

  /** The database has everything in it. */
  private isStored({ alerts, states, outbox, doneSeq }: Chunk): boolean {
    return alerts.length + states.length + outbox.length === 0 && (doneSeq === null || doneSeq === this.doneSeq);
  }

  private reportPending(pending: ReadonlyMap<string, AccountWork>): void {
    const accounts = [...pending.keys()].filter((id) => !this.pending.has(id));
    if (accounts.length > 0) this.parts.log.warn({ accounts }, 'Alerts wait: their accounts are locked.');
  }

  private readonly onOverflow = (account: string, amount: string): void =>
    this.parts.log.error({ account, amount }, 'An amount is too large for an alert; the largest one stands for it.');

  /** Call when the database has the portion. */
  private advance({ chunk, work }: Portion): void {
    for (const { accountId, states } of work.values()) {
      if (states.size === 0) this.states.delete(accountId);
      else this.states.set(accountId, shared(states));
    }
    this.doneSeq = chunk.doneSeq ?? this.doneSeq;
    if (chunk.alerts.length === 0) return;
    this.lastAlert += BigInt(chunk.alerts.length);
    this.parts.bus.emit('alerts', { last: this.lastAlert });
  }
}
