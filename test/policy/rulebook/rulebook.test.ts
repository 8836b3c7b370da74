/** What several processes know of rules that one of them changes, and when. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { decimal } from '../../../src/margin/decimal.js';
import { refreshRules } from '../../../src/policy/rulebook/rule-events.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import type { OpenDatabase } from '../../../src/platform/database/database.js';
import {
  cancel,
  changeInterest,
  changeLista,
  changePolicy,
  changeTiers,
  listaAt,
  ruleProcess,
  type RuleProcess,
} from '../../support/calls/rules.js';

const HOUR = 3_600_000;

let database: TestDatabase;
let opened: OpenDatabase;
const statements: string[] = [];
let now = Date.UTC(2026, 10, 1);
/** Where the changes are made, and another process on the same database. */
let here: RuleProcess;
let there: RuleProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  opened = await database.open((sql) => statements.push(sql));
});
afterAll(async () => {
  await opened.close();
  await database.drop();
});
beforeEach(async () => {
  now += 365 * 24 * HOUR;
  here = await ruleProcess(opened.db, () => now);
  there = await ruleProcess(opened.db, () => now);
});

const refresh = (): Promise<void> => refreshRules(there, new Date(now));

describe('a process that got no notice', () => {
  it('finds versions that others have stored, by two statements if there are none, and announces them once', async () => {
    await refresh();
    statements.length = 0;
    await refresh();
    expect([statements.length, there.events]).toEqual([2, []]);

    const first = await changeLista(here, '0.3');
    const later = await changeLista(here, '0.4', new Date(now + HOUR));
    expect(listaAt(there, now)).not.toBe('0.3');
    await refresh();
    await refresh();
    expect(there.events).toEqual([`IN_FORCE ${first.version}`, `SCHEDULED ${later.version}`]);
    expect(there.events).toEqual(here.events);
    expect([listaAt(there, now), listaAt(there, now + HOUR)]).toEqual(['0.3', '0.4']);
    expect(there.rulebook.ratioVersion(later.id)).toEqual(here.rulebook.ratioVersion(later.id));

    await cancel(here, later.id);
    await refresh();
    await refresh();
    expect(there.events.slice(2)).toEqual([`CANCELLED ${later.version}`]);
    expect(there.events).toEqual(here.events);
    expect(listaAt(there, now + HOUR)).toBe('0.3');
    statements.length = 0;
    await refresh();
    expect(statements).toHaveLength(2);
  });

  it('hears of two refreshes at the same moment once', async () => {
    const { version } = await changeLista(here, '0.35');
    await Promise.all([refresh(), refresh(), refresh()]);
    expect(there.events).toEqual([`IN_FORCE ${version}`]);
  });

  it('hears only that a version was cancelled that it never knew', async () => {
    const { id, version } = await changeLista(here, '0.4', new Date(now + HOUR));
    await cancel(here, id);
    await refresh();
    expect(there.events).toEqual([`CANCELLED ${version}`]);
  });

  it('finds out when a version was applied, which is no event', async () => {
    const { id, version } = await changeLista(here, '0.4', new Date(now + HOUR));
    await refresh();
    await opened.db.collateralRatio.update({ where: { id }, data: { appliedAt: new Date(now + HOUR + 5) } });
    await refresh();
    expect(there.rulebook.ratioVersion(id)?.appliedAt).toEqual(new Date(now + HOUR + 5));
    expect(there.events).toEqual([`SCHEDULED ${version}`]);
  });

  it('learns of policies and maintenance tiers', async () => {
    const rate = { asset: 'USDT', hourlyRate: decimal('0.00001'), freeThreshold: decimal('500') };
    await changeInterest(here, { venue: 'ASTER', ...rate }, new Date(now + HOUR));
    const tiers = [{ floor: decimal(0), cap: null, maintenanceRate: decimal('0.01'), maxLeverage: decimal(50) }];
    await changeTiers(here, { venue: 'BITGET', instrument: 'SOLUSDT', tiers });
    expect(here.policies).toEqual(['ASTER', 'BITGET']);
    await refresh();
    await refresh();
    expect([...there.policies].sort()).toEqual(['ASTER', 'BITGET']);
    expect(there.rulebook.policyVersion('ASTER', new Date(now + HOUR)).interest).toEqual(
      expect.arrayContaining([rate]),
    );
    expect(there.rulebook.policyVersion('ASTER', new Date(now + HOUR - 1)).interest).not.toContainEqual(rate);
    expect(there.rulebook.maintenanceTiers('BITGET', 'SOLUSDT', new Date(now))).toMatchObject([{ cap: null }]);
    expect(there.rulebook.policyVersions('ASTER')).toEqual(here.rulebook.policyVersions('ASTER'));
  });
});

describe('what is to come', () => {
  it('is known by its instant, the earliest first, without what was cancelled', async () => {
    expect(here.rulebook.nextChange(new Date(now))).toBeNull();
    const first = await changeLista(here, '0.3', new Date(now + HOUR));
    await changeLista(here, '0.4', new Date(now + 2 * HOUR));
    await changePolicy(here, { venue: 'ASCENDEX', debtMarginRate: decimal('0.01') }, new Date(now + 90 * 60_000));
    const next = (after: number): number | undefined => here.rulebook.nextChange(new Date(after))?.getTime();
    expect([now, now + HOUR - 1].map(next)).toEqual([now + HOUR, now + HOUR]);
    expect([now + HOUR, now + 1.5 * HOUR].map(next)).toEqual([now + 1.5 * HOUR, now + 2 * HOUR]);
    expect(next(now + 2 * HOUR)).toBeUndefined();
    await cancel(here, first.id);
    expect(next(now)).toBe(now + 1.5 * HOUR);
    const scheduled = (venue?: string) => here.rulebook.scheduled(new Date(now), venue).map(({ kind }) => kind);
    expect(scheduled()).toEqual(['MarginPolicy', 'CollateralRatio']);
    expect(scheduled('ASCENDEX')).toEqual(['MarginPolicy']);
  });
});

describe('the policy of an instant', () => {
  it('is the same object as long as the same rules hold, also when others ask about the past in between', async () => {
    await changeLista(here, '0.3', new Date(now + HOUR));
    const policyAt = (at: number) => here.rulebook.policy('ASTER', 'BNB_CHAIN', new Date(at));
    const present = policyAt(now);
    for (const past of [0, Date.UTC(2025, 5, 1), Date.UTC(2026, 4, 1), now - 1, now + HOUR]) policyAt(past);
    expect(policyAt(now + HOUR - 1)).toBe(present);
    expect(policyAt(now + HOUR)).not.toBe(present);
  });

  it('stays the same object when others are scheduled or cancelled, and on other chains', async () => {
    const policyAt = (at: number, chain = 'BNB_CHAIN') => here.rulebook.policy('ASTER', chain, new Date(at));
    const [present, elsewhere] = [policyAt(now), policyAt(now, 'ETHEREUM')];
    const first = await changeLista(here, '0.3', new Date(now + HOUR));
    expect(policyAt(now)).toBe(present);
    expect(policyAt(now + HOUR, 'ETHEREUM')).toBe(elsewhere);
    expect(listaAt(here, now + HOUR)).toBe('0.3');
    await changeLista(here, '0.4', new Date(now + 2 * HOUR));
    expect([now, now + HOUR, now + 2 * HOUR].map((at) => listaAt(here, at)).slice(1)).toEqual(['0.3', '0.4']);
    await cancel(here, first.id);
    expect(policyAt(now + 2 * HOUR - 1)).toBe(present);
    expect(listaAt(here, now + 2 * HOUR)).toBe('0.4');
    const instead = await changeLista(here, '0.5', new Date(now + 2 * HOUR + 1));
    expect(listaAt(here, instead.effectiveFrom)).toBe('0.5');
    now += 3 * HOUR;
    await changeLista(here, '0.45');
    expect([now - 1, now].map((at) => listaAt(here, at))).toEqual(['0.5', '0.45']);
  });

  it('deducts what the method in force says, whichever it was when the tiers were made', async () => {
    const before = here.rulebook.maintenanceTiers('ASCENDEX', 'BTC-PERP', new Date(now));
    await changePolicy(here, { venue: 'ASCENDEX', maintenanceMethod: 'PROGRESSIVE' }, new Date(now + HOUR));
    const after = here.rulebook.maintenanceTiers('ASCENDEX', 'BTC-PERP', new Date(now + HOUR));
    expect(before.every(({ maintenanceAmount }) => maintenanceAmount.isZero())).toBe(true);
    const [first, second] = after;
    const rise = second?.maintenanceRate.minus(first?.maintenanceRate ?? 0);
    expect(second?.maintenanceAmount.toFixed()).toBe(second?.floor.times(rise ?? 0).toFixed());
    expect(second?.maintenanceAmount.isZero()).toBe(false);
  });
});
