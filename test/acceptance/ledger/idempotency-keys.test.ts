/** A key that is sent again, twice at the same moment, or with other content: one effect, and each caller is answered. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import type { Problem } from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let admin: Api;
let second: Api;

/** The server's clock can be put forward, so that 24 hours pass at once. */
let ahead = 0;

beforeAll(async () => {
  app = await startTestApp({ clock: () => Date.now() + ahead });
  service = await app.as('venue', 'SERVICE');
  admin = await app.as('root', 'ADMIN');
  second = await app.as('other-root', 'ADMIN');
});

afterAll(() => app.close());

const EIGHT = Array.from({ length: 8 }, (_none, index) => index);
const DAY_MS = 24 * 60 * 60 * 1_000;

interface Opened {
  readonly account: { readonly id: string; readonly name: string } | null;
  readonly errors: readonly Problem[];
}

async function open(api: Api, idempotencyKey: string, choice: object = {}): Promise<Opened> {
  const input = { name: 'x', owner: 'alice', venue: 'BITGET', idempotencyKey, ...choice };
  const query = `mutation ($input: OpenAccountInput!) {
    openAccount(input: $input) { account { id name owner venue { code } openedAt version } errors { code message field } } }`;
  return (await api.ask<{ openAccount: Opened }>(query, { input })).openAccount;
}

interface Changed {
  readonly collateralRatio: { readonly id: string; readonly version: number; readonly reason: string } | null;
  readonly errors: readonly Problem[];
}

async function change(api: Api, idempotencyKey: string, choice: object = {}): Promise<Changed> {
  const input = { venue: 'BITGET', asset: 'BTC', ratio: '0.9', force: true, reason: 'x', idempotencyKey, ...choice };
  const query = `mutation ($input: ChangeCollateralRatioInput!) { changeCollateralRatio(input: $input) {
    collateralRatio { id version reason tiers { floor cap ratio } userCap platformCap effectiveFrom }
    errors { code message field } } }`;
  return (await api.ask<{ changeCollateralRatio: Changed }>(query, { input })).changeCollateralRatio;
}

async function newest(asset = 'BTC', venue = 'BITGET', chain: string | null = null): Promise<number> {
  const query = `query ($venue: String!, $chain: String, $asset: String!) {
    collateralRatioHistory(venue: $venue, chain: $chain, asset: $asset, first: 1) { nodes { version } } }`;
  type Found = { collateralRatioHistory: { nodes: { version: number }[] } };
  const found = await admin.ask<Found>(query, { venue, chain, asset });
  return found.collateralRatioHistory.nodes[0]?.version ?? 0;
}

const REUSED = { code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] };

describe('openAccount', () => {
  it('answers the same payload to the same request', async () => {
    const key = randomUUID();
    const first = await open(admin, key);
    expect(first).toMatchObject({ account: { name: 'x' }, errors: [] });
    expect(await unchanged(app, () => open(admin, key))).toEqual(first);
    // In another order, and with what is the default written out: still the same request.
    const defaults = { positionMode: 'ONE_WAY', collateralMode: 'MULTI_ASSET', chain: undefined };
    expect(await unchanged(app, () => open(admin, key, defaults))).toEqual(first);
  });

  it.each<[string, object]>([
    ['name', { name: 'y' }],
    ['owner', { owner: 'bob' }],
    ['venue', { venue: 'ASCENDEX' }],
    ['mode', { collateralMode: 'SINGLE_ASSET' }],
    ['position mode', { positionMode: 'HEDGE' }],
    ['name, that could not be', { name: '' }],
  ])('refuses a used key with another %s', async (_what, choice) => {
    const key = randomUUID();
    await open(admin, key);
    const again = await unchanged(app, () => open(admin, key, choice));
    expect(again).toMatchObject({ account: null, errors: [REUSED] });
    expect(again.errors).toHaveLength(1);
  });

  it('keeps the keys of each viewer apart', async () => {
    const key = randomUUID();
    const opened = await Promise.all([open(admin, key), open(second, key, { name: 'y' }), open(service, key)]);
    expect(new Set(opened.map(({ account }) => account?.id)).size).toBe(3);
  });

  it('opens one account for eight requests at the same moment', async () => {
    const key = randomUUID();
    const owner = randomUUID();
    const opened = await Promise.all(EIGHT.map(() => open(admin, key, { owner })));
    expect(opened).toEqual(EIGHT.map(() => opened[0]));
    expect(opened[0]?.errors).toEqual([]);
    const query = 'query ($owner: String!) { accounts(where: {owner: $owner}) { totalCount } }';
    expect(await admin.ask(query, { owner })).toEqual({ accounts: { totalCount: 1 } });
  });

  it('opens one account for eight different requests of one key, and refuses the other seven', async () => {
    const key = randomUUID();
    const owner = randomUUID();
    const opened = await Promise.all(EIGHT.map((index) => open(admin, key, { owner, name: `of ${index}` })));
    expect(opened.filter(({ account }) => account !== null)).toHaveLength(1);
    const refused = opened.filter(({ account }) => account === null);
    for (const { errors } of refused) expect(errors).toMatchObject([REUSED]);
    const query = 'query ($owner: String!) { accounts(where: {owner: $owner}) { totalCount } }';
    expect(await admin.ask(query, { owner })).toEqual({ accounts: { totalCount: 1 } });
  });

  it('does not remember what it refused', async () => {
    const key = randomUUID();
    expect(await unchanged(app, () => open(admin, key, { name: '' }))).toMatchObject({ account: null });
    expect(await open(admin, key)).toMatchObject({ account: { name: 'x' }, errors: [] });
  });

  it('forgets a key after 24 hours, and not before', async () => {
    const key = randomUUID();
    const first = await open(admin, key);
    try {
      ahead = DAY_MS - 60_000;
      expect((await open(admin, key)).account?.id).toBe(first.account?.id);
      ahead = DAY_MS + 60_000;
      const later = await open(admin, key, { name: 'another' });
      expect(later).toMatchObject({ account: { name: 'another' }, errors: [] });
    } finally {
      ahead = 0;
    }
  });
});

describe('changeCollateralRatio', () => {
  it('answers the same payload to the same request, also after another change', async () => {
    const key = randomUUID();
    const expectedVersion = await newest();
    const first = await change(admin, key, { expectedVersion });
    expect(first).toMatchObject({ collateralRatio: { version: expectedVersion + 1 }, errors: [] });
    expect(await unchanged(app, () => change(admin, key, { expectedVersion }))).toEqual(first);
    await change(second, randomUUID(), { expectedVersion: expectedVersion + 1, ratio: '0.8' });
    expect(await unchanged(app, () => change(admin, key, { expectedVersion }))).toEqual(first);
    expect(await newest()).toBe(expectedVersion + 2);
  });

  it.each<[string, object]>([
    ['ratio', { ratio: '0.91' }],
    ['reason', { reason: 'y' }],
    ['asset', { asset: 'ETH' }],
    ['cap, which null takes away', { userCap: null }],
    ['version', { expectedVersion: 77 }],
  ])('refuses a used key with another %s', async (_what, choice) => {
    const key = randomUUID();
    const expectedVersion = await newest();
    await change(admin, key, { expectedVersion });
    const again = await unchanged(app, () => change(admin, key, { expectedVersion, ...choice }));
    expect(again).toMatchObject({ collateralRatio: null, errors: [REUSED] });
  });

  it('takes another spelling of the same numbers for the same request', async () => {
    const key = randomUUID();
    const expectedVersion = await newest();
    const first = await change(admin, key, { expectedVersion, ratio: '0.9' });
    expect(await unchanged(app, () => change(admin, key, { expectedVersion, ratio: '0.900' }))).toEqual(first);
  });

  it('refuses a key that opened an account', async () => {
    const key = randomUUID();
    await open(admin, key);
    expect(await unchanged(app, async () => change(admin, key, { expectedVersion: await newest() }))).toMatchObject({
      collateralRatio: null,
      errors: [REUSED],
    });
  });

  it('makes one version for eight requests at the same moment', async () => {
    const key = randomUUID();
    const expectedVersion = await newest();
    const changed = await Promise.all(EIGHT.map(() => change(admin, key, { expectedVersion })));
    expect(changed).toEqual(EIGHT.map(() => changed[0]));
    expect(changed[0]).toMatchObject({ collateralRatio: { version: expectedVersion + 1 }, errors: [] });
    expect(await newest()).toBe(expectedVersion + 1);
  });

  it('lets one of two admins win, and names the newest version to the other', async () => {
    for (let round = 0; round < 5; round++) {
      const expectedVersion = await newest();
      const changed = await Promise.all([
        change(admin, randomUUID(), { expectedVersion, reason: 'first' }),
        change(second, randomUUID(), { expectedVersion, reason: 'second' }),
      ]);
      const [won, lost] = changed[0].collateralRatio === null ? [changed[1], changed[0]] : changed;
      expect(won).toMatchObject({ collateralRatio: { version: expectedVersion + 1 }, errors: [] });
      expect(lost).toMatchObject({
        collateralRatio: null,
        errors: [{ code: 'VERSION_CONFLICT', field: ['input', 'expectedVersion'] }],
      });
      expect(lost.errors[0]?.message).toContain(`The newest version is ${expectedVersion + 1}, not ${expectedVersion}`);
      expect(await newest()).toBe(expectedVersion + 1);
    }
  });

  it('lets one of two admins win where there was no ratio before', async () => {
    const place = { venue: 'ASTER', chain: 'SOLANA', asset: 'BTC', expectedVersion: 0 };
    const changed = await Promise.all([admin, second].map((api) => change(api, randomUUID(), place)));
    expect(changed.map(({ errors }) => errors.map(({ code }) => code)).sort()).toEqual([[], ['VERSION_CONFLICT']]);
    expect(await newest('BTC', 'ASTER', 'SOLANA')).toBe(1);
  });

  it('refuses a stale version, names the newest, and does not remember the key', async () => {
    const key = randomUUID();
    const expectedVersion = await newest();
    await change(admin, randomUUID(), { expectedVersion });
    const stale = await unchanged(app, () => change(admin, key, { expectedVersion }));
    expect(stale.errors).toMatchObject([{ code: 'VERSION_CONFLICT', field: ['input', 'expectedVersion'] }]);
    expect(stale.errors[0]?.message).toContain(`The newest version is ${expectedVersion + 1}`);
    const fresh = await change(admin, key, { expectedVersion: expectedVersion + 1 });
    expect(fresh).toMatchObject({ collateralRatio: { version: expectedVersion + 2 }, errors: [] });
  });
});
