/**
 * Authenticates a viewer by a JSON Web Token with `sub`, `roles` (an array) and `exp`. The token is signed with a
 * shared secret (HS256), or by an issuer whose public keys are at a URL.
 */
import { createSecretKey, hash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { errors, jwtVerify, SignJWT, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose';
import { LRUCache } from 'lru-cache';

import { isStorable } from './text.js';

export const ROLES = ['TRADER', 'ADMIN', 'SERVICE'] as const;
export type Role = (typeof ROLES)[number];

export interface Viewer {
  readonly subject: string;
  readonly roles: readonly Role[];
  /** When the token ends, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** The token is refused. The message says why, and holds no part of the token. */
export class InvalidTokenError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'InvalidTokenError';
  }
}

export interface TokenKeys {
  readonly find: JWTVerifyGetKey;
  /** The keys that serve now. Another object after each read, whether they changed or not; null: none serve. */
  readonly current: object | null;
}

export interface AuthOptions {
  /** The shared secret; or the keys of an issuer. */
  readonly key: string | TokenKeys;
  readonly issuer: string | null;
  readonly audience: string | null;
}

/** Reads `Bearer ...`. Null: there is no credential. Throws InvalidTokenError for a bad one. */
export type Authenticate = (authorization: string | undefined) => Promise<Viewer | null>;

const MAX_TOKEN = 8_192;
/** Verified tokens that are remembered, some 300 bytes each. */
const REMEMBERED = 20_000;
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export function createAuthenticator(options: AuthOptions): Authenticate {
  const rules: JWTVerifyOptions = {
    requiredClaims: ['sub', 'exp'],
    // Named, so that no token can choose "none", or have a public key taken for a shared secret.
    algorithms: typeof options.key === 'string' ? ['HS256'] : ASYMMETRIC,
    ...(options.issuer === null ? {} : { issuer: options.issuer }),
    ...(options.audience === null ? {} : { audience: options.audience }),
  };
  const verify = remembered(options.key, verifier(options.key, rules));
  return async (authorization) => {
    if (authorization === undefined || authorization === '') return null;
    const token = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization.slice(0, MAX_TOKEN + 1))?.[1];
    if (token === undefined || authorization.length > MAX_TOKEN) {
      throw new InvalidTokenError('The authorization must be "Bearer" and a token.');
    }
    return verify(token);
  };
}

/** Verifies a token once, until it ends or the keys are read anew. By its hash: no token stands in memory. */
function remembered(
  key: AuthOptions['key'],
  verify: (token: string) => Promise<JWTPayload>,
): (token: string) => Viewer | Promise<Viewer> {
  const viewers = new LRUCache<string, Viewer>({ max: REMEMBERED });
  const current = (): object | string | null => (typeof key === 'string' ? key : key.current);
  let verifiedWith = current();
  const verifyAnew = async (token: string, name: string): Promise<Viewer> => {
    const keys = verifiedWith;
    const viewer = viewerOf(await verify(token));
    // Keys that were read meanwhile may lack the one of this token.
    if (keys !== null && keys === current()) viewers.set(name, viewer);
    return viewer;
  };
  return (token) => {
    const keys = current();
    if (keys !== verifiedWith) viewers.clear();
    verifiedWith = keys;
    const name = hash('sha256', token, 'base64');
    const known = viewers.get(name);
    return known !== undefined && known.expiresAt > Date.now() ? known : verifyAnew(token, name);
  };
}

function verifier(key: AuthOptions['key'], rules: JWTVerifyOptions): (token: string) => Promise<JWTPayload> {
  const checkedWith = typeof key === 'string' ? createSecretKey(key, 'utf8') : key.find;
  return async (token) => {
    try {
      return (await jwtVerify(token, checkedWith, rules)).payload;
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new InvalidTokenError('The token has expired.');
      if (!(error instanceof errors.JOSEError)) throw error;
      throw new InvalidTokenError('The token is not valid here.');
    }
  };
}

function viewerOf(payload: JWTPayload): Viewer {
  const { sub, exp } = payload;
  const roles: unknown = payload['roles'];
  if (typeof sub !== 'string' || sub === '' || sub.length > 200 || !isStorable(sub) || exp === undefined) {
    throw new InvalidTokenError('The token needs a subject of 1 to 200 characters, and an expiry.');
  }
  if (!Array.isArray(roles)) throw new InvalidTokenError('The token needs `roles`, an array.');
  return { subject: sub, roles: ROLES.filter((role) => roles.includes(role)), expiresAt: exp * 1000 };
}

/** A token for the shared secret; for development, tests and the `token` command. */
export async function signToken(
  secret: string,
  viewer: { subject: string; roles: readonly Role[] },
  options: { validSeconds: number; issuer?: string | null; audience?: string | null },
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  let jwt = new SignJWT({ roles: [...viewer.roles] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(viewer.subject)
    .setIssuedAt(now)
    .setExpirationTime(now + options.validSeconds);
  if (options.issuer) jwt = jwt.setIssuer(options.issuer);
  if (options.audience) jwt = jwt.setAudience(options.audience);
  return jwt.sign(new TextEncoder().encode(secret));
}

/** The secret of a server without one in its configuration: made once, in its data folder. */
export async function ownSecret(dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  const path = join(dataDir, 'auth-secret');
  // A draft is written and then linked: nobody ever reads half a secret.
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  await writeFile(draft, randomBytes(32).toString('base64url'), { mode: 0o600 });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return readFile(path, 'utf8');
}
