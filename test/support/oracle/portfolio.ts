/** What the oracle is asked about: one account, its market and its venue's rules, in plain texts. */
export interface Portfolio {
  readonly multiAsset: boolean;
  readonly hedge: boolean;
  /** Symbol of the asset that all is valued in. */
  readonly unit: string;
  /** Symbol of the asset that counts in single-asset mode. */
  readonly single: string;
  readonly rules: {
    /** Numerator and denominator; left out: 1. */
    readonly liquidationRatio?: readonly [string, string];
    /** Of the notional, and a multiple of maintenance margin; left out: 0 and 0. */
    readonly transferFloor?: readonly [string, string];
    /** Whether orders count for initial and for maintenance margin, and whether open losses do; left out: none does. */
    readonly openOrders?: readonly [initial: boolean, maintenance: boolean, openLoss: boolean];
    readonly liquidatesAtEquality: boolean;
    readonly progressive: boolean;
    /** Left out: unrealised PnL counts in full. */
    readonly asEquity?: boolean;
    readonly liquidationFeeRate: string;
    readonly debtMarginRate: string;
    /** By asset, null for all others; left out: none. */
    readonly liabilities?: readonly PortfolioLiability[];
    /** Left out: nothing is exchanged. */
    readonly exchange?: PortfolioExchange;
    readonly warningRatio: string;
    readonly marginCallRatio: string;
  };
  readonly assets: readonly PortfolioAsset[];
  readonly instruments: readonly PortfolioInstrument[];
  readonly positions: readonly PortfolioPosition[];
  /** Left out: none rests. */
  readonly orders?: readonly PortfolioOrders[];
}

export interface PortfolioLiability {
  readonly asset: string | null;
  readonly inCoins: boolean;
  readonly tiers: readonly {
    readonly floor: string;
    readonly cap: string | null;
    readonly initial: string;
    readonly maintenance: string;
  }[];
}

export interface PortfolioExchange {
  /** By symbol: the balance below which the asset's debt is covered. */
  readonly thresholds: Readonly<Record<string, string>>;
  /** By symbol: what is credited for the value sold. */
  readonly rates: Readonly<Record<string, PortfolioExchangeTiers>>;
  readonly highestFirst: boolean;
}

export type PortfolioExchangeTiers = readonly {
  readonly floor: string;
  readonly cap: string | null;
  readonly rate: string;
}[];

export interface PortfolioAsset {
  readonly symbol: string;
  readonly quantity: string;
  /** Null: never priced. Not looked at for the unit and for what is priced as another. */
  readonly price: string | null;
  readonly pricedAs: string | null;
  readonly stale: boolean;
  readonly transferable: boolean;
  /** Left out: it can be sold. */
  readonly convertible?: boolean;
  /** Left out: it is not. */
  readonly switchedOff?: boolean;
  /** Null: the venue's table does not have the asset. */
  readonly table: PortfolioTable | null;
}

export interface PortfolioTable {
  readonly inCoins: boolean;
  readonly tiers: readonly { readonly floor: string; readonly cap: string | null; readonly ratio: string }[];
  /** What counts when something is to be opened or taken out; left out: as the tiers say. */
  readonly initialTiers?: PortfolioTable['tiers'];
  readonly userCap: string | null;
}

export interface PortfolioInstrument {
  readonly symbol: string;
  readonly base: string;
  /** Symbol of the asset in which its PnL is booked; its price is not moved by the mark. */
  readonly settlement: string;
  readonly mark: string | null;
  readonly stale: boolean;
  readonly tiers: readonly {
    readonly floor: string;
    readonly cap: string | null;
    readonly rate: string;
    readonly amount: string;
    readonly maxLeverage: string;
  }[];
}

export interface PortfolioPosition {
  readonly instrument: string;
  readonly long: boolean;
  readonly size: string;
  readonly cost: string;
  readonly leverage: string;
  readonly isolated: boolean;
  readonly margin: string;
}

export interface PortfolioOrders {
  readonly instrument: string;
  /** The side of a hedge; null in one-way mode. */
  readonly long: boolean | null;
  readonly buySize: string;
  readonly sellSize: string;
  readonly buyNotional: string;
  readonly sellNotional: string;
  readonly leverage: string;
}
