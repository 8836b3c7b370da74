/** The pages for people, in a real browser: what somebody sees in the first five minutes. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { signToken } from '../../../src/platform/tokens.js';
import { TEST_SECRET } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { CHROMIUM, startBrowser, type Browser, type Page } from '../../support/services/browser.js';

/** From the start of the replay, 04:00, to the first margin call, 07:41, within twelve seconds. */
const FEED_SPEED = '1200';

if (CHROMIUM === null && process.env['REQUIRE_BROWSER'] === '1') {
  it('finds Chromium', () => {
    throw new Error('REQUIRE_BROWSER=1, and there is no Chromium in PATH; Debian has it in the package chromium.');
  });
}

const withBrowser = CHROMIUM === null ? describe.skip : describe;

withBrowser('the pages (skipped where there is no Chromium in PATH; REQUIRE_BROWSER=1 makes that a failure)', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await startBrowser(CHROMIUM ?? '');
  });
  afterAll(() => browser?.close());

  /** Requests that left this server, and everything that went wrong in the page. */
  const complaints = (page: Page, { url }: TestApp): string[] => [
    ...page.requests.filter((each) => ![url, url.replace('http', 'ws'), 'data:'].some((own) => each.startsWith(own))),
    ...page.problems,
  ];

  describe('of a demo', () => {
    let server: TestApp;

    beforeAll(async () => {
      server = await startTestApp({ env: { DEMO: '1', FEED: 'replay', FEED_SPEED } });
    });
    afterAll(() => server?.close());

    it('shows sixteen accounts live, one of them on its way through a margin call', async () => {
      const page = await browser.newPage();
      await page.open(`${server.url}/`);
      await page.until(`document.querySelectorAll('#accounts tr').length === 16`);
      await page.until(`document.querySelector('#link').textContent === 'Live'`);

      expect(await page.evaluate(`document.querySelector('#sign-in').hidden`)).toBe(true);
      expect(await page.evaluate(textOf('[data-account="USDC behind a BTC long"] .account span'))).toBe(
        'Aster Perps · Ethereum · alice',
      );
      expect(await page.until(`${textOf('[data-asset="USDC"] .figure')}.match(/^0\\.\\d{4}$/)?.[0]`)).toBeTruthy();
      expect(
        await page.until(`${textOf('[data-asset="BTC"] .figure')}.match(/^\\d\\d,\\d{3}\\.\\d\\d$/)?.[0]`),
      ).toBeTruthy();

      expect(await page.until(textOf('#recorded'))).toMatch(/^1[123] Mar 2023, \d\d:\d\d$/);
      expect(await page.evaluate(textOf('#speed'))).toBe(FEED_SPEED);

      const called = `[...document.querySelectorAll('#changes [data-status="MARGIN_CALL"] span')].at(-1)?.textContent`;
      // A margin call begins at 80% and ends at 100%, for every venue that ships.
      expect(await page.until(called)).toMatch(/^(Healthy|Warning|Liquidation) → Margin call, [89]\d\.\d%$/);
      expect(complaints(page, server)).toEqual([]);
    });

    it('has a GraphiQL whose tabs work as they are', async () => {
      const page = await browser.newPage();
      await page.open(`${server.url}/graphiql`);
      /** GraphiQL reads a document a moment after it is shown; what is run before that is the one of the last tab. */
      const tab = async (title: string): Promise<void> => {
        await page.click(elementWith('.graphiql-tab-button', title));
        await page.until(
          `document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror.operationName === '${title}'`,
        );
      };
      const run = (): Promise<void> => page.click(`document.querySelector('.graphiql-execute-button')`);
      const choose = (operation: string): Promise<void> => page.click(elementWith('[role="menuitem"]', operation));
      /** The answer, once it satisfies the condition. */
      const answer = <T>(condition: string): Promise<T> =>
        page.until<T>(`(() => {
          const text = document.querySelector('.graphiql-response .CodeMirror')?.CodeMirror.getValue() || 'null';
          const answer = JSON.parse(text);
          return answer !== null && (${condition}) ? answer : null;
        })()`);

      await tab('AccountExplained');
      await run();
      const explained = await answer<Explained>('answer.data ?? answer.errors');
      const account = explained.data.accounts.nodes.find(({ name }) => name === 'USDC behind a BTC long');
      expect(explained.data.accounts.nodes.map(({ name }) => name)).toHaveLength(3);
      expect(account?.margin.collateral.map(({ asset, quantity }) => [asset.symbol, quantity])).toEqual([
        ['USDC', '5650'],
      ]);
      expect(account?.margin.collateral[0]?.collateralRatio.source).toBeTruthy();
      expect(account?.positions.map(({ instrument, size }) => [instrument.symbol, size])).toEqual([['BTCUSDT', '2']]);

      await tab('LiveRatios');
      await run();
      expect(
        await answer(
          'answer.data?.marginRatioChanged.sequence > 1 && answer.data.marginRatioChanged.cause === "PRICE"',
        ),
      ).toMatchObject({
        data: { marginRatioChanged: { margin: { marginRatio: expect.stringMatching(/^[01]\.\d+$/) } } },
      });
      await run();

      await tab('RatioToChange');
      await run();
      await choose('RatioToChange');
      const inForce = await answer<{ data: { collateralRatios: { version: number; tiers: { ratio: string }[] }[] } }>(
        'answer.data?.collateralRatios',
      );
      expect(inForce.data.collateralRatios).toMatchObject([{ version: 2, tiers: [{ ratio: '0.1' }] }]);
      await run();
      await choose('ChangeRatio');
      expect(await answer('answer.data?.changeCollateralRatio')).toMatchObject({
        data: {
          changeCollateralRatio: {
            collateralRatio: { version: 3, status: 'ACTIVE', tiers: [{ ratio: '0.05' }], changedBy: 'demo-admin' },
            errors: [],
          },
        },
      });
      expect(complaints(page, server)).toEqual([]);
    });
  });

  it('asks for a token where none is filled in, and keeps it in that tab only', async () => {
    const server = await startTestApp();
    try {
      const owner = await server.as('the-venue', 'SERVICE');
      await owner.ask(`mutation {
        openAccount(input: { name: "Hers", owner: "erin", venue: "BITGET", idempotencyKey: "1" }) { errors { message } }
      }`);
      const page = await browser.newPage();
      await page.open(`${server.url}/`);
      const give = async (token: string): Promise<void> => {
        await page.until(`!document.querySelector('#sign-in').hidden && document.activeElement.id === 'token'`);
        await page.type(token);
        await page.click(`document.querySelector('#sign-in button')`);
      };
      await give('not.a.token');
      expect(await page.until(textOf('#refusal'))).toMatch(/token/i);
      await give(await signToken(TEST_SECRET, { subject: 'erin', roles: ['TRADER'] }, { validSeconds: 60 }));
      await page.until(`document.querySelector('#accounts [data-account="Hers"][data-status="NO_EXPOSURE"]') !== null`);
      await page.until(`document.querySelector('#link').textContent === 'Live'`);
      expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 1, '']);
    } finally {
      await server.close();
    }
  });
});

function elementWith(selector: string, text: string): string {
  return `[...document.querySelectorAll('${selector}')].find((each) => each.textContent === '${text}')`;
}

function textOf(selector: string): string {
  return `(document.querySelector(${JSON.stringify(selector)})?.textContent ?? '')`;
}

interface Explained {
  readonly data: {
    readonly accounts: {
      readonly nodes: readonly {
        readonly name: string;
        readonly margin: {
          readonly collateral: readonly {
            readonly asset: { readonly symbol: string };
            readonly quantity: string;
            readonly collateralRatio: { readonly source: string | null };
          }[];
        };
        readonly positions: readonly { readonly instrument: { readonly symbol: string }; readonly size: string }[];
      }[];
    };
  };
}
