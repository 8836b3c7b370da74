/** The recorded facts of an account's positions in one instrument, in the order of recording (rules: 25). */
import type { PositionFact, PositionHistory } from '../../margin/change/reverse-fill.js';
import { ZERO, decimal, type Decimal } from '../../margin/decimal.js';
import type { MarginMode, PositionSide, PositionState, TradeSide } from '../../margin/model.js';
import type { Transaction } from '../../platform/database/database.js';
import { Prisma } from '../../platform/prisma/client.js';
import type { InstrumentRecord } from '../../policy/rulebook/rulebook.js';
import { settingOf, type SettingRecord } from '../records.js';

/** Facts that are taken again at most: they hold up this process for some 200 ms. */
const MAX_FACTS = 10_000;
/** Fills of one account that one version has at most: those of one request. */
const MAX_OF_VERSION = 1_000;

/** A recorded fill, whose account is locked. */
export interface PlacedFill {
  readonly seq: bigint;
  readonly accountId: string;
  readonly instrument: string;
  /** The version of the account that it made; null: recorded before fills named it. */
  readonly version: number | null;
}

/** Where the facts begin: in front of this fill and the others of its version. */
interface Beginning {
  readonly seq: bigint;
  readonly version: number;
}

interface FillRow extends Beginning {
  readonly id: string;
  readonly side: TradeSide;
  readonly positionSide: PositionSide | null;
  readonly size: string;
  readonly price: string;
  readonly fee: string;
  readonly feeAsset: string;
  /** Of the fill that it reverses; null: it is no reversal. */
  readonly reversedSeq: bigint | null;
  readonly reversedVersion: number | null;
}

interface PositionRow {
  readonly side: PositionSide;
  readonly version: number;
  readonly size: string;
  readonly cost: string;
  readonly isolatedMargin: string;
}

interface SettingRow {
  readonly version: number;
  readonly leverage: number;
  readonly marginMode: MarginMode;
}

/**
 * The facts since the fill, with the positions in front of them; a text: why nobody knows them. What is not of a fill
 * follows from the versions of the positions: only fills change a size, and what changes the margin beside them moved it.
 */
export async function readHistory(
  tx: Transaction,
  fill: PlacedFill,
  instrument: InstrumentRecord,
): Promise<PositionHistory | string> {
  if (fill.version === null) return 'it was recorded before fills named the version of their account';
  const found = await readFills(tx, fill, { seq: fill.seq, version: fill.version });
  if (found === null) return `more than ${MAX_FACTS} facts have been recorded since`;
  const { from, fills } = found;
  const modes = await readModes(tx, fill, from);
  if (modes === null) return 'versions of the account are no longer kept that far back';
  const settings = new Settings(await readSettings(tx, fill, from), instrument);
  const positions = await readPositions(tx, fill, from);
  if (positions.length > MAX_FACTS) return `more than ${MAX_FACTS} facts have been recorded since`;
  const before = positions.filter(({ version }) => version < from.version);
  const placed = [
    ...factsOfFills(fills, settings, instrument),
    ...factsOfMargin(positions, from, new Set(fills.map(({ version }) => version))),
    ...settings.modeChanges(from).map((version) => modeFact('margin mode', version)),
    ...modes.map((version) => modeFact('position mode', version)),
  ].sort((a, b) => a.version - b.version || (a.seq < b.seq ? -1 : 1));
  return {
    start: before.flatMap((row) => positionOf(row, settings.at(from.version), instrument)),
    facts: placed.map(({ fact }) => fact),
    reversed: placed.findIndex(({ seq }) => seq === fill.seq),
  };
}

/** A fact with its place: versions have facts of one kind, and fills are numbered within theirs. */
interface PlacedFact extends Beginning {
  readonly fact: PositionFact;
}

/** Those of fills that are not reversed; a reversal is none. */
function factsOfFills(fills: readonly FillRow[], settings: Settings, instrument: InstrumentRecord): PlacedFact[] {
  const { symbol, settlementAsset } = instrument;
  const reversed = new Set(fills.map(({ reversedSeq }) => reversedSeq));
  return fills
    .filter(({ seq, reversedSeq }) => reversedSeq === null && !reversed.has(seq))
    .map(({ seq, version, id, side, positionSide, feeAsset, ...amounts }) => ({
      ...{ seq, version },
      fact: {
        kind: 'FILL',
        name: `the fill ${id}`,
        positionMode: positionSide === null ? 'ONE_WAY' : 'HEDGE',
        fill: {
          ...{ instrument: symbol, settlementAsset, side, positionSide, feeAsset },
          size: decimal(amounts.size),
          price: decimal(amounts.price),
          fee: decimal(amounts.fee),
          ...settings.at(version),
        },
      },
    }));
}

/** What has moved isolated margin in versions that have no fill. */
function factsOfMargin(
  positions: readonly PositionRow[],
  from: Beginning,
  versionsOfFills: ReadonlySet<number>,
): PlacedFact[] {
  const margins = new Map<PositionSide, Decimal>();
  const facts: PlacedFact[] = [];
  for (const { side, version, isolatedMargin } of positions) {
    const quantity = decimal(isolatedMargin).minus(margins.get(side) ?? ZERO);
    margins.set(side, decimal(isolatedMargin));
    if (version < from.version || versionsOfFills.has(version) || quantity.isZero()) continue;
    const name = `the change of isolated margin in version ${version} of the account`;
    facts.push({ version, seq: 0n, fact: { kind: 'MARGIN', name, side, quantity } });
  }
  return facts;
}

function modeFact(mode: string, version: number): PlacedFact {
  return {
    version,
    seq: 0n,
    fact: { kind: 'MODE', name: `the change of ${mode} in version ${version} of the account` },
  };
}

function positionOf(row: PositionRow, setting: SettingRecord, { symbol }: InstrumentRecord): PositionState[] {
  const size = decimal(row.size);
  if (size.isZero()) return [];
  const { side } = row;
  const [cost, isolatedMargin] = [decimal(row.cost), decimal(row.isolatedMargin)];
  return [{ instrument: symbol, side, size, cost, isolatedMargin, ...setting }];
}

/** What was set for the instrument, version by version. */
class Settings {
  constructor(
    private readonly rows: readonly SettingRow[],
    private readonly instrument: InstrumentRecord,
  ) {}

  /** As it was when the version was made: fills change no setting. */
  at(version: number): SettingRecord {
    const row = this.rows.findLast((each) => each.version < version);
    if (row === undefined) return settingOf({ settings: new Map() }, this.instrument);
    return { leverage: decimal(row.leverage), marginMode: row.marginMode };
  }

  /** Versions from the beginning on in which the margin mode has changed. */
  modeChanges(from: Beginning): number[] {
    return this.rows
      .filter((row) => row.version >= from.version && row.marginMode !== this.at(row.version).marginMode)
      .map(({ version }) => version);
  }
}

/**
 * The fills of the facts, and where these begin: in front of every fill that was reversed since, so that what is before
 * them is as it was recorded. Null: they are too many.
 */
async function readFills(
  tx: Transaction,
  fill: PlacedFill,
  from: Beginning,
): Promise<{ readonly from: Beginning; readonly fills: readonly FillRow[] } | null> {
  const own = Prisma.sql`SELECT * FROM fills WHERE account_id = ${fill.accountId}::uuid AND instrument = ${fill.instrument}`;
  const fills = await tx.$queryRaw<FillRow[]>`
    SELECT fill.seq, fill.fill_id AS id, fill.side::text AS side, fill.position_side::text AS "positionSide",
      fill.size::text AS size, fill.price::text AS price, fill.fee::text AS fee, fill.fee_asset AS "feeAsset",
      fill.version, reversed.seq AS "reversedSeq", reversed.version AS "reversedVersion"
    FROM (
      ${own} AND seq >= ${from.seq}
      UNION ALL
      SELECT * FROM (${own} AND seq < ${from.seq} ORDER BY seq DESC LIMIT ${MAX_OF_VERSION}) AS before
      WHERE version = ${from.version}
    ) AS fill
    LEFT JOIN reversals ON reversal_seq = fill.seq LEFT JOIN fills AS reversed ON reversed.seq = reversed_seq
    ORDER BY fill.seq LIMIT ${MAX_FACTS + 1}`;
  if (fills.length > MAX_FACTS) return null;
  let first = from;
  for (const { reversedSeq: seq, reversedVersion: version } of fills) {
    if (seq !== null && version !== null && version < first.version) first = { seq, version };
  }
  return first === from ? { from, fills } : readFills(tx, fill, first);
}

/** Of each side the last one in front of the facts, and all since; by version. */
async function readPositions(
  tx: Transaction,
  { accountId, instrument }: PlacedFill,
  from: Beginning,
): Promise<PositionRow[]> {
  return tx.$queryRaw<PositionRow[]>`
    SELECT side::text AS side, version, size::text AS size, cost::text AS cost, isolated_margin::text AS "isolatedMargin"
    FROM unnest(enum_range(NULL::"PositionSide")) AS asked CROSS JOIN LATERAL (
      SELECT * FROM position_versions
      WHERE account_id = ${accountId}::uuid AND instrument = ${instrument} AND side = asked AND version >= COALESCE((
        SELECT max(version) FROM position_versions
        WHERE account_id = ${accountId}::uuid AND instrument = ${instrument} AND side = asked AND version < ${from.version}
      ), 0)
    ) AS past
    ORDER BY version LIMIT ${MAX_FACTS + 1}`;
}

/** The last one in front of the facts, and all since; by version. */
async function readSettings(
  tx: Transaction,
  { accountId, instrument }: PlacedFill,
  from: Beginning,
): Promise<SettingRow[]> {
  return tx.$queryRaw<SettingRow[]>`
    SELECT version, leverage, margin_mode::text AS "marginMode" FROM setting_versions
    WHERE account_id = ${accountId}::uuid AND instrument = ${instrument} AND version >= COALESCE((
      SELECT max(version) FROM setting_versions
      WHERE account_id = ${accountId}::uuid AND instrument = ${instrument} AND version < ${from.version}
    ), 0)
    ORDER BY version`;
}

/** Versions in which the position mode has changed. Null: the version in front of the facts is no longer kept. */
async function readModes(tx: Transaction, { accountId }: PlacedFill, from: Beginning): Promise<number[] | null> {
  const rows = await tx.$queryRaw<{ version: number; changed: boolean | null }[]>`
    SELECT version, changed FROM (
      SELECT version, position_mode <> lag(position_mode) OVER (ORDER BY version) AS changed
      FROM account_versions WHERE account_id = ${accountId}::uuid AND version >= ${from.version - 1}
    ) AS past
    WHERE changed OR version = ${from.version - 1}
    ORDER BY version`;
  if (rows[0]?.version !== from.version - 1) return null;
  return rows.filter(({ changed }) => changed === true).map(({ version }) => version);
}
