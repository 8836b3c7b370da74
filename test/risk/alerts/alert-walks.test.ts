/** Random prices, fills, rules, faults and deaths over a real database: the stored alerts are the oracle's, each once. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import type { AlertWriter } from '../../../src/risk/alerts/alert-writer.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import { LeadershipLostError } from '../../../src/cluster/leadership.js';
import type { Database } from '../../../src/platform/database/database.js';
import { openTestDatabase } from '../../support/services/database.js';
import { UnitOracle, statusOf, type Expected, type PercentRule, type Seen } from './alert-oracle.js';
import {
  POLICY,
  WIRE_CUT,
  addRounds,
  startAt,
  clear,
  makeAccounts,
  newAlertWriter,
  reportOf,
  setRule,
  tell,
  type Fault,
  type Holding,
  type Marks,
} from './writer-world.js';

let db: Database;
let database: Awaited<ReturnType<typeof openTestDatabase>>;

beforeAll(async () => {
  database = await openTestDatabase();
  ({ db } = database);
});

afterAll(() => database.close());

const ACCOUNTS = 6;
const TURNS = 60;
const DEATH = 'The process has died.';

/** Numbers below a bound, the same for the same seed (mulberry32). */
function dice(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

interface ExpectedAlert extends Expected {
  readonly position: string | null;
  readonly round: number;
  /** Ten times as much. */
  readonly balance: bigint;
  readonly maintenance: bigint;
  readonly entries: readonly bigint[];
}

interface AccountWorld {
  readonly id: string;
  holding: Holding;
  rules: PercentRule[];
  /** Outbox rows of exchanges that no cycle has read, by the number of their entry. */
  exchanges: bigint[];
  readonly cross: UnitOracle;
  isolated: UnitOracle | null;
  readonly expected: ExpectedAlert[];
}

/** The cross account and the isolated position, ten times as large. */
function seen({ usdt, cross, isolated }: Holding, marks: Marks): { cross: Seen; isolated: Seen | null } {
  const unitState = (base: number, cost: number | null, mark: number | null): Seen => {
    if (cost === null) return priced(base * 10, 0);
    if (mark === null) return { status: 'UNPRICED', balance: BigInt(base * 10), maintenance: 0n };
    return priced((base + mark - cost) * 10, mark);
  };
  const priced = (balance: number, maintenance: number): Seen => ({
    status: statusOf(BigInt(balance), BigInt(maintenance)),
    balance: BigInt(balance),
    maintenance: BigInt(maintenance),
  });
  return {
    cross: unitState(usdt, cross, marks.BTCUSDT),
    isolated: isolated === null ? null : unitState(isolated.margin, isolated.cost, marks.ETHUSDT),
  };
}

/** What the oracle expects of an account that is evaluated now. */
function expectOf(world: AccountWorld, marks: Marks, round: number): void {
  const now = seen(world.holding, marks);
  const add = (
    expected: readonly Expected[],
    position: string | null,
    unitState: Seen | null,
    entries: bigint[] = [],
  ): void => {
    const { balance, maintenance } = unitState ?? { balance: 0n, maintenance: 0n };
    for (const each of expected) world.expected.push({ ...each, position, round, balance, maintenance, entries });
  };
  for (const entry of world.exchanges) {
    const exchange = { kind: 'AUTO_EXCHANGED', status: now.cross.status, previousStatus: null, rule: null };
    add([exchange], null, now.cross, [entry]);
  }
  world.exchanges = [];
  add(world.cross.see(now.cross, world.rules), null, now.cross);
  if (now.isolated !== null) world.isolated ??= new UnitOracle();
  add(world.isolated?.see(now.isolated, world.rules) ?? [], 'ETHUSDT/LONG', now.isolated);
  if (now.isolated === null) world.isolated = null;
}

function perTen(amount: bigint): string {
  const [sign, digits] = amount < 0n ? ['-', -amount] : ['', amount];
  return `${sign}${digits / 10n}${digits % 10n === 0n ? '' : `.${digits % 10n}`}`;
}

/** maintenance / balance, rounded up at 18 digits. */
function ratioOf({ status, balance, maintenance }: ExpectedAlert): string | null {
  if (status === 'UNPRICED' || maintenance === 0n || balance <= 0n) return null;
  const scale = 10n ** 18n;
  const units = (maintenance * scale + balance - 1n) / balance;
  return `${units / scale}.${String(units % scale).padStart(18, '0')}`.replace(/\.?0+$/, '');
}

async function storedOf(accountId: string): Promise<object[]> {
  const rows = await db.riskAlert.findMany({ where: { accountId }, orderBy: { seq: 'asc' } });
  return rows.map((row) => ({
    alert: [row.kind, row.previousStatus, row.status, row.ruleId],
    position: row.instrument === null ? null : `${row.instrument}/${row.side ?? ''}`,
    round: Number(row.round),
    numbers: [row.marginRatio?.toFixed() ?? null, row.marginBalance.toFixed(), row.maintenanceMargin.toFixed()],
    entries: row.entries,
  }));
}

function asStored(alert: ExpectedAlert, rules: ReadonlySet<string>): object {
  // An alert outlives its rule.
  const rule = alert.rule !== null && rules.has(alert.rule) ? alert.rule : null;
  return {
    alert: [alert.kind, alert.previousStatus, alert.status, rule],
    position: alert.position,
    round: alert.round,
    numbers: [ratioOf(alert), perTen(alert.balance), perTen(alert.maintenance)],
    entries: alert.entries,
  };
}

class Walk {
  private marks: Marks = { BTCUSDT: null, ETHUSDT: null };
  private round = 0;
  private entry = 0n;
  private alertWriter!: AlertWriter;
  /** Everything has to be evaluated: the price batch is new, or the alert writer is. */
  private isAll = true;
  /** What happens to the transactions to come. */
  private faults: (Fault | 'DEATH_BEFORE' | 'DEATH_AFTER' | null)[] = [];
  /** The alert writer's process cannot reach anything any more. */
  private isDead = false;
  deaths = 0;

  constructor(
    private readonly roll: (bound: number) => number,
    private readonly worlds: readonly AccountWorld[],
  ) {}

  async run(): Promise<void> {
    await this.becomeLeader();
    for (let cycle = 0; cycle < TURNS; cycle++) {
      for (let change = this.roll(4); change > 0; change--) await this.change();
      if (this.roll(3) > 0) await this.tick();
      if (this.roll(10) === 0) await this.becomeLeader();
      await this.cycle();
    }
  }

  private async becomeLeader(): Promise<void> {
    const before = this.alertWriter as AlertWriter | undefined;
    this.isDead = false;
    this.faults = [];
    this.alertWriter = await newAlertWriter(db, { chunk: 1 + this.roll(4), next: () => this.nextFault() });
    // Only this says that the predecessor's cycle has to be repeated.
    const { takenRound } = await db.duty.findUniqueOrThrow({ where: { id: 1 } });
    this.isAll = this.alertWriter.unfinishedSeq !== null || takenRound < this.round;
    // It was not dead, only away: its writes are refused, unless there is nothing to do.
    const refused = await before?.endBatch(new Date()).catch((error: unknown) => error);
    const isIdle = refused instanceof Error && refused.message.startsWith('No batch is under way');
    if (refused !== undefined && !isIdle) expect(refused).toBeInstanceOf(LeadershipLostError);
  }

  private nextFault(): Fault | null {
    if (this.isDead) throw new Error(DEATH);
    const fault = this.faults.shift() ?? null;
    if (fault !== 'DEATH_BEFORE' && fault !== 'DEATH_AFTER') return fault;
    this.isDead = true;
    this.deaths += 1;
    return fault === 'DEATH_BEFORE' ? 'REFUSED' : 'ANSWER_LOST';
  }

  private async tick(): Promise<void> {
    this.round += 1;
    await addRounds(db, this.round);
    const mark = (): number | null => (this.roll(25) === 0 ? null : 60 + this.roll(80));
    this.marks = { BTCUSDT: mark(), ETHUSDT: this.roll(2) === 0 ? this.marks.ETHUSDT : mark() };
    this.isAll = true;
  }

  private async change(): Promise<void> {
    const world = this.worlds[this.roll(this.worlds.length)] as AccountWorld;
    const what = this.roll(6);
    if (what === 0) {
      this.entry += 1n;
      world.exchanges.push(this.entry);
      await tell(db, world.id, 'AUTO_EXCHANGED', { entries: [this.entry] });
    } else if (what === 1 && world.rules.length < 3) {
      const ratio = 5 + this.roll(120);
      const rearmBelow = Math.max(1, ratio - this.roll(12));
      const id = await setRule(db, world.id, ratio, rearmBelow);
      world.rules.push({ id, ratio: BigInt(ratio), rearmBelow: BigInt(rearmBelow) });
      // From the lowest ratio to the highest, as the alerts of one cycle are ordered.
      world.rules.sort((a, b) => Number(a.ratio - b.ratio) || (a.id < b.id ? -1 : 1));
    } else if (what === 2 && world.rules.length > 0) {
      const [gone] = world.rules.splice(this.roll(world.rules.length), 1);
      await db.alertRule.delete({ where: { id: gone?.id ?? '' } });
      await tell(db, world.id);
    } else {
      const { cross, isolated } = world.holding;
      const opened = (): number | null => (this.roll(3) === 0 ? null : 80 + this.roll(30));
      const cost = opened();
      world.holding = {
        usdt: this.roll(60) - 8,
        cross: this.roll(3) > 0 ? cross : opened(),
        isolated: this.roll(3) > 0 ? isolated : cost === null ? null : { cost, margin: this.roll(40) },
      };
      await tell(db, world.id);
    }
  }

  /** One cycle, with whatever happens to it, until it is stored. */
  private async cycle(): Promise<void> {
    const possible = [null, null, 'REFUSED', 'ANSWER_LOST', 'DEATH_BEFORE', 'DEATH_AFTER'] as const;
    const count = this.roll(2) === 0 ? 1 + this.roll(5) : 0;
    this.faults = Array.from({ length: count }, () => possible[this.roll(possible.length)] ?? null);
    let isExpected = false;
    for (;;) {
      try {
        const named = await this.insist(() => startAt(this.alertWriter, BigInt(this.round)));
        if (!isExpected) for (const world of this.worlds) expectOf(world, this.marks, this.round);
        isExpected = true;
        for (const { id, holding } of this.worlds) {
          // The state of all others is as it was.
          if (!this.isAll && !named.includes(id)) continue;
          this.alertWriter.evaluated(id, unitStatesOf(reportOf(holding, this.marks)), POLICY);
        }
        await this.insist(() => this.alertWriter.endBatch(new Date()));
        this.isAll = false;
        return;
      } catch (error) {
        if ((error as Error).message !== DEATH) throw error;
        await this.becomeLeader();
      }
    }
  }

  private async insist<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if ((error as Error).message !== WIRE_CUT) throw error;
      }
    }
  }
}

it.each([1, 2, 3])('every alert is stored once, whatever happens (%i)', async (seed) => {
  await clear(db);
  const worlds = (await makeAccounts(db, ACCOUNTS)).map((id): AccountWorld => {
    const holding = { usdt: 20, cross: 100, isolated: null };
    return { id, holding, rules: [], exchanges: [], cross: new UnitOracle(), isolated: null, expected: [] };
  });
  // As it is when an account is opened.
  for (const { id } of worlds) await tell(db, id);
  const walk = new Walk(dice(seed), worlds);
  await walk.run();

  const rules = new Set((await db.alertRule.findMany()).map(({ id }) => id));
  for (const { id, expected } of worlds) {
    expect(await storedOf(id)).toEqual(expected.map((alert) => asStored(alert, rules)));
  }
  // Without a gap, and enough of everything that the walk says something.
  const all = worlds.flatMap(({ expected }) => expected);
  const numbers = (await db.riskAlert.findMany({ orderBy: { seq: 'asc' } })).map(({ seq }) => Number(seq));
  expect(numbers).toEqual(all.map((_, index) => index + 1));
  expect(await db.outboxItem.count()).toBe(0);
  expect(walk.deaths).toBeGreaterThan(3);
  expect(all.length).toBeGreaterThan(50);
  expect(new Set(all.map(({ kind }) => kind)).size).toBe(3);
});
