/** What a venue's own systems do, in one line each. */
import { randomUUID } from 'node:crypto';

import type { Api } from '../services/api.js';

export interface AccountChoice {
  readonly name?: string;
  readonly owner?: string;
  readonly venue?: string;
  readonly chain?: string | null;
  readonly collateralMode?: 'SINGLE_ASSET' | 'MULTI_ASSET';
  readonly positionMode?: 'ONE_WAY' | 'HEDGE';
  readonly externalId?: string;
}

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly field: string[] | null;
  readonly required: string | null;
  readonly available: string | null;
}

export interface Batch {
  readonly recorded: number;
  readonly alreadyKnown: number;
  readonly errors: readonly Problem[];
}

const ERRORS = 'errors { code message field required available }';
const IGNORED = 'ignored { code message field required available }';

/** Opens an account (at BITGET, unless another venue is named) and answers its id. */
export async function openAccount(service: Api, choice: AccountChoice = {}): Promise<string> {
  const input = { name: 'Test', owner: 'alice', venue: 'BITGET', idempotencyKey: randomUUID(), ...choice };
  const { openAccount: payload } = await service.ask<{
    openAccount: { account: { id: string } | null; errors: Problem[] };
  }>(`mutation ($input: OpenAccountInput!) { openAccount(input: $input) { account { id } ${ERRORS} } }`, { input });
  if (payload.account === null) throw new Error(`The account was refused: ${JSON.stringify(payload.errors)}`);
  return payload.account.id;
}

export function transfer(
  accountId: string,
  asset: string,
  quantity: string,
  transferId: string = randomUUID(),
): object {
  return { transferId, accountId, asset, quantity, at: new Date().toISOString() };
}

export async function recordTransfers(service: Api, ...transfers: object[]): Promise<Batch> {
  const { recordTransfers: payload } = await service.ask<{ recordTransfers: Batch }>(
    `mutation ($input: RecordTransfersInput!) { recordTransfers(input: $input) { recorded alreadyKnown ${ERRORS} } }`,
    { input: { transfers } },
  );
  return payload;
}

export interface AccountTransferChoice {
  readonly transferId: string;
  readonly fromAccountId: string;
  readonly toAccountId: string;
  readonly asset: string;
  readonly at: string;
}

export interface AccountTransferred {
  readonly from: { readonly id: string; readonly version: number } | null;
  readonly to: { readonly id: string; readonly version: number } | null;
  readonly alreadyKnown: boolean;
  readonly errors: readonly Problem[];
}

export async function recordAccountTransfer(service: Api, input: object): Promise<AccountTransferred> {
  const { recordAccountTransfer: payload } = await service.ask<{ recordAccountTransfer: AccountTransferred }>(
    `mutation ($input: RecordAccountTransferInput!) { recordAccountTransfer(input: $input) {
      from { id version } to { id version } alreadyKnown ${ERRORS} } }`,
    { input },
  );
  return payload;
}

/** An account with these balances; in multi-asset mode, unless another one is named. */
export async function openHolding(
  service: Api,
  balances: Record<string, string>,
  choice: AccountChoice = {},
): Promise<string> {
  const id = await openAccount(service, choice);
  const transfers = Object.entries(balances).map(([asset, quantity]) => transfer(id, asset, quantity));
  const { errors } = await recordTransfers(service, ...transfers);
  if (errors.length > 0) throw new Error(`A transfer was refused: ${JSON.stringify(errors)}`);
  return id;
}

export interface FillChoice {
  readonly fillId?: string;
  readonly positionSide?: 'LONG' | 'SHORT';
  readonly fee?: string;
  readonly feeAsset?: string | null;
  readonly kind?: 'TRADE' | 'LIQUIDATION' | 'ADL' | 'SETTLEMENT' | null;
  readonly openOrders?: object;
  readonly at?: string;
}

export function fill(
  accountId: string,
  instrument: string,
  side: 'BUY' | 'SELL',
  size: string,
  price: string,
  choice: FillChoice = {},
): object {
  return { fillId: randomUUID(), accountId, instrument, side, size, price, at: new Date().toISOString(), ...choice };
}

/** What rests: size and notional of buys and of sells, and the sequence of the report. */
export function resting(
  sequence: number,
  buys: readonly [size: string, notional: string] = ['0', '0'],
  sells: readonly [size: string, notional: string] = ['0', '0'],
): object {
  const [[buySize, buyNotional], [sellSize, sellNotional]] = [buys, sells];
  return { buySize, buyNotional, sellSize, sellNotional, sequence: `${sequence}` };
}

export interface ReportedOrders {
  readonly accepted: number;
  readonly ignored: readonly Problem[];
  readonly accounts: readonly { readonly id: string; readonly version: number }[];
  readonly errors: readonly Problem[];
}

export async function reportOpenOrders(service: Api, ...orders: object[]): Promise<ReportedOrders> {
  const { reportOpenOrders: payload } = await service.ask<{ reportOpenOrders: ReportedOrders }>(
    `mutation ($input: ReportOpenOrdersInput!) {
      reportOpenOrders(input: $input) { accepted accounts { id version } ${IGNORED} ${ERRORS} } }`,
    { input: { orders } },
  );
  return payload;
}

export async function recordFills(service: Api, ...fills: object[]): Promise<Batch> {
  const { recordFills: payload } = await service.ask<{ recordFills: Batch }>(
    `mutation ($input: RecordFillsInput!) { recordFills(input: $input) { recorded alreadyKnown ${ERRORS} } }`,
    { input: { fills } },
  );
  return payload;
}

export interface TradeChoice {
  readonly tradeId?: string;
  readonly instrument?: string;
  readonly at?: string;
  /** Of each side, beside its account. */
  readonly buyer?: object;
  readonly seller?: object;
}

export function trade(
  buyer: string,
  seller: string,
  size: string,
  price: string,
  { buyer: buyers, seller: sellers, ...choice }: TradeChoice = {},
): object {
  return {
    ...{ tradeId: randomUUID(), instrument: 'BTCUSDT', size, price, at: new Date().toISOString(), ...choice },
    ...{ buyer: { accountId: buyer, ...buyers }, seller: { accountId: seller, ...sellers } },
  };
}

export async function recordTrades(service: Api, ...trades: object[]): Promise<Batch> {
  const { recordTrades: payload } = await service.ask<{ recordTrades: Batch }>(
    `mutation ($input: RecordTradesInput!) { recordTrades(input: $input) { recorded alreadyKnown ${ERRORS} } }`,
    { input: { trades } },
  );
  return payload;
}

export interface Reversed {
  readonly reversals: readonly { readonly fillId: string; readonly side: string }[];
  readonly alreadyKnown: boolean;
  readonly errors: readonly Problem[];
}

/** Of a fill at BITGET, unless the input says otherwise. */
export async function reverseFill(service: Api, input: object): Promise<Reversed> {
  const { reverseFill: payload } = await service.ask<{ reverseFill: Reversed }>(
    `mutation ($input: ReverseFillInput!) { reverseFill(input: $input) {
      reversals { fillId side } alreadyKnown ${ERRORS} } }`,
    { input: { reversalId: randomUUID(), venue: 'BITGET', at: new Date().toISOString(), ...input } },
  );
  return payload;
}

/** Index prices by asset ("BTC") and mark prices by venue and instrument ("BITGET/BTCUSDT"). */
export async function publishPrices(
  service: Api,
  prices: Readonly<Record<string, string>>,
  choice: { source?: string; at?: string; unit?: string } = {},
): Promise<{ accepted: number; ignored: readonly Problem[]; errors: readonly Problem[] }> {
  const quotes = Object.entries(prices).map(([symbol, price]) => {
    const [venue, instrument] = symbol.split('/');
    const what = instrument === undefined ? { asset: symbol } : { venue, instrument };
    return { ...what, price, source: 'test', at: new Date().toISOString(), ...choice };
  });
  const { publishPrices: payload } = await service.ask<{
    publishPrices: { accepted: number; ignored: readonly Problem[]; errors: readonly Problem[] };
  }>(`mutation ($input: PublishPricesInput!) { publishPrices(input: $input) { accepted ${IGNORED} ${ERRORS} } }`, {
    input: { quotes },
  });
  return payload;
}
