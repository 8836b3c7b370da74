/**
 * Migrates and seeds the one database that all tests copy (see database.ts). Jest runs this outside of its transforms,
 * so it is plain JavaScript over what was built.
 */
import { appendFile, mkdir, mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { openDatabase } from '../../dist/src/platform/database/database.js';
import { PACKAGE_ROOT } from '../../dist/src/platform/package-root.js';
import { readReferenceData } from '../../dist/src/policy/reference/reference-data.js';
import { storeReferenceData } from '../../dist/src/policy/reference/reference-store.js';

/** A thousand small files a database: in memory, where there is plenty, they take half the time. */
const MEMORY = '/dev/shm';
const PLENTY_BYTES = 4 * 2 ** 30;
/** PGlite zeroes its buffers at each start. The default of 128 MB is two thirds of what a start costs. */
const SMALL_BUFFERS = 'shared_buffers = 16MB';

export default async function setUp() {
  await useMemory();
  const serverUrl = process.env.TEST_DATABASE_URL;
  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-template-'));
  const name = `plimsoll_template_${process.pid}`;
  if (serverUrl !== undefined) await onServer(serverUrl, `CREATE DATABASE ${name}`);
  const url = serverUrl === undefined ? null : Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  const { db, close } = await openDatabase({ url, dataDir, poolSize: 2 });
  await storeReferenceData(db, await readReferenceData([join(PACKAGE_ROOT, 'prisma', 'reference')]));
  await close();
  if (url === null) await appendFile(join(dataDir, 'postgres', 'postgresql.conf'), `${SMALL_BUFFERS}\n`);
  process.env.PLIMSOLL_TEST_TEMPLATE = url === null ? dataDir : name;
}

export async function onServer(connectionString, sql) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(sql);
  await client.end();
}

/** The folder for temporary files is one of this run, so that the next one can take away what a killed one has left. */
async function useMemory() {
  const room = await statfs(MEMORY).catch(() => null);
  if (room === null || room.bavail * room.bsize < PLENTY_BYTES) return;
  for (const name of await readdir(MEMORY)) {
    const pid = /^plimsoll-tests-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || isRunning(Number(pid))) continue;
    // One that was killed with a full disk mounted leaves a folder that stays until that is unmounted.
    await rm(join(MEMORY, name), { recursive: true, force: true }).catch(() => undefined);
  }
  const folder = join(MEMORY, `plimsoll-tests-${process.pid}`);
  await mkdir(folder);
  process.env.PLIMSOLL_TEST_FOLDER = folder;
  process.env.TMPDIR = folder;
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
