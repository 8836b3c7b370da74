/**
 * Accounts with their amounts as text, as the database answers them and as the book keeps them. All accounts are read at
 * start: decimals that are made only to be written out again would take most of that time.
 */
import { decimal, toPlain } from '../margin/decimal.js';
import type {
  AccountState,
  CollateralMode,
  MarginMode,
  PositionMode,
  PositionSide,
  PositionState,
} from '../margin/model.js';
import type { Database } from '../platform/database.js';
import { Prisma } from '../platform/prisma/client.js';
import type { InstrumentRecord, Rulebook } from '../policy/rulebook/rulebook.js';
import { accountState, settingOf, type Holdings, type SettingRecord } from './records.js';

/** Amounts in plain notation, without zeros at their end. */
export type PositionText = readonly [
  instrument: string,
  side: PositionSide,
  size: string,
  cost: string,
  leverage: string,
  marginMode: MarginMode,
  isolatedMargin: string,
];

/** What is zero counts nothing, and is left out. */
export type AccountText = readonly [
  collateralMode: CollateralMode,
  positionMode: PositionMode,
  /** Asset, quantity, asset, quantity... */
  balances: readonly string[],
  positions: readonly PositionText[],
];

/** An account of the database, as of one version of it. */
export interface RecordedAccount {
  readonly id: string;
  readonly version: number;
  readonly venue: string;
  readonly chain: string | null;
  readonly text: AccountText;
}

export function textOf({ collateralMode, positionMode, balances, positions }: AccountState): AccountText {
  const held = balances.filter(({ quantity }) => !quantity.isZero());
  const open = positions.filter(({ size }) => !size.isZero());
  return [
    collateralMode,
    positionMode,
    held.flatMap(({ asset, quantity }) => [asset, toPlain(quantity)]),
    open.map(({ instrument, side, size, cost, leverage, marginMode, isolatedMargin }): PositionText => {
      const [plainSize, plainCost] = [toPlain(size), toPlain(cost)];
      return [instrument, side, plainSize, plainCost, toPlain(leverage), marginMode, toPlain(isolatedMargin)];
    }),
  ];
}

/** As the margin rules see it. */
export function stateOf([collateralMode, positionMode, held, open]: AccountText): AccountState {
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
  return { collateralMode, positionMode, balances, positions };
}

export function recordedAccount(holdings: Holdings, rulebook: Rulebook): RecordedAccount {
  const { id, version, venue, chain } = holdings.account;
  return { id, version, venue, chain, text: textOf(accountState(holdings, rulebook)) };
}

/** What SQL answers of an account, as JSON. */
type Row = readonly [
  id: string,
  version: number,
  venue: string,
  chain: string | null,
  collateralMode: CollateralMode,
  positionMode: PositionMode,
  balances: readonly string[],
  positions: readonly (readonly [string, PositionSide, size: string, cost: string, isolatedMargin: string])[],
  settings: readonly (readonly [instrument: string, leverage: number, marginMode: MarginMode])[],
];

/**
 * JSON put together by hand, since the functions for it take twice the time; what is not a number or a word of ours goes
 * through them all the same.
 */
const TEXTS = Prisma.sql`
    SELECT '["' || id || '",' || version || ',' || to_json(venue_code) || ',' || COALESCE(to_json(chain_code)::text, 'null')
      || ',"' || collateral_mode || '","' || position_mode || '",['
      || COALESCE((
        SELECT string_agg(to_json(asset_symbol) || ',"' || trim_scale(quantity) || '"', ',')
        FROM balances WHERE account_id = accounts.id AND quantity <> 0), '')
      || '],['
      || COALESCE((
        SELECT string_agg(
          '[' || to_json(instrument) || ',"' || side || '","' || trim_scale(size) || '","' || trim_scale(cost) || '","'
            || trim_scale(isolated_margin) || '"]', ',')
        FROM positions WHERE account_id = accounts.id AND size <> 0), '')
      || '],['
      || COALESCE((
        SELECT string_agg('[' || to_json(instrument) || ',' || leverage || ',"' || margin_mode || '"]', ',')
        FROM instrument_settings WHERE account_id = accounts.id), '')
      || ']]' AS text
    FROM accounts`;

/** The next accounts by id, after the last one that was read; one statement, so that each is of one version. */
export async function readTextsAfter(
  db: Database,
  rulebook: Rulebook,
  last: string | null,
  limit: number,
): Promise<RecordedAccount[]> {
  const rows = await db.$queryRaw<{ text: string }[]>`
    ${TEXTS} WHERE (${last}::uuid IS NULL OR id > ${last}::uuid) ORDER BY id LIMIT ${limit}`;
  const settings = new SettingTexts(rulebook);
  return rows.map(({ text }) => accountOfRow(JSON.parse(text) as Row, settings));
}

function accountOfRow(row: Row, texts: SettingTexts): RecordedAccount {
  const [id, version, venue, chain, collateralMode, positionMode, balances, open, settings] = row;
  const set = new Map<string, SettingRecord>();
  for (const [instrument, leverage, marginMode] of settings) {
    set.set(instrument, { leverage: decimal(leverage), marginMode });
  }
  const positions = open.map(([instrument, side, size, cost, isolatedMargin]): PositionText => {
    const [leverage, marginMode] = texts.of(venue, instrument, set);
    return [instrument, side, size, cost, leverage, marginMode, isolatedMargin];
  });
  return { id, version, venue, chain, text: [collateralMode, positionMode, balances, positions] };
}

/** Settings as text. Most accounts have none of their own, so that what holds then is written out once. */
class SettingTexts {
  private readonly starting = new Map<InstrumentRecord, readonly [leverage: string, marginMode: MarginMode]>();

  constructor(private readonly rulebook: Rulebook) {}

  of(venue: string, symbol: string, set: ReadonlyMap<string, SettingRecord>): readonly [string, MarginMode] {
    const instrument = this.rulebook.instrument(venue, symbol);
    if (instrument === null) throw new Error(`${venue} has no instrument ${symbol}.`);
    const isSet = set.has(symbol);
    const known = isSet ? undefined : this.starting.get(instrument);
    if (known !== undefined) return known;
    const { leverage, marginMode } = settingOf({ settings: set }, instrument);
    const text = [toPlain(leverage), marginMode] as const;
    if (!isSet) this.starting.set(instrument, text);
    return text;
  }
}
