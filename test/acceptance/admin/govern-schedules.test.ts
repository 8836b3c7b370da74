/** What is to come, of whatever rule: how far ahead, who cancels it, and what passes in front of it. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  auditLog,
  codesOf,
  govern,
  ratioHistory,
  ruleHistory,
  type AdminMutation,
  type AdminOutcome,
  type Version,
} from '../../support/calls/admin-calls.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { globalIdOf, uuidOf } from '../../support/calls/global-ids.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { until } from '../../support/until.js';

const DAY = 24 * 3_600_000;

let app: TestApp;
let admin: Api;
const inMs = (milliseconds: number): string => new Date(Date.now() + milliseconds).toISOString();
const inDays = (days: number): string => inMs(days * DAY);

/** By code, by code and symbol, and the id of a version of a ratio. */
const ids = new Map<string, string>();

/** A rule of each kind: by which id its versions are found, and a change of it that goes with a rate. */
interface Kind {
  readonly mutation: AdminMutation;
  readonly type: string;
  readonly about: string;
  readonly input: (rate: string) => object;
}
const KINDS: readonly (readonly [string, Kind])[] = [
  [
    'a ratio',
    {
      ...{ mutation: 'changeCollateralRatio', type: 'CollateralRatio', about: 'BITGET/BTC' },
      input: (ratio) => ({ venue: 'BITGET', asset: 'BTC', ratio }),
    },
  ],
  [
    'a policy',
    {
      ...{ mutation: 'changeMarginPolicy', type: 'MarginPolicy', about: 'ASCENDEX' },
      input: (debtMarginRate) => ({ venue: 'ASCENDEX', debtMarginRate }),
    },
  ],
  [
    'interest',
    {
      ...{ mutation: 'changeInterestRate', type: 'MarginPolicy', about: 'ASTER' },
      input: (hourlyRate) => ({ venue: 'ASTER', asset: 'BTC', hourlyRate, freeThreshold: '0' }),
    },
  ],
  [
    'tiers',
    {
      ...{ mutation: 'changeMaintenanceTiers', type: 'MaintenanceTiers', about: 'BITGET/SOLUSDT' },
      input: (maintenanceRate) => ({
        ...{ venue: 'BITGET', instrument: 'SOLUSDT' },
        tiers: [{ floor: '0', maintenanceRate, maxLeverage: '50' }],
      }),
    },
  ],
];

beforeAll(async () => {
  app = await startTestApp();
  admin = await app.as('root', 'ADMIN');
  const { venues } = await admin.ask<{
    venues: { id: string; code: string; instruments: { id: string; symbol: string }[] }[];
  }>('{ venues { id code instruments { id symbol } } }');
  for (const venue of venues) {
    ids.set(venue.code, venue.id);
    for (const { id, symbol } of venue.instruments) ids.set(`${venue.code}/${symbol}`, id);
  }
  ids.set('BITGET/BTC', (await ratioHistory(admin, { venue: 'BITGET', asset: 'BTC' }))[0]?.id ?? '');
});
afterAll(() => app.close());

const historyOf = ({ about }: Kind): Promise<Version[]> => ruleHistory(admin, ids.get(about) ?? '');
const cancel = (id: string, choice: object = {}): Promise<AdminOutcome> =>
  govern(admin, 'cancelRuleChange', { id, ...choice });

async function change(kind: Kind, rate: string, choice: object = {}): Promise<AdminOutcome> {
  const [newest] = await historyOf(kind);
  return govern(admin, kind.mutation, {
    ...{ expectedVersion: newest?.version ?? 0, force: true },
    ...{ ...kind.input(rate), ...choice },
  });
}

async function made(kind: Kind, rate: string, choice: object = {}): Promise<Version> {
  expect(codesOf(await change(kind, rate, choice))).toEqual([]);
  const [version] = await historyOf(kind);
  if (version === undefined) throw new Error('Expected a version.');
  return version;
}

async function scheduled(
  first = 100,
  after: string | null = null,
): Promise<{ ids: string[]; endCursor: string | null }> {
  const { scheduledRules } = await admin.ask<{
    scheduledRules: { nodes: Version[]; pageInfo: { endCursor: string | null } };
  }>(
    `query ($first: Int, $after: String) { scheduledRules(first: $first, after: $after) {
      nodes { id } pageInfo { endCursor } } }`,
    { first, after },
  );
  return { ids: scheduledRules.nodes.map(({ id }) => id), endCursor: scheduledRules.pageInfo.endCursor };
}

describe.each(KINDS)('%s', (_name, kind) => {
  it('cannot be scheduled for 2099 by a slip, and is not blocked by it', async () => {
    const refused = await unchanged(app, () => change(kind, '0.5', { effectiveFrom: '2099-01-01T00:00:00Z' }));
    expect(refused.errors).toMatchObject([{ code: 'EFFECTIVE_TOO_FAR', field: ['input', 'effectiveFrom'] }]);
    await made(kind, '0.51');
  });

  it('that is scheduled in 100 days is cancelled once, and stays in the history', async () => {
    const version = await made(kind, '0.52', { effectiveFrom: inDays(100) });
    expect([version.status, await scheduled()]).toMatchObject(['SCHEDULED', { ids: [version.id] }]);
    const input = { reason: 'Not needed.', idempotencyKey: randomUUID() };
    const cancelled = await cancel(version.id, input);
    expect(cancelled).toMatchObject({ version: { ...version, status: 'CANCELLED' }, errors: [] });
    expect(await unchanged(app, () => cancel(version.id, input))).toEqual(cancelled);
    expect(codesOf(await unchanged(app, () => cancel(version.id)))).toEqual(['NOT_CANCELLABLE']);
    expect((await historyOf(kind))[0]).toEqual({ ...version, status: 'CANCELLED' });
    expect(await scheduled()).toEqual({ ids: [], endCursor: null });
    const { nodes } = await auditLog(admin, { first: 3 });
    const entry = nodes.find(({ done }) => done);
    expect(entry).toMatchObject({ action: 'cancelRuleChange', actor: 'root', reason: 'Not needed.' });
    expect(JSON.parse(entry?.after ?? '')).toMatchObject({ version: version.version, cancelledAt: expect.any(String) });
  });

  it('passes in front of what is scheduled where it says so, and answers and records what it has cancelled', async () => {
    const first = await made(kind, '0.53', { effectiveFrom: inDays(10) });
    const second = await made(kind, '0.54', { effectiveFrom: inDays(20) });
    const third = await made(kind, '0.55', { effectiveFrom: inDays(30) });
    expect(codesOf(await unchanged(app, () => change(kind, '0.56', { effectiveFrom: inDays(15) })))).toEqual([
      'EFFECTIVE_OUT_OF_ORDER',
    ]);
    const between = { effectiveFrom: inDays(15), replaceScheduled: true, reason: 'Sooner.' };
    const key = { idempotencyKey: randomUUID(), expectedVersion: third.version };
    const passed = await change(kind, '0.56', { ...between, ...key });
    const overtaken = [second, third].map((version) => ({ ...version, status: 'CANCELLED' }));
    expect(passed).toMatchObject({ replaced: overtaken, errors: [] });
    // Sent again, the key answers the same.
    expect(await unchanged(app, () => change(kind, '0.56', { ...between, ...key }))).toEqual(passed);
    const [newest] = await historyOf(kind);
    expect(await scheduled()).toMatchObject({ ids: [first.id, newest?.id] });
    const { nodes } = await auditLog(admin, { first: 10 });
    const done = nodes.filter(
      ({ action, reason, done: isDone }) => isDone && action === kind.mutation && reason === 'Sooner.',
    );
    expect(done.map(({ after }) => (JSON.parse(after ?? '') as { version: number }).version)).toEqual([
      ...[newest?.version, third.version, second.version],
    ]);

    const urgent = await change(kind, '0.57', { replaceScheduled: true });
    expect(urgent.replaced?.map(({ id, status }) => [id, status])).toEqual(
      [first, newest].map((version) => [version?.id, 'CANCELLED']),
    );
    expect((await historyOf(kind))[0]).toMatchObject({ status: 'ACTIVE' });
    expect(await scheduled()).toEqual({ ids: [], endCursor: null });
  });

  it('is found by the id of any version, by `node` too, and says when it was applied', async () => {
    const version = await made(kind, '0.58', { effectiveFrom: inMs(1_500) });
    const type = kind.type;
    const read = async (): Promise<{ __typename: string; status: string }> => {
      const query = 'query ($id: ID!) { node(id: $id) { __typename ... on RuleVersion { status version reason } } }';
      return (await admin.ask<{ node: { __typename: string; status: string } }>(query, { id: version.id })).node;
    };
    expect(await read()).toEqual({
      ...{ __typename: type, status: 'SCHEDULED', version: version.version, reason: 'test' },
    });
    expect(await ruleHistory(admin, version.id)).toEqual(await historyOf(kind));
    await until(async () => (await read()).status === 'ACTIVE');
    const { rulebook } = app.app.services;
    const local = uuidOf(version.id);
    await until(() => rulebook.version(type, local)?.appliedAt != null);
  });
});

it('lists what is to come of all rules in the order of time, page by page', async () => {
  const versions: string[] = [];
  for (const [index, [, kind]] of KINDS.entries()) {
    versions.unshift((await made(kind, '0.6', { effectiveFrom: inDays(50 - index) })).id);
  }
  expect((await scheduled()).ids).toEqual(versions);
  const first = await scheduled(3);
  expect(first.ids).toEqual(versions.slice(0, 3));
  expect((await scheduled(3, first.endCursor)).ids).toEqual(versions.slice(3));
  const { errors } = await admin.send('{ scheduledRules(after: "x") { nodes { id } } }');
  expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
});

it('a cancellation is refused of what is no version of a rule', async () => {
  const unknown = globalIdOf('MarginPolicy', randomUUID());
  for (const id of ['x', unknown, ids.get('BITGET') ?? '']) {
    expect((await unchanged(app, () => cancel(id))).errors).toMatchObject([
      { code: 'RULE_NOT_FOUND', field: ['input', 'id'] },
    ]);
  }
  const ratio = globalIdOf('CollateralRatio', randomUUID());
  expect(codesOf(await unchanged(app, () => cancel(ratio)))).toEqual(['RATIO_NOT_FOUND']);
});
