/** What a screen of alerts is made of: how grave each is, its text, how many are new, and all of them seen at once. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';

import { readAccount } from '../../support/calls/account-reader.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { alertCursorOf } from '../../support/calls/sealed.js';
import { storeAlerts, type AlertChoice } from '../../support/calls/stored-alerts.js';
import { openAccount } from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';

let app: TestApp;
let service: Api;
let alice: Api;
let account: string;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  alice = await app.as('alice', 'TRADER');
});

beforeEach(async () => {
  account = await openAccount(service, { name: 'Savings', venue: 'ASTER', chain: 'ETHEREUM' });
});

afterAll(() => app.close());

const store = (id: string, choice: AlertChoice = {}): Promise<bigint> =>
  storeAlerts(app.app.services.db, [uuidOf(id)], choice);

interface Alerts {
  readonly alerts: object;
}

describe('an alert', () => {
  it.each([
    [{ status: 'LIQUIDATION' }, 'CRITICAL', 'STATUS_CHANGED.LIQUIDATION'],
    [{ status: 'MARGIN_CALL' }, 'CRITICAL', 'STATUS_CHANGED.MARGIN_CALL'],
    [{ status: 'WARNING' }, 'WARNING', 'STATUS_CHANGED.WARNING'],
    [{ status: 'UNPRICED' }, 'WARNING', 'STATUS_CHANGED.UNPRICED'],
    [{ status: 'HEALTHY' }, 'INFO', 'STATUS_CHANGED.HEALTHY'],
    [{ kind: 'RULE_FIRED', status: 'HEALTHY' }, 'WARNING', 'RULE_FIRED'],
    [{ kind: 'INTEREST_STARTED', status: 'LIQUIDATION' }, 'INFO', 'INTEREST_STARTED'],
    [{ kind: 'AUTO_EXCHANGED' }, 'WARNING', 'AUTO_EXCHANGED'],
    [{ instrument: 'BTCUSDT', side: 'LONG', status: 'LIQUIDATION' }, 'CRITICAL', 'STATUS_CHANGED.LIQUIDATION.POSITION'],
  ] as [AlertChoice, string, string][])('%j is %s, with the text %s', async (choice, severity, textKey) => {
    await store(account, choice);
    const { alerts } = await readAccount<Alerts>(alice, account, 'alerts(first: 1) { nodes { severity textKey } }');
    expect(alerts).toEqual({ nodes: [{ severity, textKey }] });
  });

  it('says what its text takes, in order', async () => {
    await store(account, { instrument: 'BTCUSDT', side: 'SHORT', marginRatio: '0.800000000000000001' });
    await store(account, { status: 'LIQUIDATION', marginRatio: null });
    await store(account, { kind: 'AUTO_EXCHANGED' });
    const { alerts } = await readAccount<Alerts>(alice, account, 'alerts { nodes { textArguments { name value } } }');
    const name = { name: 'account', value: 'Savings' };
    expect(alerts).toEqual({
      nodes: [
        { textArguments: [name] },
        { textArguments: [name, { name: 'marginRatio', value: '' }] },
        {
          textArguments: [
            name,
            { name: 'instrument', value: 'BTCUSDT' },
            { name: 'marginRatio', value: '0.800000000000000001' },
          ],
        },
      ],
    });
  });

  it('of a ratio that will change names the asset and the instant', async () => {
    const { collateralRatios } = await alice.ask<{ collateralRatios: { id: string }[] }>(
      '{ collateralRatios(venue: "ASTER", chain: "ETHEREUM", asset: "BTC") { id } }',
    );
    const effectiveAt = '2030-01-01T00:00:00.000Z';
    await store(account, {
      ...{ kind: 'COLLATERAL_RATIO_SCHEDULED', ratioId: uuidOf(collateralRatios[0]?.id ?? ''), effectiveAt },
    });
    const { alerts } = await readAccount<Alerts>(alice, account, 'alerts { nodes { textArguments { name value } } }');
    expect(alerts).toEqual({
      nodes: [
        {
          textArguments: [
            { name: 'account', value: 'Savings' },
            { name: 'asset', value: 'BTC' },
            { name: 'effectiveAt', value: effectiveAt },
          ],
        },
      ],
    });
  });
});

describe('all alerts up to one', () => {
  const SEEN = `mutation ($input: AcknowledgeRiskAlertsInput!) {
    acknowledgeRiskAlerts(input: $input) { acknowledged errors { code } } }`;
  const acknowledge = async (api: Api, input: object): Promise<unknown> =>
    (await api.ask<{ acknowledgeRiskAlerts: unknown }>(SEEN, { input })).acknowledgeRiskAlerts;
  const unseen = async (id: string): Promise<unknown> =>
    (await readAccount<{ unacknowledgedAlerts: unknown }>(alice, id, 'unacknowledgedAlerts')).unacknowledgedAlerts;
  const seen = (acknowledged: number): object => ({ acknowledged, errors: [] });

  it('are acknowledged, once, and what comes later is not', async () => {
    await store(account);
    const second = await store(account);
    await store(account);
    expect(await unseen(account)).toBe(3);
    const input = { through: alertCursorOf(app, second), accountIds: [account] };
    expect(await acknowledge(alice, input)).toEqual(seen(2));
    expect(await unseen(account)).toBe(1);
    const at = 'alerts(acknowledged: true) { nodes { acknowledgedAt } }';
    const before = await readAccount(alice, account, at);
    expect(await acknowledge(alice, input)).toEqual(seen(0));
    expect(await readAccount(alice, account, at)).toEqual(before);
  });

  it('are those of the accounts that are named, or of all own ones', async () => {
    const other = await openAccount(service);
    const bobs = await openAccount(service, { owner: 'bob' });
    for (const id of [account, other, bobs]) await store(id);
    const { riskAlerts } = await alice.ask<{ riskAlerts: { liveCursor: string } }>('{ riskAlerts { liveCursor } }');
    const through = riskAlerts.liveCursor;
    expect(await acknowledge(alice, { through, accountIds: [bobs] })).toEqual(seen(0));
    expect(await acknowledge(alice, { through, accountIds: [other] })).toEqual(seen(1));
    expect([await unseen(account), await unseen(other)]).toEqual([1, 0]);
    await acknowledge(alice, { through });
    expect(await unseen(account)).toBe(0);
    const bob = await app.as('bob', 'TRADER');
    const { unacknowledgedAlerts } = await readAccount<{ unacknowledgedAlerts: number }>(
      bob,
      bobs,
      'unacknowledgedAlerts',
    );
    expect(unacknowledgedAlerts).toBe(1);
  });

  it('are refused with a text that is no cursor', async () => {
    expect(await acknowledge(alice, { through: 'x' })).toEqual({
      acknowledged: 0,
      errors: [{ code: 'INVALID_INPUT' }],
    });
  });

  it('are refused with no account at all', async () => {
    const { errors } = await alice.send(SEEN, { input: { through: alertCursorOf(app, 1n), accountIds: [] } });
    expect(errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
  });
});
