/**
 * The public keys of a token issuer. They are read in the background, so that no token of a known key waits for the
 * issuer. While the issuer is away the last good set serves on, up to a configured age.
 */
import { createRemoteJWKSet, customFetch, errors, jwksCache, type ExportedJWKSCache, type JWTVerifyGetKey } from 'jose';

import type { Closers } from './closers.js';
import type { Logger } from './log.js';
import type { Problem, Problems } from './problems.js';
import { growingPause, retry, sleep } from './retry.js';
import { ownSecret, type TokenKeys } from './tokens.js';

export interface IssuerKeysOptions {
  readonly url: string;
  /** How old the last good set may be and still serve. */
  readonly maxAgeMs: number;
  readonly log: Logger;
}

/** The keys are read this often, and at least four times within their greatest age. */
const REFRESH_MS = 300_000;
/** How long one read may take. */
const READ_MS = 10_000;
/** How long a token of an unknown key waits for a read. */
const PATIENCE_MS = 1_000;
/** How long after a read an unknown key makes no further one: forged tokens must not press on the issuer. */
const COOLDOWN_MS = 10_000;
/** The same after a read that failed. */
const FAILED_COOLDOWN_MS = 500;
const retryPause = growingPause(1_000, 30_000);

/** It is not known whether the issuer has this token's key: the token may be valid or not. */
export class KeysAwayError extends Error {
  constructor(cause: unknown) {
    super('The keys of the token issuer could not be read.', { cause });
    this.name = 'KeysAwayError';
  }
}

/** Codes of failed reads. All other errors of `jose` are of the token. */
const READ_FAILED = new Set([errors.JWKSTimeout.code, errors.JWKSInvalid.code, errors.JOSEError.code]);

export class IssuerKeys implements TokenKeys {
  /** `jose` writes the last good set here, and when it was read. */
  private readonly cache: ExportedJWKSCache | Record<string, never> = {};
  private readonly remote: ReturnType<typeof createRemoteJWKSet>;
  private readonly refreshMs: number;
  private readonly closing = new AbortController();
  private failed: { readonly error: unknown; readonly until: number } | null = null;

  /** Reads the keys in the background. */
  constructor(private readonly options: IssuerKeysOptions) {
    this.refreshMs = Math.min(REFRESH_MS, options.maxAgeMs / 4);
    this.remote = createRemoteJWKSet(new URL(options.url), {
      cacheMaxAge: options.maxAgeMs,
      timeoutDuration: READ_MS,
      cooldownDuration: COOLDOWN_MS,
      [jwksCache]: this.cache,
      [customFetch]: (url, request) => this.fetch(url, request),
    });
    void this.run();
  }

  /** The key of a token. Throws KeysAwayError. */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new KeysAwayError('no answer in time')), PATIENCE_MS);
    });
    try {
      return await Promise.race([this.remote(header, token), tooLate]);
    } catch (error) {
      if (error instanceof errors.JOSEError && !READ_FAILED.has(error.code)) throw error;
      throw error instanceof KeysAwayError ? error : new KeysAwayError(error);
    } finally {
      clearTimeout(timer);
    }
  };

  get current(): object | null {
    const { jwks = null } = this.cache;
    return this.remote.fresh ? jwks : null;
  }

  /** Null while the keys are as new as they should be. */
  problem(): Problem | null {
    const { uat } = this.cache;
    if (uat === undefined || !this.remote.fresh) {
      return { message: 'No keys of the token issuer serve: no token can be checked.', status: 'unavailable' };
    }
    const age = Date.now() - uat;
    if (age < 2 * this.refreshMs) return null;
    const message =
      `The keys of the token issuer are ${Math.round(age / 1_000)} s old and could not be read anew; ` +
      `they serve for ${Math.round((this.options.maxAgeMs - age) / 1_000)} s more.`;
    return { message, status: 'degraded' };
  }

  close(): void {
    this.closing.abort();
  }

  private async run(): Promise<void> {
    const { signal } = this.closing;
    const onError = (error: unknown, failures: number): void => {
      if (failures === 1) {
        this.options.log.warn(
          { err: error },
          'The keys of the token issuer could not be read; the last ones serve on.',
        );
      }
    };
    while (!signal.aborted) {
      // Ends by an error only at the close.
      await retry(() => this.remote.reload(), { pause: retryPause, signal, onError }).catch(() => undefined);
      await sleep(this.refreshMs, signal);
    }
  }

  private async fetch(...[url, request]: Parameters<typeof fetch>): Promise<Response> {
    if (this.failed !== null && performance.now() < this.failed.until) throw this.failed.error;
    const signals = [this.closing.signal, ...(request?.signal == null ? [] : [request.signal])];
    try {
      const response = await fetch(url, { ...request, signal: AbortSignal.any(signals) });
      if (response.status !== 200) throw new Error(`The token issuer answered ${response.status}.`);
      this.failed = null;
      return response;
    } catch (error) {
      this.failed = { error, until: performance.now() + FAILED_COOLDOWN_MS };
      throw error;
    }
  }
}

/** What tokens are checked with: a shared secret, or the keys of an issuer. */
export type TokenKey = string | IssuerKeys;

export interface TokenKeyChoice {
  /** Null: there is no issuer. */
  readonly jwksUrl: string | null;
  readonly jwksMaxAgeMs: number;
  /** Null: the server makes one in `dataDir`. */
  readonly authSecret: string | null;
  readonly dataDir: string;
}

export async function openTokenKey(
  { jwksUrl: url, jwksMaxAgeMs: maxAgeMs, authSecret, dataDir }: TokenKeyChoice,
  { log, closers, problems }: { readonly log: Logger; readonly closers: Closers; readonly problems: Problems },
): Promise<TokenKey> {
  if (url === null) return authSecret ?? ownSecret(dataDir);
  const keys = new IssuerKeys({ url, maxAgeMs, log });
  closers.add(() => keys.close());
  problems.add('ISSUER_AWAY', () => keys.problem());
  return keys;
}
