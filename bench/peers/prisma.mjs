/** mercurius and graphql-jit, with Prisma: the client that the product is built with. */
import { PrismaPg } from '@prisma/adapter-pg';

import { PrismaClient } from '../../dist/src/platform/prisma/client.js';
import { openRules } from './margin.mjs';
import { serveMercurius } from './serve-mercurius.mjs';

const db = new PrismaClient({ adapter: new PrismaPg({ connectionString: process.env.DATABASE_URL, max: 10 }) });
const HELD = {
  balances: { select: { assetSymbol: true, quantity: true } },
  positions: { select: { instrument: true, side: true, size: true, cost: true }, where: { size: { gt: 0 } } },
  settings: { select: { instrument: true, leverage: true } },
};
const rowOf = ({ id, name, owner, venueCode, collateralMode, positionMode, openedAt, ...held }) => ({
  ...{ id, name, owner, venue_code: venueCode, collateral_mode: collateralMode, position_mode: positionMode },
  opened_at: openedAt,
  balances: held.balances?.map(({ assetSymbol, quantity }) => [assetSymbol, quantity.toFixed()]),
  positions: held.positions?.map(({ instrument, side, size, cost }) => [
    instrument,
    side,
    size.toFixed(),
    cost.toFixed(),
  ]),
  settings: held.settings?.map(({ instrument, leverage }) => [instrument, leverage]),
});

const venues = new Map((await db.venue.findMany()).map((venue) => [venue.code, venue]));
const source = {
  venues,
  account: async (id, owner, withHoldings) => {
    const row = await db.account.findFirst({ where: { id, owner }, ...(withHoldings ? { include: HELD } : {}) });
    return row === null ? null : rowOf(row);
  },
  accounts: async (owner, take) =>
    (await db.account.findMany({ where: { owner }, orderBy: { id: 'asc' }, take })).map(rowOf),
};
await serveMercurius(source, await openRules((sql) => db.$queryRawUnsafe(sql)));
