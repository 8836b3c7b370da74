/** An issuer of tokens: its public keys at a URL, and what it signs with the private ones. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';

import { HOUR, inSeconds } from './tokens.js';

export interface IssuerAnswer {
  readonly status: number;
  /** Null: the key set. */
  readonly body: string | null;
  /** How long it takes. */
  readonly afterMs?: number;
}

export interface Issuer {
  /** Of the key set. */
  readonly url: string;
  readonly publicKeyPem: string;
  /** RS256, with the issuer's key unless another one is given. */
  sign(claims: JWTPayload, choice?: { key?: CryptoKey; kid?: string }): Promise<string>;
  /** How often the key set was asked for. */
  asked(): number;
  /** What it answers from now on; null: the key set. */
  answerWith(answer: IssuerAnswer | null): void;
  /** A new key takes the place of the old one, under the name "two". Returns the private key. */
  rotate(): Promise<CryptoKey>;
  close(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  let keys = await keySet(publicKey, 'one');
  let asked = 0;
  let instead: IssuerAnswer | null = null;
  const server = createServer((_request, response) => {
    asked += 1;
    const { status, body, afterMs = 0 } = instead ?? { status: 200, body: null };
    setTimeout(() => response.writeHead(status, { 'content-type': 'application/json' }).end(body ?? keys), afterMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    publicKeyPem: await exportSPKI(publicKey),
    sign: (claims, { key = privateKey, kid = 'one' } = {}) =>
      new SignJWT({ exp: inSeconds(HOUR), ...claims }).setProtectedHeader({ alg: 'RS256', kid }).sign(key),
    asked: () => asked,
    answerWith: (answer) => (instead = answer),
    rotate: async () => {
      const next = await generateKeyPair('RS256', { extractable: true });
      keys = await keySet(next.publicKey, 'two');
      return next.privateKey;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

async function keySet(key: CryptoKey, kid: string): Promise<string> {
  return JSON.stringify({ keys: [{ ...(await exportJWK(key)), kid, alg: 'RS256', use: 'sig' }] });
}
