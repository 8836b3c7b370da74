/**
 * `npm run migration -- NAME` writes the migration that leads from the committed ones to schema.prisma;
 * `npm run migration -- --check` fails where one is missing.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { PrismaPGlite } from 'pglite-prisma-adapter';

import { migrationDrift } from '../src/platform/database/migrate.js';
import { PACKAGE_ROOT } from '../src/platform/package-root.js';

const name = process.argv[2];
if (name === undefined) throw new Error('Expected the name of the migration, such as "alert-outbox", or --check.');

const scratch = await PGlite.create();
const drift = await migrationDrift(new PrismaPGlite(scratch));
await scratch.close();

if (drift === '') {
  console.log('The migrations agree with prisma/schema.prisma.');
} else if (name === '--check') {
  console.error(
    `prisma/schema.prisma is ahead of prisma/migrations; run "npm run migration -- NAME". Missing:\n${drift}`,
  );
  process.exitCode = 1;
} else {
  const stamp = new Date().toISOString().replace(/[-:T]/g, '').slice(0, 14);
  const folder = join(PACKAGE_ROOT, 'prisma', 'migrations', `${stamp}_${name}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'migration.sql'), drift);
  console.log(`Wrote ${folder}/migration.sql; read it before you commit it.`);
}
