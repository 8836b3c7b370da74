/** The manifest that graphql-codegen writes is the one that the server reads, and what it names can be asked by its id. */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { buildSchema, parse } from 'graphql';

import { startProcess } from './product-process.js';
import { authorization, schemaText } from './product.js';

const DOCUMENT = 'query Who { viewer { ...Me } } fragment Me on Viewer { subject roles }';

let server;
let manifest;
beforeAll(async () => {
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: 'generated/',
    schema: parse(schemaText()),
    schemaAst: buildSchema(schemaText()),
    documents: [{ location: 'app.ts', rawSDL: DOCUMENT, document: parse(DOCUMENT) }],
    config: {},
    plugins: [],
    pluginMap: {},
    presetConfig: { persistedDocuments: true },
  });
  // The manifest waits for what the other files are made of.
  const texts = await Promise.all(sections.map((section) => codegen(section)));
  const text = texts[sections.findIndex(({ filename }) => filename.endsWith('persisted-documents.json'))];
  manifest = JSON.parse(text);
  const file = join(await mkdtemp(join(tmpdir(), 'plimsoll-manifest-')), 'persisted-documents.json');
  await writeFile(file, text);
  server = await startProcess({ TRUSTED_DOCUMENTS: file });
});
afterAll(() => server?.stop());

async function ask(body) {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: authorization('alice', 'TRADER') },
    body: JSON.stringify(body),
  });
  return response.json();
}

test('ids and texts of the manifest are executed, and nothing else', async () => {
  expect(Object.keys(manifest)).toHaveLength(1);
  for (const [id, text] of Object.entries(manifest)) {
    const me = { data: { viewer: { subject: 'alice', roles: ['TRADER'] } } };
    expect(await ask({ documentId: id })).toMatchObject(me);
    expect(await ask({ extensions: { persistedQuery: { version: 1, sha256Hash: id } } })).toMatchObject(me);
    expect(await ask({ query: text })).toMatchObject(me);
  }
  const { errors } = await ask({ query: '{ viewer { subject } }' });
  expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
});
