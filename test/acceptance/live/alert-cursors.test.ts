/** Where a client begins, and goes on after a cut: `liveCursor`, the ids of server-sent events, cursors that are void. */
import { setImmediate as yieldToEventLoop } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { alertCursorOf } from '../../support/calls/sealed.js';
import { storeAlerts } from '../../support/calls/stored-alerts.js';
import { openAccount } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { createTestDatabase, withoutGuards, type TestDatabase } from '../../support/services/database.js';
import { connectSocket, operate } from '../../support/services/raw.js';
import { openStream } from '../../support/services/transports.js';

let database: TestDatabase;
let app: TestApp;
let service: Api;
let alice: Api;
let fresh: Api;
let account: string;
let untouched: string;

beforeAll(async () => {
  database = await createTestDatabase();
  app = await startTestApp({ database });
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  fresh = await app.as('fresh', 'TRADER');
  account = await openAccount(service);
  untouched = await openAccount(service, { owner: 'fresh' });
});

afterAll(async () => {
  await app.close();
  await database.drop();
});

async function store(...ids: string[]): Promise<bigint> {
  const { db, bus } = app.app.services;
  const last = await storeAlerts(db, ids.map(uuidOf));
  bus.emit('alerts', { last });
  return last;
}

const LIST = '{ riskAlerts(first: 2) { nodes { id cursor } liveCursor } }';
const LISTEN = 'subscription ($after: String) { riskAlerts(after: $after) { id cursor } }';

interface Listed {
  readonly riskAlerts: { readonly nodes: readonly { id: string; cursor: string }[]; readonly liveCursor: string };
}

async function firstAfter(api: Api, after: string | null): Promise<unknown> {
  const socket = await connectSocket(api);
  socket.send({ id: '1', type: 'subscribe', payload: { query: LISTEN, variables: { after } } });
  const { payload } = await socket.next();
  socket.close();
  return (payload as { data?: { riskAlerts: { cursor: string } } }).data?.riskAlerts.cursor ?? payload;
}

describe('liveCursor', () => {
  it('is one on an empty page: what comes after it is sent, however late the client subscribes', async () => {
    await store(account);
    const { riskAlerts } = await fresh.ask<Listed>(LIST);
    expect(riskAlerts.nodes).toEqual([]);
    const { alerts } = await readAccount<{ alerts: { liveCursor: string } }>(fresh, untouched, 'alerts { liveCursor }');
    expect(alerts.liveCursor).toBe(riskAlerts.liveCursor);
    const last = await store(account, untouched, account);
    expect(await firstAfter(fresh, riskAlerts.liveCursor)).toBe(alertCursorOf(app, last - 1n));
  });

  it('ends the first page: the stream from it repeats nothing of the page and leaves nothing out', async () => {
    let storing = true;
    const work = (async () => {
      // PGlite answers without the event loop, which the server's answers need.
      for (; storing; await yieldToEventLoop()) await store(account);
    })();
    for (let round = 0; round < 30; round++) {
      const { riskAlerts } = await alice.ask<Listed>(LIST);
      expect(riskAlerts.liveCursor).toBe(riskAlerts.nodes[0]?.cursor);
    }
    storing = false;
    await work;
    const { riskAlerts } = await alice.ask<Listed>(LIST);
    const last = await store(account);
    expect(await firstAfter(alice, riskAlerts.liveCursor)).toBe(alertCursorOf(app, last));
  });

  it('stays what it was after a restart, and so do ids', async () => {
    const before = await alice.ask<Listed>(LIST);
    await app.close();
    app = await startTestApp({ database });
    [service, alice, fresh] = await Promise.all([
      app.as('venue', 'SERVICE'),
      app.as('alice', 'TRADER'),
      app.as('fresh', 'TRADER'),
    ]);
    expect(await alice.ask<Listed>(LIST)).toEqual(before);
  });
});

describe('server-sent events', () => {
  /** Until the text satisfies; then the client leaves. */
  async function readUntil(headers: Record<string, string>, enough: (text: string) => boolean): Promise<string> {
    const abort = new AbortController();
    const response = await openStream(fresh, LISTEN, {}, { headers, signal: abort.signal });
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (enough(text)) break;
    }
    abort.abort();
    return text;
  }
  const idsOf = (text: string): string[] => [...text.matchAll(/^id: (\S+)$/gm)].map(([, id = '']) => id);

  it('have the id from which a client goes on by itself, from the first byte', async () => {
    const [start = ''] = idsOf(await readUntil({}, (text) => /^id: .*\n\n/m.test(text)));
    const last = await store(untouched, account, untouched);
    const missed = await readUntil({ 'last-event-id': start }, (text) => text.split('event: next').length > 2);
    const cursors = [alertCursorOf(app, last - 2n), alertCursorOf(app, last)];
    expect(idsOf(missed)).toEqual([start, ...cursors]);
    expect(missed).toMatch(
      new RegExp(`id: ${cursors[1]}\nevent: next\ndata: \\{"data":\\{"riskAlerts".*${cursors[1]}`),
    );
    // The header goes before the variables, which are those of the first time.
    const rest = await readUntil({ 'last-event-id': cursors[0] ?? '' }, (text) => text.includes('event: next'));
    expect(idsOf(rest)).toEqual(cursors);
  });

  it('refuse an id that is no cursor, and have none where a stream has no places', async () => {
    const response = await openStream(fresh, LISTEN, {}, { headers: { 'last-event-id': 'garbage' } });
    expect(await response.text()).toContain('"code":"BAD_USER_INPUT"');
    const abort = new AbortController();
    const ratios = 'subscription ($ids: [ID!]!) { marginRatioChanged(accountIds: $ids) { sequence } }';
    const init = { headers: { 'last-event-id': 'garbage' }, signal: abort.signal };
    const stream = await openStream(fresh, ratios, { ids: [untouched] }, init);
    let text = '';
    for await (const chunk of stream.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.includes('event: next')) break;
    }
    expect(text).not.toContain('id: ');
    abort.abort();
  });
});

it('a cursor after which alerts are no longer kept is refused: CURSOR_EXPIRED', async () => {
  const last = await store(account, account, account, account);
  // A server that has just started has none of them in memory.
  await app.close();
  app = await startTestApp({ database });
  alice = await app.as('alice', 'TRADER');
  await withoutGuards(app.app.services.db, (tx) => tx.$executeRaw`DELETE FROM risk_alerts WHERE seq < ${last - 1n}`);
  const socket = await connectSocket(alice);
  const codeAfter = async (seq: bigint): Promise<string> =>
    JSON.stringify(await operate(socket, LISTEN, { after: alertCursorOf(app, seq) }));
  expect(await codeAfter(last - 3n)).toMatch(/no longer kept.*"code":"CURSOR_EXPIRED"/);
  expect(await codeAfter(0n)).toContain('CURSOR_EXPIRED');
  socket.close();
  expect(await firstAfter(alice, alertCursorOf(app, last - 2n))).toBe(alertCursorOf(app, last - 1n));
});
