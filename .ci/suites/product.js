/** The product as it is built: its schema, and the running server that start-product.js started. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const SCHEMA_FILE = join(ROOT, 'schema.graphql');
export const SECRET = 'a secret for the suites, and for nothing else';

export const schemaText = () => readFileSync(SCHEMA_FILE, 'utf8');

export const productUrl = () => process.env.PRODUCT_URL;

/** For the Authorization header: signed here with nothing but Node, so that the product does not vouch for itself. */
export function authorization(subject, ...roles) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: subject, roles, exp: Math.floor(Date.now() / 1000) + 3600 };
  const signed = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
  return `Bearer ${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}
