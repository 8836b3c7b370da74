/**
 * `npm run docs` writes docs/configuration.md, docs/venues.md and .env.example from the code and the reference data. With `--check` it fails where they are
 * behind the code, and where a link, a cited rule or a line of the log has no counterpart.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { PACKAGE_ROOT } from '../src/platform/package-root.js';
import { problemsOfPapers } from './checks.js';
import { configurationPaper, exampleEnvironment } from './configuration.js';
import { venuesPaper } from './venues.js';

const MADE: ReadonlyMap<string, string> = new Map([
  ['docs/configuration.md', configurationPaper()],
  ['docs/venues.md', await venuesPaper()],
  ['.env.example', exampleEnvironment()],
]);

if (process.argv.includes('--check')) {
  const problems = problemsOfPapers(PACKAGE_ROOT);
  for (const [file, text] of MADE) {
    if ((await readFile(join(PACKAGE_ROOT, file), 'utf8').catch(() => '')) !== text) {
      problems.push(`${file} is behind the code; run "npm run build && npm run docs" and look at the difference.`);
    }
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
} else {
  for (const [file, text] of MADE) await writeFile(join(PACKAGE_ROOT, file), text);
}
