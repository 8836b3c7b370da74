/** One venue's file: its policies, instruments and collateral ratios. Versions are counted in the order of the file. */
import { AT_PAR, flatRatio } from '../../margin/curve.js';
import { ZERO, toPlain, type Decimal } from '../../margin/decimal.js';
import {
  COMMON_UNIT,
  type CollateralTier,
  type ExchangeRate,
  type ExchangeTier,
  type LiabilityTable,
  type LiabilityTier,
} from '../../margin/model.js';
import {
  POLICY_PARAMETERS,
  contradictionIn,
  parametersBy,
  type NamedParameter,
} from '../versions/policy-parameters.js';
import { ratioKey } from '../versions/ratio-version.js';
import type { JsonValue } from './reference-json.js';
import type { PolicyData, RatioData, VenueData } from './reference-model.js';
import { inForce } from '../versions/rule-version.js';
import {
  collateralTierProblems,
  exchangeTierProblems,
  liabilityTierProblems,
  problemOfInitialTiers,
  rateBelowRatio,
} from '../versions/tiers.js';
import { readInstrument, readParities } from './reference-instrument.js';
import {
  VERSION_FIELDS,
  holding,
  inOrder,
  knownAsset,
  member,
  readVersion,
  refuseProblems,
  requireDistinct,
  requireLater,
  type KnownCodes,
} from './reference-parts.js';

/** Of a venue's file. */
export const VENUE_FIELDS = ['code', 'name', 'chains', 'policies', 'instruments', 'collateralRatios'];
export const OPTIONAL_VENUE_FIELDS = ['unit', 'singleAsset', 'atPar'];

export function readVenue(file: JsonValue, known: KnownCodes): VenueData {
  const field = file.record(VENUE_FIELDS, OPTIONAL_VENUE_FIELDS);
  const code = field('code').text();
  const chains = field('chains')
    .list()
    .map((value) => member(value, known.chains, 'a chain of chains.json'));
  requireDistinct(field('chains'), chains);
  const asset = (name: string, otherwise: string): string =>
    field(name).isAbsent ? otherwise : member(field(name), known.assets, 'an asset of assets.json');
  const unit = asset('unit', COMMON_UNIT);
  const pricedAs = known.assets.get(unit)?.pricedAs ?? null;
  if (pricedAs !== null) throw field('unit').refuse(`${unit} is priced as ${pricedAs}, and the price of a unit is 1`);
  const parities = readParities(field('atPar'), known);
  const policies = inOrder(field('policies').list(), (value) => readPolicy(value, known));
  const [first, ...others] = policies;
  if (first === undefined) throw field('policies').refuse('expected at least one policy');
  const instruments = field('instruments')
    .list()
    .map((value) => readInstrument(value, known, parities, [first, ...others]));
  requireDistinct(
    field('instruments'),
    instruments.map(({ symbol }) => symbol),
  );
  const ratios = readRatios(field('collateralRatios').list(), code, chains, known);
  refuseLowRates(field('policies'), [first, ...others], ratios, unit, chains);
  return {
    code,
    name: field('name').text(),
    chains,
    unit,
    singleAsset: asset('singleAsset', unit),
    policies,
    instruments,
    ratios,
  };
}

function readPolicy(file: JsonValue, known: KnownCodes): Omit<PolicyData, 'version'> {
  const [optional, required] = [true, false].map((isOptional) =>
    POLICY_PARAMETERS.filter(({ absent }) => (absent !== undefined) === isOptional).map(({ name }) => name),
  );
  const others = ['guardRails', 'interest', 'autoExchange'];
  const field = file.record(
    [...VERSION_FIELDS, ...(required ?? []), ...others],
    [...(optional ?? []), ...['liabilities', 'exchangeRates']],
  );
  const guard = field('guardRails').record(['maxStep', 'minNoticeHours']);
  const parameters = parametersBy((parameter) => readParameter(field(parameter.name), parameter));
  const liabilities = readLiabilities(field('liabilities'), known);
  const autoExchange = field('autoExchange')
    .entries()
    .map(([asset, value]) => ({
      asset: knownAsset(asset, value, known),
      balance: value.decimalWithin(null, 0),
    }));
  const contradiction = contradictionIn({ ...parameters, liabilities, autoExchange });
  if (contradiction !== null) throw field(contradiction.field?.[0] ?? '').refuse(contradiction.message);
  return {
    ...readVersion(field),
    ...parameters,
    guardMaxStep: guard('maxStep').decimalWithin(0, 1),
    guardMinNoticeHours: guard('minNoticeHours').wholeNumber(),
    liabilities,
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
    autoExchange,
    exchangeRates: readExchangeRates(field('exchangeRates'), known),
  };
}

/** By asset: one rate, or tiers. */
function readExchangeRates(file: JsonValue, known: KnownCodes): ExchangeRate[] {
  if (file.isAbsent) return [];
  return file.entries().map(([asset, value]) => {
    const rows = value.isText ? [value] : value.list();
    const tiers = rows.map((row): ExchangeTier => {
      if (value.isText) return { floor: ZERO, cap: null, rate: value.decimal() };
      const tier = row.record(['floor', 'cap', 'rate']);
      const cap = tier('cap').isNull ? null : tier('cap').decimal();
      return { floor: tier('floor').decimal(), cap, rate: tier('rate').decimal() };
    });
    refuseProblems(value, exchangeTierProblems(tiers));
    return { asset: knownAsset(asset, value, known), tiers };
  });
}

/**
 * Policies and ratios are versions apart: a rate of an exchange must lie below no ratio of its asset that holds with it
 * (rules: 11). The unit counts in full where the tables leave it out.
 */
function refuseLowRates(
  file: JsonValue,
  policies: readonly [PolicyData, ...PolicyData[]],
  ratios: readonly RatioData[],
  unit: string,
  chains: readonly string[],
): void {
  if (policies.every(({ exchangeRates }) => exchangeRates.length === 0)) return;
  for (const { effectiveFrom: at } of [...policies, ...ratios]) {
    const policy = holding(policies, at);
    for (const { asset, tiers } of policy.exchangeRates) {
      for (const chain of chains.length === 0 ? [null] : chains) {
        const own = ratios.filter((ratio) => ratio.asset === asset && ratio.chain === chain);
        const table = inForce(own, at) ?? (asset === unit ? AT_PAR : null);
        const found = table === null ? null : rateBelowRatio(tiers, table.tiers);
        if (found === null) continue;
        const [rate, ratio] = [found.rate, found.ratio].map(toPlain);
        const message = `the exchange rate ${rate} of ${asset} is below its ratio ${ratio}, which would lower margin balances`;
        throw (file.list()[policy.version - 1] ?? file).refuse(message);
      }
    }
  }
}

function readLiabilities(file: JsonValue, known: KnownCodes): LiabilityTable[] {
  if (file.isAbsent) return [];
  const tables = file.list().map((value): LiabilityTable => {
    const table = value.record(['asset', 'tierUnit', 'tiers']);
    const tiers = table('tiers')
      .list()
      .map((row): LiabilityTier => {
        const tier = row.record(['floor', 'cap', 'initialRate', 'maintenanceRate']);
        return {
          floor: tier('floor').decimal(),
          cap: tier('cap').isNull ? null : tier('cap').decimal(),
          initialRate: tier('initialRate').decimal(),
          maintenanceRate: tier('maintenanceRate').decimal(),
        };
      });
    refuseProblems(table('tiers'), liabilityTierProblems(tiers));
    const asset = table('asset').isNull
      ? null
      : member(table('asset'), known.assets, 'an asset of assets.json, or null');
    return { asset, tierUnit: table('tierUnit').oneOf('QUOTE_VALUE', 'QUANTITY'), tiers };
  });
  requireDistinct(
    file,
    tables.map(({ asset }) => asset ?? 'null'),
  );
  return tables;
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
    case 'CHOICES': {
      const choices = Object.entries(type.record?.choices ?? {});
      const field = value.record(choices.map(([name]) => name));
      return type.fromStated(
        Object.fromEntries(choices.map(([name, { values }]) => [name, field(name).oneOf(...values)])),
      );
    }
  }
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
