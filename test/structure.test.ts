/** The house: which folder may import which, and what margin/ must be free of. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { describe, expect, it } from '@jest/globals';

import { PACKAGE_ROOT } from '../src/platform/package-root.js';

const SOURCE = join(PACKAGE_ROOT, 'src');

/** The floors from the top down: each may import those below it. margin and platform stand beside each other. */
const FLOORS = ['api', 'jobs', 'risk', 'ledger', 'cluster', 'policy', 'market', 'margin'];
const ALLOWED: Record<string, readonly string[]> = {
  ...Object.fromEntries(FLOORS.map((floor, index) => [floor, [...FLOORS.slice(index + 1), 'platform']])),
  margin: [],
  platform: [],
  // Beside the floors: it calls the API of the server as a venue would, and publishes prices.
  demo: [...FLOORS, 'platform'],
};

/** The rooms of a floor from the top down; those of one line stand beside each other, and nouns may know one another. */
const ROOMS: Record<string, readonly (readonly string[])[]> = {
  api: [['server'], ['account', 'past', 'venue', 'risk', 'admin', 'ingest'], ['execution'], ['documents'], ['types']],
  risk: [['engine'], ['streams', 'impact'], ['alerts'], ['columns']],
  ledger: [['reported'], ['']],
  policy: [['changes'], ['reference'], ['rulebook'], ['versions']],
  margin: [['change'], ['solve'], ['state'], ['']],
};
const MAX_FILES = 20;

interface Import {
  readonly from: string;
  readonly specifier: string;
  /** Within src, where it is one of ours. */
  readonly to: string | null;
}

const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('platform/prisma/'))
  .sort();

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SOURCE, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  return specifiers.map((specifier) => ({
    from: file,
    specifier,
    to: specifier.startsWith('.')
      ? relative(SOURCE, resolve(SOURCE, dirname(file), specifier)).replace(/\.js$/, '.ts')
      : null,
  }));
}

const imports = files.flatMap(importsOf);
/** "risk/engine/margin-loop.ts" is in the room "engine" of the floor "risk"; what stands beside the rooms, in "". */
const roomOf = (file: string): string => file.split('/').slice(1, -1)[0] ?? '';
const folderOf = (file: string): string | null => (file.includes('/') ? (file.split('/')[0] ?? null) : null);

describe('imports', () => {
  it('are found at all', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(imports.length).toBeGreaterThan(200);
  });

  it('go down: api > jobs > risk > ledger > cluster > policy > market > margin, platform', () => {
    const upwards = imports.filter(({ from, to }) => {
      const folder = folderOf(from);
      // What stands beside the folders (app.ts, main.ts) joins them, and may know all.
      if (folder === null || to === null) return false;
      const target = folderOf(to);
      return target === null || (target !== folder && ALLOWED[folder]?.includes(target) !== true);
    });
    expect(upwards).toEqual([]);
  });

  it('go down between the rooms of a floor; what stands beside the rooms of api joins them', () => {
    const upwards = imports.filter(({ from, to }) => {
      const floor = folderOf(from);
      if (floor === null || to === null || folderOf(to) !== floor) return false;
      const lines = ROOMS[floor];
      const [own, other] = [roomOf(from), roomOf(to)];
      if (lines === undefined || own === other || (floor === 'api' && own === '')) return false;
      const lineOf = (room: string): number => lines.findIndex((line) => line.includes(room));
      const areNouns = floor === 'api' && lineOf(own) === lineOf(other);
      return lineOf(own) === -1 || lineOf(other) === -1 || (lineOf(own) >= lineOf(other) && !areNouns);
    });
    expect(upwards).toEqual([]);
  });

  it('make no circles between files', () => {
    const next = new Map<string, string[]>();
    for (const { from, to } of imports) if (to !== null) next.set(from, [...(next.get(from) ?? []), to]);
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      if (path.includes(file) || done.has(file)) return;
      for (const target of next.get(file) ?? []) walk(target, [...path, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
    expect(circles).toEqual([]);
  });
});

it('no room holds more files than one can remember', () => {
  const rooms = new Map<string, number>();
  for (const file of files) rooms.set(dirname(file), (rooms.get(dirname(file)) ?? 0) + 1);
  expect([...rooms].filter(([, count]) => count > MAX_FILES)).toEqual([]);
});

describe('margin/', () => {
  const marginFiles = files.filter((file) => file.startsWith('margin/'));
  /** Decimals, and fractions of them. */
  const EXACT = ['margin/decimal.ts', 'margin/fraction.ts'];

  it('knows itself, and nothing else', () => {
    const own = imports.filter(({ from }) => from.startsWith('margin/'));
    expect(own.filter(({ to }) => to?.startsWith('margin/') !== true)).toEqual([]);
  });

  it('has no clock, randomness, environment, logging, timer or promise; floats only where decimals are compared', () => {
    const impure =
      /\bDate\b|Math\.random|\bprocess\b|\bconsole\b|setTimeout|setInterval|\basync\b|\bawait\b|\bPromise\b|\bfetch\b|globalThis/;
    const float = /parseFloat|toNumber\(|Number\(/;
    const found = marginFiles.flatMap((file) => {
      const code = readFileSync(join(SOURCE, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      const match = impure.exec(code) ?? (EXACT.includes(file) ? null : float.exec(code));
      return match === null ? [] : [`${file}: ${match[0]}`];
    });
    expect(marginFiles.length).toBeGreaterThan(5);
    expect(found).toEqual([]);
  });

  it('divides only by the functions that are named for their side: nothing else looks into a decimal', () => {
    const found = marginFiles.filter((file) => {
      const code = readFileSync(join(SOURCE, file), 'utf8');
      return !EXACT.includes(file) && /\.(units|places)\b/.test(code);
    });
    expect(found).toEqual([]);
  });
});
