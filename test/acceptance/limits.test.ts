/** What one client may ask for: nothing that keeps the server from the others. */
import { connect } from 'node:net';
import { once } from 'node:events';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { MAX_COST } from '../../src/graphql/cost.js';
import type { Api } from '../support/api.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { openAccount } from '../support/venue-system.js';

let app: TestApp;
let service: Api;
let account: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  account = await openAccount(service);
});

afterAll(() => app.close());

it.each([
  ['account { positions', 'account(id: $id) { positions { ', 'account { positions { ', ' id } }'],
  [
    'ledger { account',
    'account(id: $id) { ledger(first: 100) { nodes { ',
    'account { ledger(first: 100) { nodes { ',
    ' id } } }',
  ],
])('refuses a query that leads round and round: %s', async (_name, head, round, tail) => {
  const query = `query ($id: ID!) { ${head}${round.repeat(8)} id ${tail.replace(' id', '').repeat(8)} ${tail.replace(' id', '')} }`;
  const began = performance.now();
  const { status, errors } = await service.send(query, { id: account });
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['LIMIT_EXCEEDED']);
  expect(errors?.[0]?.message).toContain(String(MAX_COST));
  expect(status).toBe(400);
  expect(performance.now() - began).toBeLessThan(2_000);
});

it('refuses what costs too much by its variables alone', async () => {
  const query = `query ($n: Int!) { accounts(first: $n) { nodes { ledger(first: $n) { nodes { account { ledger(first: $n) {
    nodes { id }
  } } } } } } }`;
  expect((await service.send(query, { n: 2 })).errors).toBeUndefined();
  const { errors } = await service.send(query, { n: 100 });
  expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['LIMIT_EXCEEDED']);
});

it('refuses the 101st subscription of a socket, and takes another when one has ended', async () => {
  const socket = service.socket();
  const open = (): AsyncIterableIterator<{ errors?: readonly { extensions?: Record<string, unknown> }[] }> =>
    socket.iterate({
      query: 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { sequence } }',
      variables: { ids: [account] },
    }) as never;
  const streams = Array.from({ length: 100 }, open);
  const firsts = await Promise.all(streams.map((stream) => stream.next()));
  expect(firsts.every(({ value }) => value?.errors === undefined)).toBe(true);
  await expect(open().next()).rejects.toMatchObject([{ extensions: { code: 'LIMIT_EXCEEDED' } }]);
  await streams[0]?.return?.();
  // The end of an operation is not acknowledged: the next one may be a moment too early.
  let taken = false;
  while (!taken)
    taken = await open()
      .next()
      .then(
        () => true,
        () => false,
      );
  await socket.dispose();
});

it('lives on when an upgrade is no URL, or is cut off', async () => {
  const { hostname, port } = new URL(app.url);
  const upgrade = 'HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
  for (const path of ['//', '/elsewhere', 'http://[', '/graphql']) {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`GET ${path} ${upgrade}`);
    await new Promise((resolve) => socket.write('x', resolve));
    socket.resetAndDestroy();
  }
  const response = await fetch(`${app.url}/livez`);
  expect(await response.json()).toEqual({ status: 'ok' });
});

it('stops within a few seconds, whoever does not answer', async () => {
  const other = await startTestApp();
  const { hostname, port } = new URL(other.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    'GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  );
  await once(socket, 'data');
  // From here on it reads nothing, and does not answer that the socket is closing.
  socket.pause();
  const began = performance.now();
  await other.close();
  expect(performance.now() - began).toBeLessThan(8_000);
  socket.destroy();
});
