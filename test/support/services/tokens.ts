/** Tokens that an honest issuer would not sign, beside those that it would. */
import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';

import { TEST_SECRET } from './api.js';

export const HOUR = 3_600;
export const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;

/** Of the test's secret and an hour; claims that are given as undefined are left out. */
export function tokenOf(claims: JWTPayload, secret: string = TEST_SECRET): Promise<string> {
  const payload = { exp: inSeconds(HOUR), ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
}

/** `alg: none`: a token that nobody signed. */
export function unsignedToken(claims: JWTPayload): string {
  return new UnsecuredJWT({ exp: inSeconds(HOUR), ...claims }).encode();
}
