/** Parses and validates documents, and caches the valid ones. */
import { GraphQLError, parse, specifiedRules, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
import { LRUCache } from 'lru-cache';

import { ApiError } from '../types/api-error.js';
import { MAX_ERRORS } from './admission.js';
import { problemOfShape } from './document-shape.js';
import { coded, withoutHttp } from './errors.js';
import type { Limits } from './limits.js';

/** Total characters of the cached documents. A parsed document takes some 50 bytes a character. */
const REMEMBERED = 500_000;

export type ReadDocument =
  { document: DocumentNode; errors: null } | { document: null; errors: readonly GraphQLError[] };

export interface DocumentReader {
  /** Why the text is refused before validation. Null also for a text that cannot be parsed. */
  problemOf(source: string): ApiError | null;
  /** The document; null, with errors, if the text is not valid in the schema. */
  read(source: string): ReadDocument;
}

export function createDocumentReader(schema: GraphQLSchema, limits: Limits): DocumentReader {
  /**
   * By text, so that all copies of an app share one document. Otherwise 10,000 phones would need 100 MB, and their
   * events would miss the processor's caches.
   */
  const valid = new LRUCache<string, DocumentNode>({
    maxSize: REMEMBERED,
    // A short document takes memory, too.
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
