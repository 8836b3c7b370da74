import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';

import {
  createAuthenticator,
  InvalidTokenError,
  ownSecret,
  signToken,
  type AuthOptions,
} from '../../src/platform/tokens.js';
import { TEST_SECRET } from '../support/services/api.js';
import { inSeconds, tokenOf, unsignedToken } from '../support/services/tokens.js';

const SECRET: AuthOptions = { key: TEST_SECRET, issuer: null, audience: null };
const GOOD = { sub: 'alice', roles: ['TRADER'] };

async function read(options: AuthOptions, token: string): Promise<unknown> {
  const viewer = await createAuthenticator(options)(`Bearer ${token}`);
  return viewer === null ? null : { subject: viewer.subject, roles: viewer.roles };
}

async function errorOf(options: AuthOptions, token: string): Promise<unknown> {
  return createAuthenticator(options)(`Bearer ${token}`).then(
    () => 'It was let in.',
    (error: unknown) => error,
  );
}

async function expectRefused(options: AuthOptions, token: string, why: RegExp): Promise<void> {
  const error = await errorOf(options, token);
  expect(error).toBeInstanceOf(InvalidTokenError);
  expect((error as Error).message).toMatch(why);
}

describe('a token of the shared secret', () => {
  it('says who asks, and until when', async () => {
    const exp = inSeconds(600);
    const viewer = await createAuthenticator(SECRET)(`Bearer ${await tokenOf({ ...GOOD, exp })}`);
    expect(viewer).toEqual({ subject: 'alice', roles: ['TRADER'], expiresAt: exp * 1_000 });
  });

  it('is what signToken makes', async () => {
    const token = await signToken(TEST_SECRET, { subject: 'root', roles: ['ADMIN', 'SERVICE'] }, { validSeconds: 60 });
    expect(await read(SECRET, token)).toEqual({ subject: 'root', roles: ['ADMIN', 'SERVICE'] });
  });

  it('keeps the roles that are known here, in one order, each once', async () => {
    const roles = ['SERVICE', 'nobody', 'trader', 'TRADER', 5, null, ['ADMIN'], 'SERVICE', '__proto__'];
    expect(await read(SECRET, await tokenOf({ sub: 'x', roles }))).toEqual({
      subject: 'x',
      roles: ['TRADER', 'SERVICE'],
    });
    expect(await read(SECRET, await tokenOf({ sub: 'x', roles: [] }))).toEqual({ subject: 'x', roles: [] });
  });

  it.each<[string, () => string | Promise<string>, RegExp]>([
    ['that has expired', () => tokenOf({ ...GOOD, exp: inSeconds(-1) }), /has expired/],
    ['of another secret', () => tokenOf(GOOD, 'another secret of at least 32 characters'), /not valid here/],
    ['of nobody: alg none', () => unsignedToken(GOOD), /not valid here|must be/],
    ['of nobody, with an invented signature', () => `${unsignedToken(GOOD)}AAAA`, /not valid here/],
    ['of another algorithm than agreed', () => hs512(), /not valid here/],
    ['that begins later', () => tokenOf({ ...GOOD, nbf: inSeconds(60) }), /not valid here/],
    ['without an expiry', () => tokenOf({ ...GOOD, exp: undefined as never }), /not valid here/],
    ['with an expiry that is no number', () => tokenOf({ ...GOOD, exp: 'never' as never }), /not valid here/],
    ['without a subject', () => tokenOf({ roles: ['TRADER'] }), /not valid here/],
    ['with an empty subject', () => tokenOf({ ...GOOD, sub: '' }), /subject of 1 to 200/],
    ['with a subject of 201 characters', () => tokenOf({ ...GOOD, sub: 'x'.repeat(201) }), /subject of 1 to 200/],
    ['with a subject that is a number', () => tokenOf({ ...GOOD, sub: 5 as never }), /subject of 1 to 200/],
    ['with NUL in the subject', () => tokenOf({ ...GOOD, sub: 'alice\0' }), /subject of 1 to 200/],
    ['without roles', () => tokenOf({ sub: 'alice' }), /`roles`, an array/],
    ['with roles as one text', () => tokenOf({ sub: 'alice', roles: 'ADMIN' }), /`roles`, an array/],
    ['with roles as an object', () => tokenOf({ sub: 'alice', roles: { 0: 'ADMIN' } }), /`roles`, an array/],
    ['that was changed', async () => swapped(await tokenOf(GOOD)), /not valid here/],
    ['that is no token', () => 'x', /not valid here/],
    ['of three empty parts', () => '..', /not valid here/],
    ['of a megabyte', () => 'x'.repeat(1_000_000), /must be "Bearer" and a token/],
    ['with a line break', () => 'a\nb', /must be "Bearer" and a token/],
  ])('is refused: one %s', async (_what, token, why) => {
    await expectRefused(SECRET, await token(), why);
  });

  it('is refused without repeating any of it', async () => {
    const token = await tokenOf({ sub: 'a subject of its own', roles: ['ADMIN'] }, 'x'.repeat(32));
    const refusal = String(await errorOf(SECRET, token));
    expect(refusal).toContain('not valid here');
    expect(refusal).not.toContain(token.slice(0, 10));
    expect(refusal).not.toContain('subject of its own');
  });
});

describe('an authorization', () => {
  const authenticate = createAuthenticator(SECRET);

  it.each([undefined, ''])('of nothing is nobody: %j', async (nothing) => {
    expect(await authenticate(nothing)).toBeNull();
  });

  it.each(['Bearer', 'Bearer ', 'Basic YTpi', ' ', 'bearer: x', 'Bearer a b', 'Token x', 'null'])(
    'of another form is refused, and not taken for nobody: %j',
    async (text) => {
      await expect(authenticate(text)).rejects.toThrow(InvalidTokenError);
    },
  );

  it('may be written in lower case', async () => {
    expect(await authenticate(`bearer ${await tokenOf(GOOD)}`)).toMatchObject({ subject: 'alice' });
  });
});

describe('issuer and audience', () => {
  const strict: AuthOptions = { ...SECRET, issuer: 'https://issuer.example', audience: 'plimsoll' };
  const right = { ...GOOD, iss: 'https://issuer.example', aud: 'plimsoll' };

  it('are checked where they are configured', async () => {
    expect(await read(strict, await tokenOf(right))).toMatchObject({ subject: 'alice' });
    expect(await read(strict, await tokenOf({ ...right, aud: ['other', 'plimsoll'] }))).toMatchObject({
      subject: 'alice',
    });
  });

  it.each<[string, object]>([
    ['another issuer', { iss: 'https://evil.example' }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'other' }],
    ['no audience', { aud: undefined }],
    ['an audience that only begins so', { aud: 'plimsoll2' }],
  ])('refuse %s', async (_what, wrong) => {
    await expectRefused(strict, await tokenOf({ ...right, ...wrong }), /not valid here/);
  });

  it('are not asked for where they are not', async () => {
    expect(await read(SECRET, await tokenOf({ ...right, iss: 'any', aud: 'any' }))).toMatchObject({ subject: 'alice' });
  });
});

describe("a server's own secret", () => {
  it('is made once, is long, and is for its owner only', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'plimsoll-secret-'));
    try {
      const path = join(folder, 'data');
      const secrets = await Promise.all(Array.from({ length: 8 }, () => ownSecret(path)));
      expect(new Set(secrets).size).toBe(1);
      // 32 random bytes.
      expect(secrets[0]).toMatch(/^[\w-]{43}$/);
      expect((await stat(join(path, 'auth-secret'))).mode & 0o777).toBe(0o600);
      expect(await readFile(join(path, 'auth-secret'), 'utf8')).toBe(secrets[0]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

function hs512(): Promise<string> {
  const jwt = new SignJWT({ ...GOOD, exp: inSeconds(60) }).setProtectedHeader({ alg: 'HS512' });
  return jwt.sign(new TextEncoder().encode(TEST_SECRET));
}

/** The same signature under another payload. */
function swapped(token: string): string {
  const [header, , signature] = token.split('.');
  const payload = Buffer.from(JSON.stringify({ ...GOOD, roles: ['ADMIN'], exp: inSeconds(60) })).toString('base64url');
  return [header, payload, signature].join('.');
}
