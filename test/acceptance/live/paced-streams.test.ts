/** Margin states at a pace: of one account, and of many in one message. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

const PERIOD_MS = 1_000;
/** Timers may be early by a hair, and a message takes its time. */
const LEAST_MS = PERIOD_MS - 50;

let app: TestApp;
let service: Api;
let alice: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  await setPrice(20_000);
});

afterAll(() => app.close());

const SHOWN = 'account { id } sequence cause margin { marginBalance }';
const ONE = `subscription ($ids: [ID!]!, $every: Int) {
  changed: marginRatioChanged(accountIds: $ids, minChange: "0", every: $every) { ${SHOWN} } }`;
const MANY = `subscription ($ids: [ID!]!, $every: Int) {
  changed: marginRatiosChanged(accountIds: $ids, minChange: "0", every: $every) { ${SHOWN} } }`;

interface Change {
  readonly account: { readonly id: string };
  readonly sequence: number;
  readonly cause: string;
  readonly margin: { readonly marginBalance: string };
}

/** Messages with the instants at which they came. */
function watch<T>(query: string, ids: readonly string[], every: number | null) {
  const socket = alice.socket();
  const stream = socket.iterate<{ changed: T }>({ query, variables: { ids, every } });
  return {
    next: async (): Promise<{ changed: T; at: number }> => {
      // A refusal is thrown as the list of its errors.
      const { value } = (await stream.next().catch((errors: unknown) => ({ value: { errors } }))) as {
        value: { data?: { changed: T } | null; errors?: unknown };
      };
      if (value.data == null) throw new Error(JSON.stringify(value.errors));
      return { changed: value.data.changed, at: performance.now() };
    },
    end: async () => {
      await stream.return?.();
      await socket.dispose();
    },
  };
}

const setPrice = (price: number): Promise<unknown> => publishPrices(service, { 'ASTER/BTCUSDT': String(price) });

/** 1,000 USDT and a long of 0.1 BTC at 20,000. */
async function openLong(): Promise<string> {
  const id = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '0.1', '20000'));
  return id;
}

const balanceAt = (price: number): string => String(1_000 + (price - 20_000) / 10);

describe('marginRatioChanged with a pace', () => {
  it('sends the first state at once, and then the newest of each period', async () => {
    const id = await openLong();
    const stream = watch<Change>(ONE, [id], PERIOD_MS / 1_000);
    const first = await stream.next();
    expect(first.changed).toMatchObject({ sequence: 1, cause: 'SNAPSHOT' });
    let before = first;
    for (const last of [20_050, 20_100]) {
      for (let price = last - 40; price <= last; price += 10) await setPrice(price);
      let message = await stream.next();
      for (; message.changed.margin.marginBalance !== balanceAt(last); message = await stream.next()) {
        // A slow machine takes more than a period to publish all.
        expect(message.at - before.at).toBeGreaterThan(LEAST_MS);
        before = message;
      }
      expect(message.at - before.at).toBeGreaterThan(LEAST_MS);
      before = message;
    }
    await stream.end();
    await setPrice(20_000);
  });

  it.each([0, -1, 3_601])('refuses a pace of %s seconds, and says what is expected', async (every) => {
    const id = await openLong();
    const stream = watch<Change>(ONE, [id], every);
    await expect(stream.next()).rejects.toThrow('Expected `every` from 1 to 3600 seconds');
    await stream.end();
  });
});

describe('marginRatiosChanged', () => {
  it('sends all accounts first, and then in one message a period the newest state of each that has moved', async () => {
    const moving = [await openLong(), await openLong(), await openLong()];
    const still = await openAccount(service, { venue: 'ASTER', chain: 'ETHEREUM', collateralMode: 'SINGLE_ASSET' });
    const stream = watch<Change[]>(MANY, [...moving, still], PERIOD_MS / 1_000);
    const known = new Map<string, Change>();
    let before = 0;
    while (known.size < 4) {
      const { changed, at } = await stream.next();
      for (const change of changed) known.set(change.account.id, change);
      before = at;
    }
    expect([...known.values()].map(({ cause, sequence }) => [cause, sequence])).toEqual(
      Array.from({ length: 4 }, () => ['SNAPSHOT', 1]),
    );
    for (let price = 20_010; price <= 20_050; price += 10) await setPrice(price);
    for (let isLast = false; !isLast;) {
      const { changed, at } = await stream.next();
      expect(at - before).toBeGreaterThan(LEAST_MS);
      before = at;
      // Each account once, and never one that has not moved.
      expect(new Set(changed.map(({ account }) => account.id)).size).toBe(changed.length);
      for (const { account } of changed) expect(moving).toContain(account.id);
      for (const change of changed) known.set(change.account.id, change);
      isLast = moving.every((id) => known.get(id)?.margin.marginBalance === balanceAt(20_050));
    }
    await stream.end();
    await setPrice(20_000);
  });

  it('leaves nothing behind when its reader goes in the middle of a period', async () => {
    const id = await openLong();
    const stream = watch<Change[]>(MANY, [id], 3_600);
    await stream.next();
    await setPrice(20_010);
    await stream.end();
    await setPrice(20_000);
    const after = watch<Change[]>(MANY, [id], 3_600);
    expect((await after.next()).changed).toMatchObject([{ sequence: 1, cause: 'SNAPSHOT' }]);
    await after.end();
  });

  it('refuses accounts of which the viewer may see none', async () => {
    const other = await openAccount(service, { owner: 'bob', venue: 'ASTER', chain: 'ETHEREUM' });
    const stream = watch<Change[]>(MANY, [other], 1);
    await expect(stream.next()).rejects.toThrow('BAD_USER_INPUT');
    await stream.end();
  });
});
