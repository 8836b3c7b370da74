/**
 * The weekend of March 2023, as the demo replays it: the account on USDC is driven into a margin call and out again.
 * Computed on the record: WARNING at 07:58, MARGIN_CALL at 08:06, HEALTHY at 08:09 on 11 March.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { DEMO_ACCOUNTS } from '../../src/demo.js';
import type { Api } from '../support/api.js';
import { startTestApp, type TestApp } from '../support/app.js';

let app: TestApp;
let admin: Api;

beforeAll(async () => {
  // Four hours and nine minutes of the record pass in about ten seconds, in steps of two minutes and a half.
  app = await startTestApp({ env: { DEMO: '1', FEED_SPEED: '1500' } });
  admin = await app.as('demo-admin', 'ADMIN');
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
  expect(sequence).toBeGreaterThan(10);
}, 60_000);

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
