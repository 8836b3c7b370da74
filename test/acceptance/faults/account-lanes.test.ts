/** Writes that one trader sends at once wait for each other, and keep nobody else waiting. */
import { afterEach, expect, it } from '@jest/globals';

import { startTestApp, type TestApp } from '../../support/services/app.js';
import type { Answer, Api } from '../../support/services/api.js';
import { mutationOf, type Outcome } from '../../support/calls/trader-calls.js';
import { openAccount, recordTransfers, transfer } from '../../support/calls/venue-system.js';

const READ = 'query ($id: ID!) { account(id: $id) { version balances { quantity } margin { status } } }';

let app: TestApp;
afterEach(() => app.close());

async function start(env: Record<string, string> = {}): Promise<{ service: Api; own: string; other: string }> {
  app = await startTestApp({ env });
  const service = await app.as('venue', 'SERVICE');
  const own = await openAccount(service, { owner: 'alice' });
  const other = await openAccount(service, { owner: 'bob' });
  await recordTransfers(service, transfer(own, 'USDT', '100'), transfer(other, 'USDT', '5'));
  return { service, own, other };
}

type Withdrawn = Answer<{ withdraw: Outcome }>;

function withdrawals(trader: Api, accountId: string, count: number): Promise<Withdrawn[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => {
      const input = { accountId, asset: 'USDT', quantity: '1', idempotencyKey: `withdrawal ${index}` };
      return trader.send<{ withdraw: Outcome }>(mutationOf('withdraw'), { input });
    }),
  );
}

it('sixty withdrawals of one trader are made or refused, while reads and writes of others come in between', async () => {
  const { service, own, other } = await start();
  const [alice, bob] = [await app.as('alice', 'TRADER'), await app.as('bob', 'TRADER')];
  const steps = {
    read: () => bob.ask(READ, { id: other }),
    write: () => recordTransfers(service, transfer(other, 'USDT', '1')),
  };
  for (const step of Object.values(steps)) await step();
  const begun = performance.now();
  const made = withdrawals(alice, own, 60);
  let lasted: number | null = null;
  const over = made.then(() => (lasted = performance.now() - begun));
  const taken: Record<keyof typeof steps, number[]> = { read: [], write: [] };
  while (lasted === null) {
    for (const name of ['read', 'write'] as const) {
      const asked = performance.now();
      await steps[name]();
      taken[name].push(performance.now() - asked);
    }
  }
  await over;
  const answers = await made;
  const done = answers.filter(({ data }) => data?.withdraw.entry != null).length;
  expect(done).toBeGreaterThan(0);
  // On a slow machine the last ones wait too long.
  for (const { extensions, message } of answers.flatMap(({ errors }) => errors ?? [])) {
    expect(extensions.code).toBe('SERVICE_UNAVAILABLE');
    expect(message).toContain(own);
  }
  const spread = Object.entries(taken).map(([name, times]) => {
    const sorted = times.sort((a, b) => a - b).map(Math.round);
    return { name, median: sorted[sorted.length >> 1] ?? 0, longest: sorted.at(-1) ?? 0 };
  });
  process.stdout.write(
    `${done} of 60 withdrawals in ${Math.round(lasted)} ms; of others, in ms: ${JSON.stringify(spread)}\n`,
  );
  // Behind the sixty they would take as long as they.
  for (const { name, longest } of spread) expect([name, longest < lasted / 2 || longest]).toEqual([name, true]);
  expect(await service.ask(READ, { id: own })).toMatchObject({
    account: { version: 2 + done, balances: [{ quantity: String(100 - done) }] },
  });
});

it('writes beyond those that may wait are refused, and not made', async () => {
  const { service, own } = await start({ LIMIT_WRITES_PER_VIEWER: '1' });
  const alice = await app.as('alice', 'TRADER');
  const answers = await withdrawals(alice, own, 60);
  const made = answers.filter(({ data }) => data?.withdraw.entry != null).length;
  const refused = answers.flatMap(({ errors }) => errors ?? []);
  expect(refused.length).toBe(60 - made);
  // One at work and ten that wait; on a slow machine some of those wait for too long.
  const limited = refused.filter(({ extensions }) => extensions.code === 'RATE_LIMITED');
  const late = refused.filter(({ extensions }) => extensions.code === 'SERVICE_UNAVAILABLE');
  expect(limited.length + late.length).toBe(refused.length);
  expect(made + late.length).toBeGreaterThanOrEqual(11);
  expect(limited.length).toBeGreaterThan(0);
  for (const { extensions } of limited) expect(extensions).toMatchObject({ retryAfter: 1 });
  expect(await service.ask(READ, { id: own })).toMatchObject({
    account: { version: 2 + made, balances: [{ quantity: String(100 - made) }] },
  });
});
