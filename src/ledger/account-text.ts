/** Accounts as the account cache packs them: the input of the margin rules, with amounts as text. */
import { decimal, toPlain } from '../margin/decimal.js';
import type {
  AccountState,
  CollateralMode,
  MarginMode,
  OpenOrders,
  PositionMode,
  PositionSide,
  PositionState,
} from '../margin/model.js';
import type { InstrumentRecord, Rulebook } from '../policy/rulebook/rulebook.js';
import type { HeldRow } from './account-rows.js';
import { settingOf, type Holdings } from './records.js';

/** Amounts in plain notation, without trailing zeros. */
export type PositionText = readonly [
  instrument: string,
  side: PositionSide,
  size: string,
  cost: string,
  leverage: string,
  marginMode: MarginMode,
  isolatedMargin: string,
];

export type OrdersText = readonly [
  instrument: string,
  side: PositionSide | null,
  buySize: string,
  sellSize: string,
  buyNotional: string,
  sellNotional: string,
  leverage: string,
];

/** Zero balances and closed positions are left out, as are the lists at the end where they and those after are empty. */
export type AccountText = readonly [
  collateralMode: CollateralMode,
  positionMode: PositionMode,
  /** Asset, quantity, asset, quantity... */
  balances: readonly string[],
  positions: readonly PositionText[],
  orders?: readonly OrdersText[],
  /** Asset symbols, by code point. */
  switchedOff?: readonly string[],
];

export function textOf(account: AccountState): AccountText {
  const { collateralMode, switchedOff, positionMode, balances, positions, openOrders } = account;
  const held = balances.filter(({ quantity }) => !quantity.isZero());
  const open = positions.filter(({ size }) => !size.isZero());
  const text = [
    collateralMode,
    positionMode,
    held.flatMap(({ asset, quantity }) => [asset, toPlain(quantity)]),
    open.map(({ instrument, side, size, cost, leverage, marginMode, isolatedMargin }): PositionText => {
      const [plainSize, plainCost] = [toPlain(size), toPlain(cost)];
      return [instrument, side, plainSize, plainCost, toPlain(leverage), marginMode, toPlain(isolatedMargin)];
    }),
  ] as const;
  return withLists(text, openOrders.map(ordersText), switchedOff);
}

function withLists(
  text: readonly [CollateralMode, PositionMode, readonly string[], readonly PositionText[]],
  orders: readonly OrdersText[],
  switchedOff: readonly string[],
): AccountText {
  if (switchedOff.length > 0) return [...text, orders, switchedOff];
  return orders.length === 0 ? text : [...text, orders];
}

function ordersText(orders: OpenOrders): OrdersText {
  const { instrument, side, buySize, sellSize, buyNotional, sellNotional, leverage } = orders;
  const sizes = [toPlain(buySize), toPlain(sellSize)] as const;
  return [instrument, side, ...sizes, toPlain(buyNotional), toPlain(sellNotional), toPlain(leverage)];
}

/** As the margin rules take it. */
export function stateOf([
  collateralMode,
  positionMode,
  held,
  open,
  orders = [],
  switchedOff = [],
]: AccountText): AccountState {
  const balances = [];
  for (let item = 0; item < held.length; item += 2) {
    balances.push({ asset: held[item] as string, quantity: decimal(held[item + 1] as string) });
  }
  const positions = open.map(([instrument, side, size, cost, leverage, marginMode, isolatedMargin]): PositionState => {
    return {
      instrument,
      side,
      size: decimal(size),
      cost: decimal(cost),
      leverage: decimal(leverage),
      marginMode,
      isolatedMargin: decimal(isolatedMargin),
    };
  });
  const openOrders = orders.map(
    ([instrument, side, buySize, sellSize, buyNotional, sellNotional, leverage]): OpenOrders => {
      return {
        instrument,
        side,
        buySize: decimal(buySize),
        sellSize: decimal(sellSize),
        buyNotional: decimal(buyNotional),
        sellNotional: decimal(sellNotional),
        leverage: decimal(leverage),
      };
    },
  );
  return { collateralMode, switchedOff, positionMode, balances, positions, openOrders };
}

/**
 * Makes texts from rows without decimals in between: all accounts are read at start, and making decimals only to write
 * them out would take most of that time.
 */
export class AccountTexts {
  /** The setting of an instrument without one of its own, which is most common. */
  private readonly starting = new WeakMap<InstrumentRecord, Setting>();

  constructor(private readonly rulebook: Rulebook) {}

  of(
    venue: string,
    [collateralMode, positionMode, balances, positions, settings, orders, switchedOff]: HeldRow,
  ): AccountText {
    const held: string[] = [];
    for (let item = 0; item < balances.length; item += 2) {
      if (balances[item + 1] !== '0') held.push(balances[item] as string, balances[item + 1] as string);
    }
    const open: PositionText[] = [];
    for (const [instrument, side, size, cost, isolatedMargin] of positions) {
      if (size === '0') continue;
      const [leverage, marginMode] = this.settingIn(venue, instrument, settings);
      open.push([instrument, side, size, cost, leverage, marginMode, isolatedMargin]);
    }
    const resting = orders.filter(([, , buySize, sellSize]) => buySize !== '0' || sellSize !== '0');
    const texts = resting.map(([instrument, side, buySize, sellSize, buyNotional, sellNotional]): OrdersText => {
      const [leverage] = this.settingIn(venue, instrument, settings);
      return [instrument, side === 'BOTH' ? null : side, buySize, sellSize, buyNotional, sellNotional, leverage];
    });
    return withLists([collateralMode, positionMode, held, open], texts, switchedOff);
  }

  private settingIn(venue: string, instrument: string, settings: HeldRow[4]): Setting {
    const own = settings.find(([symbol]) => symbol === instrument);
    return own === undefined ? this.startingOf(venue, instrument) : [`${own[1]}`, own[2]];
  }

  private startingOf(venue: string, symbol: string): Setting {
    const instrument = this.rulebook.instrument(venue, symbol);
    if (instrument === null) throw new Error(`${venue} has no instrument ${symbol}.`);
    const known = this.starting.get(instrument);
    if (known !== undefined) return known;
    const { leverage, marginMode } = settingOf({ settings: NO_SETTINGS }, instrument);
    const setting = [toPlain(leverage), marginMode] as const;
    this.starting.set(instrument, setting);
    return setting;
  }
}

type Setting = readonly [leverage: string, marginMode: MarginMode];
const NO_SETTINGS: Holdings['settings'] = new Map();
