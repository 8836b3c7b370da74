/**
 * Keeps the alerts while this process is on duty: steps the machines over what the loop has evaluated, and stores what
 * fired together with what the machines remember, under the term. So an alert is stored exactly once per crossing: a
 * process that dies before it has stored something leaves the machines where they were, and the next one, which
 * evaluates the same round again, fires the same alerts; one that dies afterwards leaves nothing to fire.
 *
 * A turn: `startTurn`, `evaluated` for each account that was looked at, `endTurn`. In memory the machines advance only
 * after the database has them.
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

/** Outbox rows of one turn; what is left waits for the next. */
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
  /** The round that a predecessor has taken and not finished; it has to be evaluated again, on its prices or later ones. */
  readonly unfinishedSeq: bigint | null;
  private takenSeq: bigint;
  private doneSeq: bigint;
  private lastAlert: bigint;
  private batch: AlertBatch | null = null;
  /** What is left to store of a turn that is being ended. */
  private ending: { readonly at: Date; readonly portions: Portion[] } | null = null;
  /** Accounts that could not be evaluated, whose outbox rows wait: until when, and how long the pause is. */
  private readonly postponed = new Map<string, { readonly until: number; readonly pauseMs: number }>();
  /** Of accounts without rules, by policy. */
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
   * Reads what predecessors have left. Throws LeadershipLostError, as every method that writes does.
   *
   * @param chunk so many alerts are stored in one transaction, but for an account that alone has more
   */
  static async begin(parts: Needed, term: Term, chunk = CHUNK): Promise<AlertWriter> {
    // First: once the term is there, no predecessor writes any more, and what is read is what they left.
    const leadership = await readLeadership(parts.db, term);
    const states = await readStates(parts.db);
    return new AlertWriter(parts, term, leadership, states, await readAllRules(parts.db), chunk);
  }

  /** Accounts of which something is remembered, and those with rules. */
  accounts(): Iterable<string> {
    return new Set([...this.states.keys(), ...this.rules.keys()]);
  }

  /** Accounts that the outbox names in this turn: nothing leaves the outbox before they are evaluated. */
  named(): ReadonlySet<string> {
    return this.batch?.named ?? NOBODY;
  }

  /** In so many milliseconds there are outbox rows to be tried again; null: none wait. */
  get retryInMs(): number | null {
    if (this.postponed.size === 0) return null;
    let next = Infinity;
    for (const { until } of this.postponed.values()) next = Math.min(next, until);
    return Math.max(0, Math.ceil(next - performance.now()));
  }

  /**
   * Every ratio at which an account may fire or arm again. Whoever lets it sleep between two of them asks again after
   * each turn in which `startTurn` has named it.
   */
  boundariesOf(accountId: string, policy: Policy): readonly Decimal[] {
    const rules = this.rules.get(accountId);
    if (rules !== undefined) return alertBoundaries(policy, rules);
    const known = this.statusBoundaries.get(policy) ?? alertBoundaries(policy, NO_RULES);
    this.statusBoundaries.set(policy, known);
    return known;
  }

  /**
   * Takes a round of prices, or the last one again where only accounts have changed. Answers the accounts that are to be
   * read anew and evaluated in this turn. A turn that was started and could not go on may be started again: what it has
   * collected stays.
   */
  async startBatch(round: bigint): Promise<readonly string[]> {
    if (this.ending !== null) throw new Error('The turn before is not stored yet: endTurn has to succeed first.');
    if (round < this.takenSeq) {
      throw new RangeError(
        `Round ${this.takenSeq} was taken already, ${round} is older: catch up with the prices first.`,
      );
    }
    const { db } = this.parts;
    const outbox = await readOutbox(db, OUTBOX_ROWS, this.resting());
    if (round > this.takenSeq) {
      await takePriceBatch(db, this.term, round);
      this.takenSeq = round;
    }
    const ids = [...new Set(outbox.map(({ accountId }) => accountId))];
    if (ids.length > 0) {
      // After the outbox: a rule that was set by then is there.
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
    this.batch.start(round, outbox);
    return ids;
  }

  /** An account was assessed on the prices of this turn: its machines look at it. */
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
   * Stores what the turn has brought; the alerts are of the instant `asOf`. Where that fails, the same call goes on where
   * the database stands, and nothing is stored twice.
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
    this.parts.log.error({ account, pauseMs }, 'An account could not be evaluated; its alerts wait until it can be.');
  }

  /** Postponed accounts whose pause is not over. */
  private resting(): string[] {
    const now = performance.now();
    return [...this.postponed].filter(([, { until }]) => until > now).map(([account]) => account);
  }

  /** There is nothing in it that the database does not have. */
  private isStored({ alerts, states, outbox, doneSeq: doneSeq }: Chunk): boolean {
    return alerts.length + states.length + outbox.length === 0 && doneSeq === this.doneSeq;
  }

  /** The database has it. */
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
