/** docs/venues.md, made from the reference data that ships. */
import { join } from 'node:path';

import { toPlain } from '../src/margin/decimal.js';
import { PACKAGE_ROOT } from '../src/platform/package-root.js';
import { readReferenceData } from '../src/policy/reference/reference-data.js';
import type { PolicyData, VenueData } from '../src/policy/reference/reference-model.js';

const HEAD = `# Venues

<!-- Made from prisma/reference/ by "npm run build && npm run docs". Do not edit. -->

A venue is data: a file of [reference data](../prisma/reference/README.md) states its policy, its instruments and what it
accepts. This page says what the shipped files state, by the numbers of the [rules](rules.md), and what no file can state.
`;

const LIMITS = `## What cannot be stated

Rules must stay piecewise linear in every price: so liquidation prices, inverted tiers and the bounds of the prefilter stay
exact. A venue that has one of these can be approached, and its file has to say how:

- Inverse contracts (settled in what they are about) and options. Such instruments are refused at load.
- Curves of a square root, as some venues have for large positions: tiers stand in.
- Requirements that grow with the open interest of the whole venue: the tiers of one moment stand in, and are replaced.
- The larger of two formulas, as Bitget required of debts before 2026-06-25.
- Unrealised profit that may leave, as at Hyperliquid. Here it stays, which is stricter.
`;

type Row = readonly [rule: string, text: (policy: PolicyData, venue: VenueData) => string];

const ROWS: readonly Row[] = [
  ['unit (16)', (_, { unit }) => unit],
  ['counts in single-asset mode (3)', (_, { singleAsset }) => singleAsset],
  ['settled in (16)', (_, { instruments }) => listed(instruments.map(({ settlementAsset }) => settlementAsset))],
  ['maintenance (4)', ({ maintenanceMethod }) => maintenanceMethod],
  ['liquidation fee rate (4)', ({ liquidationFeeRate }) => toPlain(liquidationFeeRate)],
  ['warning, margin call from (5)', (policy) => `${toPlain(policy.warningRatio)}, ${toPlain(policy.marginCallRatio)}`],
  [
    'liquidation ratio (5)',
    ({ liquidationRatio: { numerator, denominator, isOne } }) =>
      isOne ? '1' : `${toPlain(numerator)} / ${toPlain(denominator)}`,
  ],
  ['liquidated at equality (5)', ({ liquidatesAtEquality }) => (liquidatesAtEquality ? 'yes' : 'no')],
  ['isolated in multi-asset mode (6)', ({ isolatedInMultiAsset }) => (isolatedInMultiAsset ? 'yes' : 'no')],
  [
    'floor for transfers (8)',
    ({ transferFloor: { notionalRate, maintenanceMultiple } }) => {
      const parts = [
        notionalRate.isZero() ? [] : [`${toPlain(notionalRate)} x notional`],
        maintenanceMultiple.isZero() ? [] : [`${toPlain(maintenanceMultiple)} x maintenance`],
      ];
      return listed(parts.flat());
    },
  ],
  [
    'interest an hour, beyond (10)',
    ({ interest }) =>
      listed(interest.map((rule) => `${rule.asset} ${toPlain(rule.hourlyRate)}, ${toPlain(rule.freeThreshold)}`)),
  ],
  [
    'exchanged below (11)',
    ({ autoExchange }) => listed(autoExchange.map((rule) => `${toPlain(rule.balance)} ${rule.asset}`)),
  ],
  [
    'an exchange credits (11)',
    ({ autoExchange, exchangeRates }) => {
      if (autoExchange.length === 0) return 'none';
      const rates = exchangeRates.map(({ asset, tiers }) => `${asset} ${ratesText(tiers)}`);
      return rates.length === 0 ? 'all of the value' : `${listed(rates)}; else all`;
    },
  ],
  [
    'sold for debts (11)',
    ({ autoExchange, exchangeOrder }) =>
      autoExchange.length === 0
        ? 'none'
        : { PRO_RATA: 'pro rata', HIGHEST_RATIO_FIRST: 'highest ratio first' }[exchangeOrder],
  ],
  ['PnL counts (17)', ({ pnlCounts }) => pnlCounts],
  [
    'debts require (18)',
    ({ liabilities, debtMarginRate }) => {
      if (liabilities.length > 0)
        return `tables of ${liabilities.map(({ asset }) => asset ?? 'all others').join(', ')}`;
      return debtMarginRate.isZero() ? 'none' : toPlain(debtMarginRate);
    },
  ],
  [
    'open orders (20)',
    ({ openOrders: { initial, maintenance, openLoss } }) =>
      listed([
        ...(initial === 'WORST_SIDE' ? ['initial: worst side'] : []),
        ...(maintenance === 'WORST_SIDE' ? ['maintenance: worst side'] : []),
        ...(openLoss === 'INITIAL' ? ['open loss'] : []),
      ]),
  ],
  ['instruments', (_, { instruments }) => listed(instruments.map(({ symbol }) => symbol))],
];

/** The newest policy of each venue; sources of all versions, since these say what is nominal and what stands in. */
export async function venuesPaper(): Promise<string> {
  const { venues } = await readReferenceData([join(PACKAGE_ROOT, 'prisma', 'reference')]);
  const sorted = [...venues].sort((a, b) => (a.code < b.code ? -1 : 1));
  const lines = ROWS.map(([rule, text]) =>
    row(rule, ...sorted.map((venue) => text(venue.policies.at(-1) as PolicyData, venue))),
  );
  const codes = sorted.map(({ code }) => `[${code}](../prisma/reference/venues/${code}.json)`);
  const table = [row('rule', ...codes), row('---', ...codes.map(() => '---')), ...lines, ''].join('\n');
  const sources = sorted.map((venue) => `### ${venue.code}\n\n${sourcesOf(venue).join('\n')}\n`);
  const made = [
    HEAD,
    `## What they state\n\n${table}\n\nRatios and tiers stand in the files that are linked above.`,
    LIMITS,
    '## Where the numbers come from\n',
    ...sources,
  ];
  return made.join('\n');
}

function sourcesOf({ policies, instruments, ratios }: VenueData): string[] {
  const all = [
    ...policies.map(({ version, source }) => `policy ${version}: ${source}`),
    ...instruments.flatMap(({ symbol, schedules }) => schedules.map(({ source }) => `tiers of ${symbol}: ${source}`)),
    ...ratios.map(({ chain, source }) => `ratios${chain === null ? '' : ` on ${chain}`}: ${source}`),
  ];
  return [...new Set(all)].map((text) => `- ${text.charAt(0).toUpperCase()}${text.slice(1)}`);
}

/** One rate, or the first and the last one of several tiers. */
function ratesText(tiers: PolicyData['exchangeRates'][number]['tiers']): string {
  const [first, last] = [tiers[0], tiers.at(-1)].map((tier) => (tier === undefined ? '' : toPlain(tier.rate)));
  return tiers.length === 1 ? `${first}` : `${first} to ${last}, in ${tiers.length} tiers`;
}

function listed(texts: readonly string[]): string {
  return texts.length === 0 ? 'none' : [...new Set(texts)].join('; ');
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
