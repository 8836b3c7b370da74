/** What is asked of an account, in one line each. */
import type { TestApp } from '../services/app.js';
import type { Answer, Api } from '../services/api.js';

/** The named fields of an account. */
export async function readAccount<T>(api: Api, id: string, fields: string, variables: object = {}): Promise<T> {
  const { account } = await api.ask<{ account: T }>(queryOf(fields, variables), { id, ...variables });
  return account;
}

/** The same with errors and all. */
export function tryAccount<T>(api: Api, id: string, fields: string, variables: object = {}): Promise<Answer<T>> {
  return api.send<T>(queryOf(fields, variables), { id, ...variables });
}

export async function settingOf(api: Api, id: string, instrument: string): Promise<object | undefined> {
  const fields = `instrumentSettings(instruments: ["${instrument}"]) { leverage marginMode }`;
  const { instrumentSettings } = await readAccount<{ instrumentSettings: object[] }>(api, id, fields);
  return instrumentSettings[0];
}

const TYPES: Record<string, string> = { input: 'SimulationInput!', shocks: '[Decimal!]!', symbols: '[String!]' };

function queryOf(fields: string, variables: object): string {
  const declared = Object.keys(variables).map((name) => `, $${name}: ${TYPES[name]}`);
  return `query ($id: ID!${declared.join('')}) { account(id: $id) { ${fields} } }`;
}

export interface Simulated {
  readonly accepted: boolean;
  readonly refusal: {
    readonly code: string;
    readonly message: string;
    readonly field: string[] | null;
    readonly required: string | null;
    readonly available: string | null;
  } | null;
  readonly before: Record<string, unknown>;
  readonly after: Record<string, unknown>;
  readonly positions: readonly Record<string, unknown>[];
}

export const LIQUIDATION = 'liquidationPrice { price otherPrice reason }';

const POSITION = `instrument { symbol } side size entryPrice markPrice notional leverage marginMode isolatedMargin
  unrealizedPnl initialMargin maintenanceMargin marginRatio status ${LIQUIDATION}`;

/** All numbers of a margin state; not when it was. */
export const MARGIN = `status walletValue collateralValue unrealizedPnl marginBalance initialMargin maintenanceMargin
  availableMargin marginRatio healthFactor unpriced stale policyVersion collateral { asset { symbol } quantity indexPrice
  value uncountedQuantity collateralValue switchedOff tiers { floor cap ratio value collateralValue } collateralRatio { version } }`;

/** All that a simulation answers, of the account as it is. */
export const STATE = `margin { ${MARGIN} } positions { ${POSITION} following: liquidationPrice(indexFollows: true) { price } }`;

export async function simulate(api: Api, id: string, input: object): Promise<Simulated> {
  const fields = `simulate(input: $input) {
    accepted refusal { code message field required available } before { ${MARGIN} } after { ${MARGIN} }
    positions { ${POSITION} following: liquidationPrice(indexFollows: true) { price } }
  }`;
  return (await readAccount<{ simulate: Simulated }>(api, id, fields, { input })).simulate;
}

/** Sets leverage and margin mode of an instrument as its trader, alice; before the account has a position in it. */
export async function configure(
  app: TestApp,
  accountId: string,
  instrument: string,
  leverage: number,
  marginMode: 'CROSS' | 'ISOLATED',
): Promise<void> {
  const trader = await app.as('alice', 'TRADER');
  const done = await trader.ask<Record<string, { errors: object[] }>>(
    `mutation ($mode: SetMarginModeInput!, $leverage: SetLeverageInput!) {
      setMarginMode(input: $mode) { errors { code message } } setLeverage(input: $leverage) { errors { code message } }
    }`,
    {
      mode: { accountId, instrument, marginMode },
      leverage: { accountId, instrument, leverage: String(leverage) },
    },
  );
  const errors = Object.values(done).flatMap((payload) => payload.errors);
  if (errors.length > 0) throw new Error(`The settings were refused: ${JSON.stringify(errors)}`);
}
