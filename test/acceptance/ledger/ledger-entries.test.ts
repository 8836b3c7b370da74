/** Other entries that the venue reports: each taken once, on the balance or on isolated margin. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { openIsolated } from '../../support/calls/isolated-account.js';
import { readAccount } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { fingerprint } from '../../support/calls/fingerprint.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import {
  balancesOf,
  call,
  ledgerOf,
  mutationOf,
  refusals,
  wrongBalances,
  type Outcome,
} from '../../support/calls/trader-calls.js';
import { fill, openAccount, publishPrices, recordFills } from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let alice: Api;
let serial = 0;

const AT = '2026-01-01T00:00:00.000Z';

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  await publishPrices(service, { BTC: '60000' });
});

afterAll(() => app.close());

function entry(accountId: string, kind: string, quantity: string, more: object = {}): Record<string, unknown> {
  serial += 1;
  return { entryId: `entry-${serial}`, accountId, asset: 'USDT', quantity, kind, at: AT, ...more };
}

const record = (...entries: object[]): Promise<Outcome> => call(service, 'recordLedgerEntries', { entries });

async function isolated(): Promise<{ id: string; positionId: string }> {
  await publishPrices(service, { 'ASCENDEX/BTC-PERP': '10000' });
  const id = await openIsolated(service);
  await recordFills(service, fill(id, 'BTC-PERP', 'BUY', '1', '10000'));
  const { positions } = await readAccount<{ positions: { id: string }[] }>(alice, id, 'positions { id }');
  return { id, positionId: positions[0]?.id ?? '' };
}

const marginOf = (id: string): Promise<object> => readAccount(alice, id, 'positions { isolatedMargin }');

it('posts every kind to the balance, once, whatever is sent again', async () => {
  const id = await openAccount(service);
  const entries = [
    entry(id, 'FUNDING', '-1.5'),
    entry(id, 'LIQUIDATION_FEE', '-2'),
    entry(id, 'INSURANCE', '3'),
    entry(id, 'EARN', '0.1', { asset: 'BTC' }),
    entry(id, 'ADJUSTMENT', '10'),
  ];
  expect(await record(...entries)).toEqual({ recorded: 5, alreadyKnown: 0, accounts: [{ version: 2 }], errors: [] });
  expect(await record(...entries)).toEqual({ recorded: 0, alreadyKnown: 5, accounts: [], errors: [] });
  expect(await balancesOf(service, id)).toEqual({ BTC: '0.1', USDT: '9.5' });
  expect((await ledgerOf(service, id))[4]).toBe(`FUNDING USDT -1.5 -1.5 ${String(entries[0]?.['entryId'])}`);
  // Two at once, and twice in one batch.
  const twice = entry(id, 'FUNDING', '1');
  const answers = await Promise.all([record(twice, twice), record(twice, twice)]);
  expect(answers.map(({ recorded, alreadyKnown }) => (recorded ?? 0) + (alreadyKnown ?? 0))).toEqual([2, 2]);
  expect(answers.reduce((sum, { recorded }) => sum + (recorded ?? 0), 0)).toBe(1);
});

it('refuses an id of the venue that comes with other content, for ever and for any account', async () => {
  const id = await openAccount(service);
  const other = await openAccount(service);
  const first = entry(id, 'FUNDING', '1');
  await record(first);
  const reused = [
    { ...first, quantity: '2' },
    { ...first, asset: 'BTC' },
    { ...first, kind: 'EARN' },
    { ...first, at: '2026-01-01T00:00:00.001Z' },
    { ...first, accountId: other },
  ];
  const answer = await record(...reused);
  expect(answer).toMatchObject({ recorded: 0, alreadyKnown: 0 });
  expect(answer.errors.map(({ code, field }) => [code, field?.join('.')])).toEqual(
    reused.map((_each, index) => ['IDEMPOTENCY_KEY_REUSED', `input.entries.${index}.entryId`]),
  );
  // Ids are the venue's own: another venue may use the same.
  const elsewhere = await openAccount(service, { venue: 'ASCENDEX' });
  expect(await record({ ...first, accountId: elsewhere })).toMatchObject({ recorded: 1, errors: [] });
});

describe('against an isolated position', () => {
  it('the margin takes it, the balance stays', async () => {
    const { id, positionId } = await isolated();
    const funding = entry(id, 'FUNDING', '-30', { positionId });
    expect(await record(funding)).toMatchObject({ recorded: 1, errors: [] });
    expect(await marginOf(id)).toEqual({ positions: [{ isolatedMargin: '970' }] });
    expect((await ledgerOf(alice, id)).slice(0, 2)).toEqual([
      `MARGIN_ADJUSTMENT USDT 30 4000 ${String(funding['entryId'])}`,
      `FUNDING USDT -30 3970 ${String(funding['entryId'])}`,
    ]);
    await record(entry(id, 'FUNDING', '5', { positionId }));
    expect(await marginOf(id)).toEqual({ positions: [{ isolatedMargin: '975' }] });
    expect(await balancesOf(alice, id)).toEqual({ USDT: '4000' });
  });

  it('what the margin lacks the insurance fund pays', async () => {
    const { id, positionId } = await isolated();
    const fee = entry(id, 'LIQUIDATION_FEE', '-1200', { positionId });
    await record(fee);
    expect((await ledgerOf(alice, id)).slice(0, 3)).toEqual([
      `INSURANCE USDT 200 4000 ${String(fee['entryId'])}`,
      `MARGIN_ADJUSTMENT USDT 1000 3800 ${String(fee['entryId'])}`,
      `LIQUIDATION_FEE USDT -1200 2800 ${String(fee['entryId'])}`,
    ]);
    expect(await marginOf(id)).toEqual({ positions: [{ isolatedMargin: '0' }] });
    // Sent again after the position was closed it is still known.
    await recordFills(service, fill(id, 'BTC-PERP', 'SELL', '1', '10000'));
    expect(await record(fee)).toMatchObject({ recorded: 0, alreadyKnown: 1, errors: [] });
    expect(refusals(await record({ ...fee, entryId: `${String(fee['entryId'])}-late` }))).toMatchObject([
      { code: 'POSITION_NOT_FOUND', field: ['input', 'entries', '0', 'positionId'] },
    ]);
    expect(await wrongBalances(app.app.services.db)).toBe(0);
  });

  it('refuses cross positions, positions of other accounts, and other assets than USDT', async () => {
    const { id, positionId } = await isolated();
    const { id: other } = await isolated();
    await publishPrices(service, { 'ASCENDEX/ETH-PERP': '1000' });
    await recordFills(service, fill(other, 'ETH-PERP', 'BUY', '1', '1000'));
    const { positions } = await readAccount<{ positions: { id: string; marginMode: string }[] }>(
      alice,
      other,
      'positions { id marginMode }',
    );
    const cross = positions.find(({ marginMode }) => marginMode === 'CROSS')?.id;
    const answer = await record(
      entry(other, 'FUNDING', '1', { positionId: cross }),
      entry(other, 'FUNDING', '1', { positionId }),
      entry(id, 'FUNDING', '1', { positionId: 'nonsense' }),
      entry(id, 'FUNDING', '1', { positionId, asset: 'BTC' }),
      entry(id, 'FUNDING', '1', { positionId }),
    );
    expect(answer.recorded).toBe(1);
    expect(answer.errors.map(({ code, field }) => [code, field?.slice(2).join('.')])).toEqual([
      ['ISOLATED_ONLY', '0.positionId'],
      ['POSITION_NOT_FOUND', '1.positionId'],
      ['POSITION_NOT_FOUND', '2.positionId'],
      ['INVALID_INPUT', '3.asset'],
    ]);
  });
});

describe('bad input', () => {
  it.each([
    'DEPOSIT',
    'WITHDRAWAL',
    'REALIZED_PNL',
    'FEE',
    'INTEREST',
    'AUTO_EXCHANGE',
    'EXCHANGE_COST',
    'MARGIN_ADJUSTMENT',
  ])('%s is not the venue’s to book', async (kind) => {
    const id = await openAccount(service);
    const before = await fingerprint(app.app.services.db);
    const answer = await record(entry(id, kind, '1'));
    expect(answer.recorded).toBe(0);
    expect(refusals(answer)).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', 'entries', '0', 'kind'] }]);
    expect(await fingerprint(app.app.services.db)).toEqual(before);
  });

  it('is named by its path, and the rest is taken', async () => {
    const id = await openAccount(service);
    const answer = await record(
      entry(id, 'FUNDING', '0'),
      entry(id, 'FUNDING', '-1000000000000000.1'),
      entry(id, 'FUNDING', '1', { asset: 'NONE' }),
      entry(id, 'FUNDING', '1', { entryId: '' }),
      entry(id, 'FUNDING', '1', { entryId: '\0' }),
      entry('nonsense', 'FUNDING', '1'),
      entry(id, 'FUNDING', '1', { at: new Date(Date.now() + 120_000).toISOString() }),
      entry(id, 'FUNDING', '1'),
    );
    expect(answer.recorded).toBe(1);
    expect(answer.errors.map(({ code, field }) => [code, field?.slice(2).join('.')])).toEqual([
      ['INVALID_INPUT', '0.quantity'],
      ['INVALID_INPUT', '1.quantity'],
      ['ASSET_NOT_FOUND', '2.asset'],
      ['INVALID_INPUT', '3.entryId'],
      ['INVALID_INPUT', '4.entryId'],
      ['ACCOUNT_NOT_FOUND', '5.accountId'],
      ['INVALID_INPUT', '6.at'],
    ]);
  });

  it('1,000 entries are taken and 1,001 are not', async () => {
    const id = await openAccount(service);
    const entries = Array.from({ length: 1_001 }, () => entry(id, 'FUNDING', '0.001'));
    const { errors } = await service.send(mutationOf('recordLedgerEntries'), { input: { entries } });
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['LIMIT_EXCEEDED']);
    expect(await record(...entries.slice(1))).toMatchObject({ recorded: 1_000 });
    expect(await balancesOf(service, id)).toEqual({ USDT: '1' });
  });

  it('a balance of more than 30 digits is refused, with all that came with it', async () => {
    const [id, other] = [await openAccount(service), await openAccount(service)];
    await record(entry(id, 'EARN', '1'));
    await app.app.services.db
      .$executeRaw`UPDATE balances SET quantity = 1e30 - 1 WHERE account_id = ${uuidOf(id)}::uuid`;
    app.app.services.hotAccounts.clear();
    const right = entry(other, 'EARN', '1');
    const entries = [right, entry(id, 'EARN', '1')];
    const { errors } = await service.send(mutationOf('recordLedgerEntries'), { input: { entries } });
    expect(errors).toMatchObject([
      { message: expect.stringMatching(/30 digits/), extensions: { code: 'BAD_USER_INPUT' } },
    ]);
    expect(await balancesOf(service, other)).toEqual({});
    expect(await record(right)).toMatchObject({ recorded: 1, errors: [] });
  });

  it('traders and admins record nothing', async () => {
    const id = await openAccount(service);
    for (const api of [alice, await app.as('boss', 'ADMIN')]) {
      const { errors } = await api.send(mutationOf('recordLedgerEntries'), {
        input: { entries: [entry(id, 'EARN', '1')] },
      });
      expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['FORBIDDEN']);
    }
  });
});
