/** An issuer of tokens: its public keys at a URL, and what it signs with the private ones. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';

import { HOUR, inSeconds } from './tokens.js';

export interface Issuer {
  /** Of the key set. */
  readonly url: string;
  readonly publicKeyPem: string;
  /** RS256, with the issuer's key unless another one is given. */
  sign(claims: JWTPayload, choice?: { key?: CryptoKey; kid?: string }): Promise<string>;
  /** How often the key set was asked for. */
  asked(): number;
  /** What it answers from now on; null: the key set. */
  answerWith(answer: { readonly status: number; readonly body: string } | null): void;
  close(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }] });
  let asked = 0;
  let instead: { readonly status: number; readonly body: string } | null = null;
  const server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(instead?.status ?? 200, { 'content-type': 'application/json' }).end(instead?.body ?? keys);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    publicKeyPem: await exportSPKI(publicKey),
    sign: (claims, { key = privateKey, kid = 'one' } = {}) =>
      new SignJWT({ exp: inSeconds(HOUR), ...claims }).setProtectedHeader({ alg: 'RS256', kid }).sign(key),
    asked: () => asked,
    answerWith: (answer) => (instead = answer),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
