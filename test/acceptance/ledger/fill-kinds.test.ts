/** What a fill was at the venue: kept with it, and part of its content. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { balancesOf } from '../../support/calls/trader-calls.js';
import { fill, openAccount, recordFills, type FillChoice } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { post } from '../../support/services/raw.js';

let app: TestApp;
let service: Api;
let alice: Api;
let id: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  id = await openAccount(service);
});

afterAll(() => app.close());

const bought = (choice: FillChoice): object => fill(id, 'BTCUSDT', 'BUY', '0.1', '60000', choice);

async function newestKind(): Promise<string | undefined> {
  const { fills } = await readAccount<{ fills: { nodes: { kind: string }[] } }>(
    alice,
    id,
    'fills(first: 1) { nodes { kind } }',
  );
  return fills.nodes[0]?.kind;
}

it('is a trade unless the venue says otherwise', async () => {
  for (const choice of [{}, { kind: null }] as FillChoice[]) {
    expect(await recordFills(service, bought(choice))).toMatchObject({ recorded: 1, errors: [] });
    expect(await newestKind()).toBe('TRADE');
  }
});

it.each(['TRADE', 'LIQUIDATION', 'ADL', 'SETTLEMENT'] as const)('is answered, and booked alike: %s', async (kind) => {
  const before = await balancesOf(alice, id);
  expect(await recordFills(service, bought({ kind, fee: '1' }))).toMatchObject({ recorded: 1, errors: [] });
  expect(await newestKind()).toBe(kind);
  const after = await balancesOf(alice, id);
  expect(Number(after['USDT'] ?? 0)).toBe(Number(before['USDT'] ?? 0) - 1);
});

it('is part of the content under the id', async () => {
  const choice = { fillId: randomUUID(), at: new Date().toISOString() };
  await recordFills(service, bought({ ...choice, kind: 'ADL' }));
  const send = (kind: FillChoice['kind']) =>
    unchanged(app, () => recordFills(service, bought({ ...choice, kind: kind ?? null })));
  expect(await send('ADL')).toMatchObject({ recorded: 0, alreadyKnown: 1, errors: [] });
  const reused = { code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'fills', '0', 'fillId'] };
  for (const other of ['TRADE', 'LIQUIDATION', null] as const) {
    expect(await send(other)).toMatchObject({ recorded: 0, alreadyKnown: 0, errors: [reused] });
  }
});

it('is refused by the schema where it is no kind', async () => {
  const query = 'mutation ($input: RecordFillsInput!) { recordFills(input: $input) { recorded } }';
  const input = { fills: [{ ...bought({}), kind: 'GIFT' }] };
  const { text } = await unchanged(app, () => post(service, query, { input }));
  expect(text).toContain('"code":"BAD_USER_INPUT"');
});
