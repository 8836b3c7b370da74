/**
 * The documents that a venue's own apps send. graphql-codegen's client preset writes them into a manifest
 * (`persistedDocuments`: id to text) when it builds an app. Apps may then send the id alone. Where the manifest is
 * required, no other document is executed.
 */
import { readFile } from 'node:fs/promises';

import { parse, stripIgnoredCharacters, validate, type GraphQLSchema } from 'graphql';

import type { Logger } from '../../platform/log.js';
import { ApiError, badUserInput } from '../types/api-error.js';

/** Ids are known in every mode. Off: any text is executed. Log: the same, and texts outside the manifest are logged. */
export type TrustMode = 'off' | 'log' | 'require';

/** The request of a client, over any transport. */
export interface DocumentRequest {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
}

export interface TrustedDocuments {
  /** The text to execute; null: the request has none. Throws where the id is unknown, or the text not trusted. */
  textOf(request: DocumentRequest): string | null;
}

/** Untrusted texts that are logged at most, each once. */
const MAX_LOGGED = 1_000;

/** The file cannot be used; the message says what was expected, and what came. */
export class TrustedDocumentsError extends Error {
  constructor(problem: string, cause?: unknown) {
    super(`TRUSTED_DOCUMENTS: ${problem}`, { cause });
    this.name = 'TrustedDocumentsError';
  }
}

/** Id to text. Throws TrustedDocumentsError where the file is no manifest. */
export async function readManifest(file: string): Promise<ReadonlyMap<string, string>> {
  const expected = 'expected the persisted-documents.json of graphql-codegen: an object of ids and texts';
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new TrustedDocumentsError(`${file} cannot be read (${error.message}).`);
  });
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw new TrustedDocumentsError(`${expected}; ${file} is no JSON.`, cause);
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TrustedDocumentsError(`${expected}; ${file} holds something else.`);
  }
  const documents = new Map<string, string>();
  for (const [id, document] of Object.entries(given)) {
    if (typeof document !== 'string') throw new TrustedDocumentsError(`${expected}; "${id}" in ${file} is no text.`);
    try {
      parse(document);
    } catch (cause) {
      throw new TrustedDocumentsError(`"${id}" in ${file} cannot be parsed: ${(cause as Error).message}`, cause);
    }
    documents.set(id, document);
  }
  return documents;
}

interface TrustOptions {
  readonly trustedDocuments: string | null;
  readonly trustMode: TrustMode;
}

/** Loads the configured manifest. Logs documents of newer or older apps that are not valid in this schema. */
export async function loadTrustedDocuments(
  { trustedDocuments: file, trustMode }: TrustOptions,
  schema: GraphQLSchema,
  log: Logger,
): Promise<TrustedDocuments> {
  const manifest = file === null ? new Map<string, string>() : await readManifest(file);
  const ids = [...manifest].filter(([, text]) => validate(schema, parse(text)).length > 0).map(([id]) => id);
  if (ids.length > 0) log.warn({ ids }, 'Trusted documents that this schema does not answer.');
  return createTrustedDocuments(manifest, trustMode, log);
}

export function createTrustedDocuments(
  manifest: ReadonlyMap<string, string>,
  mode: TrustMode,
  log: Logger,
): TrustedDocuments {
  // Documents that differ only in ignored characters, such as white space, are the same.
  const trusted = new Set([...manifest.values()].map(stripIgnoredCharacters));
  const logged = new Set<string>();

  const logOnce = (text: string): void => {
    const document = text.slice(0, 500);
    if (logged.size >= MAX_LOGGED || logged.has(document)) return;
    logged.add(document);
    log.warn({ document }, 'A document was executed that is not in the manifest.');
  };

  return {
    textOf: (request) => {
      const id = idOf(request);
      const { query } = request;
      const hasText = typeof query === 'string' && query !== '';
      if (id !== null) {
        const known = manifest.get(id);
        if (known !== undefined) return known;
        // Apollo's clients send id and text to register a text. This server registers none and executes the text.
        if (!hasText) throw badUserInput(`There is no trusted document with the id ${JSON.stringify(shown(id))}.`);
      }
      if (!hasText) return null;
      if (mode === 'off' || trusted.has(stripped(query))) return query;
      if (mode === 'require') {
        const message =
          'Only trusted documents are executed here: send the id or the text of one that the manifest holds.';
        throw new ApiError('FORBIDDEN', message, 403);
      }
      logOnce(query);
      return query;
    },
  };
}

/** The id as GraphQL over HTTP, or Apollo's clients, send it; null: none. */
function idOf({ documentId, extensions }: DocumentRequest): string | null {
  if (typeof documentId === 'string') return documentId;
  const { persistedQuery } = objectOf(extensions) as { persistedQuery?: { sha256Hash?: unknown } | null };
  const hash = persistedQuery?.sha256Hash;
  return typeof hash === 'string' ? hash : null;
}

/** A GET sends the extensions as JSON text. */
function objectOf(extensions: unknown): object {
  try {
    return Object(typeof extensions === 'string' ? JSON.parse(extensions) : extensions) as object;
  } catch {
    return {};
  }
}

/** Returns a text that cannot be read as it is: no manifest holds it, and the parser reports why it is invalid. */
function stripped(text: string): string {
  try {
    return stripIgnoredCharacters(text);
  } catch {
    return text;
  }
}

function shown(id: string): string {
  return id.slice(0, 100);
}
