/** The keys of an issuer that is right, wrong, slow or away; the issuer is a server of the test's own. */
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { generateKeyPair } from 'jose';

import { IssuerKeys, KeysAwayError } from '../../src/platform/issuer-keys.js';
import { createLogger } from '../../src/platform/log.js';
import { createAuthenticator, InvalidTokenError, type Authenticate } from '../../src/platform/tokens.js';
import { startIssuer, type Issuer } from '../support/services/jwks.js';
import { inSeconds, tokenOf, unsignedToken } from '../support/services/tokens.js';
import { until } from '../support/until.js';

const HOUR_MS = 3_600_000;
const GOOD = { sub: 'alice', roles: ['TRADER'], exp: inSeconds(48 * 3_600) };
const LET_IN = 'let in';

let issuer: Issuer;
const opened: IssuerKeys[] = [];

beforeEach(async () => {
  issuer = await startIssuer();
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const keys of opened.splice(0)) keys.close();
  await issuer.close();
});

function openKeys(maxAgeMs = 12 * HOUR_MS): IssuerKeys {
  const keys = new IssuerKeys({ url: issuer.url, maxAgeMs, log: createLogger('silent') });
  opened.push(keys);
  return keys;
}

/** What becomes of a token: that it was let in, or the error. */
async function fate(keys: IssuerKeys, token: string): Promise<unknown> {
  return createAuthenticator({ key: keys, issuer: null, audience: null })(`Bearer ${token}`).then(
    () => LET_IN,
    (error: unknown) => error,
  );
}

async function openWithKeys(maxAgeMs?: number): Promise<IssuerKeys> {
  const keys = openKeys(maxAgeMs);
  expect(await fate(keys, await issuer.sign(GOOD))).toBe(LET_IN);
  return keys;
}

async function expectRefused(keys: IssuerKeys, token: string, why = /not valid here/): Promise<void> {
  const error = await fate(keys, token);
  expect(error).toBeInstanceOf(InvalidTokenError);
  expect((error as Error).message).toMatch(why);
}

async function msOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

describe('keys that were read', () => {
  it('let in nothing for which a public key was taken for a secret, and the issuer is not asked', async () => {
    const keys = await openWithKeys();
    const asked = issuer.asked();
    // The old trick: sign by HMAC with the public key, which everybody has.
    for (const secret of [issuer.publicKeyPem, issuer.publicKeyPem.trim()]) {
      await expectRefused(keys, await tokenOf(GOOD, secret));
    }
    await expectRefused(keys, await tokenOf(GOOD));
    await expectRefused(keys, `${unsignedToken(GOOD)}AAAA`);
    expect(issuer.asked()).toBe(asked);
  });

  it('let in nothing of another key, under their name or under another', async () => {
    const keys = await openWithKeys();
    const { privateKey: key } = await generateKeyPair('RS256');
    await expectRefused(keys, await issuer.sign(GOOD, { key }));
    await expectRefused(keys, await issuer.sign(GOOD, { key, kid: 'two' }));
    await expectRefused(keys, await issuer.sign({ ...GOOD, exp: inSeconds(-1) }), /has expired/);
  });

  it('serve on while the issuer fails for eleven minutes, and for no longer than is configured', async () => {
    const keys = await openWithKeys();
    const token = await issuer.sign(GOOD);
    issuer.answerWith({ status: 500, body: 'oops' });
    const now = Date.now();
    const minutes = jest.spyOn(Date, 'now');
    minutes.mockReturnValue(now + 11 * 60_000);
    expect(await fate(keys, token)).toBe(LET_IN);
    expect(keys.problem()).toMatchObject({ status: 'degraded', message: expect.stringContaining('are 660 s old') });
    minutes.mockReturnValue(now + 12 * HOUR_MS + 1_000);
    expect(await fate(keys, token)).toBeInstanceOf(KeysAwayError);
    expect(keys.problem()).toMatchObject({ status: 'unavailable' });
  });

  it('make no token of them wait for an issuer that is slow or gone', async () => {
    const keys = await openWithKeys(1_000);
    const token = await issuer.sign(GOOD);
    issuer.answerWith({ status: 200, body: null, afterMs: 800 });
    const asked = issuer.asked();
    // Within a second the keys are read anew several times, each one slow.
    for (let times = 0; times < 40; times++) {
      expect(await msOf(async () => expect(await fate(keys, token)).toBe(LET_IN))).toBeLessThan(700);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(issuer.asked()).toBeGreaterThan(asked);
  });

  it('are read anew when the issuer answers again', async () => {
    const keys = await openWithKeys(2_000);
    issuer.answerWith({ status: 500, body: 'oops' });
    await until(async () => keys.problem()?.status === 'degraded');
    await until(async () => keys.problem()?.status === 'unavailable');
    issuer.answerWith(null);
    await until(async () => keys.problem() === null);
    expect(await fate(keys, await issuer.sign(GOOD))).toBe(LET_IN);
  });
});

describe('a token that was verified', () => {
  const authenticatorOf = (keys: IssuerKeys): Authenticate =>
    createAuthenticator({ key: keys, issuer: null, audience: null });

  it('is not verified again while the keys stand, and its neighbours are', async () => {
    const keys = await openWithKeys();
    const find = jest.spyOn(keys, 'find');
    const authenticate = authenticatorOf(keys);
    const token = await issuer.sign(GOOD);
    const viewer = await authenticate(`Bearer ${token}`);
    expect(await authenticate(`Bearer ${token}`)).toBe(viewer);
    expect(await authenticate(`bearer  ${token}`)).toBe(viewer);
    expect(find).toHaveBeenCalledTimes(1);
    const { privateKey: key } = await generateKeyPair('RS256');
    for (const forged of [`${token}x`, token.slice(0, -2), await issuer.sign(GOOD, { key })]) {
      await expect(authenticate(`Bearer ${forged}`)).rejects.toThrow(/not valid here/);
    }
    expect(find).toHaveBeenCalledTimes(4);
  });

  it('stops working when its key is withdrawn', async () => {
    // Read anew four times a second.
    const keys = await openWithKeys(1_000);
    const authenticate = authenticatorOf(keys);
    const old = `Bearer ${await issuer.sign(GOOD)}`;
    expect(await authenticate(old)).toMatchObject({ subject: 'alice' });
    const key = await issuer.rotate();
    await until(async () => (await authenticate(old).catch((error: unknown) => error)) instanceof InvalidTokenError);
    await expect(authenticate(old)).rejects.toThrow(/not valid here/);
    expect(await authenticate(`Bearer ${await issuer.sign(GOOD, { key, kid: 'two' })}`)).not.toBeNull();
  });

  it('stops working when its key is withdrawn while it is verified', async () => {
    const keys = await openWithKeys(1_000);
    const old = `Bearer ${await issuer.sign(GOOD)}`;
    const { find } = keys;
    jest.spyOn(keys, 'find').mockImplementationOnce(async (...asked) => {
      const found = await find(...asked);
      const before = keys.current;
      await issuer.rotate();
      await until(() => keys.current !== before);
      return found;
    });
    const authenticate = authenticatorOf(keys);
    expect(await authenticate(old)).toMatchObject({ subject: 'alice' });
    await until(async () => (await authenticate(old).catch((error: unknown) => error)) instanceof InvalidTokenError);
  });

  it('stops working when it ends, and when the keys serve no more', async () => {
    const keys = await openWithKeys();
    const authenticate = authenticatorOf(keys);
    const short = `Bearer ${await issuer.sign({ ...GOOD, exp: inSeconds(2) })}`;
    const long = `Bearer ${await issuer.sign(GOOD)}`;
    for (const token of [short, long]) expect(await authenticate(token)).toMatchObject({ subject: 'alice' });
    await until(async () => (await authenticate(short).catch((error: unknown) => error)) instanceof InvalidTokenError);
    await expect(authenticate(short)).rejects.toThrow(/has expired/);
    expect(await authenticate(long)).toMatchObject({ subject: 'alice' });
    issuer.answerWith({ status: 500, body: 'oops' });
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 12 * HOUR_MS + 1_000);
    await expect(authenticate(long)).rejects.toThrow(KeysAwayError);
  });
});

describe('a token of a key that is not known', () => {
  it('is let in after one question to the issuer', async () => {
    const now = Date.now();
    const keys = await openWithKeys();
    const key = await issuer.rotate();
    jest.spyOn(Date, 'now').mockReturnValue(now + 60_000);
    expect(await fate(keys, await issuer.sign(GOOD, { key, kid: 'two' }))).toBe(LET_IN);
    await expectRefused(keys, await issuer.sign(GOOD));
  });

  it('waits a second at most for an issuer that is slow, and holds up no other token', async () => {
    const keys = await openWithKeys();
    const { privateKey: key } = await generateKeyPair('RS256');
    const [known, unknown] = [await issuer.sign(GOOD), await issuer.sign(GOOD, { key, kid: 'two' })];
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
    issuer.answerWith({ status: 200, body: null, afterMs: 3_000 });
    const waiting = msOf(async () => expect(await fate(keys, unknown)).toBeInstanceOf(KeysAwayError));
    expect(await msOf(async () => expect(await fate(keys, known)).toBe(LET_IN))).toBeLessThan(900);
    expect(await waiting).toBeLessThan(2_800);
  });

  it('makes no more questions than two a second to an issuer that fails', async () => {
    const keys = await openWithKeys();
    const { privateKey: key } = await generateKeyPair('RS256');
    const unknown = await issuer.sign(GOOD, { key, kid: 'two' });
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 60_000);
    issuer.answerWith({ status: 500, body: 'oops' });
    const asked = issuer.asked();
    const took = await msOf(async () => {
      for (let times = 0; times < 50; times++) expect(await fate(keys, unknown)).toBeInstanceOf(KeysAwayError);
    });
    expect(issuer.asked() - asked).toBeLessThanOrEqual(1 + took / 500);
  });
});

describe('an issuer that never gave keys', () => {
  it.each([
    ['answers 500', { status: 500, body: 'oops' }],
    ['answers 404', { status: 404, body: '{}' }],
    ['answers no JSON', { status: 200, body: '<html>' }],
    ['answers no key set', { status: 200, body: '{"keys":5}' }],
  ])('and %s makes no token invalid: it cannot be checked', async (_what, answer) => {
    issuer.answerWith(answer);
    const keys = openKeys();
    expect(await fate(keys, await issuer.sign(GOOD))).toBeInstanceOf(KeysAwayError);
    expect(keys.problem()).toMatchObject({ status: 'unavailable' });
  });

  it('is asked again within a second', async () => {
    issuer.answerWith({ status: 500, body: 'oops' });
    const keys = openKeys();
    expect(await fate(keys, await issuer.sign(GOOD))).toBeInstanceOf(KeysAwayError);
    issuer.answerWith(null);
    await until(() => keys.problem() === null);
    expect(await fate(keys, await issuer.sign(GOOD))).toBe(LET_IN);
  });

  it('and is gone makes no token invalid either', async () => {
    const token = await issuer.sign(GOOD);
    await issuer.close();
    expect(await fate(openKeys(), token)).toBeInstanceOf(KeysAwayError);
    issuer = await startIssuer();
  });
});
