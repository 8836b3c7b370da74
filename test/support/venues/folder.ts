/** Reference data of a test's own, as files that REFERENCE_DATA may name. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OwnData {
  readonly chains?: readonly object[];
  readonly assets?: readonly object[];
  readonly venues: readonly { readonly code: string }[];
}

export async function folderOf({
  chains,
  assets,
  venues,
}: OwnData): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'plimsoll-reference-'));
  await mkdir(join(path, 'venues'));
  const write = (name: string, data: object): Promise<void> => writeFile(join(path, name), JSON.stringify(data));
  if (chains !== undefined) await write('chains.json', chains);
  if (assets !== undefined) await write('assets.json', assets);
  for (const venue of venues) await write(join('venues', `${venue.code}.json`), venue);
  return { path, remove: () => rm(path, { recursive: true }) };
}
