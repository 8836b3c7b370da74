/** The house, in the database: which folder may write each table, and which may read it. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

import { PACKAGE_ROOT } from '../src/platform/package-root.js';

const SOURCE = join(PACKAGE_ROOT, 'src');

interface Owner {
  /** Folders of src, with all below them. */
  readonly writes: readonly string[];
  /** Beside those that write it. */
  readonly reads?: readonly string[];
}

const REFERENCE: Owner = { writes: ['policy/reference'], reads: ['policy/rulebook'] };
/** Versions of rules; in force by the rulebook, which reads them all. */
const RULES: Owner = { writes: ['policy'] };
const PRICES: Owner = { writes: ['market'] };
const LEDGER: Owner = { writes: ['ledger'] };
const ALERTS: Owner = { writes: ['risk/alerts'] };

const OWNERS: Readonly<Record<string, Owner>> = {
  venues: REFERENCE,
  chains: REFERENCE,
  venue_chains: REFERENCE,
  assets: REFERENCE,
  instruments: REFERENCE,
  collateral_ratios: RULES,
  collateral_tiers: RULES,
  margin_policies: RULES,
  interest_rules: RULES,
  auto_exchange_thresholds: RULES,
  maintenance_schedules: RULES,
  maintenance_tiers: RULES,
  audit_entries: { writes: ['policy/changes'] },
  index_quotes: PRICES,
  index_prices: PRICES,
  mark_prices: PRICES,
  price_rounds: PRICES,
  price_changes: PRICES,
  // An alert belongs to an account and is answered to its owner.
  accounts: { writes: ['ledger'], reads: ['risk/alerts'] },
  account_versions: LEDGER,
  balances: LEDGER,
  positions: LEDGER,
  position_versions: LEDGER,
  instrument_settings: LEDGER,
  setting_versions: LEDGER,
  switched_off_versions: LEDGER,
  open_orders: LEDGER,
  open_order_versions: LEDGER,
  fills: LEDGER,
  reversals: LEDGER,
  transfers: LEDGER,
  account_transfers: LEDGER,
  reported_entries: LEDGER,
  ledger_entries: LEDGER,
  alert_rules: ALERTS,
  alert_states: ALERTS,
  risk_alerts: ALERTS,
  // The term is the cluster's; how far alerts are stored is written beside it, in one row, under the term.
  duty: { writes: ['cluster', 'risk/alerts'] },
  histories: { writes: ['cluster'] },
  servers: { writes: ['cluster'] },
  outbox: { writes: ['platform'] },
  installation: { writes: ['platform'] },
  idempotency_keys: { writes: ['platform'] },
};

/** By the name of its delegate, such as `alertRule`: the table of each model, and what its relations lead to. */
interface Model {
  readonly table: string;
  /** Names of models, by field. */
  readonly relations: ReadonlyMap<string, string>;
}

const schema = readFileSync(join(PACKAGE_ROOT, 'prisma', 'schema.prisma'), 'utf8');
const models = new Map(
  [...schema.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, name = '', body = '']): [string, Model] => {
    const fields = [...body.matchAll(/^ {2}(\w+) +(\w+)/gm)].map(([, field = '', type = '']) => [field, type] as const);
    const table = /@@map\("(\w+)"\)/.exec(body)?.[1] ?? name;
    return [
      name.charAt(0).toLowerCase() + name.slice(1),
      {
        table,
        relations: new Map(fields.map(([field, type]) => [field, type.charAt(0).toLowerCase() + type.slice(1)])),
      },
    ];
  }),
);
const tables = new Set([...models.values()].map(({ table }) => table));

interface Access {
  readonly file: string;
  readonly table: string;
  readonly writes: boolean;
}

/** Every name of a table counts, but for one that only names a column: after AS, or before or after a dot. */
function accessesOfSql(sql: string, file: string): Access[] {
  const words = [...sql.matchAll(/(?:(INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|AS|\.)\s*)?"?\b([a-z_]+)\b"?(\s*\.)?/g)];
  return words.flatMap(([, before, table = '', dot]) => {
    if (!tables.has(table) || before === 'AS' || before === '.' || dot !== undefined) return [];
    return [{ file, table, writes: before !== undefined }];
  });
}

const WRITING = /^(create|update|upsert|delete|set$|connect)/;
const READING = /^(find|count$|aggregate$|groupBy$)/;
const IS_SQL = /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|FROM|JOIN)\b/;

/** What the arguments of a call of Prisma reach by relations: all of it is read, what says `create` is written. */
function accessesOfArguments(node: ts.Node, model: Model, file: string): Access[] {
  const found: Access[] = [];
  const walk = (at: ts.Node, of: Model): void => {
    at.forEachChild((child) => {
      const name = ts.isPropertyAssignment(child) || ts.isShorthandPropertyAssignment(child) ? child.name : null;
      const to = name !== null && ts.isIdentifier(name) ? models.get(of.relations.get(name.text) ?? '') : undefined;
      if (to === undefined) return walk(child, of);
      const nested = ts.isPropertyAssignment(child) ? child.initializer : child;
      const isWritten =
        ts.isObjectLiteralExpression(nested) &&
        nested.properties.some(({ name: key }) => key !== undefined && ts.isIdentifier(key) && WRITING.test(key.text));
      found.push({ file, table: to.table, writes: isWritten });
      walk(nested, to);
    });
  };
  walk(node, model);
  return found;
}

function accessesOf(file: string, text: string): Access[] {
  const found: Access[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTemplateExpression(node)) {
      const sql = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join(' ? ');
      if (IS_SQL.test(sql)) found.push(...accessesOfSql(sql, file));
    } else if (ts.isStringLiteralLike(node) && IS_SQL.test(node.text)) {
      found.push(...accessesOfSql(node.text, file));
    } else if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const { name, expression } = node.expression;
      const model = ts.isPropertyAccessExpression(expression) ? models.get(expression.name.text) : undefined;
      const writes = WRITING.test(name.text);
      if (model !== undefined && (writes || READING.test(name.text))) {
        found.push({ file, table: model.table, writes });
        for (const argument of node.arguments) found.push(...accessesOfArguments(argument, model, file));
      }
    }
    node.forEachChild(visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

const accesses = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('platform/prisma/'))
  .flatMap((file) => accessesOf(file, readFileSync(join(SOURCE, file), 'utf8')));

function isWithin(file: string, folders: readonly string[]): boolean {
  return folders.some((folder) => file.startsWith(`${folder}/`));
}

describe('a table', () => {
  it('has an owner, whatever the schema names', () => {
    expect(Object.keys(OWNERS).sort()).toEqual([...tables].sort());
  });

  it('is written by its owner alone', () => {
    const foreign = accesses.filter(
      ({ file, table, writes }) => writes && !isWithin(file, OWNERS[table]?.writes ?? []),
    );
    expect(foreign).toEqual([]);
  });

  it('is read by its owner, and by those that are named', () => {
    const foreign = accesses.filter(({ file, table }) => {
      const { writes = [], reads = [] } = OWNERS[table] ?? {};
      return !isWithin(file, [...writes, ...reads]);
    });
    expect(foreign).toEqual([]);
  });

  it('is written by an owner, and read by all that are named', () => {
    const idle = Object.entries(OWNERS).flatMap(([table, { writes, reads = [] }]) => {
      const does = (folder: string, writing: boolean): boolean =>
        accesses.some(
          (access) => access.table === table && access.writes === writing && isWithin(access.file, [folder]),
        );
      return [
        ...(writes.some((folder) => does(folder, true)) ? [] : [`no owner writes ${table}`]),
        ...reads.filter((folder) => !does(folder, false)).map((folder) => `${folder} does not read ${table}`),
      ];
    });
    expect(idle).toEqual([]);
  });
});

describe('what is found', () => {
  const found = (code: string): string[] =>
    accessesOf('a.ts', code).map(({ table, writes }) => `${writes ? 'writes' : 'reads'} ${table}`);

  it('is SQL, with parts, joins, lists of tables and strings', () => {
    expect(
      found('db.$queryRaw`WITH x AS (UPDATE duty SET a = ${1} RETURNING 1) SELECT FROM x, fills AS assets`'),
    ).toEqual(['writes duty', 'reads fills']);
    expect(found('Prisma.sql`${a} JOIN balances ON balances.account_id = ${id}`')).toEqual(['reads balances']);
    expect(found(`run('DELETE FROM outbox')`)).toEqual(['writes outbox']);
    expect(
      found('db.$executeRaw`${cte} INSERT INTO "accounts" (id) SELECT 1 ON CONFLICT DO UPDATE SET id = 1`'),
    ).toEqual(['writes accounts']);
  });

  it('is calls of Prisma, with what they reach by relations', () => {
    expect(found('tx.account.create({ data: { id, versions: { create: { version: 1 } } } })')).toEqual([
      'writes accounts',
      'writes account_versions',
    ]);
    expect(found('db.alertRule.findMany({ where: { account: { owner } } })')).toEqual([
      'reads alert_rules',
      'reads accounts',
    ]);
    expect(found('this.db.fill.count()')).toEqual(['reads fills']);
  });

  it('is nothing else', () => {
    expect(
      found("import { a } from './accounts.js'; const fills = accounts.map(transfers); log('SELECT nothing')"),
    ).toEqual([]);
  });
});
