/** `npm run --silent token -- SUBJECT ROLE...` prints a token for this server. */
import { existsSync } from 'node:fs';

import { readConfig } from './config.js';
import { ROLES, ownSecret, signToken, type Role } from './platform/tokens.js';

if (existsSync('.env')) process.loadEnvFile('.env');

const VALID_SECONDS = 24 * 60 * 60;

const [subject, ...roles] = process.argv.slice(2);
const unknown = roles.filter((role) => !ROLES.includes(role as Role));
if (subject === undefined || roles.length === 0 || unknown.length > 0) {
  const wrong = unknown.length > 0 ? `There is no role ${unknown.join(', ')}. ` : '';
  console.error(`${wrong}Expected a subject and at least one role of ${ROLES.join(', ')}, such as: alice TRADER`);
  process.exit(1);
}
const config = readConfig(process.env);
if (config.jwksUrl !== null) {
  console.error('Tokens come from the issuer of AUTH_JWKS_URL; this server cannot sign any.');
  process.exit(1);
}
const secret = config.authSecret ?? (await ownSecret(config.dataDir));
console.log(
  await signToken(
    secret,
    { subject, roles: roles as Role[] },
    { validSeconds: VALID_SECONDS, issuer: config.authIssuer, audience: config.authAudience },
  ),
);
