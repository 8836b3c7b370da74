/**
 * The weekend of March 2023, as the demo replays it: the account on USDC is driven into a margin call and out again.
 * Computed on the record: WARNING at 07:58, MARGIN_CALL at 08:06, HEALTHY at 08:09 on 11 March.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { DEMO_ACCOUNTS } from '../../../src/demo/demo-accounts.js';
import { MARGIN } from '../../support/calls/account-reader.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let admin: Api;
/** What was pushed of each account, the first of an instant; and until when it is listened. */
const pushed = new Map<string, Map<string, unknown>>();
let listening: Promise<void>;

/** Of each account; INSTANTS=10 takes longer, as one of them moves seldom. */
const INSTANTS = Number(process.env['INSTANTS'] ?? 5);

/** Until so much of every account has been pushed of which the ratio moves. */
async function listen(): Promise<void> {
  const { accounts } = await admin.ask<{ accounts: { nodes: { id: string }[] } }>('{ accounts { nodes { id } } }');
  const socket = admin.socket();
  for await (const { data } of socket.iterate<{
    marginRatioChanged: { account: { id: string }; margin: { asOf: string } };
  }>({
    query: `subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids, minChange: "0") {
      account { id } margin { asOf accountVersion ${MARGIN} }
    } }`,
    variables: { ids: accounts.nodes.map(({ id }) => id) },
  })) {
    if (data == null) throw new Error('An error instead of an event.');
    const { account, margin } = data.marginRatioChanged;
    const own = pushed.get(account.id) ?? new Map<string, unknown>();
    pushed.set(account.id, own.size < INSTANTS && !own.has(margin.asOf) ? own.set(margin.asOf, margin) : own);
    const moving = [...pushed.values()].filter(({ size }) => size === INSTANTS).length;
    // One account has no position, and one holds nothing but USDT: their ratios never move.
    if (moving >= accounts.nodes.length - 2 && pushed.size === accounts.nodes.length) break;
  }
  await socket.dispose();
}

beforeAll(async () => {
  // Four hours and nine minutes of the record pass in about seventeen seconds, in steps of a minute and a half.
  app = await startTestApp({ env: { DEMO: '1', FEED_SPEED: '900' } });
  admin = await app.as('demo-admin', 'ADMIN');
  listening = listen();
});

afterAll(() => app.close());

interface Event {
  readonly account: { name: string };
  readonly previousStatus: string | null;
  readonly sequence: number;
  readonly cause: string;
  readonly margin: { status: string; marginRatio: string | null; asOf: string };
}

it('drives the account on USDC through WARNING and MARGIN_CALL, and back', async () => {
  const { accounts } = await admin.ask<{ accounts: { nodes: { id: string; name: string }[] } }>(
    '{ accounts { nodes { id name } } }',
  );
  expect(accounts.nodes.map(({ name }) => name).sort()).toEqual(DEMO_ACCOUNTS.map(({ name }) => name).sort());
  const watched = accounts.nodes.find(({ name }) => name === 'USDC behind a BTC long');

  const socket = admin.socket();
  const statuses: string[] = [];
  let sequence = 0;
  for await (const { data, errors } of socket.iterate<{ marginRatioChanged: Event }>({
    query: `subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) {
      account { name } previousStatus sequence cause margin { status marginRatio asOf }
    } }`,
    variables: { ids: [watched?.id] },
  })) {
    expect(errors).toBeUndefined();
    const event = data?.marginRatioChanged as Event;
    expect(event.sequence).toBeGreaterThan(sequence);
    expect(event.cause).toBe(sequence === 0 ? 'SNAPSHOT' : 'PRICE');
    sequence = event.sequence;
    if (statuses.at(-1) !== event.margin.status) {
      expect(event.previousStatus).toBe(statuses.at(-1) ?? null);
      statuses.push(event.margin.status);
    }
    if (statuses.includes('MARGIN_CALL') && event.margin.status === 'HEALTHY') break;
  }
  await socket.dispose();
  expect(statuses[0]).toBe('HEALTHY');
  expect(statuses).toContain('WARNING');
  expect(statuses).toContain('MARGIN_CALL');
  expect(statuses.at(-1)).toBe('HEALTHY');
  expect(sequence).toBeGreaterThan(4);
});

it('labels prices that nobody recorded, and composes USDC of two recorded ones', async () => {
  const { assets } = await admin.ask<{ assets: { symbol: string; indexPrice: { sources: { source: string }[] } }[] }>(
    '{ assets(symbols: ["LISTA", "USDC", "BTC"]) { symbol indexPrice { price stale sources { source used } } } }',
  );
  const sources = Object.fromEntries(assets.map(({ symbol, indexPrice }) => [symbol, indexPrice.sources[0]?.source]));
  expect(sources).toEqual({
    BTC: expect.stringMatching(/^replay/),
    LISTA: expect.stringMatching(/nominal/),
    USDC: expect.stringMatching(/^replay/),
  });
});

it('answers for the past what was pushed then, digit for digit', async () => {
  await listening;
  let compared = 0;
  for (const [id, states] of pushed) {
    const instants = [...states.keys()].map((at, index) => `at${index}: marginAt(at: "${at}") { ...State }`);
    const { account } = await admin.ask<{ account: Record<string, unknown> }>(
      `query ($id: ID!) { account(id: $id) { ${instants.join(' ')} } }
      fragment State on MarginAsOf { reason margin { asOf accountVersion ${MARGIN} } }`,
      { id },
    );
    for (const [index, margin] of [...states.values()].entries()) {
      expect(account[`at${index}`]).toEqual({ reason: null, margin });
      compared += 1;
    }
  }
  expect(compared).toBeGreaterThanOrEqual(INSTANTS * (pushed.size - 2));
});
