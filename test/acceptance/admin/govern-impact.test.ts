/** Whom a change of a ratio hurts, said before it is made, and what then happens; on the demo's accounts, prices still. */
import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import {
  fill,
  openAccount,
  recordFills,
  recordTransfers,
  transfer,
  type Problem,
} from '../../support/calls/venue-system.js';

const LISTA = { venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA' };
const IMPACT = `asOf accountsAffected collateralValueBefore collateralValueAfter notionalAtRisk
  transitions { from to accounts } worst { account { name } before { status marginBalance } after { status marginBalance } }`;

interface ImpactAnswer {
  readonly accountsAffected: number;
  readonly collateralValueBefore: string;
  readonly collateralValueAfter: string;
  readonly notionalAtRisk: string;
  readonly transitions: readonly { from: string; to: string; accounts: number }[];
  readonly worst: readonly { account: { name: string }; before: { status: string }; after: { status: string } }[];
}

interface Changed {
  readonly collateralRatio: { id: string; version: number; status: string; impact: ImpactAnswer } | null;
  readonly impact: ImpactAnswer | null;
  readonly errors: readonly Problem[];
}

interface Standing {
  readonly id: string;
  readonly name: string;
  readonly margin: { readonly status: string };
}

let app: TestApp;
let admin: Api;

beforeAll(async () => {
  // The replay puts its first prices on the board and then takes an hour and more for the next step.
  app = await startTestApp({ env: { DEMO: '1', FEED_SPEED: '0.01', PRICE_MAX_AGE: '86400' } });
  admin = await app.as('demo-admin', 'ADMIN');
  // The demo's own account stands safely on its LISTA at a tenth; this one leans on what LISTA counts beyond it.
  const service = await app.as('venue', 'SERVICE');
  const id = await openAccount(service, { name: 'Leans on LISTA', venue: 'ASTER', chain: 'BNB_CHAIN' });
  await recordTransfers(service, transfer(id, 'LISTA', '400000'));
  await recordFills(service, fill(id, 'BTCUSDT', 'BUY', '30', '20400'));
});

afterAll(() => app.close());

async function change(ratio: string, choice: object = {}): Promise<Changed> {
  const { collateralRatioHistory: history } = await admin.ask<{
    collateralRatioHistory: { nodes: { version: number }[] };
  }>(
    `query ($venue: String!, $chain: String, $asset: String!) {
      collateralRatioHistory(venue: $venue, chain: $chain, asset: $asset, first: 1) { nodes { version } }
    }`,
    LISTA,
  );
  const input = {
    ...{ ...LISTA, ratio, reason: 'test', expectedVersion: history.nodes[0]?.version ?? 0 },
    ...{ idempotencyKey: randomUUID(), ...choice },
  };
  const { changeCollateralRatio } = await admin.ask<{ changeCollateralRatio: Changed }>(
    `mutation ($input: ChangeCollateralRatioInput!) { changeCollateralRatio(input: $input) {
      collateralRatio { id version status impact { ${IMPACT} } } impact { ${IMPACT} } errors { code message field }
    } }`,
    { input },
  );
  return changeCollateralRatio;
}

async function preview(ratio: string): Promise<ImpactAnswer> {
  const { previewCollateralRatios } = await admin.ask<{ previewCollateralRatios: ImpactAnswer }>(
    `query ($changes: [CollateralRatioDraft!]!) { previewCollateralRatios(changes: $changes) { ${IMPACT} } }`,
    { changes: [{ ...LISTA, ratio }] },
  );
  return previewCollateralRatios;
}

async function standings(): Promise<readonly Standing[]> {
  const { accounts } = await admin.ask<{ accounts: { nodes: Standing[] } }>(
    `{ accounts(where: { venue: "ASTER", chain: "BNB_CHAIN" }) { nodes { id name margin { status } } } }`,
  );
  return accounts.nodes;
}

function moves(before: readonly Standing[], after: readonly Standing[]): ImpactAnswer['transitions'] {
  const counts = new Map<string, number>();
  for (const { id, margin } of before) {
    const to = after.find((account) => account.id === id)?.margin.status;
    if (to !== margin.status) counts.set(`${margin.status}/${to}`, (counts.get(`${margin.status}/${to}`) ?? 0) + 1);
  }
  return [...counts].sort().map(([key, accounts]) => {
    const [from = '', to = ''] = key.split('/');
    return { from, to, accounts };
  });
}

describe('a cut of LISTA', () => {
  it('hurts those whom the preview says, in the way that it says, when it takes effect', async () => {
    expect((await change('0.9', { force: true })).errors).toEqual([]);
    const before = await standings();
    const foreseen = await preview('0.1');
    expect(foreseen.accountsAffected).toBeGreaterThan(0);
    expect(foreseen.transitions.length).toBeGreaterThan(0);
    expect((await change('0.1')).errors).toMatchObject([{ code: 'GUARD_RAIL' }]);

    const alice = await app.as('alice', 'TRADER');
    const socket = alice.socket();
    const events: string[] = [];
    const listen = async (query: string, read: (data: Record<string, never>) => string): Promise<void> => {
      for await (const { data } of socket.iterate<Record<string, never>>({ query }))
        if (data != null) events.push(read(data));
    };
    void listen('subscription { collateralRatioChanged { status version } }', ({ collateralRatioChanged: ratio }) => {
      return `ratio ${(ratio as unknown as { status: string }).status}`;
    });
    void listen(
      'subscription { riskAlerts { kind status previousStatus account { name } collateralRatio { version } effectiveAt } }',
      ({ riskAlerts }) => {
        const alert = riskAlerts as unknown as { kind: string; status: string };
        return `alert ${alert.kind} ${alert.status}`;
      },
    );
    await new Promise((resolve) => setTimeout(resolve, 500));

    const effectiveFrom = new Date(Date.now() + 3_000).toISOString();
    const scheduled = await change('0.1', { force: true, effectiveFrom });
    expect(scheduled.errors).toEqual([]);
    expect(scheduled.collateralRatio).toMatchObject({ status: 'SCHEDULED' });
    expect(await standings()).toEqual(before);
    for (
      const end = Date.now() + 15_000;
      Date.now() < end && !events.some((line) => line.startsWith('alert STATUS'));
    ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const after = await standings();
    expect(moves(before, after)).toEqual(foreseen.transitions);
    const sums: Record<string, unknown> = { ...foreseen };
    delete sums['asOf'];
    expect(scheduled.impact).toMatchObject(sums);
    // What is kept with the version is what was said before, and the worst of then can still be explained.
    const { node } = await admin.ask<{ node: { impact: ImpactAnswer; status: string } }>(
      `query ($id: ID!) { node(id: $id) { ... on CollateralRatio { status impact { ${IMPACT} } } } }`,
      { id: scheduled.collateralRatio?.id },
    );
    expect(node).toMatchObject({ status: 'ACTIVE', impact: sums });
    expect(events.slice(0, 2).sort()).toEqual(['alert COLLATERAL_RATIO_SCHEDULED HEALTHY', 'ratio SCHEDULED'].sort());
    expect(events).toContain('ratio ACTIVE');
    expect(events.filter((line) => line.startsWith('alert STATUS_CHANGED'))).toHaveLength(1);
    await socket.dispose();
  });

  it('stands in the audit, which nobody changes', async () => {
    const { auditLog } = await admin.ask<{
      auditLog: { nodes: { action: string; done: boolean; actor: string; subjectKey: string }[] };
    }>('{ auditLog(first: 10) { nodes { action done actor subjectKey } } }');
    expect(auditLog.nodes.map(({ done }) => done)).toEqual([true, false, true]);
    for (const entry of auditLog.nodes) {
      expect(entry).toMatchObject({
        action: 'changeCollateralRatio',
        actor: 'demo-admin',
        subjectKey: 'ASTER/BNB_CHAIN/LISTA',
      });
    }
    const { db } = app.app.services;
    const refusal = { message: expect.stringContaining('append-only') };
    await expect(db.auditEntry.updateMany({ data: { actor: 'nobody' } })).rejects.toMatchObject(refusal);
    await expect(db.auditEntry.deleteMany()).rejects.toMatchObject(refusal);
  });

  it('refuses drafts that could not be made', async () => {
    const send = (changes: object[], by: Api = admin) =>
      by.send(`query ($changes: [CollateralRatioDraft!]!) { previewCollateralRatios(changes: $changes) { asOf } }`, {
        changes,
      });
    const draft = { ...LISTA, ratio: '0.5' };
    for (const changes of [
      [],
      [{ ...draft, ratio: '1.0001' }],
      [{ ...draft, chain: null }],
      [{ ...draft, asset: 'NOTHING' }],
      [{ ...draft, userCap: '-1' }],
      [draft, draft],
    ]) {
      const { errors } = await send(changes);
      expect(errors?.[0]?.extensions.code).toBe('BAD_USER_INPUT');
    }
    const { errors } = await send(Array.from({ length: 101 }, () => draft));
    expect(errors?.[0]?.extensions.code).toBe('LIMIT_EXCEEDED');
    expect((await send([draft], await app.as('alice', 'TRADER'))).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  it('is summed up by the overview', async () => {
    const { riskOverview } = await admin.ask<{
      riskOverview: {
        accounts: { status: string; accounts: number }[];
        assets: {
          asset: { symbol: string };
          chain: { code: string } | null;
          held: string;
          owed: string;
          collateralValue: string;
        }[];
      };
    }>(`{ riskOverview(venue: "ASTER") {
      asOf shortfall accounts { status accounts } assets { asset { symbol } chain { code } held owed collateralValue platformCap }
    } }`);
    const { accounts } = await admin.ask<{
      accounts: {
        nodes: {
          status: string;
          margin: { collateral: { asset: { symbol: string }; quantity: string; collateralValue: string }[] };
        }[];
      };
    }>(
      `{ accounts(where: { venue: "ASTER" }) { nodes { status margin { collateral { asset { symbol } quantity collateralValue } } } } }`,
    );
    for (const { status, accounts: count } of riskOverview.accounts) {
      expect(accounts.nodes.filter((account) => account.status === status)).toHaveLength(count);
    }
    const lista = riskOverview.assets.find(({ asset }) => asset.symbol === 'LISTA');
    const held = accounts.nodes
      .flatMap(({ margin }) => margin.collateral)
      .filter(({ asset }) => asset.symbol === 'LISTA');
    expect(held).toHaveLength(2);
    const sum = (numbers: readonly string[]): string =>
      String(numbers.reduce((total, each) => total + Number(each), 0));
    expect(lista).toMatchObject({
      held: sum(held.map(({ quantity }) => quantity)),
      owed: '0',
      collateralValue: sum(held.map(({ collateralValue }) => collateralValue)),
    });
  });
});
