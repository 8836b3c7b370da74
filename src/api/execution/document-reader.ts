/** Parses and validates documents, and caches the valid ones for all transports. */
import { GraphQLError, parse, specifiedRules, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';

import { ApiError } from '../types/api-error.js';
import { problemOfShape } from './document-shape.js';
import { coded, withoutHttp } from './errors.js';
import type { Limits } from './limits.js';
import { MAX_ERRORS } from '../documents/prepared-document.js';

/** Total characters of the cached documents. A parsed and planned one takes some 110 bytes a character. */
const REMEMBERED = 500_000;

export type ReadDocument =
  { document: DocumentNode; errors: null } | { document: null; errors: readonly GraphQLError[] };

/** Keeps valid documents for Apollo, which finds them by a hash of their text. */
export interface DocumentStore {
  get(key: string): Promise<DocumentNode | undefined>;
  set(key: string, document: DocumentNode): Promise<void>;
  delete(key: string): Promise<void>;
}

export interface DocumentReader {
  /** Why the text is refused before validation. Null also for a text that cannot be parsed. */
  problemOf(source: string): ApiError | null;
  /** The document; null, with errors, if the text is not valid in the schema. */
  read(source: string): ReadDocument;
  readonly store: DocumentStore;
}

interface Kept {
  readonly document: DocumentNode;
  /** Null: Apollo has not asked for it yet. */
  key: string | null;
}

export function createDocumentReader(schema: GraphQLSchema, limits: Limits): DocumentReader {
  const sources = new Map<string, string>();
  /**
   * By text, so that all copies of an app share one document, over all transports. Otherwise 10,000 phones would need
   * 100 MB, and their events would miss the processor's caches.
   */
  const valid = new LRUCache<string, Kept>({
    maxSize: REMEMBERED,
    // A short document takes memory, too.
    sizeCalculation: (_kept, source) => source.length + 100,
    dispose: ({ key }) => void (key === null || sources.delete(key)),
  });
  return {
    problemOf: (source) => {
      if (valid.has(source)) return null;
      const document = parsed(source, limits);
      return document instanceof ApiError ? document : null;
    },
    read: (source) => {
      const known = valid.get(source);
      if (known !== undefined) return { document: known.document, errors: null };
      const document = parsed(source, limits);
      if (document instanceof GraphQLError) return { document: null, errors: [withoutHttp(document)] };
      const errors = validate(schema, document, specifiedRules, { maxErrors: MAX_ERRORS });
      if (errors.length > 0) {
        const refused = errors.map((error) => withoutHttp(coded(error, 'GRAPHQL_VALIDATION_FAILED')));
        return { document: null, errors: refused };
      }
      valid.set(source, { document, key: null });
      return { document, errors: null };
    },
    store: {
      get: async (key) => {
        const source = sources.get(key);
        return source === undefined ? undefined : valid.get(source)?.document;
      },
      set: async (key, document) => {
        const source = document.loc?.source.body;
        if (source === undefined) throw new Error('Expected a document that knows its text.');
        const kept = valid.get(source) ?? { document, key };
        kept.key = key;
        valid.set(source, kept);
        // A text that is too long for the cache is not kept.
        if (valid.has(source)) sources.set(key, source);
      },
      delete: async (key) => {
        const source = sources.get(key);
        if (source !== undefined) valid.delete(source);
      },
    },
  };
}

/** The document, if it may be validated. */
function parsed(source: string, limits: Limits): DocumentNode | GraphQLError {
  try {
    const document = parse(source, { maxTokens: limits.tokens });
    return problemOfShape(document, limits) ?? document;
  } catch (error) {
    return coded(error as GraphQLError, 'GRAPHQL_PARSE_FAILED');
  }
}
