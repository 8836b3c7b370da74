/** When scheduled rules take effect: who gets the event, how often, and what is recorded. */
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal } from '../../src/margin/decimal.js';
import type { Term } from '../../src/cluster/leadership.js';
import { RuleClock } from '../../src/jobs/rule-clock.js';
import type { Database } from '../../src/platform/database/database.js';
import { createLogger } from '../../src/platform/log.js';
import { refreshRules } from '../../src/policy/rulebook/rule-events.js';
import { openTestDatabase } from '../support/services/database.js';
import { cancel, changeLista, changePolicy, listaAt, ruleProcess, type RuleProcess } from '../support/calls/rules.js';
import { until } from '../support/until.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let opened: { db: Database; close(): Promise<void> };
let db: Database;
/** Real time, so that timers mean what they say; a test may jump ahead. */
let ahead = 0;
const clock = (): number => Date.now() + ahead;
let here: RuleProcess;
const clocks: RuleClock[] = [];

beforeAll(async () => {
  opened = await openTestDatabase();
  db = opened.db;
});
afterAll(() => opened.close());
beforeEach(async () => {
  // Whatever an earlier test has scheduled is in force.
  ahead += 1_000 * DAY;
  here = await ruleProcess(db, clock);
});
afterEach(async () => {
  for (const each of clocks.splice(0)) await each.close();
});

function start(parts: RuleProcess = here): RuleClock {
  const started = new RuleClock({ ...parts, log: createLogger('silent') });
  clocks.push(started);
  return started;
}

function term(number = 0n): { term: Term; end: () => void } {
  const controller = new AbortController();
  return { term: { number, ended: controller.signal }, end: () => controller.abort() };
}

const inMs = (milliseconds: number): Date => new Date(clock() + milliseconds);

async function appliedAt(id: string): Promise<Date | null> {
  return (await db.collateralRatio.findUniqueOrThrow({ where: { id } })).appliedAt;
}

describe('a version that was scheduled', () => {
  it('is announced when it takes effect, once, in the order of the instants, and never before', async () => {
    start();
    const first = await changeLista(here, '0.2', inMs(4_000));
    const second = await changeLista(here, '0.3', inMs(4_100));
    const due: number[] = [];
    here.bus.on('collateralRatio', ({ change }) => change === 'IN_FORCE' && due.push(clock()));
    expect(here.events).toEqual([`SCHEDULED ${first.version}`, `SCHEDULED ${second.version}`]);
    await until(() => due.length === 2);
    expect(here.events.slice(2)).toEqual([`IN_FORCE ${first.version}`, `IN_FORCE ${second.version}`]);
    for (const [index, version] of [first, second].entries()) {
      const late = (due[index] ?? 0) - version.effectiveFrom.getTime();
      expect(late).toBeGreaterThanOrEqual(0);
    }
    await sleep(50);
    expect(here.events).toHaveLength(4);
  });

  it('is not announced when it was cancelled', async () => {
    start();
    const first = await changeLista(here, '0.2', inMs(HOUR));
    const { version } = await changeLista(here, '0.3', inMs(HOUR + 1));
    await cancel(here, first.id);
    ahead += 2 * HOUR;
    await until(() => here.events.includes(`IN_FORCE ${version}`));
    expect(here.events).not.toContain(`IN_FORCE ${first.version}`);
  });

  it('is announced where only its schedule was known, once, also when others announce it', async () => {
    const there = await ruleProcess(db, clock);
    start();
    start(there);
    const { version, id } = await changeLista(here, '0.2', inMs(3_000));
    await refreshRules(there, new Date(clock()));
    await until(() => there.events.length === 2 && here.events.length === 2);
    expect(there.events).toEqual([`SCHEDULED ${version}`, `IN_FORCE ${version}`]);
    // Another process announces it, too: it stays announced.
    there.bus.emit('collateralRatio', { id, venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA', change: 'IN_FORCE' });
    await sleep(50);
    expect(there.events).toHaveLength(3);
  });

  it('waits for longer than a timer can, and is not late when the clock jumps', async () => {
    start();
    const { version } = await changeLista(here, '0.2', inMs(60 * DAY));
    await sleep(50);
    expect(here.events).toEqual([`SCHEDULED ${version}`]);
    ahead += 60 * DAY;
    await until(() => here.events.length === 2);
    expect(here.events[1]).toBe(`IN_FORCE ${version}`);
  });

  it('announces a policy as well', async () => {
    start();
    await changePolicy(here, { venue: 'ASCENDEX', debtMarginRate: decimal('0.01') }, inMs(3_000));
    expect(here.policies).toEqual(['ASCENDEX']);
    await until(() => here.policies.length === 2);
    await sleep(50);
    expect(here.policies).toEqual(['ASCENDEX', 'ASCENDEX']);
  });
});

describe('the record', () => {
  it('is made by the leader, at the instant, and known to the process', async () => {
    start().setTerm(term().term);
    const version = await changeLista(here, '0.2', inMs(1_500));
    await until(async () => (await appliedAt(version.id)) !== null);
    const applied = await appliedAt(version.id);
    expect(applied?.getTime()).toBeGreaterThanOrEqual(version.effectiveFrom.getTime());
    await until(() => here.rulebook.ratioVersion(version.id)?.appliedAt?.getTime() === applied?.getTime());
  });

  it('is made by no other process, and by a new leader at once, with the instant at which that was', async () => {
    const idle = start();
    const version = await changeLista(here, '0.2', inMs(1_500));
    await until(() => here.events.includes(`IN_FORCE ${version.version}`));
    expect(await appliedAt(version.id)).toBeNull();
    ahead += HOUR;
    const began = clock();
    idle.setTerm(term().term);
    await until(async () => (await appliedAt(version.id)) !== null);
    expect((await appliedAt(version.id))?.getTime()).toBeGreaterThanOrEqual(began);
  });

  it('is made for what fell due while no process ran; it counts from its instant all the same', async () => {
    const version = await changeLista(here, '0.2', inMs(HOUR));
    const { version: cancelled, id } = await changeLista(here, '0.3', inMs(2 * HOUR));
    await cancel(here, id);
    ahead += 3 * HOUR;
    const later = await ruleProcess(db, clock);
    const began = clock();
    start(later).setTerm(term().term);
    expect(listaAt(later, clock())).toBe('0.2');
    await until(async () => (await appliedAt(version.id)) !== null);
    expect((await appliedAt(version.id))?.getTime()).toBeGreaterThanOrEqual(began);
    // What never took effect has no record of it; and nobody who listens now has missed anything.
    expect([await appliedAt(id), cancelled]).toEqual([null, version.version + 1]);
    expect(later.events).toEqual([]);
  });

  it('is left to the next leader by one that has lost leadership without knowing it', async () => {
    const version = await changeLista(here, '0.2', inMs(1_500));
    const stale = start();
    const late = term(77n);
    stale.setTerm(late.term);
    await until(() => here.events.includes(`IN_FORCE ${version.version}`));
    await sleep(100);
    expect(await appliedAt(version.id)).toBeNull();
    late.end();
    const next = term();
    stale.setTerm(next.term);
    await until(async () => (await appliedAt(version.id)) !== null);
    next.end();
    const after = await changeLista(here, '0.3', inMs(50));
    await until(() => here.events.includes(`IN_FORCE ${after.version}`));
    await sleep(100);
    expect(await appliedAt(after.id)).toBeNull();
  });

  it('is made of every rule, for policies as for ratios', async () => {
    start().setTerm(term().term);
    const { id } = await changePolicy(here, { venue: 'ASCENDEX', debtMarginRate: decimal('0.02') }, inMs(1_500));
    const recorded = async (): Promise<Date | null> => {
      return (await db.marginPolicy.findUniqueOrThrow({ where: { id } })).appliedAt;
    };
    expect(await recorded()).toBeNull();
    await until(async () => (await recorded()) !== null);
    await until(() => here.rulebook.version('MarginPolicy', id)?.appliedAt !== null);
  });

  it('of a change that is in force at once is made with it', async () => {
    const version = await changeLista(here, '0.25');
    expect(await appliedAt(version.id)).toEqual(version.effectiveFrom);
  });
});
