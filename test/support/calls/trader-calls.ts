/** What a trader does to an account, and what it then looks like, in one line each. */
import { randomUUID } from 'node:crypto';

import type { Database } from '../../../src/platform/database/database.js';
import type { Api } from '../services/api.js';
import { readAccount } from './account-reader.js';
import type { Problem } from './venue-system.js';

const SELECTIONS = {
  withdraw: 'account { version } entry { id kind asset { symbol } quantity balanceAfter reference }',
  adjustPositionMargin: 'position { isolatedMargin leverage maxRemovableMargin liquidationPrice { price } }',
  setLeverage: 'account { version }',
  setMarginMode: 'account { version }',
  setPositionMode: 'account { version positionMode }',
  setCollateralMode: 'account { version collateralMode }',
  setCollateralAsset: 'account { version switchedOffAssets { symbol } }',
  recordLedgerEntries: 'recorded alreadyKnown accounts { version }',
};

export interface Outcome {
  readonly account?: { readonly version: number } | null;
  readonly entry?: Record<string, unknown> | null;
  readonly position?: Record<string, unknown> | null;
  readonly recorded?: number;
  readonly alreadyKnown?: number;
  readonly errors: readonly Problem[];
}

export type Mutation = keyof typeof SELECTIONS;

export function mutationOf(name: Mutation): string {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input!`;
  const errors = 'errors { code message field required available }';
  return `mutation ($input: ${type}) { ${name}(input: $input) { ${SELECTIONS[name]} ${errors} } }`;
}

/** One mutation; a key of its own where it takes one and none is given. */
export async function call(api: Api, name: Mutation, input: object): Promise<Outcome> {
  const keyed = name === 'withdraw' || name === 'adjustPositionMargin';
  const data = await api.ask<Record<string, Outcome>>(mutationOf(name), {
    input: { ...(keyed ? { idempotencyKey: randomUUID() } : {}), ...input },
  });
  const outcome = data[name];
  if (outcome === undefined) throw new Error(`No answer to ${name}.`);
  return outcome;
}

/** Code, required and available of each refusal, for comparisons. */
export function refusals({ errors }: Outcome): object[] {
  return errors.map(({ code, field, required, available }) => ({ code, field, required, available }));
}

export function refusal(
  code: string,
  field: string,
  required: string | null = null,
  available: string | null = null,
): object {
  return { code, field: ['input', field], required, available };
}

/** Newest first: kind, asset, quantity, balance after, reference. */
export async function ledgerOf(api: Api, id: string, first = 20): Promise<string[]> {
  const { ledger } = await readAccount<{
    ledger: {
      nodes: { kind: string; asset: { symbol: string }; quantity: string; balanceAfter: string; reference: string }[];
    };
  }>(api, id, `ledger(first: ${first}) { nodes { kind asset { symbol } quantity balanceAfter reference } }`);
  return ledger.nodes.map(({ kind, asset, quantity, balanceAfter, reference }) =>
    [kind, asset.symbol, quantity, balanceAfter, reference].join(' '),
  );
}

export async function balancesOf(api: Api, id: string): Promise<Record<string, string>> {
  const { balances } = await readAccount<{ balances: { asset: { symbol: string }; quantity: string }[] }>(
    api,
    id,
    'balances { asset { symbol } quantity }',
  );
  return Object.fromEntries(balances.map(({ asset, quantity }) => [asset.symbol, quantity]));
}

export async function versionOf(api: Api, id: string): Promise<number> {
  return (await readAccount<{ version: number }>(api, id, 'version')).version;
}

/** Balances that are not the sum of their ledger entries. */
export async function wrongBalances(db: Database): Promise<number> {
  const [row] = await db.$queryRaw<{ wrong: number }[]>`
    SELECT COUNT(*) FILTER (WHERE balances.quantity IS DISTINCT FROM sums.total)::int AS wrong
    FROM balances FULL JOIN (
      SELECT account_id, asset_symbol, SUM(quantity) AS total FROM ledger_entries GROUP BY account_id, asset_symbol
    ) AS sums USING (account_id, asset_symbol)`;
  return row?.wrong ?? -1;
}
