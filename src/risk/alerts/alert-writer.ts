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
import type { Bus } from '../../platform/events.js';
import type { Database } from '../../platform/database.js';
import type { Logger } from '../../platform/log.js';
import type { DutyState, Term } from '../../cluster/leadership.js';
import {
  readAllRules,
  readDuty,
  readOutbox,
  readRules,
  readStates,
  storeChunk,
  takeRound,
  type Chunk,
} from './alert-store.js';
import { closedLevel, type Levels } from './margin-units.js';
import { CALM, alertBoundaries, close, step, type AlertRule } from './alert-machine.js';
import { Turn, type AccountStates, type Portion } from './alert-batch.js';

export interface AlertKeeperParts {
  readonly db: Database;
  readonly log: Logger;
  readonly bus: Bus;
}

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

export class AlertKeeper {
  /** The round that a predecessor has taken and not finished; it has to be evaluated again, on its prices or later ones. */
  readonly unfinishedRound: bigint | null;
  private takenRound: bigint;
  private doneRound: bigint;
  private lastAlert: bigint;
  private turn: Turn | null = null;
  /** What is left to store of a turn that is being ended. */
  private ending: { readonly at: Date; readonly portions: Portion[] } | null = null;
  /** Accounts that could not be evaluated, whose outbox rows wait: until when, and how long the pause is. */
  private readonly postponed = new Map<string, { readonly until: number; readonly pauseMs: number }>();
  /** Of accounts without rules, by policy. */
  private readonly statusBoundaries = new WeakMap<Policy, readonly Decimal[]>();

  private constructor(
    private readonly parts: AlertKeeperParts,
    private readonly term: Term,
    duty: DutyState,
    private readonly states: Map<string, AccountStates>,
    private readonly rules: Map<string, readonly AlertRule[]>,
    private readonly chunk: number,
  ) {
    this.takenRound = duty.takenRound;
    this.doneRound = duty.doneRound;
    this.lastAlert = duty.lastAlert;
    this.unfinishedRound = duty.takenRound === duty.doneRound ? null : duty.takenRound;
  }

  /**
   * Reads what predecessors have left. Throws DeposedError, as every method that writes does.
   *
   * @param chunk so many alerts are stored in one transaction, but for an account that alone has more
   */
  static async begin(parts: AlertKeeperParts, term: Term, chunk = CHUNK): Promise<AlertKeeper> {
    // First: once the term is there, no predecessor writes any more, and what is read is what they left.
    const duty = await readDuty(parts.db, term);
    const states = await readStates(parts.db);
    return new AlertKeeper(parts, term, duty, states, await readAllRules(parts.db), chunk);
  }

  /** Accounts of which something is remembered, and those with rules. */
  accounts(): Iterable<string> {
    return new Set([...this.states.keys(), ...this.rules.keys()]);
  }

  /** Accounts that the outbox names in this turn: nothing leaves the outbox before they are evaluated. */
  named(): ReadonlySet<string> {
    return this.turn?.named ?? NOBODY;
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
  async startTurn(round: bigint): Promise<readonly string[]> {
    if (this.ending !== null) throw new Error('The turn before is not stored yet: endTurn has to succeed first.');
    if (round < this.takenRound) {
      throw new RangeError(
        `Round ${this.takenRound} was taken already, ${round} is older: catch up with the prices first.`,
      );
    }
    const { db } = this.parts;
    const outbox = await readOutbox(db, OUTBOX_ROWS, this.resting());
    if (round > this.takenRound) {
      await takeRound(db, this.term, round);
      this.takenRound = round;
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
    this.turn ??= new Turn((account, amount) => {
      this.parts.log.error({ account, amount }, 'An amount is too large for an alert; the largest one stands for it.');
    });
    this.turn.start(round, outbox);
    return ids;
  }

  /** An account was assessed on the prices of this turn: its machines look at it. */
  evaluated(accountId: string, levels: Levels, policy: Policy): void {
    const { turn } = this;
    if (turn === null || this.ending !== null) throw new Error('No turn is under way: startTurn comes first.');
    const stored = this.states.get(accountId) ?? NO_STATES;
    const states = turn.statesOf(accountId) ?? stored;
    const rules = this.rules.get(accountId) ?? NO_RULES;
    const [cross] = levels;
    turn.setCross(accountId, cross);
    for (const level of levels) {
      const before = states.get(level.name) ?? CALM;
      const { state, crossings } = step(before, level, policy, rules);
      if (state !== before) turn.change(accountId, level, state, crossings, stored);
    }
    for (const [name, state] of states) {
      if (levels.some((level) => level.name === name)) continue;
      turn.change(accountId, closedLevel(name), null, close(state), stored);
    }
  }

  /**
   * Stores what the turn has brought; the alerts are of the instant `asOf`. Where that fails, the same call goes on where
   * the database stands, and nothing is stored twice.
   */
  async endTurn(asOf: Date): Promise<void> {
    const { db } = this.parts;
    this.ending ??= { at: asOf, portions: this.portions() };
    const { at, portions } = this.ending;
    for (let next = portions[0]; next !== undefined; next = portions[0]) {
      const { chunk } = next;
      if (!this.isStored(chunk)) await storeChunk(db, this.term, chunk, { lastAlert: this.lastAlert, at });
      portions.shift();
      this.advance(next);
    }
    this.turn = null;
    this.ending = null;
  }

  private portions(): Portion[] {
    if (this.turn === null) throw new Error('No turn is under way: startTurn comes first.');
    const { named } = this.turn;
    const { portions, unevaluated } = this.turn.outcome(this.chunk, (account) => this.states.get(account) ?? NO_STATES);
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
  private isStored({ alerts, states, outbox, doneRound }: Chunk): boolean {
    return alerts.length + states.length + outbox.length === 0 && doneRound === this.doneRound;
  }

  /** The database has it. */
  private advance({ chunk, work }: Portion): void {
    for (const { accountId, states } of work) {
      if (states.size === 0) this.states.delete(accountId);
      else this.states.set(accountId, states);
    }
    this.doneRound = chunk.doneRound ?? this.doneRound;
    if (chunk.alerts.length === 0) return;
    this.lastAlert += BigInt(chunk.alerts.length);
    this.parts.bus.emit('alerts', { last: this.lastAlert });
  }
}
