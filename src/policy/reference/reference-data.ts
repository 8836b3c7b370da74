/**
 * The venues' rules as files: chains.json, assets.json and one file a venue (prisma/reference/README.md is their
 * manual). A further folder adds chains, assets and venues, or replaces those of the same name as a whole.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { COMMON_UNIT } from '../../margin/model.js';
import { type JsonValue, ReferenceDataError, readJson } from './reference-json.js';
import type { AssetData, ChainData, ReferenceData } from './reference-model.js';
import { requireDistinct } from './reference-parts.js';
import { OPTIONAL_VENUE_FIELDS, VENUE_FIELDS, readVenue } from './reference-venue.js';

export { ReferenceDataError } from './reference-json.js';

/** Throws ReferenceDataError at the first problem. */
export async function readReferenceData(folders: readonly string[]): Promise<ReferenceData> {
  const chains = new Map<string, ChainData>();
  const assets = new Map<string, { readonly asset: AssetData; readonly file: JsonValue }>();
  const venueFiles = new Map<string, JsonValue>();
  for (const folder of folders) {
    const files = await readFolder(folder);
    for (const chain of files.chains === null ? [] : readChains(files.chains)) chains.set(chain.code, chain);
    for (const entry of files.assets === null ? [] : readAssets(files.assets)) assets.set(entry.asset.symbol, entry);
    for (const file of files.venues) venueFiles.set(codeOf(file), file);
  }
  // References are checked after all folders are read: an earlier folder may use an asset of a later one.
  for (const { asset, file } of assets.values()) checkPricedAs(asset, assets.get(asset.pricedAs ?? '')?.asset, file);
  if (!assets.has(COMMON_UNIT)) {
    const message = `expected an asset ${COMMON_UNIT}, in which index prices are where nothing else is said`;
    throw new ReferenceDataError(folders.join(', '), '', message);
  }
  const known = {
    chains: new Set(chains.keys()),
    assets: new Map([...assets].map(([symbol, { asset }]) => [symbol, asset])),
  };
  return {
    chains: [...chains.values()],
    assets: [...assets.values()].map(({ asset }) => asset),
    venues: [...venueFiles.values()].map((file) => readVenue(file, known)),
  };
}

interface FolderFiles {
  readonly chains: JsonValue | null;
  readonly assets: JsonValue | null;
  readonly venues: readonly JsonValue[];
}

async function readFolder(folder: string): Promise<FolderFiles> {
  const names = await readdir(join(folder, 'venues')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new ReferenceDataError(folder, 'venues', `cannot be read (${error.message})`);
  });
  const paths = names.filter((name) => name.endsWith('.json')).sort();
  const venues = await Promise.all(paths.map((name) => readJson(join(folder, 'venues', name))));
  const files = {
    chains: await readJson(join(folder, 'chains.json')),
    assets: await readJson(join(folder, 'assets.json')),
    venues: venues.filter((file) => file !== null),
  };
  if (files.chains === null && files.assets === null && files.venues.length === 0) {
    throw new ReferenceDataError(folder, '', 'expected chains.json, assets.json or venues/*.json, found none of them');
  }
  return files;
}

function readChains(file: JsonValue): ChainData[] {
  const chains = file.list().map((value) => {
    const field = value.record(['code', 'name']);
    return { code: field('code').text(), name: field('name').text() };
  });
  requireDistinct(
    file,
    chains.map(({ code }) => code),
  );
  return chains;
}

function readAssets(file: JsonValue): { asset: AssetData; file: JsonValue }[] {
  const assets = file.list().map((value) => {
    const field = value.record(['symbol', 'name'], ['pricedAs', 'transferable', 'convertible']);
    const flag = (name: string): boolean => field(name).isAbsent || field(name).flag();
    // Prices are stored under "BTC/USDC".
    if (field('symbol').text().includes('/')) throw field('symbol').refuse('a symbol holds no slash');
    const asset: AssetData = {
      symbol: field('symbol').text(),
      name: field('name').text(),
      pricedAs: field('pricedAs').isAbsent || field('pricedAs').isNull ? null : field('pricedAs').text(),
      transferable: flag('transferable'),
      convertible: flag('convertible'),
    };
    return { asset, file: value };
  });
  requireDistinct(
    file,
    assets.map(({ asset }) => asset.symbol),
  );
  return assets;
}

/** One step, never a chain of them: a price is looked up under one name. */
function checkPricedAs(asset: AssetData, parent: AssetData | undefined, file: JsonValue): void {
  if (asset.pricedAs === null) return;
  if (asset.symbol === COMMON_UNIT) throw file.refuse(`${COMMON_UNIT} is 1 and takes no other price`);
  if (parent === undefined) throw file.refuse(`there is no asset "${asset.pricedAs}" to be priced as`);
  if (parent.pricedAs !== null) throw file.refuse(`"${parent.symbol}" has no price of its own to be priced as`);
}

/** The file has the name of the venue, so that a folder cannot hold one venue twice. */
function codeOf(file: JsonValue): string {
  const code = basename(file.file, '.json');
  file
    .record(
      ['code'],
      [...VENUE_FIELDS, ...OPTIONAL_VENUE_FIELDS],
    )('code')
    .oneOf(code);
  return code;
}
