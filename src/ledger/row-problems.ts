/** Whether a row of an account is one that this server can read. */
import * as enums from '../platform/prisma/enums.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import type { AccountRow } from './account-rows.js';

/** What this server does not know, or what no account can hold; null: it can be read. */
export function problemOfRow([, , venue, chain, , , , , held]: AccountRow, rulebook: Rulebook): string | null {
  const known = rulebook.venues.get(venue);
  if (known === undefined) return `this server knows no venue ${venue}`;
  if (rulebook.policyVersions(venue).length === 0) return `this server knows no policy of ${venue}`;
  if (chain === null ? known.chains.length > 0 : !known.chains.includes(chain)) {
    return `this server knows no accounts of ${venue} on ${chain ?? 'no chain'}`;
  }
  const [collateralMode, positionMode, balances, positions, settings, orders, switchedOff] = held;
  if (!isOf(enums.CollateralMode, collateralMode)) return `this server knows no collateral mode ${collateralMode}`;
  if (!isOf(enums.PositionMode, positionMode)) return `this server knows no position mode ${positionMode}`;
  for (let item = 0; item < balances.length; item += 2) {
    const asset = balances[item] as string;
    if (!rulebook.assets.has(asset)) return `this server knows no asset ${asset}`;
    if (balances[item + 1] === NOT_A_NUMBER) return `its balance of ${asset} is no number`;
  }
  for (const asset of switchedOff) if (!rulebook.assets.has(asset)) return `this server knows no asset ${asset}`;
  for (const [symbol, side, ...amounts] of positions) {
    const problem = problemOfInstrument(venue, symbol, amounts[0] !== '0', rulebook);
    if (problem !== null) return problem;
    if (!isOf(enums.PositionSide, side)) return `this server knows no position side ${side}`;
    if (amounts.includes(NOT_A_NUMBER)) return `an amount of its position in ${symbol} is no number`;
  }
  for (const [symbol, , marginMode] of settings) {
    const problem = problemOfInstrument(venue, symbol, false, rulebook);
    if (problem !== null) return problem;
    if (!isOf(enums.MarginMode, marginMode)) return `this server knows no margin mode ${marginMode}`;
  }
  for (const [symbol, side, ...amounts] of orders) {
    const problem = problemOfInstrument(venue, symbol, amounts[0] !== '0' || amounts[1] !== '0', rulebook);
    if (problem !== null) return problem;
    if (!isOf(enums.OrderSide, side)) return `this server knows no side ${side} of orders`;
    if (amounts.includes(NOT_A_NUMBER)) return `an amount of its orders in ${symbol} is no number`;
  }
  return null;
}

/** As PostgreSQL writes it: a column of exact numbers can hold it all the same. */
const NOT_A_NUMBER = 'NaN';

function isOf(values: object, value: string): boolean {
  return Object.hasOwn(values, value);
}

function problemOfInstrument(venue: string, symbol: string, isOpen: boolean, rulebook: Rulebook): string | null {
  if (rulebook.instrument(venue, symbol) === null) return `this server knows no instrument ${symbol} of ${venue}`;
  const hasTiers = !isOpen || rulebook.maintenanceVersions(venue, symbol).length > 0;
  return hasTiers ? null : `this server knows no maintenance tiers of ${symbol} at ${venue}`;
}
