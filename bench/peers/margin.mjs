/**
 * The product's sums of a cross account in multi-asset mode, as a straight line of decimal.js. Prices are read from the
 * database once a second, and rules once.
 */
import { Decimal as DecimalJs } from 'decimal.js';

const Decimal = DecimalJs.clone({ precision: 80, toExpNeg: -9e15, toExpPos: 9e15 });
const ZERO = new Decimal(0);
const ONE = new Decimal(1);
const STARTING_LEVERAGE = new Decimal(20);
const PRICES_MS = 1_000;

const of = (text) => (text === null ? null : new Decimal(text));
const up = (value) => value.toDecimalPlaces(18, Decimal.ROUND_CEIL);
const down = (value) => value.toDecimalPlaces(18, Decimal.ROUND_FLOOR);

/** @param query a function from SQL to rows */
export async function openRules(query) {
  const rules = {
    policies: new Map(),
    ratios: new Map(),
    tiers: new Map(),
    index: new Map([['USDT', ONE]]),
    marks: new Map(),
  };
  for (const row of await query(`
    SELECT DISTINCT ON (venue_code) venue_code, liquidation_fee_rate, debt_margin_rate, warning_ratio, margin_call_ratio
    FROM margin_policies WHERE effective_from <= now() AND cancelled_at IS NULL ORDER BY venue_code, version DESC`)) {
    rules.policies.set(row.venue_code, {
      fee: of(row.liquidation_fee_rate),
      debt: of(row.debt_margin_rate),
      warning: of(row.warning_ratio),
      marginCall: of(row.margin_call_ratio),
    });
  }
  for (const row of await query(`
    SELECT ratio.venue_code || '/' || ratio.asset_symbol AS key, ratio.user_cap,
      array_agg(ARRAY[floor::text, COALESCE(cap::text, 'Infinity'), tier.ratio::text] ORDER BY floor) AS tiers
    FROM (
      SELECT DISTINCT ON (ratio_key) * FROM collateral_ratios
      WHERE chain_code IS NULL AND tier_unit = 'QUOTE_VALUE' AND effective_from <= now() AND cancelled_at IS NULL
      ORDER BY ratio_key, version DESC
    ) AS ratio JOIN collateral_tiers AS tier ON tier.ratio_id = ratio.id
    GROUP BY 1, 2`)) {
    const tiers = row.tiers.map(([floor, cap, ratio]) => ({ floor: of(floor), cap: of(cap), ratio: of(ratio) }));
    rules.ratios.set(row.key, { userCap: of(row.user_cap), tiers });
  }
  for (const row of await query(`
    SELECT venue_code || '/' || instrument AS key,
      array_agg(ARRAY[COALESCE(cap::text, 'Infinity'), maintenance_rate::text, maintenance_amount::text,
        max_leverage::text] ORDER BY tier) AS tiers
    FROM maintenance_tiers JOIN (
      SELECT venue_code, instrument, max(version) AS version FROM maintenance_schedules
      WHERE effective_from <= now() AND cancelled_at IS NULL GROUP BY 1, 2
    ) AS newest USING (venue_code, instrument, version)
    GROUP BY 1`)) {
    rules.tiers.set(
      row.key,
      row.tiers.map(([cap, rate, amount, leverage]) => {
        return { cap: of(cap), rate: of(rate), amount: of(amount), leverage: of(leverage) };
      }),
    );
  }
  const readPrices = async () => {
    for (const { asset_symbol, price } of await query('SELECT asset_symbol, price FROM index_prices')) {
      rules.index.set(asset_symbol, of(price));
    }
    for (const { key, price } of await query(`SELECT venue_code || '/' || instrument AS key, price FROM mark_prices`)) {
      rules.marks.set(key, of(price));
    }
  };
  await readPrices();
  setInterval(() => void readPrices(), PRICES_MS);
  return rules;
}

/**
 * @param row with `balances` [asset, quantity], `positions` [instrument, side, size, cost] and `settings` [instrument,
 *   leverage], amounts in text
 */
export function straightMargin({ venue_code, balances, positions, settings }, rules) {
  const policy = rules.policies.get(venue_code);
  let walletValue = ZERO;
  let collateralValue = ZERO;
  let debts = ZERO;
  for (const [asset, text] of balances) {
    const quantity = new Decimal(text);
    const price = rules.index.get(asset);
    const value = quantity.times(price);
    walletValue = walletValue.plus(value);
    if (value.isNegative()) {
      collateralValue = collateralValue.plus(value);
      debts = debts.minus(value);
      continue;
    }
    const ratio = rules.ratios.get(`${venue_code}/${asset}`);
    if (ratio === undefined) continue;
    const { userCap, tiers } = ratio;
    const counted = userCap === null || quantity.lte(userCap) ? value : userCap.times(price);
    for (const { floor, cap, ratio } of tiers) {
      if (counted.lte(floor)) break;
      collateralValue = collateralValue.plus(Decimal.min(counted, cap).minus(floor).times(ratio));
    }
  }
  let unrealizedPnl = ZERO;
  let initialMargin = debts.times(policy.debt);
  let maintenanceMargin = initialMargin;
  for (const [instrument, side, size, cost] of positions) {
    const notional = new Decimal(size).times(rules.marks.get(`${venue_code}/${instrument}`));
    const pnl = notional.minus(cost);
    unrealizedPnl = side === 'LONG' ? unrealizedPnl.plus(pnl) : unrealizedPnl.minus(pnl);
    const tier = rules.tiers.get(`${venue_code}/${instrument}`).find(({ cap }) => notional.lt(cap));
    const set = settings.find(([symbol]) => symbol === instrument);
    const leverage = Decimal.min(set === undefined ? STARTING_LEVERAGE : set[1], tier.leverage);
    const maintenance = notional.times(tier.rate.plus(policy.fee)).minus(tier.amount);
    initialMargin = initialMargin.plus(Decimal.max(up(notional.div(leverage)), maintenance));
    maintenanceMargin = maintenanceMargin.plus(maintenance);
  }
  const marginBalance = collateralValue.plus(unrealizedPnl);
  const isRequired = !maintenanceMargin.isZero();
  return {
    status: statusOf(marginBalance, maintenanceMargin, policy),
    walletValue: down(walletValue),
    collateralValue: down(collateralValue),
    unrealizedPnl: down(unrealizedPnl),
    marginBalance: down(marginBalance),
    initialMargin: up(initialMargin),
    maintenanceMargin: up(maintenanceMargin),
    availableMargin: down(Decimal.max(ZERO, marginBalance.minus(initialMargin))),
    marginRatio: isRequired && marginBalance.gt(ZERO) ? up(maintenanceMargin.div(marginBalance)) : null,
    healthFactor: isRequired ? down(marginBalance.div(maintenanceMargin)) : null,
  };
}

function statusOf(balance, maintenance, { warning, marginCall }) {
  if (maintenance.isZero()) return balance.isNegative() ? 'LIQUIDATION' : 'NO_EXPOSURE';
  if (balance.lt(maintenance)) return 'LIQUIDATION';
  if (maintenance.gte(balance.times(marginCall))) return 'MARGIN_CALL';
  return maintenance.gte(balance.times(warning)) ? 'WARNING' : 'HEALTHY';
}
