/** What operations cost, by the number of accounts that a server knows. */
import { describe, expect, it } from '@jest/globals';
import { parse } from 'graphql';

import type { OperationCost } from '../../../src/api/documents/cost.js';
import { LIMITS } from '../../../src/api/execution/limits.js';
import { PreparedDocument } from '../../../src/api/documents/prepared-document.js';
import { createSchema } from '../../../src/api/schema.js';
import type { Role, Viewer } from '../../../src/platform/tokens.js';

const schema = createSchema();

function viewer(...roles: Role[]): Viewer {
  return { subject: 'somebody', roles, expiresAt: Infinity };
}

function costOf(query: string, variables: object, by: Viewer | null, accounts: number): OperationCost | null {
  const operation = new PreparedDocument(schema, parse(query)).operationOf(null);
  const coerced = operation?.coerce({ ...variables }).coerced;
  if (operation === null || coerced === undefined) throw new Error('Expected an operation with valid variables.');
  return operation.costOf(coerced, { viewer: by, accounts });
}

function cost(query: string, accounts: number, by: Viewer | null = viewer('ADMIN'), variables = {}): number {
  const found = costOf(query, variables, by, accounts);
  if (found === null) throw new Error('Expected a cost.');
  return found.total;
}

const PREVIEW = `{ previewCollateralRatios(changes: [{ venue: "BITGET", asset: "BTC", ratio: "0.9" }]) { notionalAtRisk } }`;
const OVERVIEW = '{ riskOverview(venue: "BITGET") { shortfall } }';
const BY_RISK = '{ accounts(first: 3, orderBy: RISK_DESC) { nodes { id } } }';
const OF_STATUS = '{ accounts(first: 3, where: { status: [WARNING] }) { nodes { id } } }';

describe('a question that looks at every account', () => {
  it.each<[string, string, number, number, number]>([
    ['what changes of ratios would do', PREVIEW, 1 + 1, 1 + 6_667, 1 + 66_667],
    ['the venue at a glance', OVERVIEW, 1 + 1, 1 + 2_000, 1 + 20_000],
    ['accounts by risk', BY_RISK, 3 + 1, 3 + 2_000, 3 + 20_000],
    ['accounts of a status', OF_STATUS, 3 + 1, 3 + 2_000, 3 + 20_000],
  ])('costs by their number: %s', (_what, query, few, many, most) => {
    expect([12, 100_000, 1_000_000].map((accounts) => cost(query, accounts))).toEqual([few, many, most]);
    expect(most).toBeLessThan(LIMITS.cost);
    expect(LIMITS.costPerMinute / most).toBeGreaterThan(5);
  });

  it('costs again for each time that it is asked', () => {
    const twice = '{ a: riskOverview(venue: "BITGET") { shortfall } b: riskOverview(venue: "ASTER") { shortfall } }';
    expect(cost(twice, 1_000)).toBe(2 * (1 + 20));
  });

  it('costs nothing of it where only accounts of one owner or name are looked at', () => {
    const owned =
      '{ accounts(first: 3, where: { owner: "alice", status: [WARNING] }, orderBy: RISK_DESC) { nodes { id } } }';
    const named = '{ accounts(first: 3, where: { name: "x" }, orderBy: RISK_DESC) { nodes { id } } }';
    expect([owned, named].map((query) => cost(query, 1_000_000))).toEqual([3, 3]);
    expect([BY_RISK, OF_STATUS].map((query) => cost(query, 1_000_000, viewer('TRADER')))).toEqual([3, 3]);
    expect(cost('{ accounts(first: 3, orderBy: NAME) { nodes { id } } }', 1_000_000)).toBe(3);
  });

  it('tells nobody the number of accounts who may not ask it', () => {
    for (const by of [null, viewer('TRADER'), viewer('SERVICE')]) {
      expect(cost(PREVIEW, 1_000_000, by)).toBe(1);
      expect(cost(OVERVIEW, 1_000_000, by)).toBe(1);
    }
    expect(cost(BY_RISK, 1_000_000, null)).toBe(3);
  });
});

describe('a mutation', () => {
  const CHANGE = `mutation ($input: ChangeCollateralRatioInput!) { changeCollateralRatio(input: $input) { errors { code } } }`;

  it('costs by the number of accounts where it stores whom it hurts', () => {
    const input = { venue: 'BITGET', asset: 'BTC', ratio: '0.9', reason: 'x', expectedVersion: 1, idempotencyKey: 'x' };
    expect(cost(CHANGE, 100_000, viewer('ADMIN'), { input })).toBe(20 + 6_667 + 10);
  });

  it('says what of it is the work of a key', () => {
    const query = `mutation ($input: OpenAccountInput!) { openAccount(input: $input) { account { id name } }
      setPositionMode(input: { accountId: "x", positionMode: HEDGE }) { account { id } } }`;
    const input = { name: 'x', owner: 'x', venue: 'BITGET', idempotencyKey: 'x' };
    const found = costOf(query, { input }, viewer('ADMIN'), 1_000);
    expect(found).toEqual({ total: 20 + 2 + 1, keyed: [{ key: 'x', work: 20 }] });
  });
});

describe('items of an input', () => {
  const prices = [1, 2, 3].map(() => '{ symbol: "BTC", price: "1" }').join(' ');

  it('cost the same whether the document spells them out or variables bring them', () => {
    const spelt = `{ account(id: "x") { simulate(input: { prices: [${prices}] }) { accepted } } }`;
    const varied = 'query ($input: SimulationInput!) { account(id: "x") { simulate(input: $input) { accepted } } }';
    const input = { prices: [1, 2, 3].map(() => ({ symbol: 'BTC', price: '1' })) };
    expect(cost(spelt, 0)).toBe(3 * 50 + 1);
    expect(cost(varied, 0, viewer('ADMIN'), { input })).toBe(3 * 50 + 1);
  });
});
