/** A database that the former server made is migrated without loss, and answers as it did before. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import type { VersionRecord } from '../../src/policy/versions/rule-version.js';
import { PACKAGE_ROOT } from '../../src/platform/package-root.js';
import { startTestApp } from '../support/services/app.js';
import { FORMER_END, restoreFormerDatabase, type FormerDatabase } from '../support/services/former-database.js';

const TABLES = [
  ...['account_versions', 'accounts', 'alert_rules', 'alert_states', 'assets', 'audit_entries'],
  ...['auto_exchange_thresholds', 'balances', 'chains', 'collateral_ratios', 'collateral_tiers', 'duty', 'fills'],
  ...['idempotency_keys', 'index_prices', 'index_quotes', 'instrument_settings', 'instruments', 'interest_rules'],
  ...['ledger_entries', 'maintenance_schedules', 'maintenance_tiers', 'margin_policies', 'mark_prices', 'outbox'],
  ...['position_versions', 'positions', 'price_changes', 'price_rounds', 'reported_entries', 'risk_alerts'],
  ...['setting_versions', 'transfers', 'venue_chains', 'venues'],
];
/** What was JSON in a text, and is jsonb. */
const CONVERTED = ['before', 'after', 'impact'];
/** What these have since. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  maintenance_schedules: ['id', 'applied_at', 'cancelled_at', 'cancelled_by', 'cancel_reason'],
  margin_policies: [
    'id',
    'applied_at',
    'cancelled_at',
    'cancelled_by',
    'cancel_reason',
    'liquidation_ratio',
    'transfer_floor',
    'open_orders',
    'pnl_counts',
    'liabilities',
    'exchange_order',
    'exchange_rates',
  ],
  collateral_ratios: ['initial_tiers'],
  account_versions: ['written_by'],
  accounts: ['external_id', 'opened_collateral_mode', 'opened_position_mode', 'switched_off'],
  fills: ['kind', 'fee_asset', 'trade_part', 'version'],
  index_prices: ['unit'],
  index_quotes: ['dated_ahead', 'unit'],
  instruments: ['settlement_asset', 'size_step'],
  ledger_entries: ['instrument', 'fill_seq'],
  mark_prices: ['dated_ahead'],
  outbox: ['level', 'status'],
  venues: ['unit', 'single_asset'],
};

/** Every row of every table, as JSON, but for the columns that were converted or added. */
const ROWS = TABLES.map((table) => {
  const others = [...CONVERTED, ...(ADDED[table] ?? [])].join();
  return `SELECT '${table} ' || (to_jsonb(kept) - '{${others}}'::text[])::text AS text FROM ${table} AS kept`;
}).join(' UNION ALL ');
const JSONS = `SELECT concat_ws(' ', seq, kept.name, kept.json) AS text FROM audit_entries
  CROSS JOIN LATERAL (VALUES ('before', before::text), ('after', after::text)) AS kept (name, json)
  UNION ALL SELECT concat_ws(' ', id, 'impact', impact::text) FROM collateral_ratios`;
const ALL = `SELECT text FROM (${ROWS} UNION ALL ${JSONS}) AS kept ORDER BY text COLLATE "C"`;

let former: FormerDatabase;
let migrated: string[];
let heads: Omit<VersionRecord, 'kind' | 'venue' | 'impact'>[];
beforeAll(async () => {
  former = await restoreFormerDatabase(ALL);
  const { db, applied, close } = await former.open();
  expect(applied.length).toBeGreaterThan(0);
  migrated = (await db.$queryRawUnsafe<{ text: string }[]>(ALL)).map(({ text }) => text);
  heads = [...(await db.marginPolicy.findMany()), ...(await db.maintenanceSchedule.findMany())];
  await close();
});
afterAll(() => former.drop());

/** Rows as they are; of JSON its values, since jsonb has an order of keys of its own. */
function contentOf(texts: readonly string[]): string[] {
  return texts
    .map((text) => {
      const [place = '', name = '', ...rest] = text.split(' ');
      if (!CONVERTED.includes(name) || rest.length === 0) return text;
      const json: unknown = JSON.parse(rest.join(' '));
      return `${place} ${name} ${canonical(typeof json === 'string' ? JSON.parse(json) : json)}`;
    })
    .sort();
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

it('keeps every row of every table', () => {
  for (const table of TABLES) {
    expect([table, former.texts.some((text) => text.startsWith(`${table} `))]).toEqual([table, true]);
  }
  expect(contentOf(migrated)).toEqual(contentOf(former.texts));
});

it('gives every version of policies and tiers an id of its own, and says when it took effect', () => {
  expect(heads.length).toBeGreaterThan(10);
  expect(new Set(heads.map(({ id }) => id)).size).toBe(heads.length);
  const now = new Date();
  for (const { effectiveFrom, createdAt, appliedAt, ...cancelled } of heads) {
    const applied = effectiveFrom > now ? null : new Date(Math.max(effectiveFrom.getTime(), createdAt.getTime()));
    expect(appliedAt).toEqual(applied);
    expect(cancelled).toMatchObject({ cancelledAt: null, cancelledBy: null, cancelReason: null, impact: null });
  }
});

it('keeps JSON that jsonb cannot hold as it was written', () => {
  const garbled = former.texts.filter((text) => /^\d+ after .*\\u0000/.test(text));
  expect(garbled).toHaveLength(1);
  const [place = '', name = '', ...json] = (garbled[0] ?? '').split(' ');
  expect(migrated).toContain(`${place} ${name} ${JSON.stringify(json.join(' '))}`);
});

it('answers what the former server answered', async () => {
  const [query = '', answer = ''] = await Promise.all(
    ['former-query.graphql', 'former-answer.json'].map((name) =>
      readFile(join(PACKAGE_ROOT, 'test', 'fixtures', name), 'utf8'),
    ),
  );
  const app = await startTestApp({ database: former, clock: () => FORMER_END });
  try {
    await app.app.services.loop.idle();
    const admin = await app.as('admin', 'ADMIN');
    const shipped = (JSON.parse(answer) as Audited).venues.map(({ code }) => code);
    const told = (data: Audited): Audited => ({
      ...data,
      // Venues that ship since are beside the others.
      venues: data.venues.filter(({ code }) => shipped.includes(code)),
      auditLog: {
        nodes: data.auditLog.nodes.map((entry) => ({
          ...entry,
          before: parsed(entry.before),
          after: parsed(entry.after),
        })),
      },
    });
    // Ids of what is numbered are sealed since: they tell no counts.
    const { seal } = app.app.services;
    const unsealed = (text: string): string =>
      text.replace(/"id":"([\w-]+)"/g, (own, id: string) => {
        const open = seal.open('id', id);
        return open === null ? own : `"id":"${Buffer.from(open).toString('base64url')}"`;
      });
    const answered = JSON.parse(unsealed(JSON.stringify(await admin.ask<Audited>(query)))) as Audited;
    expect(told(answered)).toEqual(told(JSON.parse(answer) as Audited));
  } finally {
    await app.close();
  }
});

interface Audited {
  readonly auditLog: { readonly nodes: readonly { readonly before: unknown; readonly after: unknown }[] };
  readonly venues: readonly { readonly code: string }[];
}

/** The text, whatever the order of its keys. */
function parsed(text: unknown): unknown {
  return typeof text === 'string' ? JSON.parse(text) : text;
}
