/** `riskAlerts` over real WebSockets: replay, then live, without a gap or a double, on bad networks and in great numbers. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { connectSocket, operate, type RawSocket } from '../../support/services/raw.js';
import { globalIdOf, uuidOf } from '../../support/calls/global-ids.js';
import { alertCursorOf, cursorOfList, sequenceIdOf } from '../../support/calls/sealed.js';
import { storeAlerts } from '../../support/calls/stored-alerts.js';
import { openAccount } from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;
let alice: Api;
let bob: Api;
let account: string;
let bobs: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
  bob = await app.as('bob', 'TRADER');
  account = await openAccount(service);
  bobs = await openAccount(service, { owner: 'bob' });
});

afterAll(() => app.close());

const LISTEN = `subscription ($ids: [ID!], $after: String) {
  riskAlerts(accountIds: $ids, after: $after) { cursor kind status } }`;
const at = (seq: bigint): string => alertCursorOf(app, seq);

async function store(...ids: string[]): Promise<bigint> {
  const { db, bus } = app.app.services;
  const last = await storeAlerts(db, ids.map(uuidOf));
  bus.emit('alerts', { last });
  return last;
}

interface Listener {
  /** The cursor of the next alert; null: the stream has ended. */
  next(): Promise<string | null>;
  take(count: number): Promise<string[]>;
  close(): void;
}

function listenOn(socket: RawSocket, id: string, variables: object = {}, query = LISTEN): Listener {
  socket.send({ id, type: 'subscribe', payload: { query, variables } });
  const next = async (): Promise<string | null> => {
    const frame = await socket.next();
    if (frame.type === 'complete') return null;
    const { data } = frame.payload as { data?: { riskAlerts: { cursor: string } } };
    if (data == null) throw new Error(JSON.stringify(frame));
    return data.riskAlerts.cursor;
  };
  const take = async (count: number): Promise<string[]> => {
    const cursors: string[] = [];
    while (cursors.length < count) cursors.push((await next()) ?? 'end');
    return cursors;
  };
  return { next, take, close: () => socket.close() };
}

async function listen(api: Api, variables: object = {}, query = LISTEN): Promise<Listener> {
  return listenOn(await connectSocket(api), 'alerts', variables, query);
}

describe('a client', () => {
  it('that comes back a hundred times has every alert exactly once, in order', async () => {
    const before = await store(account);
    const own: string[] = [];
    const seen: string[] = [];
    let connections = 0;
    const storing = (async () => {
      while (connections < 95) {
        const ids = Array.from({ length: 1 + Math.floor(Math.random() * 10) }, () =>
          Math.random() < 0.8 ? account : bobs,
        );
        const last = await storeAlerts(app.app.services.db, ids.map(uuidOf));
        ids.forEach((id, index) => {
          if (id === account) own.push(at(last - BigInt(ids.length - 1 - index)));
        });
        // Notices may be lost: then the poll wakes the stream.
        if (Math.random() < 0.8) app.app.services.bus.emit('alerts', { last });
        // No faster than the client, or every connection would be sent all that it is behind, and read a part of it.
        do await wait(Math.random() * 25);
        while (own.length - seen.length > 100 && connections < 95);
      }
    })();

    for (; connections < 100; connections++) {
      const listener = await listen(alice, { after: seen.at(-1) ?? at(before) });
      // Cut off while alerts are on their way; what was not read by then is lost to it.
      const until = Date.now() + Math.random() * 60;
      for (let left = Math.floor(Math.random() * 40); left > 0 && Date.now() < until; left--) {
        const cursor = await Promise.race([listener.next(), wait(30, null)]);
        if (cursor === null) break;
        seen.push(cursor);
      }
      listener.close();
    }
    await storing;
    const last = await listen(alice, { after: seen.at(-1) ?? at(before) });
    seen.push(...(await last.take(own.length - seen.length)));
    expect(own.length).toBeGreaterThan(100);
    expect(seen).toEqual(own);
    // Nothing is left over.
    const next = await store(account);
    expect(await last.next()).toBe(at(next));
    last.close();
  });

  it('without a cursor is sent nothing from before, and then everything', async () => {
    const before = await store(account, account);
    const listener = await listen(alice);
    let sent: string | null = null;
    const first = listener.next().then((cursor) => (sent = cursor));
    const stored: string[] = [];
    while (sent === null) {
      stored.push(at(await store(account)));
      await wait(5);
    }
    expect(stored).toContain(await first);
    const since = stored.slice(stored.indexOf(sent) + 1);
    expect(await listener.take(since.length)).toEqual(since);
    expect(stored).not.toContain(at(before));
    listener.close();
  });

  it('is sent whether an alert was acknowledged since', async () => {
    const before = await store(account);
    const query = 'subscription ($after: String) { riskAlerts(after: $after) { cursor id acknowledgedAt } }';
    const socket = await connectSocket(alice);
    const payload = { query, variables: { after: at(before) } };
    socket.send({ id: '1', type: 'subscribe', payload });
    const last = await store(account);
    const id = sequenceIdOf(app, 'RiskAlert', last);
    const alert = { cursor: at(last), id, acknowledgedAt: null };
    expect((await socket.next()).payload).toMatchObject({ data: { riskAlerts: alert } });
    await alice.ask('mutation ($id: ID!) { acknowledgeRiskAlert(input: {id: $id}) { alert { id } } }', { id });
    socket.send({ id: '2', type: 'subscribe', payload });
    expect((await socket.next()).payload).toMatchObject({
      data: { riskAlerts: { ...alert, acknowledgedAt: expect.stringMatching(/^20/) } },
    });
    socket.close();
  });
});

describe('whose alerts', () => {
  it('a trader hears of own accounts, named or not, and of those opened later', async () => {
    const before = await store(account);
    const all = await listen(alice, { after: at(before) });
    const named = await listen(alice, { ids: [bobs, account, 'no id'], after: at(before) });
    const second = await openAccount(service);
    const last = await store(bobs, second, bobs, account);
    expect(await all.take(2)).toEqual([at(last - 2n), at(last)]);
    expect(await named.take(1)).toEqual([at(last)]);
    all.close();
    named.close();
  });

  it('admins and services hear of all, or of those that they name', async () => {
    const before = await store(account);
    const admin = await app.as('root', 'ADMIN');
    const listeners = [
      await listen(admin, { after: at(before) }),
      await listen(service, { after: at(before) }),
      await listen(admin, { after: at(before), ids: [bobs] }),
    ];
    const last = await store(account, bobs);
    expect(await listeners[0]?.take(2)).toEqual([at(last - 1n), at(last)]);
    expect(await listeners[1]?.take(2)).toEqual([at(last - 1n), at(last)]);
    expect(await listeners[2]?.take(1)).toEqual([at(last)]);
    for (const listener of listeners) listener.close();
  });

  it('a cursor of somebody else is a place in the sequence, and opens nothing', async () => {
    const before = await store(bobs);
    const last = await store(account, bobs);
    const his = await listen(bob, { after: at(before) });
    const hers = await listen(alice, { after: at(before) });
    expect(await his.take(1)).toEqual([at(last)]);
    expect(await hers.take(1)).toEqual([at(last - 1n)]);
    his.close();
    hers.close();
  });

  it('a stream of what the viewer may not see is refused, like one of what does not exist: it watches nothing', async () => {
    const socket = await connectSocket(bob);
    const ofNobody = await operate(socket, LISTEN, { ids: [globalIdOf('Account', randomUUID())] });
    expect(JSON.stringify(ofNobody)).toMatch(/would watch nothing.*"code":"BAD_USER_INPUT"/);
    expect(await operate(socket, LISTEN, { ids: [account] })).toEqual(ofNobody);
    expect(await operate(socket, LISTEN, { ids: [account], after: at(10n ** 15n) })).toEqual(ofNobody);
    expect(await operate(socket, LISTEN, { ids: ['no id'] })).toEqual(ofNobody);
    socket.close();
  });

  it('nobody hears anything without a token', async () => {
    const socket = await connectSocket(app.anonymous());
    const [answer] = await operate(socket, LISTEN);
    expect(JSON.stringify(answer)).toContain('UNAUTHENTICATED');
    socket.close();
  });
});

describe('bad input', () => {
  it.each([
    ['no ids', { ids: [] }],
    ['101 ids', { ids: Array.from({ length: 101 }, (_, index) => `id${index}`) }],
    ['10,000 ids', { ids: Array.from({ length: 10_000 }, () => 'id') }],
    ['a cursor that is garbage', { after: 'garbage' }],
    ['an empty cursor', { after: '' }],
    ['a cursor of another list', () => ({ after: cursorOfList(app, 'ledger', '1') })],
    ['a cursor of the former form', { after: Buffer.from('["1"]').toString('base64url') }],
  ])('is refused: %s', async (_what, given) => {
    const variables = typeof given === 'function' ? given() : given;
    const socket = await connectSocket(alice);
    const [answer] = await operate(socket, LISTEN, variables);
    const { errors } = { errors: answer?.payload } as { errors: { extensions?: { code: string } }[] };
    expect(JSON.stringify(errors)).toContain('"code":"BAD_USER_INPUT"');
    // The socket goes on.
    expect((await operate(socket, '{ viewer { subject } }'))[0]?.payload).toMatchObject({
      data: { viewer: { subject: 'alice' } },
    });
    socket.close();
  });

  it('a cursor from the future is refused with what to do: it would swallow alerts silently', async () => {
    const last = await store(account);
    const socket = await connectSocket(alice);
    const [answer] = await operate(socket, LISTEN, { after: at(last + 1n) });
    expect(JSON.stringify(answer?.payload)).toMatch(/"code":"BAD_USER_INPUT"/);
    expect(JSON.stringify(answer?.payload)).toMatch(/beyond the last alert.*Read `riskAlerts`/);
    socket.close();
  });
});

describe('a thousand streams', () => {
  it('on ten sockets are sent five alerts each, read once for all', async () => {
    const before = await store(account);
    const sockets = await Promise.all(Array.from({ length: 10 }, () => connectSocket(alice)));
    const { statements } = app;
    statements.length = 0;
    for (const socket of sockets) {
      for (let id = 0; id < 100; id++) {
        const payload = { query: LISTEN, variables: { after: at(before) } };
        socket.send({ id: String(id), type: 'subscribe', payload });
      }
    }
    // The first is stored while they subscribe: some replay it, some hear it live.
    const last = (await store(account)) + 4n;
    for (let stored = 1; stored < 5; stored++) await store(account);
    await Promise.all(
      sockets.map(async (socket) => {
        const sent = new Map<string, string[]>();
        for (let frames = 0; frames < 500; frames++) {
          const { id = '', payload } = await socket.next();
          const { cursor } = (payload as { data: { riskAlerts: { cursor: string } } }).data.riskAlerts;
          sent.set(id, [...(sent.get(id) ?? []), cursor]);
        }
        const expected = Array.from({ length: 5 }, (_, index) => at(last - 4n + BigInt(index)));
        expect(sent.size).toBe(100);
        for (const cursors of sent.values()) expect(cursors).toEqual(expected);
      }),
    );
    const reading = statements.filter((sql) => /SELECT[^]*FROM (risk_alerts|accounts)[^]*seq/.test(sql));
    expect(reading.length).toBeLessThan(30);
    for (const socket of sockets) socket.close();
  });
});
