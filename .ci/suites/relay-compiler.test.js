/** Relay's compiler: it takes a refetchable connection only of a schema that keeps all that Relay relies on. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, test } from '@jest/globals';
import { buildSchema, isNonNullType, isObjectType } from 'graphql';
import compiler from 'relay-compiler';

import { SCHEMA_FILE, schemaText } from './product.js';

const folder = mkdtempSync(join(tmpdir(), 'plimsoll-relay-'));
const artifacts = join(folder, 'artifacts');
afterAll(() => rmSync(folder, { recursive: true }));

/** Every field that answers a connection, by the name that Relay wants its fragment to have. */
const connections = Object.values(buildSchema(schemaText()).getTypeMap())
  .filter(isObjectType)
  .flatMap((type) => Object.values(type.getFields()).map((field) => ({ type, field, name: `${type}_${field.name}` })))
  .filter(({ field }) => /Connection!?$/.test(String(field.type)));

/** A list that loads page after page, as an app would write it. */
function paginated({ type, field, name }) {
  const required = field.args.filter((arg) => isNonNullType(arg.type));
  const definitions = required.map((arg) => `${arg.name}: { type: "${arg.type}" }`).join(' ');
  const args = required.map((arg) => `${arg.name}: $${arg.name}`).join(' ');
  const filters = JSON.stringify(required.map((arg) => arg.name));
  return `graphql\`
    fragment ${name} on ${type} @refetchable(queryName: "${name}_Query")
    @argumentDefinitions(${definitions} count: { type: "Int", defaultValue: 20 } cursor: { type: "String" }) {
      ${field.name}(${args} first: $count, after: $cursor) @connection(key: "${name}", filters: ${filters}) {
        edges { node { id } }
      }
    }
  \`;`;
}

function compile(files) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  mkdirSync(artifacts, { recursive: true });
  const config = { src: '.', schema: SCHEMA_FILE, language: 'javascript', artifactDirectory: 'artifacts' };
  writeFileSync(join(folder, 'relay.config.json'), JSON.stringify(config));
  const options = { cwd: folder, encoding: 'utf8' };
  const { status, stdout, stderr } = spawnSync(compiler, ['--noWatchman', 'relay.config.json'], options);
  return { status, output: stdout + stderr };
}

test('compiles a list of every connection that loads page after page', () => {
  expect(connections.map(({ name }) => name)).toEqual(expect.arrayContaining(['Query_accounts', 'Account_ledger']));
  const { status, output } = compile(
    Object.fromEntries(connections.map((each) => [`${each.name}.js`, paginated(each)])),
  );
  expect({ status, output }).toMatchObject({ status: 0 });
  const queries = connections.map(({ name }) => `${name}_Query.graphql.js`);
  expect(readdirSync(artifacts)).toEqual(expect.arrayContaining(queries));
});

test('would refuse a connection that is none', () => {
  const { status, output } = compile({
    'wrong.js': 'graphql`fragment wrong on Account { balances @connection(key: "wrong_balances") { asset { id } } }`;',
  });
  expect(status).not.toBe(0);
  expect(output).toContain('@connection');
});
