/**
 * Who leads: on PGlite the only process, on PostgreSQL one of several, whatever becomes of it. The processes are real
 * ones where they are killed or stand still.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import {
  LeadershipLostError,
  holdTerm,
  openLeadership,
  type Leadership,
  type Term,
} from '../../src/cluster/leadership.js';
import { transact, type OpenDatabase } from '../../src/platform/database/database.js';
import { createLogger } from '../../src/platform/log.js';
import { PACKAGE_ROOT } from '../../src/platform/package-root.js';
import { SERVER_URL, createTestDatabase, onServer, type TestDatabase } from '../support/services/database.js';
import { startTcpProxy, type TcpProxy } from '../support/services/tcp-proxy.js';
import { until } from '../support/until.js';

const log = createLogger('silent');
const withServer = SERVER_URL === null ? describe.skip : describe;

let database: TestDatabase;
let opened: OpenDatabase;
const duties: Leadership[] = [];
const processes: ChildProcess[] = [];
/** Of all processes, in the order in which they began. */
const terms: bigint[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  opened = await database.open();
});

afterEach(async () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  for (const leadership of duties.splice(0)) await leadership.close();
});

afterAll(async () => {
  await opened.close();
  await database.drop();
});

async function open(url = database.env.DATABASE_URL ?? null, logger = log): Promise<Leadership> {
  const leadership = await openLeadership({
    db: opened.db,
    databaseUrl: url,
    log: logger,
    onTerm: ({ number }) => terms.push(number),
  });
  duties.push(leadership);
  return leadership;
}

const hold = (term: Term): Promise<unknown> => transact(opened.db, (tx) => holdTerm(tx, term));

function termOf(leadership: Leadership): Term {
  if (leadership.term === null) throw new Error('Expected it to be on duty.');
  return leadership.term;
}

describe('alone', () => {
  it('leads at once, until it is closed, and in a new term the next time', async () => {
    const first = await open();
    const term = termOf(first);
    expect(terms.at(-1)).toBe(term.number);
    expect(await hold(term)).toEqual({ takenSeq: 0n, doneSeq: 0n, lastAlert: 0n });
    await first.close();
    expect([first.term, term.ended.aborted]).toEqual([null, true]);
    await expect(hold(term)).rejects.toThrow(LeadershipLostError);

    const second = await open();
    expect(termOf(second).number).toBe(term.number + 1n);
    await hold(termOf(second));
    // The row tells a replaced leader that has not noticed.
    const unaware = { number: term.number, ended: new AbortController().signal };
    await expect(hold(unaware)).rejects.toThrow(`Term ${term.number} is over`);
  });
});

// Skipped without TEST_DATABASE_URL: no two processes open one PGlite.
withServer('of several', () => {
  /** Ends the session that holds the lock, as an administrator would. */
  const terminate = (): Promise<void> =>
    onServer(`SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database ON oid = database
              WHERE locktype = 'advisory' AND granted AND datname = '${databaseName()}'`);
  const databaseName = (): string => new URL(database.env.DATABASE_URL ?? '').pathname.slice(1);
  const leaders = (): Leadership[] => duties.filter(({ term }) => term !== null);

  afterEach(() => {
    // Nobody begins a term that another had: each is one higher than the one before.
    terms.forEach((term, index) => {
      if (index > 0) expect(term).toBeGreaterThan(terms[index - 1] ?? 0n);
    });
  });

  it('exactly one leads; when it leaves, another one', async () => {
    for (let index = 0; index < 3; index++) await open();
    for (let left = 3; left > 0; left--) {
      await until(() => leaders().length === 1);
      await sleep(50);
      const [leader] = leaders();
      expect(leaders()).toHaveLength(1);
      await leader?.close();
    }
    expect(leaders()).toEqual([]);
  });

  it('that lost its session ends its term at once, writes nothing more, and tries again', async () => {
    const leadership = await open();
    const term = termOf(leadership);
    const ended = once(term.ended, 'abort');
    await terminate();
    await ended;
    expect(leadership.term).toBeNull();
    await expect(hold(term)).rejects.toThrow(LeadershipLostError);
    await until(() => leadership.term !== null);
    expect(termOf(leadership).number).toBeGreaterThan(term.number);
  });

  it('a term begins only after what the one before has under way', async () => {
    const first = await open();
    let began = false;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const term = termOf(first);
    const writing = transact(opened.db, async (tx) => {
      await holdTerm(tx, term);
      began = true;
      await held;
      await tx.$executeRaw`UPDATE duty SET last_alert = 7 WHERE id = 1`;
    });
    await until(() => began);
    await first.close();
    const opening = open();
    await sleep(300);
    expect(leaders()).toEqual([]);
    release();
    await writing;
    const second = await opening;
    expect(await hold(termOf(second))).toMatchObject({ lastAlert: 7n });
  });

  it('ends its term when another one has begun, and says so', async () => {
    const warnings: string[] = [];
    const warn = ({ err }: { err: Error }): number => warnings.push(err.message);
    const first = await open(undefined, { ...log, info: () => undefined, warn });
    const other = new pg.Client({ connectionString: database.env.DATABASE_URL });
    await other.connect();
    await other.query('UPDATE duty SET term = term + 1 WHERE id = 1');
    await other.end();
    await until(() => warnings.length > 0);
    expect(warnings[0]).toMatch(/^Term \d+ has begun\.$/);
    expect(first.term).toBeNull();
  });

  describe('with a wire that can be cut', () => {
    let proxy: TcpProxy;
    let url: string;
    beforeAll(async () => {
      const direct = new URL(database.env.DATABASE_URL ?? '');
      proxy = await startTcpProxy({ host: direct.hostname, port: Number(direct.port || '5432') });
      url = Object.assign(new URL(direct), { hostname: '127.0.0.1', port: String(proxy.port) }).href;
    });
    afterAll(() => proxy.close());

    it('hands over to one that still has the database, and waits for its own', async () => {
      const [cut, other] = [await open(url), await open()];
      const term = termOf(cut);
      await proxy.cut();
      await until(() => cut.term === null && other.term !== null);
      expect(term.ended.aborted).toBe(true);
      await proxy.restore();
      await other.close();
      await until(() => cut.term !== null);
    });

    it('opens while the database is away, and leads when it is back', async () => {
      await proxy.cut();
      const leadership = await open(url);
      expect(leadership.term).toBeNull();
      await proxy.restore();
      await until(() => leadership.term !== null);
    });
  });

  describe('processes', () => {
    interface Process {
      readonly child: ChildProcess;
      term: bigint | null;
    }

    async function start(): Promise<Process> {
      const child = fork(
        join(PACKAGE_ROOT, 'test', 'support', 'services', 'leader-holder.js'),
        [database.env.DATABASE_URL ?? ''],
        {
          execArgv: [],
        },
      );
      processes.push(child);
      const started: Process = { child, term: null };
      child.on('message', (message: { term: string | null }) => {
        started.term = message.term === null ? null : BigInt(message.term);
        if (started.term !== null) terms.push(started.term);
      });
      await once(child, 'message');
      return started;
    }

    it('that is killed is followed within two seconds', async () => {
      const all = [await start(), await start(), await start()];
      for (let left = 3; left > 1; left--) {
        const [leader] = all.filter(({ term }) => term !== null);
        expect(all.filter(({ term }) => term !== null)).toHaveLength(1);
        leader?.child.kill('SIGKILL');
        all.splice(all.indexOf(leader!), 1);
        await until(() => all.some(({ term }) => term !== null));
      }
    });

    it('that stands still is followed, and knows it when it goes on', async () => {
      const [first, second] = [await start(), await start()];
      expect([first.term === null, second.term]).toEqual([false, null]);
      first.child.kill('SIGSTOP');
      await until(() => second.term !== null);
      const frozen = { number: first.term ?? 0n, ended: new AbortController().signal };
      await expect(hold(frozen)).rejects.toThrow(LeadershipLostError);
      first.child.kill('SIGCONT');
      await until(() => first.term === null);
    });
  });
});
