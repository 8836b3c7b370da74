/**
 * A disk that is full refuses writes, and loses nothing that was acknowledged. Transactions are tried again no more often
 * than the database asks for.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it } from '@jest/globals';

import { openDatabase, transact, type Transaction } from '../../../src/platform/database/database.js';
import { apiFor } from '../../support/services/api.js';
import { ledgerOf, expectLedger } from '../../support/calls/stored-ledger.js';
import { SERVER_URL, copyTemplate, createTestDatabase } from '../../support/services/database.js';
import { runToExit, startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { until } from '../../support/until.js';
import { fill, openAccount, recordTransfers, transfer, type Batch } from '../../support/calls/venue-system.js';
import { attempt } from '../../support/calls/fill-attempt.js';

/** What is undone after each test, the last first. */
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** Unless the test has killed it. */
async function end(server: ServerProcess): Promise<void> {
  if (server.child.exitCode === null && server.child.signalCode === null) await server.kill();
}

/** Where this process may not mount a file system the test says so; with PostgreSQL the folder is not ours. */
const whyNotDisk = SERVER_URL !== null ? 'the folder is of PGlite' : canMount() ? null : 'mount is not permitted';

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

(whyNotDisk === null ? it : it.skip)(
  `a full disk refuses writes, and nothing that was acknowledged is lost${whyNotDisk === null ? '' : ` (skipped: ${whyNotDisk})`}`,
  async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-full-'));
    undo.push(() => rm(dataDir, { recursive: true }));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', dataDir]);
    undo.push(() => void execFileSync('umount', [dataDir]));
    await copyTemplate(dataDir);
    let server = await startServerProcess({ DATA_DIR: dataDir, LOG_LEVEL: 'silent' });
    undo.push(() => end(server));
    let service = await apiFor(server.url, 'venue', 'SERVICE');
    const account = await openAccount(service);
    await recordTransfers(service, transfer(account, 'USDT', '100000'));

    let batches = 0;
    const send = async (): Promise<{ ids: string[]; fills: object[]; answer: Batch | null }> => {
      const ids = Array.from({ length: 50 }, (_, index) => `full-${batches}-${index}-${'x'.repeat(150)}`);
      const fills = ids.map((fillId) => fill(account, 'BTCUSDT', 'BUY', '0.01', '20000', { fillId, fee: '0.1' }));
      batches += 1;
      return { ids, fills, answer: await attempt(service, fills) };
    };
    const acknowledged: string[] = [];
    const refused: object[][] = [];
    /** Until so many batches have been refused. */
    const write = async (refusals: number): Promise<void> => {
      for (const end = refused.length + refusals; refused.length < end;) {
        const { ids, fills, answer } = await send();
        if (answer === null) refused.push(fills);
        else acknowledged.push(...ids);
      }
    };
    const { bavail, bsize } = await statfs(dataDir);
    const ballast = join(dataDir, 'ballast');
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 40 * 1_048_576));
    await write(2);
    // What is left is taken by somebody else: not a byte of it was needed here.
    appendFileSync(ballast, Buffer.alloc(30 * 1_048_576));
    await write(2);
    const read = `{ account(id: "${account}") { fills(first: 1) { nodes { fillId } } } }`;
    const last = acknowledged.at(-1);
    expect(await service.ask(read)).toEqual({
      account: { fills: { nodes: last === undefined ? [] : [{ fillId: last }] } },
    });
    const price = { quotes: [{ asset: 'BTC', price: '1', source: 'test', at: new Date().toISOString() }] };
    const published = await service.send(
      'mutation ($input: PublishPricesInput!) { publishPrices(input: $input) { accepted errors { code } } }',
      { input: price },
    );
    expect(published.errors?.map(({ extensions }) => extensions.code)).toEqual(['SERVICE_UNAVAILABLE']);
    const ready = await fetch(`${server.url}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([200, expect.stringContaining('nearly full')]);

    execFileSync('mount', ['-o', 'remount,size=400m', dataDir]);
    await until(async () => (await send()).answer !== null);
    // What was refused has left nothing behind, here and after a restart.
    expect(await attempt(service, refused[0] ?? [])).toMatchObject({ recorded: 50, alreadyKnown: 0, errors: [] });
    await server.kill();
    server = await startServerProcess({ DATA_DIR: dataDir, LOG_LEVEL: 'silent' });
    service = await apiFor(server.url, 'venue', 'SERVICE');
    expect(await attempt(service, refused[0] ?? [])).toMatchObject({ recorded: 0, alreadyKnown: 50, errors: [] });
    expect(await attempt(service, refused[1] ?? [])).toMatchObject({ recorded: 50, alreadyKnown: 0, errors: [] });
    await server.kill();

    const left = await statfs(dataDir);
    appendFileSync(ballast, Buffer.alloc(left.bavail * left.bsize - 60 * 1_048_576));
    const { code, output } = await runToExit({ DATA_DIR: dataDir });
    expect([code, output]).toEqual([1, expect.stringMatching(/has \d+ MB of room, and 64 MB are expected/)]);
    expect(output).not.toMatch(/\bat .*:\d+:\d+/);
    await rm(ballast);
    const { db, close } = await openDatabase({ url: null, dataDir, poolSize: 1 });
    undo.push(close);
    await expectLedger(db, acknowledged);
    for (const batch of refused.slice(2)) {
      const ids = new Set(batch.map((each) => (each as { fillId: string }).fillId));
      expect((await ledgerOf(db)).fillIds.filter((id) => ids.has(id))).toEqual([]);
    }
  },
);

describe('transactions', () => {
  it('are tried six times at most, and no more often than the database asks for', async () => {
    const database = await createTestDatabase();
    undo.push(() => database.drop());
    const { db, close } = await database.open();
    undo.push(close);
    let tries = 0;
    const failing = (code: string) => async (tx: Transaction) => {
      tries += 1;
      await tx.$executeRawUnsafe(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}'; END $$`);
    };
    for (const [code, expected] of [
      ['40001', 6],
      ['40P01', 6],
      ['23514', 1],
      ['53100', 1],
    ] as const) {
      tries = 0;
      await expect(transact(db, failing(code))).rejects.toThrow();
      expect([code, tries]).toEqual([code, expected]);
    }
  });
});
