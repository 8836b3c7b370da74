/**
 * The documents that a venue's own apps send, from the manifest that graphql-codegen's client preset writes when it
 * builds them (`persistedDocuments`: id to text). Apps may then send the id alone; and where the manifest is required,
 * nothing else is executed, so that nobody can ask what no app asks.
 */
import { readFile } from 'node:fs/promises';

import { parse, stripIgnoredCharacters, validate, type GraphQLSchema } from 'graphql';

import type { Logger } from '../../platform/log.js';
import { ApiError, badUserInput } from '../types/api-error.js';

/** Off: any text is executed, and ids are known all the same. Log: so is what is not in the manifest, with a warning. */
export type TrustMode = 'off' | 'log' | 'require';

/** As a client may send it, over whatever transport. */
export interface DocumentRequest {
  readonly query?: unknown;
  readonly documentId?: unknown;
  readonly extensions?: unknown;
}

export interface TrustedDocuments {
  /** The text to execute; null: none is named. Throws where the id is not known, or the text not trusted. */
  textOf(request: DocumentRequest): string | null;
}

/** As many texts that are not trusted are told in the log, each once. */
const MAX_LOGGED = 1_000;

/** Id to text. Throws with what was expected where the file is no manifest. */
export async function readManifest(file: string): Promise<ReadonlyMap<string, string>> {
  const expected = 'expected the persisted-documents.json of graphql-codegen: an object of ids and texts';
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Error(`TRUSTED_DOCUMENTS: ${file} cannot be read (${error.message}).`);
  });
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (cause) {
    throw new Error(`TRUSTED_DOCUMENTS: ${expected}; ${file} is no JSON.`, { cause });
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Error(`TRUSTED_DOCUMENTS: ${expected}; ${file} holds something else.`);
  }
  const documents = new Map<string, string>();
  for (const [id, document] of Object.entries(given)) {
    if (typeof document !== 'string') throw new Error(`TRUSTED_DOCUMENTS: ${expected}; "${id}" in ${file} is no text.`);
    try {
      parse(document);
    } catch (cause) {
      throw new Error(`TRUSTED_DOCUMENTS: "${id}" in ${file} cannot be parsed: ${(cause as Error).message}`, { cause });
    }
    documents.set(id, document);
  }
  return documents;
}

interface TrustOptions {
  readonly trustedDocuments: string | null;
  readonly trustMode: TrustMode;
}

/** As it is configured. What this schema does not answer, of apps that are newer or older, is told in the log. */
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
  // Printed in another way it is the same document.
  const trusted = new Set([...manifest.values()].map(stripIgnoredCharacters));
  const told = new Set<string>();

  const logOnce = (text: string): void => {
    const document = text.slice(0, 500);
    if (told.size >= MAX_LOGGED || told.has(document)) return;
    told.add(document);
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
        // A client of Apollo's sends both where it wants a text to be remembered; here none is.
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

/** Of GraphQL over HTTP, of Apollo's clients, or null. */
function idOf({ documentId, extensions }: DocumentRequest): string | null {
  if (typeof documentId === 'string') return documentId;
  const { persistedQuery } = objectOf(extensions) as { persistedQuery?: { sha256Hash?: unknown } | null };
  const hash = persistedQuery?.sha256Hash;
  return typeof hash === 'string' ? hash : null;
}

/** With a GET they come as a text. */
function objectOf(extensions: unknown): object {
  try {
    return Object(typeof extensions === 'string' ? JSON.parse(extensions) : extensions) as object;
  } catch {
    return {};
  }
}

/** What cannot be read is trusted by nobody; why it cannot is told where it is parsed. */
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
