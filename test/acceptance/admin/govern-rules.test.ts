/** Guard rails, preview and impact of policies, interest and tiers: what was said beforehand is what then happens. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  auditLog,
  govern,
  ruleHistory,
  type AdminMutation,
  type AdminOutcome,
  type Transition,
} from '../../support/calls/admin-calls.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

const DAY = 24 * 3_600_000;

let app: TestApp;
let admin: Api;
let service: Api;
/** By code, and by code and symbol. */
const ids = new Map<string, string>();
const tiers = (maintenanceRate: string): object[] => [{ floor: '0', cap: null, maintenanceRate, maxLeverage: '50' }];

beforeAll(async () => {
  app = await startTestApp();
  admin = await app.as('root', 'ADMIN');
  service = await app.as('venue', 'SERVICE');
  const { venues } = await admin.ask<{
    venues: { id: string; code: string; instruments: { id: string; symbol: string }[] }[];
  }>('{ venues { id code instruments { id symbol } } }');
  for (const venue of venues) {
    ids.set(venue.code, venue.id);
    for (const { id, symbol } of venue.instruments) ids.set(`${venue.code}/${symbol}`, id);
  }
  // Four long, at ratios from 0.004 to 0.2 of what they hold; the last one is too large for any fee.
  await publishPrices(service, { 'BITGET/BTCUSDT': '10000', 'BITGET/ETHUSDT': '1000' });
  for (const money of ['500', '1000', '2000', '100000']) {
    const id = await openAccount(service, { venue: 'BITGET', collateralMode: 'SINGLE_ASSET', name: money });
    await recordTransfers(service, transfer(id, 'USDT', money));
    await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.3', '10000'), fill(id, 'ETHUSDT', 'SELL', '1', '1000'));
  }
});
afterAll(() => app.close());

/** @param about whose versions follow each other: a code, or a code and a symbol */
async function change(name: AdminMutation, about: string, choice: object): Promise<AdminOutcome> {
  const [newest] = await ruleHistory(admin, ids.get(about) ?? '');
  const [venue, instrument] = about.split('/');
  const named = instrument === undefined ? { venue } : { venue, instrument };
  return govern(admin, name, { ...named, expectedVersion: newest?.version ?? 0, ...choice });
}

async function preview(draft: object): Promise<readonly Transition[]> {
  const query = `query ($change: RuleChangeDraft!) {
    previewRuleChange(change: $change) { transitions { from to accounts } } }`;
  type Found = { previewRuleChange: { transitions: Transition[] } };
  return (await admin.ask<Found>(query, { change: draft })).previewRuleChange.transitions;
}

/** Statuses of all accounts, by id. */
async function statuses(): Promise<Map<string, string>> {
  const { accounts } = await admin.ask<{ accounts: { nodes: { id: string; margin: { status: string } }[] } }>(
    '{ accounts(where: { venue: "BITGET" }) { nodes { id margin { status } } } }',
  );
  return new Map(accounts.nodes.map(({ id, margin }) => [id, margin.status]));
}

async function movesOf(work: () => Promise<unknown>): Promise<Transition[]> {
  const before = await statuses();
  await work();
  const after = await statuses();
  const counts = new Map<string, number>();
  for (const [id, from] of before) {
    const key = `${from} ${after.get(id)}`;
    if (after.get(id) !== from) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort().map(([key, accounts]) => {
    const [from = '', to = ''] = key.split(' ');
    return { from, to, accounts };
  });
}

describe('a change that would liquidate', () => {
  it('is refused without force; forced it does what the preview said: a liquidation fee', async () => {
    const foreseen = await preview({ marginPolicy: { venue: 'BITGET', liquidationFeeRate: '0.9' } });
    expect(foreseen).toEqual([{ from: 'HEALTHY', to: 'LIQUIDATION', accounts: 3 }]);
    const fee = (choice: object = {}) =>
      change('changeMarginPolicy', 'BITGET', { liquidationFeeRate: '0.9', ...choice });
    const refused = await unchanged(app, () => fee());
    expect(refused).toMatchObject({
      ...{ policy: null, impact: null, replaced: [] },
      errors: [{ code: 'GUARD_RAIL', field: ['input', 'liquidationFeeRate'], required: '0.8994', available: '0.1' }],
    });
    expect(refused.errors[0]?.message).toMatch(/it would lift 3 accounts to LIQUIDATION\.$/);
    let made: AdminOutcome | undefined;
    const moved = await movesOf(async () => {
      made = await fee({ force: true });
    });
    expect(made).toMatchObject({ errors: [], impact: { transitions: foreseen } });
    expect(moved).toEqual(foreseen);

    // What was said is kept with the version, for admins.
    const query = `query ($id: ID!) { ruleHistory(id: $id, first: 1) { nodes { impact {
      transitions { from to accounts } worst { account { name } after { status } } } } } }`;
    const kept = async (api: Api): Promise<object[]> => {
      return (await api.ask<{ ruleHistory: { nodes: object[] } }>(query, { id: ids.get('BITGET') })).ruleHistory.nodes;
    };
    const worst = { account: { name: '500' }, after: { status: 'LIQUIDATION' } };
    expect(await kept(admin)).toMatchObject([{ impact: { transitions: foreseen, worst: [worst, {}, {}, {}] } }]);
    expect(await kept(await app.as('alice', 'TRADER'))).toEqual([{ impact: null }]);
    expect((await fee({ liquidationFeeRate: '0', force: true })).errors).toEqual([]);
  });

  it('is refused without force; forced it does what the preview said: tiers of 99 %', async () => {
    const draft = { venue: 'BITGET', instrument: 'BTCUSDT', tiers: tiers('0.99') };
    const foreseen = await preview({ maintenanceTiers: draft });
    expect(foreseen).toEqual([{ from: 'HEALTHY', to: 'LIQUIDATION', accounts: 3 }]);
    const refused = await unchanged(app, () => change('changeMaintenanceTiers', 'BITGET/BTCUSDT', draft));
    expect(refused).toMatchObject({ instrument: null, version: null, errors: [{ code: 'GUARD_RAIL' }] });
    expect(refused.errors[0]?.message).toMatch(
      /beyond double; .* with 0 hours of notice, .*; it would lift 3 accounts to LIQUIDATION\.$/,
    );
    let made: AdminOutcome | undefined;
    const moved = await movesOf(async () => {
      made = await change('changeMaintenanceTiers', 'BITGET/BTCUSDT', { ...draft, force: true });
    });
    expect(made).toMatchObject({ errors: [], impact: { transitions: foreseen }, version: { status: 'ACTIVE' } });
    expect(moved).toEqual(foreseen);
  });

  it('is recorded with force, and with the guard rails that it has passed', async () => {
    const { nodes } = await auditLog(admin, { first: 1 });
    expect(nodes).toMatchObject([{ action: 'changeMaintenanceTiers', done: true, subjectKey: 'BITGET/BTCUSDT' }]);
    const after = JSON.parse(nodes[0]?.after ?? '') as { force: boolean; guardRails: string[] };
    expect([after.force, after.guardRails.at(-1)]).toEqual([true, 'it would lift 3 accounts to LIQUIDATION']);
  });
});

describe('the guard rails', () => {
  it.each<[string, AdminMutation, string, object, string]>([
    ['a threshold beyond the step', 'changeMarginPolicy', 'ASTER', { warningRatio: '0.3' }, 'warningRatio'],
    ['a stricter policy at once', 'changeMarginPolicy', 'ASTER', { debtMarginRate: '0.05' }, 'effectiveFrom'],
    ['an interest rate beyond double', 'changeInterestRate', 'ASTER', { hourlyRate: '0.00001' }, 'hourlyRate'],
    ['an interest rate below half', 'changeInterestRate', 'ASTER', { hourlyRate: '0.000001' }, 'hourlyRate'],
    ['an interest rate that ends', 'changeInterestRate', 'ASTER', { hourlyRate: '0' }, 'hourlyRate'],
    ['a dearer rate at once', 'changeInterestRate', 'ASTER', { asset: 'BTC', hourlyRate: '0.01' }, 'effectiveFrom'],
    ['a maintenance rate below half', 'changeMaintenanceTiers', 'ASTER/SOLUSDT', { tiers: tiers('0.0001') }, 'tiers'],
  ])('stand against %s, unless it is forced', async (_what, name, about, choice, field) => {
    const rate = name === 'changeInterestRate' ? { asset: 'USDT', freeThreshold: '1000' } : {};
    const refused = await unchanged(app, () => change(name, about, { ...rate, ...choice }));
    expect(refused.errors.map((error) => [error.code, error.field])).toEqual([['GUARD_RAIL', ['input', field]]]);
    expect((await change(name, about, { ...rate, ...choice, force: true })).errors).toEqual([]);
  });

  it('let pass at once what is milder, and with a day of notice what is stricter', async () => {
    const milder = await change('changeMarginPolicy', 'ASTER', { debtMarginRate: '0' });
    expect(milder.errors).toEqual([]);
    const effectiveFrom = new Date(Date.now() + DAY + 60_000).toISOString();
    const stricter = await change('changeMarginPolicy', 'ASTER', { debtMarginRate: '0.05', effectiveFrom });
    expect(stricter.errors).toEqual([]);
  });
});

describe('a preview', () => {
  it('is of exactly one rule, and of a draft that could be made', async () => {
    const refused = async (draft: object): Promise<unknown> => {
      const query = 'query ($change: RuleChangeDraft!) { previewRuleChange(change: $change) { asOf } }';
      const { errors } = await admin.send(query, { change: draft });
      return errors?.map(({ extensions, message }) => [extensions.code, message]);
    };
    const policy = { marginPolicy: { venue: 'BITGET' } };
    expect(await refused({})).toEqual([['BAD_USER_INPUT', 'Expected exactly one field in `change`, got 0.']]);
    const rate = { venue: 'BITGET', asset: 'USDT', hourlyRate: '0', freeThreshold: '0' };
    expect(await refused({ ...policy, interestRate: rate })).toEqual([
      ['BAD_USER_INPUT', 'Expected exactly one field in `change`, got 2.'],
    ]);
    expect(await refused({ marginPolicy: { venue: 'NOPE' } })).toEqual([
      ['BAD_USER_INPUT', expect.stringContaining('There is no such venue')],
    ]);
    expect(await refused(policy)).toBeUndefined();
  });

  it('of interest hurts nobody, and of a ratio says what previewCollateralRatios says', async () => {
    expect(
      await preview({ interestRate: { venue: 'BITGET', asset: 'USDT', hourlyRate: '0.5', freeThreshold: '0' } }),
    ).toEqual([]);
    const draft = { venue: 'BITGET', asset: 'BTC', ratio: '0.1' };
    const impact = 'accountsAffected collateralValueBefore collateralValueAfter notionalAtRisk';
    const both = await admin.ask<{ one: object; other: object }>(
      `query ($draft: CollateralRatioDraft!) {
        one: previewRuleChange(change: { collateralRatio: $draft }) { ${impact} }
        other: previewCollateralRatios(changes: [$draft]) { ${impact} } }`,
      { draft },
    );
    expect(both.one).toEqual(both.other);
  });
});
