/** Operations at random, as a venue and its traders make them. */
import { randomUUID } from 'node:crypto';

import { globalId } from '../../src/api/types/global-id.js';
import type { Dice } from './dice.js';
import { contentOf, type Fact } from './facts.js';
import { VENUE } from './venue.js';

export interface Request {
  readonly by: 'venue' | 'trader';
  /** The mutation. */
  readonly name: string;
  readonly input: object;
  /** What it reports or asks for, in the order of its list. */
  readonly facts: readonly Fact[];
}

export interface SoakAccount {
  /** Global. */
  readonly id: string;
  /** That of the database. */
  readonly local: string;
}

export interface Marks {
  readonly BTCUSDT: number;
  readonly ETHUSDT: number;
}

type Instrument = keyof Marks;

export function transferOf({ id, local }: SoakAccount, asset: string, quantity: string): Request {
  const transferId = randomUUID();
  const transfers = [{ transferId, accountId: id, asset, quantity, at: new Date().toISOString() }];
  const facts = [{ kind: 'transfer', id: transferId, content: contentOf(local, asset, quantity) }] as const;
  return { by: 'venue', name: 'recordTransfers', input: { transfers }, facts };
}

interface NewFill {
  readonly account: SoakAccount;
  readonly instrument: Instrument;
  readonly side: string;
  readonly size: string;
}

/** Several of one request are recorded together, whatever their accounts. */
export function fillsOf(marks: Marks, ...list: readonly NewFill[]): Request {
  const fills = list.map(({ account, ...fill }) => {
    const price = marks[fill.instrument].toFixed(2);
    return {
      fillId: randomUUID(),
      accountId: account.id,
      ...fill,
      price,
      fee: '0.01',
      at: new Date().toISOString(),
    };
  });
  const facts = fills.map(({ fillId, instrument, side, size, price, fee }, place) => ({
    kind: 'fill' as const,
    id: fillId,
    content: contentOf(list[place]?.account.local ?? '', instrument, side, size, price, fee),
  }));
  return { by: 'venue', name: 'recordFills', input: { fills }, facts };
}

function accountTransferOf(from: SoakAccount, to: SoakAccount, asset: string, quantity: string): Request {
  const transferId = randomUUID();
  const input = {
    transferId,
    fromAccountId: from.id,
    toAccountId: to.id,
    asset,
    quantity,
    at: new Date().toISOString(),
  };
  const facts = [
    { kind: 'accountTransfer', id: transferId, content: contentOf(from.local, to.local, asset, quantity) },
  ] as const;
  return { by: 'venue', name: 'recordAccountTransfer', input, facts };
}

/** Two trades of the same accounts, which are recorded together, the second in the other direction. */
function tradesOf(marks: Marks, one: SoakAccount, other: SoakAccount, instrument: Instrument, size: string): Request {
  const price = marks[instrument].toFixed(2);
  const trades = [
    [one, other],
    [other, one],
  ].map(([buyer, seller], place) => {
    const shared = {
      tradeId: randomUUID(),
      instrument,
      size: `${size}${place + 1}`,
      price,
      at: new Date().toISOString(),
    };
    return {
      ...shared,
      buyer: { accountId: buyer?.id, fee: '0.01' },
      seller: { accountId: seller?.id, fee: '-0.005' },
    };
  });
  const facts = trades.map(({ tradeId, size: traded, buyer, seller }, place) => {
    const [bought, sold] = place === 0 ? [one, other] : [other, one];
    const content = contentOf(bought.local, sold.local, instrument, traded, price, buyer.fee, seller.fee);
    return { kind: 'trade' as const, id: tradeId, content };
  });
  return { by: 'venue', name: 'recordTrades', input: { trades }, facts };
}

/** Of a fill or a trade that was sent, whether it was recorded or not. */
function reversalOf({ kind, id }: Fact): Request {
  const reversalId = randomUUID();
  const named = kind === 'trade' ? { tradeId: id } : { fillId: id };
  const facts = [{ kind: 'reversal', id: reversalId, content: contentOf(kind, id) }] as const;
  const input = { reversalId, venue: VENUE, ...named, at: new Date().toISOString() };
  return { by: 'venue', name: 'reverseFill', input, facts };
}

function entryOf({ id, local }: SoakAccount, quantity: string): Request {
  const entryId = randomUUID();
  const entry = { entryId, accountId: id, asset: 'USDT', kind: 'FUNDING', quantity, at: new Date().toISOString() };
  const facts = [{ kind: 'entry', id: entryId, content: contentOf(local, 'USDT', 'FUNDING', quantity) }] as const;
  return { by: 'venue', name: 'recordLedgerEntries', input: { entries: [entry] }, facts };
}

/** @param quantity of digits that no other one has, so that it can be told from all others */
function withdrawalOf({ id, local }: SoakAccount, asset: string, quantity: string): Request {
  const input = { accountId: id, asset, quantity, idempotencyKey: randomUUID() };
  const content = contentOf(local, asset, quantity);
  return { ...ofTrader('withdraw', input), facts: [{ kind: 'withdrawal', id: content, content }] };
}

export function ofTrader(name: string, input: object): Request {
  return { by: 'trader', name, input, facts: [] };
}

/** @param sent fills and trades that the same hand has sent, by which one may be reversed */
export function randomOperation(
  dice: Dice,
  accounts: readonly SoakAccount[],
  marks: Marks,
  sent: readonly Fact[],
): Request {
  const account = dice.pick(accounts);
  const { id, local } = account;
  const instrument = dice.pick<Instrument>(['BTCUSDT', 'BTCUSDT', 'ETHUSDT']);
  const randomFill = (of: SoakAccount): NewFill => ({
    account: of,
    instrument,
    side: dice.pick(['BUY', 'SELL']),
    size: instrument === 'BTCUSDT' ? `0.0${dice.within(1, 9)}` : `0.${dice.within(1, 9)}`,
  });
  switch (dice.within(0, 20)) {
    case 0:
      return transferOf(account, 'USDT', String(dice.within(1, 60)));
    case 1:
    case 2:
      return transferOf(account, dice.pick(['BTC', 'BTC', 'ETH']), `0.00${dice.within(1, 9)}`);
    case 3:
      return transferOf(account, 'USDT', String(-dice.within(1, 60)));
    case 4:
    case 5:
      return withdrawalOf(account, dice.pick(['USDT', 'USDT', 'BTC', 'ETH']), smallQuantity(dice));
    case 6:
      return withdrawalOf(account, 'USDT', `${dice.within(0, 60)}.${uniqueDigits(dice)}`);
    case 7:
      return ofTrader('setLeverage', { accountId: id, instrument, leverage: String(dice.within(5, 20)) });
    case 8:
      return entryOf(account, `${dice.pick(['', '-'])}0.${dice.within(1, 99)}`);
    case 9:
      return ofTrader('setCollateralMode', {
        accountId: id,
        collateralMode: dice.pick(['MULTI_ASSET', 'MULTI_ASSET', 'SINGLE_ASSET']),
      });
    case 10:
      return ofTrader('adjustPositionMargin', {
        positionId: globalId('Position', local, 'BTCUSDT', dice.pick(['LONG', 'SHORT'])),
        quantity: String(dice.pick([-20, -5, 5, 20])),
        idempotencyKey: randomUUID(),
      });
    case 12:
      return accountTransferOf(account, dice.pick(accounts), 'USDT', String(dice.within(1, 20)));
    case 13:
      return accountTransferOf(account, dice.pick(accounts), dice.pick(['BTC', 'ETH']), `0.000${dice.within(1, 9)}`);
    case 14:
    case 15:
      return tradesOf(marks, account, dice.pick(accounts), instrument, `0.0${dice.within(1, 9)}`);
    case 16: {
      // Of the last ones: what is older has more in its way.
      const last = sent.slice(-4);
      return last.length === 0 ? fillsOf(marks, randomFill(account)) : reversalOf(dice.pick(last));
    }
    case 11:
      return fillsOf(marks, randomFill(account), randomFill(dice.pick(accounts)), randomFill(dice.pick(accounts)));
    default:
      return fillsOf(marks, randomFill(account));
  }
}

function uniqueDigits(dice: Dice): string {
  return String(dice.within(0, 10 ** 9 - 1)).padStart(9, '0');
}

/** Of any asset: less than a hundredth of a coin. */
function smallQuantity(dice: Dice): string {
  return `0.00${uniqueDigits(dice)}`;
}
