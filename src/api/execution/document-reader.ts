/** From a text to a valid document of the schema. */
import { GraphQLError, parse, specifiedRules, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';

import { ApiError } from '../types/api-error.js';
import { MAX_ERRORS } from './admission.js';
import { problemOfShape } from './document-shape.js';
import { coded, withoutHttp } from './errors.js';
import type { Limits } from './limits.js';

/** Characters of all valid documents that are remembered; parsed, each takes some 50 bytes for one. */
const REMEMBERED = 500_000;

export type ReadDocument =
  { document: DocumentNode; errors: null } | { document: null; errors: readonly GraphQLError[] };

export interface DocumentReader {
  /** Why a text is not even to be validated; null also for one that cannot be parsed. */
  problemOf(source: string): ApiError | null;
  /** Null and errors, where the text is no document of the schema. */
  read(source: string): ReadDocument;
}

export function createDocumentReader(schema: GraphQLSchema, limits: Limits): DocumentReader {
  /**
   * By their text, so that apps that are alike share one: 10,000 documents of 10,000 phones would be 100 MB, of which
   * every event takes another part through the processor's caches.
   */
  const valid = new LRUCache<string, DocumentNode>({
    maxSize: REMEMBERED,
    // What is short takes its place, too.
    sizeCalculation: (_document, source) => source.length + 100,
  });
  return {
    problemOf: (source) => {
      const document = parsed(source, limits);
      return document instanceof ApiError ? document : null;
    },
    read: (source) => {
      const known = valid.get(source);
      if (known !== undefined) return { document: known, errors: null };
      const document = parsed(source, limits);
      if (document instanceof GraphQLError) return { document: null, errors: [withoutHttp(document)] };
      const errors = validate(schema, document, specifiedRules, { maxErrors: MAX_ERRORS });
      if (errors.length > 0) {
        const refused = errors.map((error) => withoutHttp(coded(error, 'GRAPHQL_VALIDATION_FAILED')));
        return { document: null, errors: refused };
      }
      valid.set(source, document);
      return { document, errors: null };
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
