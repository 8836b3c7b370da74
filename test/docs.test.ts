/** The papers say what the code does: what is made from it is not behind, and links, rules and log lines have both ends. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { problemsOfLinks, problemsOfLog, problemsOfPapers, problemsOfRules } from '../docs/checks.js';
import { configurationPaper, exampleEnvironment } from '../docs/configuration.js';
import { LIMIT_VARIABLES } from '../src/api/execution/limits.js';
import { readConfig } from '../src/config.js';
import { PACKAGE_ROOT } from '../src/platform/package-root.js';
import { VARIABLES } from '../src/variables.js';

const committed = (file: string): string => readFileSync(join(PACKAGE_ROOT, file), 'utf8');

it('the papers agree with the code', () => {
  expect(problemsOfPapers(PACKAGE_ROOT)).toEqual([]);
});

describe('configuration', () => {
  it('is described as the code reads it', () => {
    expect(committed('docs/configuration.md')).toBe(configurationPaper());
    expect(committed('.env.example')).toBe(exampleEnvironment());
  });

  it('is described to the last variable, with its default', () => {
    const text = configurationPaper();
    for (const name of Object.keys(VARIABLES)) expect(text).toContain(`| \`${name}\` |`);
    for (const [name, { fallback }] of LIMIT_VARIABLES) {
      expect(text.replaceAll(',', '')).toContain(`| \`${name}\` | ${fallback} |`);
    }
  });

  it('can be copied: every line of the example that has a default means what no line means', () => {
    const lines = [...exampleEnvironment().matchAll(/^# ([A-Z_]+)=(\S+)$/gm)];
    // These say how a value looks, or need one that does.
    const forms = new Set(['DATABASE_URL', 'REDIS_URL', 'AUTH_JWKS_URL', 'TRUSTED_DOCUMENTS_MODE']);
    const example = lines.filter(([, name = '']) => !forms.has(name)).map(([, name, value]) => [name, value]);
    expect(example.length).toBeGreaterThan(30);
    expect(readConfig(Object.fromEntries(example) as Record<string, string>)).toEqual(readConfig({}));
  });
});

describe('a paper that is wrong is found', () => {
  it('by a link to a file or a heading that is not there', () => {
    const text =
      '[a](README.md) [b](nowhere.md) [c](docs/clients.md#tokens) [d](docs/clients.md#nothing) `[e](x.md)` `src/none.ts` `src/app.ts`';
    expect(problemsOfLinks(PACKAGE_ROOT, 'CONTRIBUTING.md', text)).toEqual([
      'CONTRIBUTING.md: no file src/none.ts',
      'CONTRIBUTING.md: no file nowhere.md',
      'CONTRIBUTING.md: no heading docs/clients.md#nothing',
    ]);
  });

  it('by a rule that the code cites, and that there is not', () => {
    const code = '/**\n * Prices (rules: 2 and\n * 3; source: 004).\n */\n// As told (rules: 7-9).\nconst rules: 5';
    const problems = problemsOfRules('a.ts', code, '## 2. Prices\n\n## 7. Leverage\n\n## 8. What can leave\n');
    expect(problems.map((problem) => /section (\d+)/.exec(problem)?.[1])).toEqual(['3', '9']);
  });

  it('by a line of the log that it does not name, and one that nobody writes', () => {
    const code = `log.error({ err }, 'One is ' + 'named.'); this.log[first ? 'warn' : 'debug'](facts, 'Two is not.');
      log.info('Three need not be.'); log?.warn({ a: f('x') }, what);`;
    expect(problemsOfLog(new Map([['a.ts', code]]), '| `One is named.` | error |\n| `Gone.` | warn |\n')).toEqual([
      'a.ts: docs/operations.md does not name "Two is not."',
      'a.ts: docs/operations.md does not name "log?.warn(...) without a literal message"',
      'docs/operations.md: no code writes "Gone."',
    ]);
  });
});
