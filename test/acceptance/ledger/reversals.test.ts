/** Fills and trades that are taken back: once, and as if they had never been (rules: 25). */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { openIsolated } from '../../support/calls/isolated-account.js';
import { readAccount } from '../../support/calls/account-reader.js';
import { unchanged } from '../../support/calls/fingerprint.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { ledgerOf as storedLedger } from '../../support/calls/stored-ledger.js';
import { balancesOf, call, ledgerOf, versionOf } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  openHolding,
  publishPrices,
  recordFills,
  recordTrades,
  reverseFill,
  trade,
  type FillChoice,
  type Reversed,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApps, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, type TestDatabase } from '../../support/services/database.js';

let database: TestDatabase;
let apps: [TestApp, ...TestApp[]];
let services: Api[];
let app: TestApp;
let service: Api;
let alice: Api;
/** Of which a version was deleted. */
let pruned = '';

beforeAll(async () => {
  database = await createTestDatabase();
  apps = await startTestApps({ database });
  services = await Promise.all(apps.map((each) => each.as('venue', 'SERVICE')));
  [app, service] = [apps[0], services[0] as Api];
  alice = await app.as('alice', 'TRADER');
  await publishPrices(service, { BTC: '10', 'BITGET/BTCUSDT': '10', 'ASTER/BTCUSDT': '10', 'ASCENDEX/BTC-PERP': '10' });
});

afterAll(async () => {
  for (const each of apps) await each.close();
  await database.drop();
});

type Side = 'BUY' | 'SELL';

/** Records a fill of its own request; its id. */
async function filled(id: string, side: Side, size: string, price: string, choice: FillChoice = {}): Promise<string> {
  const fillId = randomUUID();
  const symbol = (await venueOf(id)) === 'ASCENDEX' ? 'BTC-PERP' : 'BTCUSDT';
  const { errors } = await recordFills(service, fill(id, symbol, side, size, price, { fillId, ...choice }));
  expect(errors).toEqual([]);
  return choice.fillId ?? fillId;
}

async function venueOf(id: string): Promise<string> {
  return (await readAccount<{ venue: { code: string } }>(service, id, 'venue { code }')).venue.code;
}

const isolated = (balances?: Record<string, string>): Promise<string> => openIsolated(service, balances);

async function positionsOf(id: string): Promise<string[]> {
  const { positions } = await readAccount<{
    positions: Record<'side' | 'size' | 'entryPrice', string>[];
  }>(service, id, 'positions { side size entryPrice isolatedMargin }');
  return positions.map((each) => `${each.side} ${each.size} at ${each.entryPrice}`);
}

/** All of an account but its version and what is listed of its past; balances of 0 say nothing. */
async function stateOf(id: string): Promise<unknown> {
  const { balances, ...state } = await readAccount<{ balances: { quantity: string }[] }>(
    service,
    id,
    `collateralMode positionMode balances { asset { symbol } quantity }
     positions { id side size entryPrice isolatedMargin leverage marginMode unrealizedPnl initialMargin maintenanceMargin }
     margin { marginBalance initialMargin maintenanceMargin availableMargin walletValue }
     instrumentSettings { instrument { symbol } leverage marginMode }`,
  );
  return { ...state, balances: balances.filter(({ quantity }) => quantity !== '0') };
}

const codes = ({ errors }: Reversed): string[] => errors.map(({ code }) => code);

describe('a reversal', () => {
  it('long 10 at 10, closed at 12, the close reversed: long 10 at 10, realised 0; its entries name both', async () => {
    const id = await openAccount(service);
    await filled(id, 'BUY', '10', '10');
    const closed = await filled(id, 'SELL', '10', '12', { fee: '3' });
    expect(await balancesOf(service, id)).toEqual({ USDT: '17' });
    const reversalId = randomUUID();
    const at = new Date().toISOString();
    expect(await reverseFill(service, { reversalId, fillId: closed, at })).toEqual({
      reversals: [{ fillId: reversalId, side: 'BUY' }],
      alreadyKnown: false,
      errors: [],
    });
    expect([await positionsOf(id), await balancesOf(service, id)]).toEqual([['LONG 10 at 10'], {}]);
    expect(await versionOf(service, id)).toBe(4);
    const { ledger, fills } = await readAccount<{ ledger: object; fills: object }>(
      alice,
      id,
      `ledger(first: 2) { nodes { kind quantity reference reportedAt instrument { symbol }
         fill { fillId kind } reversedFill { fillId kind } } }
       fills { nodes { fillId kind side size price fee realizedPnl tradeId at reverses { fillId } reversedBy { fillId } } }`,
    );
    const entry = {
      ...{ reference: reversalId, reportedAt: at, instrument: { symbol: 'BTCUSDT' } },
      ...{ fill: { fillId: reversalId, kind: 'REVERSAL' }, reversedFill: { fillId: closed, kind: 'TRADE' } },
    };
    expect(ledger).toEqual({
      nodes: [
        { ...entry, kind: 'FEE', quantity: '3' },
        { ...entry, kind: 'REALIZED_PNL', quantity: '-20' },
      ],
    });
    expect(fills).toMatchObject({
      nodes: [
        {
          ...{ fillId: reversalId, kind: 'REVERSAL', side: 'BUY', size: '10', price: '12', fee: '-3', at },
          ...{ realizedPnl: '-20', tradeId: null, reverses: { fillId: closed }, reversedBy: null },
        },
        { fillId: closed, realizedPnl: '20', reverses: null, reversedBy: { fillId: reversalId } },
        { reverses: null, reversedBy: null },
      ],
    });
  });

  it.each([
    ['that opens, with a fee in another asset', 'BUY', '1', '7', { fee: '0.1', feeAsset: 'BTC' }],
    ['that adds', 'BUY', '0.3', '11.1', { fee: '0.7' }],
    ['that closes a part', 'SELL', '0.7', '9.3', { fee: '0.01' }],
    ['that closes all', 'SELL', '3', '12', { fee: '-0.01' }],
    ['that closes one side and opens the other', 'SELL', '4.5', '9.9', { fee: '0.3' }],
  ] as const)(
    'at once restores every digit: of a fill %s, in cross and in isolated margin',
    async (what, side, size, price, fee) => {
      for (const id of [
        await openHolding(service, { USDT: '1000', BTC: '1' }, { venue: 'ASCENDEX' }),
        await isolated(),
      ]) {
        if (!what.startsWith('that opens')) await filled(id, 'BUY', '3', '10.333333333333333333');
        const before = await stateOf(id);
        const fillId = await filled(id, side, size, price, fee);
        expect(await stateOf(id)).not.toEqual(before);
        expect(codes(await reverseFill(service, { venue: 'ASCENDEX', fillId }))).toEqual([]);
        expect(await stateOf(id)).toEqual(before);
      }
    },
  );

  it('in hedge mode is of the side that was filled', async () => {
    const id = await openAccount(service, { positionMode: 'HEDGE' });
    await filled(id, 'BUY', '2', '10', { positionSide: 'LONG' });
    await filled(id, 'SELL', '1', '11', { positionSide: 'SHORT' });
    const before = await stateOf(id);
    const fillId = await filled(id, 'SELL', '1', '13', { positionSide: 'LONG' });
    await reverseFill(service, { fillId });
    expect(await stateOf(id)).toEqual(before);
  });

  it('of an older fill takes the later ones without it, and keeps funding', async () => {
    const id = await isolated();
    const other = await isolated();
    const first = ['BUY', '1', '10'] as const;
    const wrong = await filled(id, 'BUY', '2', '11', { fee: '1' });
    for (const each of [id, other]) {
      await filled(each, ...first);
      const { positions } = await readAccount<{ positions: { id: string }[] }>(alice, each, 'positions { id }');
      const positionId = positions[0]?.id ?? '';
      const entry = {
        entryId: randomUUID(),
        accountId: each,
        positionId,
        asset: 'USDT',
        quantity: '-0.1',
        kind: 'FUNDING',
      };
      await call(service, 'recordLedgerEntries', { entries: [{ ...entry, at: new Date().toISOString() }] });
      await call(service, 'setLeverage', { accountId: each, instrument: 'BTC-PERP', leverage: '7' });
      await filled(each, 'BUY', '1', '12');
      await call(service, 'adjustPositionMargin', { positionId, quantity: '5' });
      await filled(each, 'SELL', '0.5', '13', { fee: '0.2' });
    }
    expect(codes(await reverseFill(service, { venue: 'ASCENDEX', fillId: wrong }))).toEqual([]);
    const withoutIds = (state: unknown): string => JSON.stringify(state).replace(/"id":"[^"]+"/g, '');
    expect(withoutIds(await stateOf(id))).toBe(withoutIds(await stateOf(other)));
  });

  it('takes every fill of a request by itself, and one after the other, in any order', async () => {
    const id = await openHolding(service, { USDT: '100' });
    const before = await stateOf(id);
    const list = ['10', '11', '12'].map((price) => ({ price, fillId: randomUUID() }));
    await recordFills(
      service,
      ...list.map(({ price, fillId }) => fill(id, 'BTCUSDT', 'BUY', '1', price, { fillId, fee: '1' })),
    );
    const [first, second, third] = list.map(({ fillId }) => fillId);
    await reverseFill(service, { fillId: second });
    expect([await positionsOf(id), await balancesOf(service, id)]).toEqual([['LONG 2 at 11'], { USDT: '98' }]);
    const closed = await filled(id, 'SELL', '1', '13');
    expect(await balancesOf(service, id)).toEqual({ USDT: '100' });
    await reverseFill(service, { fillId: first });
    // 1@12 alone was sold at 13.
    expect([await positionsOf(id), await balancesOf(service, id)]).toEqual([[], { USDT: '100' }]);
    await reverseFill(service, { fillId: closed });
    await reverseFill(service, { fillId: third });
    expect(await stateOf(id)).toEqual(before);
  });
});

describe('where the settlement asset never had a price, a reversal', () => {
  const at = (): string => new Date().toISOString();
  /** A fee of 10 or 20 USD1 on a buy at 100, closed at another price: both are owed, or made up for each other. */
  async function closed(fee: string, price: string): Promise<{ id: string; opened: string }> {
    const id = await openHolding(service, { USDT: '20000' }, { venue: 'ASTER', chain: 'ETHEREUM' });
    const opened = randomUUID();
    const open = fill(id, 'ETHUSD1', 'BUY', '1', '100', { fillId: opened, fee });
    const { errors } = await recordFills(service, open, fill(id, 'ETHUSD1', 'SELL', '1', price));
    expect(errors).toEqual([]);
    return { id, opened };
  }

  it('may not leave some of it, though no entry alone would', async () => {
    const { id, opened } = await closed('10', '95');
    const entry = { entryId: randomUUID(), accountId: id, asset: 'USD1', quantity: '4', kind: 'ADJUSTMENT', at: at() };
    expect((await call(service, 'recordLedgerEntries', { entries: [entry] })).errors).toEqual([]);
    expect(await balancesOf(service, id)).toMatchObject({ USD1: '-11' });
    // 10 of the fee and 5 of the loss.
    const { errors } = await reverseFill(service, { venue: 'ASTER', fillId: opened });
    expect(errors).toMatchObject([{ code: 'PRICE_UNAVAILABLE' }]);
    expect(await balancesOf(service, id)).toMatchObject({ USD1: '-11' });
  });

  it('may pay the one entry with the other', async () => {
    const { id, opened } = await closed('20', '120');
    expect((await reverseFill(service, { venue: 'ASTER', fillId: opened })).errors).toEqual([]);
    expect(await balancesOf(service, id)).toEqual({ USDT: '20000' });
  });
});

describe('once, however often it is sent:', () => {
  it('the same again is known', async () => {
    const id = await openAccount(service);
    const input = {
      reversalId: randomUUID(),
      fillId: await filled(id, 'BUY', '1', '10'),
      at: new Date().toISOString(),
    };
    const first = await reverseFill(service, input);
    expect(await unchanged(app, () => reverseFill(service, input))).toEqual({ ...first, alreadyKnown: true });
  });

  it('a second one of the same fill is refused, and names the first; of two at once one is taken', async () => {
    const id = await openAccount(service);
    const fillId = await filled(id, 'BUY', '1', '10');
    const answers = await Promise.all(
      Array.from({ length: 4 }, (_, index) => reverseFill(services[index % services.length] as Api, { fillId })),
    );
    const taken = answers.filter(({ errors }) => errors.length === 0);
    expect(taken).toHaveLength(1);
    const name = taken[0]?.reversals[0]?.fillId ?? '';
    for (const { errors } of answers.filter((each) => each !== taken[0])) {
      expect(errors).toMatchObject([{ code: 'REVERSAL_IMPOSSIBLE', field: ['input', 'fillId'] }]);
      expect(errors[0]?.message).toContain(`it was reversed by ${name}`);
    }
    expect(await positionsOf(id)).toEqual([]);
  });

  it('its id with other content is refused, and so is one that a fill has, or of a trade a trade', async () => {
    const id = await openAccount(service);
    const [first, second] = [await filled(id, 'BUY', '1', '10'), await filled(id, 'BUY', '1', '10')];
    const tradeId = randomUUID();
    await recordTrades(service, trade(id, await openAccount(service), '1', '10', { tradeId }));
    const input = { reversalId: randomUUID(), fillId: first, at: new Date().toISOString() };
    await reverseFill(service, input);
    for (const other of [
      { ...input, fillId: second },
      { ...input, at: new Date(Date.now() - 5_000).toISOString() },
      { ...input, reversalId: first, fillId: second },
      { ...input, reversalId: second, fillId: second },
    ]) {
      const { errors } = await unchanged(app, () => reverseFill(service, other));
      expect(errors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'reversalId'] }]);
    }
    const another = randomUUID();
    await recordTrades(service, trade(id, await openAccount(service), '1', '10', { tradeId: another }));
    const ofTrade = await unchanged(app, () => reverseFill(service, { reversalId: another, tradeId }));
    expect(ofTrade.errors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'reversalId'] }]);
    const { errors } = await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '1', '10', { fillId: input.reversalId }));
    expect(errors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
  });
});

describe('of a trade', () => {
  const two = async (): Promise<[string, string]> => [await openAccount(service), await openAccount(service)];

  it('takes both sides back', async () => {
    const [buyer, seller] = await two();
    const before = [await stateOf(buyer), await stateOf(seller)];
    const tradeId = randomUUID();
    const sides = { buyer: { fee: '1' }, seller: { fee: '-0.5' } };
    await recordTrades(service, trade(buyer, seller, '2', '10', { tradeId, ...sides }));
    const input = { reversalId: randomUUID(), tradeId, at: new Date().toISOString() };
    const reversed = await reverseFill(service, input);
    expect(reversed).toEqual({
      reversals: [
        { fillId: input.reversalId, side: 'SELL' },
        { fillId: input.reversalId, side: 'BUY' },
      ],
      alreadyKnown: false,
      errors: [],
    });
    expect([await stateOf(buyer), await stateOf(seller)]).toEqual(before);
    expect(await unchanged(app, () => reverseFill(service, input))).toEqual({ ...reversed, alreadyKnown: true });
  });

  it('takes neither back where something stands in the way of one, and says whose', async () => {
    const [buyer, seller] = await two();
    const tradeId = randomUUID();
    await recordTrades(service, trade(buyer, seller, '2', '10', { tradeId }));
    const flip = await filled(seller, 'BUY', '3', '10');
    const { errors } = await unchanged(app, () => reverseFill(service, { tradeId }));
    expect(errors).toMatchObject([{ code: 'REVERSAL_IMPOSSIBLE', field: ['input', 'tradeId'] }]);
    expect(errors[0]?.message).toMatch(new RegExp(`^Of the seller: .* the fill ${flip} closes the position`));
    await reverseFill(service, { fillId: flip });
    expect(codes(await reverseFill(service, { tradeId }))).toEqual([]);
    expect([await positionsOf(buyer), await positionsOf(seller)]).toEqual([[], []]);
  });

  it('is none of its sides alone', async () => {
    const [buyer, seller] = await two();
    const tradeId = randomUUID();
    await recordTrades(service, trade(buyer, seller, '2', '10', { tradeId }));
    expect(codes(await unchanged(app, () => reverseFill(service, { fillId: tradeId })))).toEqual(['FILL_NOT_FOUND']);
    const fillId = await filled(buyer, 'BUY', '1', '10');
    expect(codes(await unchanged(app, () => reverseFill(service, { tradeId: fillId })))).toEqual(['FILL_NOT_FOUND']);
  });
});

describe('is refused, and names what stands in the way:', () => {
  type Case = [what: string, message: RegExp, input: () => Promise<object>];
  const cases: Case[] = [
    [
      'a reversal of a reversal',
      /it is a reversal itself/,
      async () => {
        const reversalId = randomUUID();
        await reverseFill(service, { reversalId, fillId: await filled(await openAccount(service), 'BUY', '1', '10') });
        return { fillId: reversalId };
      },
    ],
    [
      'a fill older than a flip',
      /closes the position and opens the other side/,
      async () => {
        const id = await openAccount(service);
        const fillId = await filled(id, 'BUY', '1', '10');
        await filled(id, 'SELL', '2', '10');
        return { fillId };
      },
    ],
    [
      'a liquidation that drew on insurance',
      /the insurance fund paid for/,
      async () => {
        const id = await isolated();
        await filled(id, 'BUY', '100', '10');
        return { venue: 'ASCENDEX', fillId: await filled(id, 'SELL', '100', '8', { kind: 'LIQUIDATION' }) };
      },
    ],
    [
      'a fill whose position was insured against a fee since',
      /the insurance fund paid for/,
      async () => {
        const id = await isolated();
        const fillId = await filled(id, 'BUY', '100', '10');
        const { positions } = await readAccount<{ positions: { id: string }[] }>(alice, id, 'positions { id }');
        const entry = { entryId: randomUUID(), accountId: id, positionId: positions[0]?.id, asset: 'USDT' };
        const fee = { ...entry, quantity: '-500', kind: 'LIQUIDATION_FEE', at: new Date().toISOString() };
        expect((await call(service, 'recordLedgerEntries', { entries: [fee] })).errors).toEqual([]);
        return { venue: 'ASCENDEX', fillId };
      },
    ],
    [
      'a fill after which assets were exchanged',
      /assets were exchanged for a debt after/,
      async () => {
        const id = await openHolding(service, { BTC: '5000' }, { venue: 'ASTER', chain: 'BNB_CHAIN' });
        const fillId = await filled(id, 'BUY', '1', '10');
        await filled(id, 'BUY', '1', '10', { fee: '10001' });
        return { venue: 'ASTER', fillId };
      },
    ],
    [
      'a closing before a change of margin mode',
      /the change of margin mode in version \d+ of the account takes that nothing is open/,
      async () => {
        const id = await isolated();
        await filled(id, 'BUY', '1', '10');
        const fillId = await filled(id, 'SELL', '1', '10');
        await call(alice, 'setMarginMode', { accountId: id, instrument: 'BTC-PERP', marginMode: 'CROSS' });
        return { venue: 'ASCENDEX', fillId };
      },
    ],
    [
      'a closing before a change of position mode',
      /the change of position mode in version \d+ of the account takes that nothing is open/,
      async () => {
        const id = await openAccount(service);
        await filled(id, 'BUY', '1', '10');
        const fillId = await filled(id, 'SELL', '1', '10');
        await call(alice, 'setPositionMode', { accountId: id, positionMode: 'HEDGE' });
        return { fillId };
      },
    ],
    [
      'an opening of what was closed in hedge mode',
      /closes more than there would be/,
      async () => {
        const id = await openAccount(service, { positionMode: 'HEDGE' });
        const fillId = await filled(id, 'BUY', '1', '10', { positionSide: 'LONG' });
        await filled(id, 'SELL', '1', '10', { positionSide: 'LONG' });
        return { fillId };
      },
    ],
    [
      'a fill recorded before fills named the version of their account',
      /it was recorded before/,
      async () => {
        const id = await openAccount(service);
        const fillId = randomUUID();
        await app.app.services.db.$executeRaw`
          INSERT INTO fills (venue_code, fill_id, account_id, instrument, side, size, price, fee, realized_pnl, at, recorded_at)
          VALUES ('BITGET', ${fillId}, ${uuidOf(id)}::uuid, 'BTCUSDT', 'BUY', 1, 10, 0, 0, now(), now())`;
        await app.app.services.db.$executeRaw`
          INSERT INTO positions (account_id, venue_code, instrument, side, size, cost)
          VALUES (${uuidOf(id)}::uuid, 'BITGET', 'BTCUSDT', 'LONG', 1, 10)`;
        return { fillId };
      },
    ],
    [
      'a fill in front of which no version is kept',
      /versions of the account are no longer kept that far back/,
      async () => {
        const id = await openAccount(service);
        pruned = uuidOf(id);
        const fillId = await filled(id, 'BUY', '1', '10');
        await filled(id, 'BUY', '1', '10');
        await app.app.services.db.$transaction([
          app.app.services.db.$executeRaw`SELECT set_config('plimsoll.thinning', 'on', true)`,
          app.app.services.db
            .$executeRaw`DELETE FROM account_versions WHERE account_id = ${uuidOf(id)}::uuid AND version = 1`,
        ]);
        return { fillId };
      },
    ],
  ];

  it.each(cases)('%s', async (_what, message, inputOf) => {
    const input = await inputOf();
    const { errors, ...rest } = await unchanged(app, () => reverseFill(service, input));
    expect(errors).toMatchObject([{ code: 'REVERSAL_IMPOSSIBLE', field: ['input', 'fillId'] }]);
    expect(errors[0]?.message).toMatch(message);
    expect(rest).toEqual({ reversals: [], alreadyKnown: false });
  });

  it.each([
    ['no such fill', { fillId: 'none' }, 'FILL_NOT_FOUND', 'fillId'],
    ['no such trade', { tradeId: 'none' }, 'FILL_NOT_FOUND', 'tradeId'],
    ['no such venue', { fillId: 'none', venue: 'NOPE' }, 'VENUE_NOT_FOUND', 'venue'],
    ['a venue with NUL', { fillId: 'none', venue: 'BITGET\0' }, 'VENUE_NOT_FOUND', 'venue'],
    ['an empty id', { fillId: '' }, 'INVALID_INPUT', 'fillId'],
    ['an id with NUL', { tradeId: 'a\0' }, 'INVALID_INPUT', 'tradeId'],
    ['neither', {}, 'INVALID_INPUT', 'fillId'],
    ['both', { fillId: 'a', tradeId: 'a' }, 'INVALID_INPUT', 'fillId'],
  ])('%s', async (_what, input, code, field) => {
    const { errors } = await unchanged(app, () => reverseFill(service, input));
    expect(errors).toMatchObject([{ code, field: ['input', field] }]);
  });

  it.each([
    ['an empty id of its own', { reversalId: '' }, 'reversalId'],
    ['one with NUL', { reversalId: 'a\0' }, 'reversalId'],
    ['an instant ahead', { at: new Date(Date.now() + 3_600_000).toISOString() }, 'at'],
  ])('%s', async (_what, choice, field) => {
    const fillId = await filled(await openAccount(service), 'BUY', '1', '10');
    const { errors } = await unchanged(app, () => reverseFill(service, { fillId, ...choice }));
    expect(errors).toMatchObject([{ code: 'INVALID_INPUT', field: ['input', field] }]);
  });

  it('a fill of another venue', async () => {
    const fillId = await filled(await openAccount(service), 'BUY', '1', '10');
    expect(codes(await unchanged(app, () => reverseFill(service, { fillId, venue: 'ASTER' })))).toEqual([
      'FILL_NOT_FOUND',
    ]);
  });

  it('a fill or a side of a trade that says that it is a reversal', async () => {
    const [id, other] = [await openAccount(service), await openAccount(service)];
    const kind = 'REVERSAL';
    const one = { ...fill(id, 'BTCUSDT', 'BUY', '1', '10'), kind };
    expect((await unchanged(app, () => recordFills(service, one))).errors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'fills', '0', 'kind'] },
    ]);
    const both = trade(id, other, '1', '10', { seller: { kind } });
    expect((await unchanged(app, () => recordTrades(service, both))).errors).toMatchObject([
      { code: 'INVALID_INPUT', field: ['input', 'trades', '0', 'seller', 'kind'] },
    ]);
  });
});

it('exchanges debts past their thresholds afterwards, as after a fill', async () => {
  const id = await openHolding(service, { BTC: '5000' }, { venue: 'ASTER', chain: 'BNB_CHAIN' });
  await filled(id, 'BUY', '1000', '10');
  const closed = await filled(id, 'SELL', '1000', '25');
  await filled(id, 'BUY', '1', '10', { fee: '20000' });
  expect(await balancesOf(service, id)).toEqual({ BTC: '5000', USDT: '-5000' });
  const reversalId = randomUUID();
  expect(codes(await reverseFill(service, { venue: 'ASTER', reversalId, fillId: closed }))).toEqual([]);
  const entries = (await ledgerOf(service, id, 3)).map((entry) => entry.split(' '));
  expect(entries.map(([kind, asset]) => `${kind} ${asset}`)).toEqual([
    'AUTO_EXCHANGE USDT',
    'AUTO_EXCHANGE BTC',
    'REALIZED_PNL USDT',
  ]);
  expect(new Set(entries.map((entry) => entry.at(-1)))).toEqual(new Set([reversalId]));
});

it('leaves a ledger that agrees with itself', async () => {
  const { faults } = await storedLedger(app.app.services.db);
  expect(faults.filter((fault) => !fault.startsWith(`${pruned} is at version`))).toEqual([]);
});
