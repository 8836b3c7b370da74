/** One venue's file: its policies, instruments and collateral ratios. Versions are counted in the order of the file. */
import { flatRatio, maintenanceAmounts } from '../../margin/curve.js';
import { ZERO, toPlain, type Decimal } from '../../margin/decimal.js';
import {
  SETTLEMENT_ASSET,
  type CollateralTier,
  type MaintenanceMethod,
  type MaintenanceTier,
} from '../../margin/model.js';
import {
  POLICY_PARAMETERS,
  contradictionIn,
  parametersBy,
  type NamedParameter,
} from '../versions/policy-parameters.js';
import { ratioKey } from '../versions/ratio-version.js';
import { inForce } from '../versions/rule-version.js';
import type { JsonValue } from './reference-json.js';
import type { InstrumentData, PolicyData, RatioData, VenueData, Version } from './reference-model.js';
import {
  collateralTierProblems,
  maintenanceTierProblems,
  problemOfInitialTiers,
  type MaintenanceTierDraft,
  type TierProblem,
} from '../versions/tiers.js';

/** The chains and assets that a venue may refer to. */
export interface KnownCodes {
  readonly chains: ReadonlySet<string>;
  readonly assets: ReadonlySet<string>;
}

const VERSION_FIELDS = ['effectiveFrom', 'reason', 'source'];

export function readVenue(file: JsonValue, known: KnownCodes): VenueData {
  const field = file.record(['code', 'name', 'chains', 'policies', 'instruments', 'collateralRatios']);
  const code = field('code').text();
  const chains = field('chains')
    .list()
    .map((value) => member(value, known.chains, 'a chain of chains.json'));
  requireDistinct(field('chains'), chains);
  const policies = inOrder(field('policies').list(), (value) => readPolicy(value, known));
  const [first] = policies;
  if (first === undefined) throw field('policies').refuse('expected at least one policy');
  // Before its first instant the first policy holds, as in the rulebook.
  const methodAt = (at: Date): MaintenanceMethod => (inForce(policies, at) ?? first).maintenanceMethod;
  const instruments = field('instruments')
    .list()
    .map((value) => readInstrument(value, known, methodAt));
  requireDistinct(
    field('instruments'),
    instruments.map(({ symbol }) => symbol),
  );
  const tables = field('collateralRatios').list();
  return {
    code,
    name: field('name').text(),
    chains,
    policies,
    instruments,
    ratios: readRatios(tables, code, chains, known),
  };
}

function readPolicy(file: JsonValue, known: KnownCodes): Omit<PolicyData, 'version'> {
  const [optional, required] = [true, false].map((isOptional) =>
    POLICY_PARAMETERS.filter(({ absent }) => (absent !== undefined) === isOptional).map(({ name }) => name),
  );
  const others = ['guardRails', 'interest', 'autoExchange'];
  const field = file.record([...VERSION_FIELDS, ...(required ?? []), ...others], optional);
  const guard = field('guardRails').record(['maxStep', 'minNoticeHours']);
  const parameters = parametersBy((parameter) => readParameter(field(parameter.name), parameter));
  const contradiction = contradictionIn(parameters);
  if (contradiction !== null) throw field(contradiction.field?.[0] ?? '').refuse(contradiction.message);
  return {
    ...readVersion(field),
    ...parameters,
    guardMaxStep: guard('maxStep').decimalWithin(0, 1),
    guardMinNoticeHours: guard('minNoticeHours').wholeNumber(),
    interest: field('interest')
      .entries()
      .map(([asset, value]) => {
        const rule = value.record(['hourlyRate', 'freeThreshold']);
        return {
          asset: knownAsset(asset, value, known),
          hourlyRate: rule('hourlyRate').decimalWithin(0, 1),
          freeThreshold: rule('freeThreshold').decimalWithin(0, null),
        };
      }),
    autoExchange: field('autoExchange')
      .entries()
      .map(([asset, value]) => ({
        asset: knownAsset(asset, value, known),
        balance: value.decimalWithin(null, 0),
      })),
  };
}

function readParameter(value: JsonValue, { type, absent }: NamedParameter): unknown {
  if (value.isAbsent && absent !== undefined) return absent;
  switch (type.name) {
    case 'FLAG':
      return value.flag();
    case 'CHOICE':
      return value.oneOf(...type.values);
    case 'PART':
      return value.decimalWithin(0, 1);
    case 'RECORD': {
      const names = Object.keys(type.record?.fields ?? {});
      const field = value.record(names);
      const stated = type.fromStated(Object.fromEntries(names.map((name) => [name, field(name).decimal()])));
      const problem = type.problem(stated);
      if (problem !== null) throw value.refuse(problem);
      return stated;
    }
  }
}

function readInstrument(file: JsonValue, known: KnownCodes, methodAt: (at: Date) => MaintenanceMethod): InstrumentData {
  const field = file.record(['symbol', 'baseAsset', 'quoteAsset', 'maxLeverage', 'maintenance']);
  const maxLeverage = field('maxLeverage').decimalWithin(1, null);
  const schedules = inOrder(field('maintenance').list(), (value) => {
    const version = value.record([...VERSION_FIELDS, 'tiers']);
    const dated = readVersion(version);
    return { ...dated, tiers: readMaintenanceTiers(version('tiers'), methodAt(dated.effectiveFrom), maxLeverage) };
  });
  if (schedules.length === 0) throw field('maintenance').refuse('expected at least one version of tiers');
  return {
    symbol: field('symbol').text(),
    baseAsset: member(field('baseAsset'), known.assets, 'an asset of assets.json'),
    // Everything is valued and settled in one asset; an instrument on another one would be valued wrongly.
    quoteAsset: field('quoteAsset').oneOf(SETTLEMENT_ASSET),
    maxLeverage,
    schedules,
  };
}

function readMaintenanceTiers(file: JsonValue, method: MaintenanceMethod, maxLeverage: Decimal): MaintenanceTier[] {
  const rows = file.list().map((row) => row.record(['floor', 'cap', 'rate', 'maxLeverage'], ['amount']));
  const drafts: MaintenanceTierDraft[] = rows.map((field) => ({
    floor: field('floor').decimal(),
    cap: field('cap').isNull ? null : field('cap').decimal(),
    maintenanceRate: field('rate').decimal(),
    maxLeverage: field('maxLeverage').decimalWithin(1, null),
  }));
  refuseProblems(file, maintenanceTierProblems(drafts));
  const amounts = maintenanceAmounts(method, drafts);
  return drafts.map((draft, index) => {
    const field = rows[index] as (name: string) => JsonValue;
    const amount = amounts[index] ?? ZERO;
    const stated = field('amount');
    // Amounts stated in the file are compared with the computed ones, which finds a typing error in a floor or rate.
    if (!stated.isAbsent && !stated.decimal().eq(amount)) {
      throw stated.unexpected(`${toPlain(amount)}, which floors and rates give where the method is ${method}`);
    }
    if (draft.maxLeverage.gt(maxLeverage)) throw field('maxLeverage').unexpected(`at most ${toPlain(maxLeverage)}`);
    return { ...draft, tier: index + 1, maintenanceAmount: amount };
  });
}

/** Each table has the ratios of some assets on one chain from one instant on: one version of each of these ratios. */
function readRatios(
  tables: readonly JsonValue[],
  venue: string,
  chains: readonly string[],
  known: KnownCodes,
): RatioData[] {
  const newest = new Map<string, RatioData>();
  return tables.flatMap((table) => {
    const field = table.record([...VERSION_FIELDS, 'chain', 'ratios']);
    const chain = readChain(field('chain'), chains);
    const dated = readVersion(field);
    return field('ratios')
      .entries()
      .map(([asset, value]): RatioData => {
        const key = ratioKey(venue, chain, knownAsset(asset, value, known));
        const before = newest.get(key);
        requireLater(value, before, dated);
        const ratio = { key, chain, asset, version: (before?.version ?? 0) + 1, ...dated, ...readCollateral(value) };
        newest.set(key, ratio);
        return ratio;
      });
  });
}

function readCollateral(
  file: JsonValue,
): Pick<RatioData, 'tierUnit' | 'userCap' | 'platformCap' | 'tiers' | 'initialTiers'> {
  if (!file.isObject) {
    const tiers = flatRatio(file.decimalWithin(0, 1));
    return { tierUnit: 'QUOTE_VALUE', userCap: null, platformCap: null, tiers, initialTiers: null };
  }
  const field = file.record(['tierUnit', 'userCap', 'platformCap', 'tiers'], ['initialTiers']);
  const optional = (name: string): Decimal | null => (field(name).isNull ? null : field(name).decimalWithin(0, null));
  const tiers = readCollateralTiers(field('tiers'));
  const initialTiers = field('initialTiers').isAbsent ? null : readCollateralTiers(field('initialTiers'));
  const problem = problemOfInitialTiers({ tiers, initialTiers });
  if (problem !== null) throw field('initialTiers').refuse(problem.message);
  const tierUnit = field('tierUnit').oneOf('QUOTE_VALUE', 'QUANTITY');
  return { tierUnit, userCap: optional('userCap'), platformCap: optional('platformCap'), tiers, initialTiers };
}

function readCollateralTiers(file: JsonValue): CollateralTier[] {
  const tiers = file.list().map((row): CollateralTier => {
    const tier = row.record(['floor', 'cap', 'ratio']);
    return {
      floor: tier('floor').decimal(),
      cap: tier('cap').isNull ? null : tier('cap').decimal(),
      ratio: tier('ratio').decimal(),
    };
  });
  refuseProblems(file, collateralTierProblems(tiers));
  return tiers;
}

function readChain(file: JsonValue, chains: readonly string[]): string | null {
  if (chains.length > 0) return member(file, new Set(chains), "one of the venue's chains");
  if (!file.isNull) throw file.unexpected('null, since the venue has no chains');
  return null;
}

function readVersion(field: (name: string) => JsonValue): Omit<Version, 'version'> {
  return {
    effectiveFrom: field('effectiveFrom').instant(),
    reason: field('reason').text(),
    source: field('source').text(),
  };
}

/** Numbers the versions of one thing, from 1, each of which takes effect after the one before. */
function inOrder<T extends Omit<Version, 'version'>>(
  files: readonly JsonValue[],
  read: (file: JsonValue) => T,
): (T & { version: number })[] {
  const versions: (T & { version: number })[] = [];
  for (const file of files) {
    const next = { ...read(file), version: versions.length + 1 };
    requireLater(file, versions.at(-1), next);
    versions.push(next);
  }
  return versions;
}

function requireLater(file: JsonValue, before: Version | undefined, next: Omit<Version, 'version'>): void {
  if (before === undefined || before.effectiveFrom < next.effectiveFrom) return;
  const [earlier, later] = [before, next].map((version) => version.effectiveFrom.toISOString());
  throw file.refuse(`takes effect at ${later}, which is not after ${earlier}, when version ${before.version} does`);
}

export function requireDistinct(file: JsonValue, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw file.refuse(`"${twice}" stands here twice`);
}

function refuseProblems(file: JsonValue, problems: readonly TierProblem[]): void {
  const [first] = problems;
  if (first !== undefined) throw file.refuse(first.message);
}

function member(file: JsonValue, known: ReadonlySet<string>, what: string): string {
  const text = file.text();
  if (!known.has(text)) throw file.unexpected(what);
  return text;
}

function knownAsset(symbol: string, file: JsonValue, known: KnownCodes): string {
  if (!known.assets.has(symbol)) throw file.refuse(`there is no asset "${symbol}" in assets.json`);
  return symbol;
}
