/** Documents are parsed and validated once, for all transports, and the cache of them is bounded. */
import { describe, expect, it } from '@jest/globals';
import { parse, type DocumentNode } from 'graphql';

import { createDocumentReader, type DocumentReader } from '../../../src/api/execution/document-reader.js';
import { LIMITS } from '../../../src/api/execution/limits.js';
import { createSchema } from '../../../src/api/schema.js';

const schema = createSchema();

function reader(): DocumentReader {
  return createDocumentReader(schema, LIMITS);
}

/** As a socket reads it. */
function read(documents: DocumentReader, source: string): DocumentNode {
  const { document } = documents.read(source);
  if (document === null) throw new Error('Expected a valid document.');
  return document;
}

const SOURCE = '{ viewer { subject } }';

describe('a valid document', () => {
  it('is one object for sockets and for Apollo, whichever comes first', async () => {
    const socketFirst = reader();
    const document = read(socketFirst, SOURCE);
    expect(await socketFirst.store.get('hash')).toBeUndefined();
    await socketFirst.store.set('hash', parse(SOURCE));
    expect(await socketFirst.store.get('hash')).toBe(document);

    const apolloFirst = reader();
    const parsed = parse(SOURCE);
    await apolloFirst.store.set('hash', parsed);
    expect(read(apolloFirst, SOURCE)).toBe(parsed);
    expect(read(apolloFirst, SOURCE)).toBe(await apolloFirst.store.get('hash'));
  });

  it('is found until it is deleted', async () => {
    const { store } = reader();
    await store.set('hash', parse(SOURCE));
    await store.delete('hash');
    expect(await store.get('hash')).toBeUndefined();
  });

  it('is let go in favour of newer ones, for all transports', async () => {
    const documents = reader();
    const sourceOf = (number: number): string => `{ viewer { subject } } # ${String(number).padStart(900, '.')}`;
    for (let number = 0; number < 1_000; number++) await documents.store.set(`${number}`, parse(sourceOf(number)));
    const kept: number[] = [];
    for (let number = 0; number < 1_000; number++) {
      if ((await documents.store.get(`${number}`)) !== undefined) kept.push(number);
    }
    // 500,000 characters, of which each takes 923, and 100 for what else it needs.
    expect(kept).toHaveLength(Math.floor(500_000 / (sourceOf(0).length + 100)));
    expect(kept[0]).toBe(1_000 - kept.length);
    const first = read(documents, sourceOf(0));
    expect(read(documents, sourceOf(0))).toBe(first);
    expect(await documents.store.get(`${kept[0]}`)).toBeUndefined();
  });

  it('is not kept where its text alone would fill the cache', async () => {
    const { store } = reader();
    await store.set('hash', parse(`{ viewer { subject } } # ${'.'.repeat(500_000)}`));
    expect(await store.get('hash')).toBeUndefined();
  });
});

describe('a document that is refused', () => {
  it('is refused again with the same words', () => {
    const documents = reader();
    const [deep, invalid] = [`${'{ a '.repeat(20)}${'}'.repeat(20)}`, '{ viewer { nothing } }'];
    expect(documents.problemOf(deep)?.message).toMatch('fields in depth');
    expect(documents.problemOf(deep)?.message).toBe(documents.problemOf(deep)?.message);
    const [first, second] = [documents.read(invalid), documents.read(invalid)];
    expect(first.errors?.map((error) => error.toJSON())).toEqual(second.errors?.map((error) => error.toJSON()));
    expect(first.errors).toHaveLength(1);
  });
});
