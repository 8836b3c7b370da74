/**
 * PGlite hangs for good when its log finds no room for another segment (16 MB). Before that the database refuses
 * writes. Reads go on, and writes do too once there is room again.
 */
import { statfs } from 'node:fs/promises';

import type { PGlite } from '@electric-sql/pglite';

import type { Logger } from '../log.js';

const MB = 1_048_576;
/** Room for several segments: PGlite may write more than one between two looks. */
const ENOUGH_BYTES = 64 * MB;
const LOOK_MS = 500;

/** There is too little room at the start. The message names the folder and the room that is expected. */
export class DiskFullError extends Error {
  constructor(folder: string, free: number) {
    super(`${folder} has ${inMb(free)} of room, and ${inMb(ENOUGH_BYTES)} are expected: make room, and start again.`);
    this.name = 'DiskFullError';
  }
}

export interface DiskWatch {
  /** Whether writes are refused for lack of room. */
  readonly isShort: () => boolean;
  readonly stop: () => Promise<void>;
}

/** Throws DiskFullError if there is too little room at the start. */
export async function checkRoom(folder: string): Promise<void> {
  const free = await freeBytes(folder);
  if (free < ENOUGH_BYTES) throw new DiskFullError(folder, free);
}

export function watchDisk(pglite: PGlite, folder: string, log: Logger | undefined): DiskWatch {
  let isShort = false;
  let look: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    look = look
      .then(compare)
      .catch((error: unknown) => log?.error({ err: error }, 'The free disk space could not be read; trying again.'));
  }, LOOK_MS);
  timer.unref();

  async function compare(): Promise<void> {
    const free = await freeBytes(folder);
    if (free < ENOUGH_BYTES === isShort) return;
    await pglite.exec(`SET default_transaction_read_only = ${isShort ? 'off' : 'on'}`);
    isShort = !isShort;
    const facts = { folder, free: inMb(free), expected: inMb(ENOUGH_BYTES) };
    if (isShort)
      log?.error(facts, 'The disk of the data folder is nearly full: writes are refused until there is room.');
    else log?.info(facts, 'There is room on the disk again: writes are taken.');
  }

  return {
    isShort: () => isShort,
    stop: async () => {
      clearInterval(timer);
      await look;
    },
  };
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function inMb(bytes: number): string {
  return `${Math.floor(bytes / MB)} MB`;
}
