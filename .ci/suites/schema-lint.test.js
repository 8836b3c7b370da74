/** schema.graphql by the rules of graphql-eslint: what any schema should have, and what Relay expects of one. */
import graphqlPlugin from '@graphql-eslint/eslint-plugin';
import { expect, test } from '@jest/globals';
import { ESLint } from 'eslint';

import { ROOT, SCHEMA_FILE } from './product.js';

/** Values: they are what they hold, live inside of an object that has an id, and no cache should keep them apart. */
const VALUES = [
  'AccountImpact',
  'AssetTotal',
  'AutoExchangeRule',
  'AutoExchangeThreshold',
  'Balance',
  'CollateralContribution',
  'CollateralRatioImpact',
  'CollateralTier',
  'EquityPoint',
  'ExchangeRate',
  'ExchangeTier',
  'Fraction',
  'GuardRails',
  'InstrumentSetting',
  'InterestEstimate',
  'InterestRule',
  'LiabilityTable',
  'LiabilityTier',
  'LiquidationPrice',
  'MaintenanceTier',
  'MarginAsOf',
  'MarginPolicy',
  'MarginRatioChange',
  'MarginSummary',
  'OpenOrderRules',
  'OpenOrders',
  'PageInfo',
  'Portfolio',
  'PortfolioTotals',
  'Price',
  'PriceSource',
  'RiskOverview',
  'SimulatedPosition',
  'Simulation',
  'StatusCount',
  'StatusTransition',
  'StressPoint',
  'TextArgument',
  'TierContribution',
  'TransferFloor',
  'UserError',
  // Whoever asks: one to a token, and a client has one token at a time.
  'Viewer',
];

/** What the rules say all the same, and why it stays. */
const EXCEPTIONS = {
  // The venue's own name of the fill, beside `id`, which is ours.
  'Field "fillId" starts with the name of the parent type "Fill"': '@graphql-eslint/no-typename-prefix',
  // A price with its time and sources: any other word for the number itself would be a riddle.
  'Field "price" starts with the name of the parent type "Price"': '@graphql-eslint/no-typename-prefix',
};

const eslint = new ESLint({
  cwd: ROOT,
  overrideConfigFile: true,
  overrideConfig: {
    files: ['schema.graphql'],
    languageOptions: { parser: graphqlPlugin.parser, parserOptions: { graphQLConfig: { schema: SCHEMA_FILE } } },
    plugins: { '@graphql-eslint': graphqlPlugin },
    rules: {
      ...graphqlPlugin.configs['flat/schema-recommended'].rules,
      ...graphqlPlugin.configs['flat/schema-relay'].rules,
      // A list that cannot grow, such as the tiers of a ratio, is a list; a page has `nodes` beside its edges.
      '@graphql-eslint/relay-edge-types': [
        'error',
        { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
      ],
      // Not every list is read from both ends.
      '@graphql-eslint/relay-arguments': ['error', { includeBoth: false }],
      '@graphql-eslint/strict-id-in-types': [
        'error',
        {
          acceptedIdNames: ['id'],
          acceptedIdTypes: ['ID'],
          // Answers to one request, and pages: made for it, and gone with it.
          exceptions: { types: VALUES, suffixes: ['Payload', 'Connection', 'Edge'] },
        },
      ],
    },
  },
});

test('the schema keeps the rules but for the exceptions named here', async () => {
  const [result] = await eslint.lintFiles(['schema.graphql']);
  const found = Object.fromEntries(result.messages.map(({ message, ruleId }) => [message, ruleId]));
  expect(found).toEqual(EXCEPTIONS);
});
