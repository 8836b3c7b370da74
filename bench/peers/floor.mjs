/** The floor: node:http and graphql-jit over accounts in memory, as they were at its start. It answers no margin. */
import { createServer } from 'node:http';

import { buildSchema, isScalarType, parse } from 'graphql';
import { compileQuery } from 'graphql-jit';
import pg from 'pg';

import { TYPES, resolversOf } from './schema.mjs';
import { viewerOf } from './viewer.mjs';

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
const rowsOf = async (sql) => (await client.query(sql)).rows;
const accounts = new Map();
const byOwner = new Map();
const venues = new Map((await rowsOf('SELECT code, name FROM venues')).map((venue) => [venue.code, venue]));
for (const row of await rowsOf(`
  SELECT id, name, owner, venue_code, collateral_mode, position_mode, opened_at FROM accounts ORDER BY id`)) {
  accounts.set(row.id, row);
  const owned = byOwner.get(row.owner);
  if (owned === undefined) byOwner.set(row.owner, [row]);
  else owned.push(row);
}
await client.end();

const schema = buildSchema(TYPES);
const source = {
  venues,
  account: (id, owner) => {
    const row = accounts.get(id);
    return row?.owner === owner ? row : null;
  },
  accounts: (owner, limit) => (byOwner.get(owner) ?? []).slice(0, limit),
};
for (const [name, declared] of Object.entries(resolversOf(source, null))) {
  const type = schema.getType(name);
  if (isScalarType(type)) type.serialize = declared.serialize;
  else for (const [field, resolve] of Object.entries(declared)) type.getFields()[field].resolve = resolve;
}

const compiled = new Map();
function compiledOf(query) {
  const known = compiled.get(query);
  if (known !== undefined) return known;
  const made = compileQuery(schema, parse(query));
  compiled.set(query, made);
  return made;
}

createServer((request, response) => {
  if (request.url === '/readyz') return void response.end('{"status":"ok"}');
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const viewer = viewerOf(request.headers.authorization);
    const { query, variables } = JSON.parse(Buffer.concat(chunks).toString());
    const body = JSON.stringify(await compiledOf(query).query({}, { viewer }, variables ?? {}));
    const length = Buffer.byteLength(body);
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': length }).end(body);
  });
}).listen(Number(process.env.PORT), '127.0.0.1');
