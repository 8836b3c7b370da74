/** What left an account, by the requirement of that instant; and what assets count beyond their caps. */
import { cappedRatios, platformUsed } from '../../src/ledger/platform-caps.js';
import { ZERO, decimal, min, type Decimal } from '../../src/margin/decimal.js';
import type { AccountState } from '../../src/margin/model.js';
import type { Facts, SentPrices } from './facts.js';
import type { Stored } from './stored.js';

interface Leaving {
  readonly id: string;
  readonly asset: string;
  readonly quantity: string;
  readonly at: Date;
  readonly seq: string;
}

/**
 * Each withdrawal left what the positions needed, at prices that the venue sent about then. The database may have lost
 * some of these: until a server finds that, it decides by the prices that it has.
 */
export async function checkWithdrawals(
  stored: Stored,
  facts: Facts,
  counts: { withdrawals: number },
): Promise<string[]> {
  const leavings = await stored.rows<Leaving>(
    `SELECT account_id AS id, asset_symbol AS asset, (-quantity)::text AS quantity, at, seq
     FROM ledger_entries AS entry WHERE kind = 'WITHDRAWAL' ORDER BY seq`,
  );
  const problems: string[] = [];
  for (const leaving of leavings) {
    counts.withdrawals += 1;
    const { seq, quantity, asset, id, at } = leaving;
    const before = (await stored.versionsOf(id)).filter((version) => version.at < at).at(-1);
    const held = before === undefined ? undefined : (await stored.holdingsOf(id, [before])).get(before.version);
    const prices = facts.pricesAbout(at);
    if (held !== undefined && prices.some((each) => mayLeave(stored, stored.stateOf(held), leaving, each))) continue;
    problems.push(
      `Withdrawal ${seq} of ${quantity} ${asset} from ${id}, version ${before?.version}, at ${at.toISOString()} leaves ` +
        `less than is required at each of ${prices.length} prices.`,
    );
  }
  return problems;
}

/** By what stays, and not by the largest quantity that may leave, as the server decides (rules: 8). */
function mayLeave(
  stored: Stored,
  before: AccountState,
  { asset, quantity }: Pick<Leaving, 'asset' | 'quantity'>,
  prices: SentPrices,
): boolean {
  const balances = before.balances.map((each) =>
    each.asset === asset ? { ...each, quantity: each.quantity.minus(quantity) } : each,
  );
  const left = balances.find((each) => each.asset === asset)?.quantity ?? decimal(quantity).negated();
  if (left.lt(ZERO)) return false;
  if (before.collateralMode === 'SINGLE_ASSET' && asset !== 'USDT') {
    const isOwing = before.balances.some((each) => each.quantity.lt(ZERO));
    return !isOwing && stored.assess(before, prices).status !== 'LIQUIDATION';
  }
  const { collateralValue, unrealizedPnl, initialMargin } = stored.assess({ ...before, balances }, prices);
  return collateralValue.plus(min(ZERO, unrealizedPnl)).gte(initialMargin);
}

/** What each asset counts is within the cap of the platform; the cap was reached, or nothing was shown. */
export async function checkCaps({ db, rulebook }: Stored, counts: { capped: number }): Promise<string[]> {
  const ratios = cappedRatios(rulebook, new Date(), {});
  const used = await platformUsed(db, ratios);
  return ratios.flatMap(({ id, venue, asset, platformCap }) => {
    const counted = decimal(used.get(id) ?? '0');
    if (platformCap === null) return [];
    if (isNearly(counted, platformCap)) counts.capped += 1;
    return counted.gt(platformCap) ? [`${asset} counts ${counted.toFixed()} at ${venue}, above its cap.`] : [];
  });
}

/** Half of it: what was refused at the cap may have left since. */
function isNearly(counted: Decimal, cap: Decimal): boolean {
  return counted.times(2).gte(cap);
}
