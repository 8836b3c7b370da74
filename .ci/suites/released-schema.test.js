/** graphql-inspector: what breaks callers of the last released schema has to be named in the changelog. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { expect, test } from '@jest/globals';
import { buildSchema } from 'graphql';

import { ROOT, schemaText } from './product.js';

const releasedText = readFileSync(new URL('released/schema.graphql', import.meta.url), 'utf8');
const [, unreleased] = /^## Unreleased$([\s\S]*?)^## /m.exec(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'));

async function breakingChanges(text) {
  const changes = await diff(buildSchema(releasedText), buildSchema(text));
  return changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
}

test('no caller of the released schema is broken, unless the changelog says how', async () => {
  const unnamed = (await breakingChanges(schemaText())).filter(({ path }) => !unreleased.includes(`\`${path}\``));
  expect(unnamed.map(({ message }) => message)).toEqual([]);
});

test('a field that goes, and an argument that becomes required, would be seen', async () => {
  const worse = releasedText.replace('  walletValue:', '  walletWorth:').replace('stress(', 'stress(reason: String! ');
  expect((await breakingChanges(worse)).map(({ path }) => path).sort()).toEqual([
    'Account.stress.reason',
    'MarginSummary.walletValue',
  ]);
});
