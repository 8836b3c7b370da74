/** Random steps in the life of an account at a venue with two instruments. */
import fc from 'fast-check';

const side = fc.constantFrom('BUY' as const, 'SELL' as const);
const instrument = fc.constantFrom(0, 1);
/** What happens to an account, or to what values it. */
export const accountStep = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('fill' as const),
      ...{ instrument, side, size: fc.constantFrom('0.5', '1.25'), price: fc.constantFrom('9000', '10000.01') },
      // Milliseconds between the trade and its recording.
      late: fc.constantFrom(0, 5_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('prices' as const),
      source: fc.constantFrom('a', 'b', 'c'),
      ...{ index: fc.integer({ min: 9_000, max: 11_000 }), mark: fc.integer({ min: 9_000, max: 11_000 }), instrument },
    }),
  },
  fc.record({ what: fc.constant('ratio' as const), ratio: fc.constantFrom('0.9', '0.85', '0.333333333333333333') }),
  fc.record({
    what: fc.constant('transfer' as const),
    ...{ asset: fc.constantFrom('USDT', 'BTC', 'ETH'), quantity: fc.constantFrom('-0.7', '100', '-2000') },
  }),
  fc.record({ what: fc.constant('hour' as const) }),
  fc.record({ what: fc.constant('flatten' as const) }),
  fc.record({ what: fc.constant('adjustPositionMargin' as const), quantity: fc.constantFrom('-1', '5') }),
  fc.record({ what: fc.constant('setLeverage' as const), instrument, leverage: fc.constantFrom('1', '10', '25') }),
  fc.record({
    what: fc.constant('setMarginMode' as const),
    ...{ instrument, marginMode: fc.constantFrom('CROSS', 'ISOLATED') },
  }),
  fc.record({ what: fc.constant('setPositionMode' as const), positionMode: fc.constantFrom('ONE_WAY', 'HEDGE') }),
  fc.record({
    what: fc.constant('setCollateralAsset' as const),
    ...{ asset: fc.constantFrom('BTC', 'ETH'), counts: fc.boolean() },
  }),
  fc.record({
    what: fc.constant('setCollateralMode' as const),
    collateralMode: fc.constantFrom('SINGLE_ASSET', 'MULTI_ASSET'),
  }),
);
export type AccountStep = typeof accountStep extends fc.Arbitrary<infer T> ? T : never;
