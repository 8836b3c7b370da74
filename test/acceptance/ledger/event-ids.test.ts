/** The id of a fill or a transfer: known again with the same content, refused with other content, counted once. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { unchanged } from '../../support/calls/fingerprint.js';
import { fill, openAccount, recordFills, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
});

afterAll(() => app.close());

const EIGHT = Array.from({ length: 8 }, (_none, index) => index);

describe('the id of a transfer', () => {
  it('is known again with the same content, however it is spelled', async () => {
    const id = await openAccount(service);
    const item = { ...transfer(id, 'USDT', '5.10'), at: '2026-01-01T00:00:00.000Z' };
    expect(await recordTransfers(service, item)).toEqual({ recorded: 1, alreadyKnown: 0, errors: [] });
    const again = { ...item, quantity: '5.1', at: '2026-01-01T00:00:00Z' };
    expect(await unchanged(app, () => recordTransfers(service, again, item))).toEqual({
      recorded: 0,
      alreadyKnown: 2,
      errors: [],
    });
  });

  it.each<[string, (other: string) => object]>([
    ['quantity', () => ({ quantity: '6' })],
    ['asset', () => ({ asset: 'BTC' })],
    ['instant', () => ({ at: '2026-01-01T00:00:00.001Z' })],
    ['account', (accountId) => ({ accountId })],
  ])('is refused with another %s', async (_what, choice) => {
    const id = await openAccount(service);
    const other = await openAccount(service);
    const item = { ...transfer(id, 'USDT', '5'), at: '2026-01-01T00:00:00Z' };
    await recordTransfers(service, item);
    const again = await unchanged(app, () => recordTransfers(service, { ...item, ...choice(other) }));
    expect(again).toMatchObject({
      recorded: 0,
      alreadyKnown: 0,
      errors: [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'transfers', '0', 'transferId'] }],
    });
  });

  it('belongs to its venue', async () => {
    const at = { bitget: await openAccount(service), ascendex: await openAccount(service, { venue: 'ASCENDEX' }) };
    const id = randomUUID();
    const batch = [transfer(at.bitget, 'USDT', '5', id), transfer(at.ascendex, 'USDT', '6', id)];
    expect(await recordTransfers(service, ...batch)).toEqual({ recorded: 2, alreadyKnown: 0, errors: [] });
  });

  it('counts once within one batch, and is refused there with other content', async () => {
    const id = await openAccount(service);
    const item = transfer(id, 'USDT', '5');
    const batch = await recordTransfers(service, item, item, { ...item, quantity: '6' }, transfer(id, 'USDT', '1'));
    expect(batch).toMatchObject({
      recorded: 2,
      alreadyKnown: 1,
      errors: [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'transfers', '2', 'transferId'] }],
    });
    expect(await balanceOf(id)).toEqual([{ quantity: '6' }]);
  });

  it('counts once when a batch arrives eight times at the same moment', async () => {
    const id = await openAccount(service);
    const batch = ['1', '2', '3', '4'].map((quantity) => transfer(id, 'USDT', quantity));
    const answers = await Promise.all(EIGHT.map(() => recordTransfers(service, ...batch)));
    expect(answers.reduce((sum, { recorded }) => sum + recorded, 0)).toBe(4);
    expect(answers.reduce((sum, { alreadyKnown }) => sum + alreadyKnown, 0)).toBe(28);
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    expect(await balanceOf(id)).toEqual([{ quantity: '10' }]);
  });

  it('goes to one of eight accounts that want it at the same moment', async () => {
    const accounts = await Promise.all(EIGHT.map(() => openAccount(service)));
    const id = randomUUID();
    const at = new Date().toISOString();
    const answers = await Promise.all(
      accounts.map((accountId) => recordTransfers(service, { ...transfer(accountId, 'USDT', '5', id), at })),
    );
    expect(answers.map(({ recorded }) => recorded).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
    expect(answers.flatMap(({ errors }) => errors.map(({ code }) => code))).toEqual(
      EIGHT.slice(1).map(() => 'IDEMPOTENCY_KEY_REUSED'),
    );
  });
});

describe('the id of a fill', () => {
  const AT = '2026-01-01T00:00:00Z';

  it('is known again with the same content, however it is spelled', async () => {
    const id = await openAccount(service);
    const item = fill(id, 'BTCUSDT', 'BUY', '1.0', '60000.00', { at: AT });
    expect(await recordFills(service, item)).toEqual({ recorded: 1, alreadyKnown: 0, errors: [] });
    // In one-way mode the side of a hedge is not looked at, and a fee that is left out is 0.
    const again = { ...item, size: '1', price: '60000', fee: '0.0', positionSide: 'SHORT' };
    expect(await unchanged(app, () => recordFills(service, item, again))).toEqual({
      recorded: 0,
      alreadyKnown: 2,
      errors: [],
    });
  });

  it.each<[string, (other: string) => object]>([
    ['size', () => ({ size: '2' })],
    ['price', () => ({ price: '60000.000000000000000001' })],
    ['fee', () => ({ fee: '1' })],
    ['side', () => ({ side: 'SELL' })],
    ['instrument', () => ({ instrument: 'ETHUSDT' })],
    ['instant', () => ({ at: '2026-01-01T00:00:00.001Z' })],
    ['account', (accountId) => ({ accountId })],
  ])('is refused with another %s', async (_what, choice) => {
    const id = await openAccount(service);
    const other = await openAccount(service);
    const item = fill(id, 'BTCUSDT', 'BUY', '1', '60000', { at: AT });
    await recordFills(service, item);
    expect(await unchanged(app, () => recordFills(service, { ...item, ...choice(other) }))).toMatchObject({
      recorded: 0,
      alreadyKnown: 0,
      errors: [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'fills', '0', 'fillId'] }],
    });
  });

  it('is refused with another side of a hedge', async () => {
    const id = await openAccount(service, { positionMode: 'HEDGE' });
    const item = fill(id, 'BTCUSDT', 'BUY', '1', '60000', { at: AT, positionSide: 'LONG' });
    await recordFills(service, fill(id, 'BTCUSDT', 'SELL', '1', '60000', { positionSide: 'SHORT' }), item);
    expect(await unchanged(app, () => recordFills(service, { ...item, positionSide: 'SHORT' }))).toMatchObject({
      errors: [{ code: 'IDEMPOTENCY_KEY_REUSED' }],
    });
  });

  it('counts once within one batch, and is refused there with other content', async () => {
    const id = await openAccount(service);
    const item = fill(id, 'BTCUSDT', 'BUY', '1', '60000', { at: AT });
    expect(await recordFills(service, item, { ...item, size: '3' }, item)).toMatchObject({
      recorded: 1,
      alreadyKnown: 1,
      errors: [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'fills', '1', 'fillId'] }],
    });
  });

  it('counts once when a batch arrives eight times at the same moment', async () => {
    const id = await openAccount(service);
    const batch = EIGHT.map((index) =>
      fill(id, 'BTCUSDT', index % 2 === 0 ? 'BUY' : 'SELL', '1', '60000', { fee: '1' }),
    );
    const answers = await Promise.all(EIGHT.map(() => recordFills(service, ...batch)));
    expect(answers.reduce((sum, { recorded }) => sum + recorded, 0)).toBe(8);
    expect(answers.reduce((sum, { alreadyKnown }) => sum + alreadyKnown, 0)).toBe(56);
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    // Four bought and sold again at one price: nothing is left but eight fees.
    expect(await balanceOf(id)).toEqual([{ quantity: '-8' }]);
  });

  it('that was refused may come again', async () => {
    const id = await openAccount(service);
    const item = fill(id, 'BTCUSDT', 'BUY', '0', '60000');
    expect(await recordFills(service, item)).toMatchObject({ errors: [{ code: 'INVALID_INPUT' }] });
    expect(await recordFills(service, { ...item, size: '1' })).toEqual({ recorded: 1, alreadyKnown: 0, errors: [] });
  });
});

describe('two mutations of one request', () => {
  it('each answer the account as they have left it', async () => {
    const id = await openAccount(service);
    const record = (quantity: string): string => `recordTransfers(input: {transfers: [{transferId: "${randomUUID()}",
      accountId: "${id}", asset: "USDT", quantity: "${quantity}", at: "2026-01-01T00:00:00Z"}]}) {
      accounts { version balances { quantity } margin { accountVersion walletValue } } }`;
    expect(await service.ask(`mutation { first: ${record('5')} second: ${record('6')} }`)).toEqual({
      first: { accounts: [left(2, '5')] },
      second: { accounts: [left(3, '11')] },
    });
  });
});

function left(version: number, quantity: string): object {
  return { version, balances: [{ quantity }], margin: { accountVersion: version, walletValue: quantity } };
}

async function balanceOf(id: string): Promise<unknown> {
  type Found = { account: { balances: unknown } };
  const query = 'query ($id: ID!) { account(id: $id) { balances { quantity } } }';
  return (await service.ask<Found>(query, { id })).account.balances;
}
