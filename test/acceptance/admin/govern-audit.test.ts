/** The audit: who changed which rule or tried to, what it was before and since, and that nothing of it can be changed. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import {
  adminMutation,
  auditLog,
  govern,
  newestVersion,
  type AdminMutation,
  type Entry,
} from '../../support/calls/admin-calls.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import { globalIdOf } from '../../support/calls/global-ids.js';
import { openAccount } from '../../support/calls/venue-system.js';

const DAY = 24 * 3_600_000;

let app: TestApp;
let admin: Api;
let service: Api;
let alice: Api;
/** Far enough apart that no limit of one test meets another. */
let now = Date.now();

beforeAll(async () => {
  app = await startTestApp({ clock: () => now });
  admin = await app.as('root', 'ADMIN');
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
});
afterAll(() => app.close());

const LISTA = { venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA' };

/** What the work has added to the audit, newest first; and the rest of the database must be as it was. */
async function entriesOf(work: () => Promise<unknown>): Promise<Entry[]> {
  const [last] = (await auditLog(admin, { first: 1 })).nodes;
  now += 1;
  await work();
  const { nodes } = await auditLog(admin);
  const known = nodes.findIndex(({ id }) => id === last?.id);
  return known === -1 ? nodes : nodes.slice(0, known);
}

async function refusedOf(work: () => Promise<unknown>): Promise<Entry[]> {
  const before = await fingerprint(app.app.services.db);
  const entries = await entriesOf(work);
  expect(await fingerprint(app.app.services.db)).toEqual(before);
  return entries;
}

const json = (text: string | null | undefined): unknown => (text == null ? null : JSON.parse(text));

describe('a change that is made', () => {
  it('leaves one entry, with what stood before, what stands since, who, why and when', async () => {
    const tiers = [{ floor: '0', cap: null, ratio: '0.1' }];
    let id: string | undefined;
    const [entry, ...others] = await entriesOf(async () => {
      const input = {
        ...LISTA,
        ratio: '0.15',
        userCap: '5000',
        expectedVersion: 2,
        reason: 'Deeper market.',
        force: true,
      };
      id = (await govern(admin, 'changeCollateralRatio', input)).collateralRatio?.id;
    });
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      ...{ actor: 'root', action: 'changeCollateralRatio', done: true, reason: 'Deeper market.' },
      ...{ subject: id, subjectKey: 'ASTER/BNB_CHAIN/LISTA', at: new Date(now).toISOString() },
    });
    expect(json(entry?.before)).toMatchObject({ version: 2, tiers, userCap: null, platformCap: null });
    expect(json(entry?.after)).toEqual({
      ...{ version: 3, effectiveFrom: new Date(now).toISOString(), tierUnit: 'QUOTE_VALUE' },
      ...{ tiers: [{ ...tiers[0], ratio: '0.15' }], userCap: '5000', platformCap: null },
      ...{ force: true, guardRails: ['it makes a rule stricter with 0 hours of notice, and takes 24'] },
    });
    expect(
      await admin.ask('query ($id: ID!) { node(id: $id) { id ... on AuditEntry { actor subject } } }', {
        id: entry?.id,
      }),
    ).toEqual({
      node: { id: entry?.id, actor: 'root', subject: id },
    });
    for (const api of [alice, service]) {
      expect(await api.ask('query ($id: ID!) { node(id: $id) { id } }', { id: entry?.id })).toEqual({ node: null });
    }
  });

  it('is answered again by its key, at another moment or the same, without a second entry', async () => {
    const input = {
      ...LISTA,
      ratio: '0.2',
      expectedVersion: await newestVersion(admin, LISTA),
      idempotencyKey: randomUUID(),
    };
    const entries = await entriesOf(async () => {
      await Promise.all([1, 2, 3, 4].map(() => govern(admin, 'changeCollateralRatio', input)));
      await govern(admin, 'changeCollateralRatio', input);
    });
    expect(entries.map(({ action, done }) => [action, done])).toEqual([['changeCollateralRatio', true]]);
  });

  it('can be followed from the schedule to the cancellation, by its subject', async () => {
    const input = { ...LISTA, ratio: '0.25', effectiveFrom: new Date(now + DAY).toISOString() };
    const { collateralRatio } = await govern(admin, 'changeCollateralRatio', {
      ...{ ...input, expectedVersion: await newestVersion(admin, LISTA) },
    });
    const id = collateralRatio?.id ?? '';
    await govern(admin, 'cancelCollateralRatio', { id, reason: 'Not needed.' });
    await govern(admin, 'cancelCollateralRatio', { id, reason: 'Once more.' });
    const { nodes } = await auditLog(admin, { subject: id });
    expect(nodes.map(({ action, done, reason, subjectKey }) => [action, done, reason, subjectKey])).toEqual([
      ['cancelCollateralRatio', false, 'Once more.', 'ASTER/BNB_CHAIN/LISTA'],
      ['cancelCollateralRatio', true, 'Not needed.', 'ASTER/BNB_CHAIN/LISTA'],
      ['changeCollateralRatio', true, 'test', 'ASTER/BNB_CHAIN/LISTA'],
    ]);
    expect(json(nodes[1]?.after)).toMatchObject({
      version: collateralRatio?.version,
      cancelledAt: new Date(now).toISOString(),
    });
    const page = await auditLog(admin, { subject: id, first: 2 });
    expect(page).toEqual({ nodes: nodes.slice(0, 2), pageInfo: { hasNextPage: true, endCursor: expect.any(String) } });
    expect((await auditLog(admin, { subject: id, after: page.pageInfo.endCursor ?? '' })).nodes).toEqual(
      nodes.slice(2),
    );
    for (const other of ['x', globalIdOf('Account', 'x')]) {
      expect((await auditLog(admin, { subject: other })).nodes).toEqual([]);
    }
  });

  it('is kept of accounts that admins open, not of those that services do', async () => {
    let id = '';
    const name = { name: 'Kept', owner: 'alice', venue: 'ASTER', chain: 'BNB_CHAIN' };
    const entries = await entriesOf(async () => {
      id = await openAccount(admin, name);
      await openAccount(service, name);
    });
    expect(entries).toMatchObject([
      {
        action: 'openAccount',
        done: true,
        subject: id,
        subjectKey: 'ASTER/BNB_CHAIN/Kept',
        before: null,
        reason: null,
      },
    ]);
    expect(json(entries[0]?.after)).toEqual({ ...name, collateralMode: 'MULTI_ASSET', positionMode: 'ONE_WAY' });
  });
});

/** As valid as they can be, so that nothing but the role stands against them. */
const ATTEMPTS: [AdminMutation, () => object, string][] = [
  ['changeCollateralRatio', () => ({ ...LISTA, ratio: '0.15', expectedVersion: 3 }), 'ASTER/BNB_CHAIN/LISTA'],
  ['changeCollateralRatio', () => ({ venue: 'BITGET', asset: 'BTC', ratio: '0.9', expectedVersion: 1 }), 'BITGET//BTC'],
  ['cancelCollateralRatio', () => ({ id: 'of a version' }), 'of a version'],
  ['cancelRuleChange', () => ({ id: 'of a version' }), 'of a version'],
  [
    'changeInterestRate',
    () => ({ venue: 'ASTER', asset: 'USDT', hourlyRate: '0', freeThreshold: '0', expectedVersion: 2 }),
    'ASTER/USDT',
  ],
  [
    'changeMaintenanceTiers',
    () => ({ venue: 'ASTER', instrument: 'BTCUSDT', tiers: [], expectedVersion: 1 }),
    'ASTER/BTCUSDT',
  ],
  ['changeMarginPolicy', () => ({ venue: 'ASTER', expectedVersion: 2 }), 'ASTER'],
];

describe('what was refused', () => {
  it.each(ATTEMPTS)('to a trader and a service is kept, and nothing else is: %s', async (name, input, subjectKey) => {
    for (const [api, actor] of [
      [alice, 'alice'],
      [service, 'venue'],
    ] as const) {
      const entries = await refusedOf(async () => {
        const variables = { input: { reason: 'Mine.', idempotencyKey: randomUUID(), ...input() } };
        const { errors, data } = await api.send(adminMutation(name), variables);
        expect([data, errors?.map(({ extensions }) => extensions.code)]).toEqual([null, ['FORBIDDEN']]);
      });
      expect(entries).toMatchObject([
        { actor, action: name, done: false, subject: null, subjectKey, before: null, reason: null },
      ]);
      expect(json(entries[0]?.after)).toEqual({
        errors: [{ code: 'FORBIDDEN', message: 'This needs one of the roles ADMIN.' }],
      });
    }
  });

  it('to a trader who opens an account is kept; to nobody at all it is not', async () => {
    const mutation = `mutation { openAccount(input: {name: "Mine", owner: "alice", venue: "ASTER", chain: "BNB_CHAIN",
      idempotencyKey: "1"}) { errors { code } } }`;
    const entries = await refusedOf(async () => {
      await alice.send(mutation);
      await app.anonymous().send(mutation);
    });
    expect(entries).toMatchObject([
      { actor: 'alice', action: 'openAccount', done: false, subjectKey: 'ASTER/BNB_CHAIN/Mine' },
    ]);
  });

  it.each<[string, object, string]>([
    ['a guard rail', { ratio: '0.9' }, 'GUARD_RAIL'],
    ['a stale version', { ratio: '0.2', expectedVersion: 0 }, 'VERSION_CONFLICT'],
    ['a ratio above 1', { ratio: '1.0001' }, 'RATIO_OUT_OF_RANGE'],
    ['an unknown asset', { ratio: '0.2', asset: 'NOPE' }, 'ASSET_NOT_FOUND'],
    ['a chain that the venue lacks', { ratio: '0.2', venue: 'BITGET' }, 'CHAIN_NOT_FOUND'],
    ['an instant in the past', { ratio: '0.2', effectiveFrom: '2020-01-01T00:00:00.000Z' }, 'EFFECTIVE_IN_THE_PAST'],
    ['a key that is none', { ratio: '0.2', idempotencyKey: '' }, 'INVALID_INPUT'],
    ['a reason that cannot be kept', { ratio: '0.2', reason: 'a\0b' }, 'INVALID_INPUT'],
  ])('to an admin is kept with what was asked: %s', async (_what, choice, code) => {
    const input = { ...LISTA, expectedVersion: await newestVersion(admin, LISTA), ...choice };
    const entries = await refusedOf(() => govern(admin, 'changeCollateralRatio', input));
    expect(entries).toMatchObject([{ actor: 'root', action: 'changeCollateralRatio', done: false, before: null }]);
    const after = json(entries[0]?.after) as { errors: { code: string }[]; asked: object };
    expect(after.errors.map((error) => error.code)).toEqual([code]);
    // The key is no part of what was asked.
    const asked = Object.entries(choice).filter(([name]) => name !== 'idempotencyKey');
    expect(after.asked).toMatchObject(Object.fromEntries(asked));
  });

  it('is kept when a key comes with another input', async () => {
    const input = {
      ...LISTA,
      ratio: '0.18',
      force: true,
      expectedVersion: await newestVersion(admin, LISTA),
      idempotencyKey: randomUUID(),
    };
    await govern(admin, 'changeCollateralRatio', input);
    const entries = await refusedOf(() => govern(admin, 'changeCollateralRatio', { ...input, ratio: '0.19' }));
    expect(json(entries[0]?.after)).toMatchObject({ errors: [{ code: 'IDEMPOTENCY_KEY_REUSED' }] });
  });

  it('is kept sixty times a minute of one actor, and one entry says that there was more', async () => {
    now += 120_000;
    const mallory = await app.as('mallory', 'TRADER');
    const attempt = (): Promise<unknown> =>
      mallory.send(adminMutation('cancelCollateralRatio'), { input: { id: 'x', reason: 'x', idempotencyKey: 'x' } });
    const entries = await refusedOf(async () => {
      for (let round = 0; round < 4; round++) await Promise.all(Array.from({ length: 20 }, attempt));
    });
    expect(entries).toHaveLength(61);
    expect(entries.filter(({ after }) => after === null).map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^More than 60 refusals in a minute: more of this actor are dropped until /),
    ]);
    now += 60_000;
    expect(await refusedOf(attempt)).toHaveLength(1);
  });
});

describe('the audit', () => {
  it('cannot be changed, nor shortened, by a user of the database', async () => {
    const { db } = app.app.services;
    const before = await auditLog(admin);
    for (const sql of ['UPDATE audit_entries SET done = true', 'DELETE FROM audit_entries', 'TRUNCATE audit_entries']) {
      await expect(db.$executeRawUnsafe(sql)).rejects.toMatchObject({
        message: expect.stringContaining('audit_entries is append-only'),
      });
    }
    expect(await auditLog(admin)).toEqual(before);
  });

  it('is read from 1 to 100 entries at a time', async () => {
    for (const first of [0, 101]) {
      const { errors } = await admin.send(`{ auditLog(first: ${first}) { nodes { id } } }`);
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
    }
    const { errors } = await admin.send('{ auditLog(after: "x") { nodes { id } } }');
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
  });
});

describe('a request that is malformed', () => {
  it.each([
    ['19 fraction digits', { ratio: '0.1000000000000000001' }],
    ['a number', { ratio: 0.1 }],
    ['an instant without a zone', { effectiveFrom: '2030-01-01T00:00:00' }],
    ['the 30th of February', { effectiveFrom: '2030-02-30T00:00:00Z' }],
  ])('fails as a whole, before anything is looked at: %s', async (_what, choice) => {
    const input = { ...LISTA, reason: 'x', expectedVersion: 2, idempotencyKey: 'x', ...choice };
    const entries = await refusedOf(async () => {
      const { errors } = await admin.send(adminMutation('changeCollateralRatio'), { input });
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
    });
    expect(entries).toEqual([]);
  });
});
