/**
 * The demo accounts, opened, funded and filled by the same mutations that a venue would use. They are reset at every
 * start and at each restart of the replay: positions are closed, balances restored, and positions opened again. So ids
 * stay, and the ledger keeps the whole history.
 */
import { randomUUID } from 'node:crypto';

import { ZERO, decimal, toPlain, type Decimal } from '../margin/decimal.js';

/** One operation of the API, as a venue's own system would send it. */
export type CallApi = (document: string, variables: Record<string, unknown>) => Promise<Record<string, unknown>>;

interface DemoFill {
  readonly instrument: string;
  readonly side: 'BUY' | 'SELL';
  readonly size: string;
  readonly price: string;
  readonly positionSide?: 'LONG' | 'SHORT';
}

interface DemoAccount {
  readonly name: string;
  readonly owner: string;
  readonly venue: string;
  readonly chain?: string;
  readonly collateralMode?: 'SINGLE_ASSET';
  readonly positionMode?: 'HEDGE';
  readonly balances: Readonly<Record<string, string>>;
  readonly fills: readonly DemoFill[];
}

const buy = (instrument: string, size: string, price: string): DemoFill => ({ instrument, side: 'BUY', size, price });
const sell = (instrument: string, size: string, price: string): DemoFill => ({ instrument, side: 'SELL', size, price });
/** Both sides at one price: the PnL stays 0, and both sides require margin. */
const hedge = (instrument: string, size: string, price: string): DemoFill[] => [
  { ...buy(instrument, size, price), positionSide: 'LONG' },
  { ...sell(instrument, size, price), positionSide: 'SHORT' },
];

export const DEMO_ACCOUNTS: readonly DemoAccount[] = [
  {
    // Margin call while USDC is at its lowest: WARNING 07:58, MARGIN_CALL 08:06, HEALTHY 08:09 on 11 March 2023.
    name: 'USDC behind a BTC long',
    owner: 'alice',
    venue: 'ASTER',
    chain: 'ETHEREUM',
    balances: { USDC: '5650' },
    fills: [buy('BTCUSDT', '2', '22200')],
  },
  {
    // A debt of 9,500 USDT from a realised loss, against USDC: the fall of USDC comes out of the small surplus.
    name: 'USDC against a USDT debt',
    owner: 'alice',
    venue: 'ASTER',
    chain: 'ARBITRUM',
    positionMode: 'HEDGE',
    balances: { USDC: '11500' },
    fills: [
      { ...buy('BTCUSDT', '2', '25150'), positionSide: 'LONG' },
      { ...sell('BTCUSDT', '2', '20400'), positionSide: 'LONG' },
      ...hedge('BTCUSDT', '2.6', '20400'),
    ],
  },
  {
    name: 'LISTA at a tenth',
    owner: 'alice',
    venue: 'ASTER',
    chain: 'BNB_CHAIN',
    balances: { LISTA: '400000', USDT: '1500' },
    fills: [buy('BTCUSDT', '10', '20400')],
  },
  {
    name: 'Liquid staking basket',
    owner: 'bob',
    venue: 'ASTER',
    chain: 'BNB_CHAIN',
    balances: { SlisBNB: '20', asBNB: '10', WBETH: '2', Cake: '500', TWT: '800', USD1: '1000' },
    fills: [buy('ETHUSDT', '30', '1460'), sell('SOLUSDT', '400', '18.2')],
  },
  {
    name: 'SOL on SOL',
    owner: 'bob',
    venue: 'ASTER',
    chain: 'SOLANA',
    balances: { SOL: '600', USDT: '500' },
    fills: [buy('SOLUSDT', '2500', '18.2')],
  },
  {
    name: 'ETH short, ETH held',
    owner: 'bob',
    venue: 'ASTER',
    chain: 'ARBITRUM',
    balances: { ETH: '12', USDT: '1000' },
    fills: [sell('ETHUSDT', '40', '1458')],
  },
  {
    name: 'Restaked, no position',
    owner: 'carol',
    venue: 'ASTER',
    chain: 'ETHEREUM',
    balances: { RSETH: '3', PUMPBTC: '0.2', USDC: '2500' },
    fills: [],
  },
  {
    name: 'Ten BTC',
    owner: 'carol',
    venue: 'BITGET',
    balances: { BTC: '10' },
    fills: [buy('BTCUSDT', '50', '20380'), sell('ETHUSDT', '200', '1459')],
  },
  {
    name: 'Above the cap of 100 BTC',
    owner: 'carol',
    venue: 'BITGET',
    balances: { BTC: '120', USDT: '50000' },
    fills: [sell('BTCUSDT', '300', '20350')],
  },
  {
    name: 'USDT only',
    owner: 'dave',
    venue: 'BITGET',
    collateralMode: 'SINGLE_ASSET',
    balances: { USDT: '4000', BTC: '0.5' },
    fills: [sell('BTCUSDT', '1.5', '20300')],
  },
  {
    name: 'Flat tiers on USDC',
    owner: 'dave',
    venue: 'ASCENDEX',
    balances: { USDC: '20000', LINK: '300' },
    fills: [buy('BTC-PERP', '9', '20390')],
  },
  {
    name: 'Both sides of ETH',
    owner: 'dave',
    venue: 'ASCENDEX',
    positionMode: 'HEDGE',
    balances: { USDT: '3000', ADA: '8000', DOT: '200' },
    fills: hedge('ETH-PERP', '60', '1459'),
  },
  {
    // While USDC falls, coins rise in it: a short position loses what it never lost in USDT.
    name: 'Short BTC, valued in USDC',
    owner: 'carol',
    venue: 'HYPERLIQUID',
    balances: { USDC: '3100' },
    fills: [sell('BTC-USDC', '1', '21200')],
  },
  {
    // Above 50 BTC nothing counts; what is owed requires margin of its own.
    name: 'BTC in tiers of coins',
    owner: 'bob',
    venue: 'BYBIT_UTA',
    balances: { BTC: '60' },
    fills: [buy('BTCUSDT', '40', '20400')],
  },
  {
    name: 'Long ETH on USDC',
    owner: 'bob',
    venue: 'BYBIT_UTA',
    balances: { USDC: '3000' },
    fills: [buy('ETHUSDT', '20', '1459')],
  },
  {
    name: 'Long ETH, valued in USDC',
    owner: 'dave',
    venue: 'HYPERLIQUID',
    balances: { USDC: '9000' },
    fills: [buy('ETH-USDC', '40', '1500')],
  },
];

const FIND = `query ($name: String!, $owner: String!) {
  accounts(where: { name: $name, owner: $owner }) {
    nodes {
      id
      balances { asset { symbol } quantity }
      positions { side size markPrice entryPrice instrument { symbol } }
    }
  }
}`;
const OPEN = `mutation ($input: OpenAccountInput!) { openAccount(input: $input) { account { id } errors { message } } }`;
const TRANSFER = `mutation ($input: RecordTransfersInput!) { recordTransfers(input: $input) { errors { message field } } }`;
const FILL = `mutation ($input: RecordFillsInput!) { recordFills(input: $input) { errors { message field } } }`;

interface FoundAccount {
  readonly id: string;
  readonly balances: readonly { asset: { symbol: string }; quantity: string }[];
  readonly positions: readonly {
    side: 'LONG' | 'SHORT';
    size: string;
    markPrice: string | null;
    entryPrice: string;
    instrument: { symbol: string };
  }[];
}

/** @param clock dates fills and transfers, in milliseconds since 1970 */
export async function makeDemoAccounts(call: CallApi, clock: () => number): Promise<void> {
  const at = (): string => new Date(clock()).toISOString();
  const found = await Promise.all(DEMO_ACCOUNTS.map((account) => findOrOpen(call, account)));
  await fill(
    call,
    at(),
    found.flatMap(({ id, positions }) =>
      positions.map(({ side, size, markPrice, entryPrice, instrument }) => ({
        accountId: id,
        instrument: instrument.symbol,
        side: side === 'LONG' ? 'SELL' : 'BUY',
        positionSide: side,
        size,
        price: markPrice ?? entryPrice,
      })),
    ),
  );
  const closed = await Promise.all(DEMO_ACCOUNTS.map((account) => findOrOpen(call, account)));
  const moves = closed.flatMap(({ id, balances }, index) => {
    const wanted = DEMO_ACCOUNTS[index]?.balances ?? {};
    const held = new Map(balances.map(({ asset, quantity }) => [asset.symbol, decimal(quantity)]));
    return [...new Set([...held.keys(), ...Object.keys(wanted)])].map((asset) => ({
      accountId: id,
      asset,
      quantity: decimal(wanted[asset] ?? 0).minus(held.get(asset) ?? ZERO),
    }));
  });
  // A credit first covers the debt.
  await transfer(
    call,
    at(),
    moves.filter(({ quantity }) => quantity.gt(0)),
  );
  await transfer(
    call,
    at(),
    moves.filter(({ quantity }) => quantity.lt(0)),
  );
  const opened = closed.flatMap(({ id }, index) =>
    (DEMO_ACCOUNTS[index]?.fills ?? []).map((each) => ({ ...each, accountId: id })),
  );
  await fill(call, at(), opened);
}

async function findOrOpen(call: CallApi, account: DemoAccount): Promise<FoundAccount> {
  const { name, owner, venue, chain, collateralMode, positionMode } = account;
  const read = async (): Promise<FoundAccount | undefined> => {
    const { accounts } = (await call(FIND, { name, owner })) as { accounts: { nodes: FoundAccount[] } };
    return accounts.nodes[0];
  };
  const found = await read();
  if (found !== undefined) return found;
  const input = { name, owner, venue, chain, collateralMode, positionMode, idempotencyKey: `demo ${owner}: ${name}` };
  refuseErrors((await call(OPEN, { input }))['openAccount']);
  const opened = await read();
  if (opened === undefined) throw new Error(`The demo account ${name} could not be opened.`);
  return opened;
}

async function fill(call: CallApi, at: string, fills: readonly object[]): Promise<void> {
  if (fills.length === 0) return;
  const input = { fills: fills.map((each) => ({ ...each, fillId: `demo-${randomUUID()}`, at })) };
  refuseErrors((await call(FILL, { input }))['recordFills']);
}

async function transfer(
  call: CallApi,
  at: string,
  moves: readonly { accountId: string; asset: string; quantity: Decimal }[],
): Promise<void> {
  if (moves.length === 0) return;
  const transfers = moves.map((move) => ({
    ...move,
    quantity: toPlain(move.quantity),
    transferId: `demo-${randomUUID()}`,
    at,
  }));
  refuseErrors((await call(TRANSFER, { input: { transfers } }))['recordTransfers']);
}

function refuseErrors(payload: unknown): void {
  const { errors } = payload as { errors: readonly { message: string }[] };
  if (errors.length > 0) throw new Error(`The demo was refused: ${errors.map(({ message }) => message).join(' ')}`);
}
