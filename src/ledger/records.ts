/**
 * Accounts and what they hold, as the commands and the API work with them. Each form of an account has its reason:
 * - `AccountRow`: what the one statement answers, in text; the others are made from it.
 * - `AccountRecord`: the account alone, for lists, which do not ask what it holds.
 * - `Holdings`: with exact amounts by key, to look something up or to answer it.
 * - `LockedAccount`: `Holdings` that a transaction changes; it remembers what to write.
 * - `AccountState`: what the margin rules take; only what counts, with the leverage and mode of each position.
 * - `AccountText`: an `AccountState` in text, since a million accounts as objects do not fit into memory.
 */
import { startingLeverage } from '../margin/change/leverage.js';
import { decimal, type Decimal } from '../margin/decimal.js';
import type { AccountState, CollateralMode, MarginMode, PositionMode, PositionSide } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database/database.js';
import { Prisma } from '../platform/prisma/client.js';
import type { InstrumentRecord, Rulebook } from '../policy/rulebook/rulebook.js';
import { readRows, type AccountRow, type LockedRow, type OrdersRow } from './account-rows.js';
import { problemOfRow } from './row-problems.js';

export interface AccountRecord {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly venue: string;
  readonly chain: string | null;
  readonly collateralMode: CollateralMode;
  readonly positionMode: PositionMode;
  /** Symbols of assets that count nothing, whatever their ratio; by code point. */
  readonly switchedOff: readonly string[];
  readonly version: number;
  readonly openedAt: Date;
  /** Instant at which this version was recorded. */
  readonly changedAt: Date;
  /** The venue's own id of it; null: opened without one. */
  readonly externalId: string | null;
}

export interface PositionRecord {
  readonly instrument: string;
  readonly side: PositionSide;
  readonly size: Decimal;
  readonly cost: Decimal;
  readonly isolatedMargin: Decimal;
}

/** What the resting orders in one instrument would buy and sell, in hedge mode those of one side. */
export interface OpenOrdersRecord {
  readonly instrument: string;
  /** Null in one-way mode. */
  readonly side: PositionSide | null;
  readonly buySize: Decimal;
  readonly sellSize: Decimal;
  readonly buyNotional: Decimal;
  readonly sellNotional: Decimal;
  /** Of the last report that was taken. */
  readonly sequence: Decimal;
}

export interface SettingRecord {
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
}

/** An account with all that it holds, as of one version of it. */
export interface Holdings {
  readonly account: AccountRecord;
  /** By asset symbol; zero balances included. */
  readonly balances: ReadonlyMap<string, Decimal>;
  /** By `positionKey`; closed positions (size 0) included. */
  readonly positions: ReadonlyMap<string, PositionRecord>;
  /** By instrument symbol; only what the trader has set. */
  readonly settings: ReadonlyMap<string, SettingRecord>;
  /** By `ordersKey`; those that were cleared included. */
  readonly openOrders: ReadonlyMap<string, OpenOrdersRecord>;
}

/** What this process has in memory of accounts. */
export interface KnownHoldings {
  /** What the account holds at exactly this version of its row; null: that is not in memory. */
  holdingsAt(row: LockedRow): Holdings | null;
  /** This process has committed these versions. Call it before the event that says so. */
  wrote(committed: readonly Holdings[]): void;
}

export function positionKey(instrument: string, side: PositionSide): string {
  return `${instrument}/${side}`;
}

export function ordersKey(instrument: string, side: PositionSide | null): string {
  return `${instrument}/${side ?? ''}`;
}

/** Whether any order rests; a size above 0 has a notional above 0. */
export function isResting({ buySize, sellSize }: Pick<OpenOrdersRecord, 'buySize' | 'sellSize'>): boolean {
  return !buySize.isZero() || !sellSize.isZero();
}

/**
 * Columns of an `AccountRecord`. Modes are read as text: the client of the database throws where a newer server has
 * stored a value that it does not know, and with it every other row of the answer would be lost.
 */
export const ACCOUNT_COLUMNS = Prisma.sql`
  id::text AS id, name, owner, venue_code AS venue, chain_code AS chain, collateral_mode::text AS "collateralMode",
  position_mode::text AS "positionMode", switched_off AS "switchedOff", version, opened_at AS "openedAt", changed_at AS "changedAt",
  external_id AS "externalId"`;

/** Unknown ids are left out. */
export async function readAccounts(db: Database | Transaction, ids: readonly string[]): Promise<AccountRecord[]> {
  return db.$queryRaw<AccountRecord[]>`SELECT ${ACCOUNT_COLUMNS} FROM accounts WHERE id = ANY(${[...ids]}::uuid[])`;
}

/** An account with a row that this server cannot read: another server may, and this one once it knows what is named. */
export class UnreadableAccountError extends Error {
  readonly accountId: string;
  readonly owner: string;
  readonly venue: string;
  /** Who it is; its modes may be unknown here. */
  readonly account: AccountRecord;

  constructor(
    row: AccountRow,
    readonly reason: string,
  ) {
    const account = recordOf(row);
    super(`The account ${account.id} cannot be read: ${reason}.`);
    this.account = account;
    this.accountId = account.id;
    this.owner = account.owner;
    this.venue = account.venue;
  }
}

/** Unknown ids are left out. An account that cannot be read is an error of its own, and holds up no other. */
export async function readHoldings(
  db: Database | Transaction,
  rulebook: Rulebook,
  ids: readonly string[],
): Promise<Map<string, Holdings | UnreadableAccountError>> {
  return new Map((await readRows(db, ids)).map((row) => [row[0], readableHoldings(row, rulebook)]));
}

export function readableHoldings(row: AccountRow, rulebook: Rulebook): Holdings | UnreadableAccountError {
  const problem = problemOfRow(row, rulebook);
  return problem === null ? holdingsOf(row) : new UnreadableAccountError(row, problem);
}

/**
 * Of a row that can be read (`problemOfRow`). Sorted as the API returns them: balances by asset, positions by
 * instrument and side.
 */
export function holdingsOf(row: AccountRow): Holdings {
  const [, , balances, positions, settings, orders] = row[8];
  const held: [asset: string, quantity: Decimal][] = [];
  for (let item = 0; item < balances.length; item += 2) {
    held.push([balances[item] as string, decimal(balances[item + 1] as string)]);
  }
  const open = [...positions].sort(([a, one], [b, other]) => compare(a, b) || compare(one, other));
  return {
    account: recordOf(row),
    balances: new Map(held.sort(([a], [b]) => compare(a, b))),
    positions: new Map(
      open.map(([instrument, side, size, cost, margin]) => [
        positionKey(instrument, side),
        { instrument, side, size: decimal(size), cost: decimal(cost), isolatedMargin: decimal(margin) },
      ]),
    ),
    settings: new Map(
      settings.map(([instrument, leverage, marginMode]) => [instrument, { leverage: decimal(leverage), marginMode }]),
    ),
    openOrders: orders.length === 0 ? NO_ORDERS : ordersOf(orders),
  };
}

const NO_ORDERS: Holdings['openOrders'] = new Map();

function ordersOf(rows: readonly OrdersRow[]): Holdings['openOrders'] {
  const records = rows.map(
    ([instrument, side, buySize, sellSize, buyNotional, sellNotional, sequence]): OpenOrdersRecord => {
      return {
        ...{ instrument, side: side === 'BOTH' ? null : side, buySize: decimal(buySize), sellSize: decimal(sellSize) },
        ...{ buyNotional: decimal(buyNotional), sellNotional: decimal(sellNotional), sequence: decimal(sequence) },
      };
    },
  );
  return sortedOrders(records.map((record) => [ordersKey(record.instrument, record.side), record]));
}

function sortedOrders(orders: Iterable<readonly [string, OpenOrdersRecord]>): Holdings['openOrders'] {
  return new Map([...orders].sort(([a], [b]) => compare(a, b)));
}

/** The same in the order of `holdingsOf`: what was added stands last. */
export function sortedHoldings({ account, balances, positions, settings, openOrders }: Holdings): Holdings {
  const byInstrument = (a: PositionRecord, b: PositionRecord): number =>
    compare(a.instrument, b.instrument) || compare(a.side, b.side);
  return {
    account,
    balances: new Map([...balances].sort(([a], [b]) => compare(a, b))),
    positions: new Map([...positions].sort(([, a], [, b]) => byInstrument(a, b))),
    settings,
    openOrders: openOrders.size === 0 ? NO_ORDERS : sortedOrders(openOrders),
  };
}

function recordOf(row: AccountRow): AccountRecord {
  const [id, version, venue, chain, name, owner, openedAt, changedAt, held, externalId] = row;
  const [collateralMode, positionMode, , , , , switchedOff] = held;
  // Field by field: V8 gives a spread object a shape of its own, which slows down every later read.
  return {
    id,
    name,
    owner,
    venue,
    chain,
    collateralMode,
    positionMode,
    switchedOff,
    version,
    openedAt: new Date(openedAt),
    changedAt: new Date(changedAt),
    externalId,
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The setting, or the default: starting leverage, in cross margin (rules: 6 and 7). */
export function settingOf(holdings: Pick<Holdings, 'settings'>, instrument: InstrumentRecord): SettingRecord {
  return (
    holdings.settings.get(instrument.symbol) ?? {
      leverage: startingLeverage(instrument),
      marginMode: 'CROSS',
    }
  );
}

/** The account as the margin rules take it. */
export function accountState(holdings: Holdings, rulebook: Rulebook): AccountState {
  const { account } = holdings;
  const settingIn = (symbol: string): SettingRecord => {
    const instrument = rulebook.instrument(account.venue, symbol);
    if (instrument === null) throw new Error(`${account.venue} has no instrument ${symbol}.`);
    return settingOf(holdings, instrument);
  };
  return {
    collateralMode: account.collateralMode,
    switchedOff: account.switchedOff,
    positionMode: account.positionMode,
    balances: [...holdings.balances].map(([asset, quantity]) => ({ asset, quantity })),
    positions: [...holdings.positions.values()]
      .filter((position) => !position.size.isZero())
      .map((position) => {
        const { leverage, marginMode } = settingIn(position.instrument);
        // Field by field, as in `recordOf`.
        return {
          instrument: position.instrument,
          side: position.side,
          size: position.size,
          cost: position.cost,
          leverage,
          marginMode,
          isolatedMargin: position.isolatedMargin,
        };
      }),
    openOrders: [...holdings.openOrders.values()].filter(isResting).map((orders) => {
      const { instrument, side, buySize, sellSize, buyNotional, sellNotional } = orders;
      const { leverage } = settingIn(instrument);
      return { instrument, side, buySize, sellSize, buyNotional, sellNotional, leverage };
    }),
  };
}
