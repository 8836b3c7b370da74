/** `npm run schema` writes schema.graphql. With `--check` it fails if the file is out of date. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PACKAGE_ROOT } from '../platform/package-root.js';
import { printedSchema } from './schema.js';

const file = join(PACKAGE_ROOT, 'schema.graphql');
const printed = printedSchema();

if (!process.argv.includes('--check')) {
  await writeFile(file, printed);
} else if ((await readFile(file, 'utf8').catch(() => '')) !== printed) {
  console.error('schema.graphql is behind the code; run "npm run build && npm run schema" and look at the difference.');
  process.exitCode = 1;
}
