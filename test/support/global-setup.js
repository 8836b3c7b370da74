/**
 * Migrates and seeds the one database that all tests copy (see database.ts). Jest runs this outside of its transforms,
 * so it is plain JavaScript over what was built.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { openDatabase } from '../../dist/src/platform/database.js';
import { PACKAGE_ROOT } from '../../dist/src/platform/package-root.js';
import { readReferenceData } from '../../dist/src/policy/reference-data.js';
import { storeReferenceData } from '../../dist/src/policy/reference-store.js';

export default async function setUp() {
  const serverUrl = process.env.TEST_DATABASE_URL;
  const dataDir = await mkdtemp(join(tmpdir(), 'plimsoll-template-'));
  const name = `plimsoll_template_${process.pid}`;
  if (serverUrl !== undefined) await onServer(serverUrl, `CREATE DATABASE ${name}`);
  const url = serverUrl === undefined ? null : Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
  const { db, close } = await openDatabase({ url, dataDir, poolSize: 2 });
  await storeReferenceData(db, await readReferenceData([join(PACKAGE_ROOT, 'prisma', 'reference')]));
  await close();
  process.env.PLIMSOLL_TEST_TEMPLATE = url === null ? dataDir : name;
}

export async function onServer(connectionString, sql) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(sql);
  await client.end();
}
