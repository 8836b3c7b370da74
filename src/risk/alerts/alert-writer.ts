/**
 * Writes alerts while this process leads. It steps the machines over what the loop has evaluated, and stores fired
 * alerts together with the machines' states. So each crossing is stored exactly once. If the process dies before
 * storing, the machines stay, and the next leader evaluates the same price batch again. If it dies afterwards, nothing
 * is left to fire.
 *
 * A cycle: `startBatch`, `evaluated` for each account that was assessed, `endBatch`. Machines in memory advance only
 * after the database has their states.
 */
import type { Decimal } from '../../margin/decimal.js';
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
import { AlertBatch, type AccountStates, type Portion } from './alert-batch.js';

type Needed = Pick<Parts, 'db' | 'log' | 'bus'>;

/** Outbox rows of one cycle; the others wait for the next. */
const OUTBOX_ROWS = 5_000;
/** Alerts of one transaction. */
const CHUNK = 5_000;
/** An account that could not be evaluated is tried again after this pause, which doubles each time. */
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 10_000;

const NO_STATES: AccountStates = new Map();
const NO_RULES: readonly AlertRule[] = [];
const NOBODY: ReadonlySet<string> = new Set();

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
  /** Portions still to be stored of a cycle that is ending. */
  private ending: { readonly at: Date; readonly portions: Portion[] } | null = null;
  /** Accounts that could not be evaluated, whose outbox rows wait. */
  private readonly postponed = new Map<string, { readonly until: number; readonly pauseMs: number }>();
  /** For accounts without rules, by policy. */
  private readonly statusBoundaries = new WeakMap<Policy, readonly Decimal[]>();

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
  accounts(): Iterable<string> {
    return new Set([...this.states.keys(), ...this.rules.keys()]);
  }

  /** Accounts with outbox rows in this cycle: rows stay in the outbox until their account is evaluated. */
  named(): ReadonlySet<string> {
    return this.batch?.named ?? NOBODY;
  }

  /** Milliseconds until postponed outbox rows are due again; null: none are postponed. */
  get retryInMs(): number | null {
    if (this.postponed.size === 0) return null;
    let next = Infinity;
    for (const { until } of this.postponed.values()) next = Math.min(next, until);
    return Math.max(0, Math.ceil(next - performance.now()));
  }

  /**
   * Every ratio at which an account may fire or rearm. They may change in a cycle for which `startBatch` has named the
   * account.
   */
  boundariesOf(accountId: string, policy: Policy): readonly Decimal[] {
    const rules = this.rules.get(accountId);
    if (rules !== undefined) return alertBoundaries(policy, rules);
    const known = this.statusBoundaries.get(policy) ?? alertBoundaries(policy, NO_RULES);
    this.statusBoundaries.set(policy, known);
    return known;
  }

  /**
   * Takes a price batch, or the last one again if only accounts have changed. Returns the accounts that must be read
   * anew and evaluated in this cycle. May be called again for a cycle that could not go on: what was collected stays.
   */
  async startBatch(priceSeq: bigint): Promise<readonly string[]> {
    if (this.ending !== null) throw new Error('The cycle before is not stored yet: endBatch must succeed first.');
    if (priceSeq < this.takenSeq) {
      throw new RangeError(
        `Price batch ${this.takenSeq} was taken already, ${priceSeq} is older: catch up with the prices first.`,
      );
    }
    const { db } = this.parts;
    const outbox = await readOutbox(db, OUTBOX_ROWS, this.resting());
    if (priceSeq > this.takenSeq) {
      await takePriceBatch(db, this.term, priceSeq);
      this.takenSeq = priceSeq;
    }
    const ids = [...new Set(outbox.map(({ accountId }) => accountId))];
    if (ids.length > 0) {
      // Read after the outbox, so that rules of the outbox rows are there.
      const found = await readRules(db, ids);
      for (const id of ids) {
        const rules = found.get(id);
        if (rules === undefined) this.rules.delete(id);
        else this.rules.set(id, rules);
      }
    }
    this.batch ??= new AlertBatch((account, amount) => {
      this.parts.log.error({ account, amount }, 'An amount is too large for an alert; the largest one stands for it.');
    });
    this.batch.start(priceSeq, outbox);
    return ids;
  }

  /** Steps the machines of an account that was assessed at the prices of this cycle. */
  evaluated(accountId: string, unitStates: UnitStates, policy: Policy): void {
    const { batch } = this;
    if (batch === null || this.ending !== null) throw new Error('No batch is under way: startBatch comes first.');
    const stored = this.states.get(accountId) ?? NO_STATES;
    const states = batch.statesOf(accountId) ?? stored;
    const rules = this.rules.get(accountId) ?? NO_RULES;
    const [cross] = unitStates;
    batch.setCross(accountId, cross);
    for (const unitState of unitStates) {
      const before = states.get(unitState.name) ?? CALM;
      const { state, crossings } = step(before, unitState, policy, rules);
      if (state !== before) batch.change(accountId, unitState, state, crossings, stored);
    }
    for (const [name, state] of states) {
      if (unitStates.some((unitState) => unitState.name === name)) continue;
      batch.change(accountId, closedUnit(name), null, close(state), stored);
    }
  }

  /**
   * Stores the alerts and states of the cycle; `asOf` is the instant of the alerts. After a failure, call again: it
   * goes on where the database stands, and stores nothing twice.
   */
  async endBatch(asOf: Date): Promise<void> {
    const { db } = this.parts;
    this.ending ??= { at: asOf, portions: this.portions() };
    const { at, portions } = this.ending;
    for (let next = portions[0]; next !== undefined; next = portions[0]) {
      const { chunk } = next;
      if (!this.isStored(chunk)) await storeChunk(db, this.term, chunk, { lastAlert: this.lastAlert, at });
      portions.shift();
      this.advance(next);
    }
    this.batch = null;
    this.ending = null;
  }

  private portions(): Portion[] {
    if (this.batch === null) throw new Error('No batch is under way: startBatch comes first.');
    const { named } = this.batch;
    const { portions, unevaluated } = this.batch.outcome(
      this.chunk,
      (account) => this.states.get(account) ?? NO_STATES,
    );
    for (const account of named) {
      if (unevaluated.has(account)) this.postpone(account);
      else this.postponed.delete(account);
    }
    return portions;
  }

  private postpone(account: string): void {
    const before = this.postponed.get(account);
    const pauseMs = before === undefined ? FIRST_PAUSE_MS : Math.min(MAX_PAUSE_MS, 2 * before.pauseMs);
    this.postponed.set(account, { until: performance.now() + pauseMs, pauseMs });
    this.parts.log.error({ account, pauseMs }, 'An account could not be assessed; its alerts wait until it can be.');
  }

  /** Postponed accounts whose pause is not over. */
  private resting(): string[] {
    const now = performance.now();
    return [...this.postponed].filter(([, { until }]) => until > now).map(([account]) => account);
  }

  /** The database has everything in it. */
  private isStored({ alerts, states, outbox, doneSeq }: Chunk): boolean {
    return alerts.length + states.length + outbox.length === 0 && doneSeq === this.doneSeq;
  }

  /** Call when the database has the portion. */
  private advance({ chunk, work }: Portion): void {
    for (const { accountId, states } of work) {
      if (states.size === 0) this.states.delete(accountId);
      else this.states.set(accountId, states);
    }
    this.doneSeq = chunk.doneSeq ?? this.doneSeq;
    if (chunk.alerts.length === 0) return;
    this.lastAlert += BigInt(chunk.alerts.length);
    this.parts.bus.emit('alerts', { last: this.lastAlert });
  }
}
