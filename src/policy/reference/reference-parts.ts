/** What the parts of a venue's file share: versions in order, names that must be known, problems of tiers. */
import type { AssetRules } from '../../margin/model.js';
import { inForce } from '../versions/rule-version.js';
import type { TierProblem } from '../versions/tiers.js';
import type { JsonValue } from './reference-json.js';
import type { Version } from './reference-model.js';

/** The chains and assets that a venue may refer to. */
export interface KnownCodes {
  readonly chains: ReadonlySet<string>;
  readonly assets: ReadonlyMap<string, AssetRules>;
}

export const VERSION_FIELDS = ['effectiveFrom', 'reason', 'source'];

export function readVersion(field: (name: string) => JsonValue): Omit<Version, 'version'> {
  return {
    effectiveFrom: field('effectiveFrom').instant(),
    reason: field('reason').text(),
    source: field('source').text(),
  };
}

/** Numbers the versions of one thing, from 1, each of which takes effect after the one before. */
export function inOrder<T extends Omit<Version, 'version'>>(
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

/** Of versions in order; before its instant the first one holds, as in the rulebook. */
export function holding<T extends Version>(versions: readonly [T, ...T[]], at: Date): T {
  return inForce(versions, at) ?? versions[0];
}

export function requireLater(file: JsonValue, before: Version | undefined, next: Omit<Version, 'version'>): void {
  if (before === undefined || before.effectiveFrom < next.effectiveFrom) return;
  const [earlier, later] = [before, next].map((version) => version.effectiveFrom.toISOString());
  throw file.refuse(`takes effect at ${later}, which is not after ${earlier}, when version ${before.version} does`);
}

export function requireDistinct(file: JsonValue, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw file.refuse(`"${twice}" stands here twice`);
}

export function refuseProblems(file: JsonValue, problems: readonly TierProblem[]): void {
  const [first] = problems;
  if (first !== undefined) throw file.refuse(first.message);
}

export function member(file: JsonValue, known: { has(text: string): boolean }, what: string): string {
  const text = file.text();
  if (!known.has(text)) throw file.unexpected(what);
  return text;
}

export function knownAsset(symbol: string, file: JsonValue, known: KnownCodes): string {
  if (!known.assets.has(symbol)) throw file.refuse(`there is no asset "${symbol}" in assets.json`);
  return symbol;
}
