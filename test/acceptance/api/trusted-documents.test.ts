/** What apps were built with is executed, by its text or its id; nothing else is where that is required. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { readManifest } from '../../../src/api/execution/trusted-documents.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { connectSocket, postRaw } from '../../support/services/raw.js';
import { TRANSPORTS, type FirstAnswer, type TransportName } from '../../support/services/transports.js';

/** As graphql-codegen prints them. */
const WHO = 'query Who {\n  viewer {\n    subject\n  }\n}';
const ACCOUNTS = 'query Mine($first: Int!) {\n  accounts(first: $first) {\n    nodes {\n      name\n    }\n  }\n}';
const MANIFEST = { '6a1f': WHO, b52c: ACCOUNTS, '0e0e': 'query OfAnotherApp { somethingNewer }' };

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plimsoll-manifest-'));
  file = join(folder, 'persisted-documents.json');
  await writeFile(file, JSON.stringify(MANIFEST));
});
afterAll(() => rm(folder, { recursive: true }));

/** A request with just these parameters, over any transport. */
async function ask(transport: TransportName, api: Api, params: Record<string, unknown>): Promise<FirstAnswer> {
  if (transport === 'HTTP') return JSON.parse((await postRaw(api, JSON.stringify(params))).text) as FirstAnswer;
  if (transport === 'events') {
    const response = await fetch(`${api.url}/graphql/stream`, {
      method: 'POST',
      headers: {
        accept: 'text/event-stream',
        'content-type': 'application/json',
        authorization: api.authorization ?? '',
      },
      body: JSON.stringify(params),
    });
    const text = await response.text();
    return JSON.parse(/^event: next\ndata: (.*)$/m.exec(text)?.[1] ?? text) as FirstAnswer;
  }
  const socket = await connectSocket(api);
  // This protocol has no message without a text.
  socket.send({ id: '1', type: 'subscribe', payload: { query: '', ...params } });
  const { type, payload } = await socket.next();
  socket.close();
  return type === 'error' ? ({ errors: payload } as FirstAnswer) : (payload as FirstAnswer);
}

const codes = ({ errors }: FirstAnswer): unknown[] => (errors ?? []).map(({ extensions }) => extensions['code']);

const ME = { viewer: { subject: 'alice' } };
const IDS: readonly [string, Record<string, unknown>][] = [
  ['its id', { documentId: '6a1f' }],
  ['its id, as Apollo Client sends it', { extensions: { persistedQuery: { version: 1, sha256Hash: '6a1f' } } }],
  ['its text', { query: WHO }],
  ['its text, printed in another way', { query: '# Who is it?\nquery Who { viewer { subject, } }' }],
];

describe.each(['off', 'log', 'require'])('with TRUSTED_DOCUMENTS_MODE=%s', (mode) => {
  let app: TestApp;
  let alice: Api;
  beforeAll(async () => {
    app = await startTestApp({ env: { TRUSTED_DOCUMENTS: file, TRUSTED_DOCUMENTS_MODE: mode } });
    alice = await app.as('alice', 'TRADER');
  });
  afterAll(() => app.close());

  describe.each(TRANSPORTS)('over %s', (transport) => {
    it.each(IDS)('a document of the manifest is executed by %s', async (_how, params) => {
      expect(await ask(transport, alice, params)).toMatchObject({ data: ME });
    });

    it('variables come with an id as with a text', async () => {
      const answer = await ask(transport, alice, { documentId: 'b52c', variables: { first: 1 } });
      expect(answer).toMatchObject({ data: { accounts: { nodes: [] } } });
      expect(codes(await ask(transport, alice, { documentId: 'b52c' }))).toEqual(['BAD_USER_INPUT']);
    });

    it('another document is executed only where that is not required', async () => {
      const answer = await ask(transport, alice, { query: '{ viewer { subject } }' });
      if (mode === 'require') expect(codes(answer)).toEqual(['FORBIDDEN']);
      else expect(answer).toMatchObject({ data: ME });
    });

    it('an id that is not known, or of what this schema does not have, is refused', async () => {
      expect(codes(await ask(transport, alice, { documentId: 'ffff' }))).toEqual(['BAD_USER_INPUT']);
      expect(codes(await ask(transport, alice, { documentId: '__proto__' }))).toEqual(['BAD_USER_INPUT']);
      expect(codes(await ask(transport, alice, { documentId: '0e0e' }))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    });
  });

  it('a GET takes an id, too', async () => {
    const get = async (search: string): Promise<FirstAnswer> => {
      const headers = { authorization: alice.authorization ?? '', 'apollo-require-preflight': '1' };
      return (await (await fetch(`${alice.url}/graphql?${search}`, { headers })).json()) as FirstAnswer;
    };
    expect(await get('documentId=6a1f')).toMatchObject({ data: ME });
    const extensions = encodeURIComponent(JSON.stringify({ persistedQuery: { version: 1, sha256Hash: 'b52c' } }));
    expect(await get(`extensions=${extensions}&variables=%7B%22first%22%3A1%7D`)).toMatchObject({
      data: { accounts: { nodes: [] } },
    });
    expect(codes(await get('documentId=ffff'))).toEqual(['BAD_USER_INPUT']);
  });
});

describe('a manifest that is none', () => {
  const path = (): string => join(folder, 'other.json');

  it.each([
    ['is no JSON', '{', /is no JSON/],
    ['is a list', '[]', /holds something else/],
    ['has no texts', '{"a": {"text": 1}}', /"a" in .* is no text/],
    ['cannot be parsed', '{"a": "query {"}', /"a" in .* cannot be parsed: Syntax Error/],
  ])('is refused, and it is said why: it %s', async (_what, content, message) => {
    await writeFile(path(), content);
    await expect(readManifest(path())).rejects.toThrow(message);
  });

  it('keeps the server from starting', async () => {
    await rm(path(), { force: true });
    await expect(startTestApp({ env: { TRUSTED_DOCUMENTS: path() } })).rejects.toThrow(
      /^TRUSTED_DOCUMENTS: .* cannot be read/,
    );
  });
});
