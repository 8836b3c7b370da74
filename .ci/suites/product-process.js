/** A server of the built product in a process of its own, on an empty database of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ROOT, SECRET } from './product.js';

const START_MS = 120_000;

/** `stop` ends it and takes its data away. */
export async function startProcess(env = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'plimsoll-suites-'));
  const child = spawn(process.execPath, [join(ROOT, 'dist', 'src', 'main.js')], {
    env: {
      ...{ PATH: process.env.PATH, PORT: '0', HOST: '127.0.0.1', DATA_DIR: dataDir },
      ...{ AUTH_SECRET: SECRET, DEMO: '0', LOG_LEVEL: 'warn', ...env },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const url = await new Promise((resolve, reject) => {
    const fail = () => {
      child.kill();
      reject(new Error(`The server did not start ("npm run build" comes first):\n${output}`));
    };
    const timer = setTimeout(fail, START_MS);
    child.once('exit', fail);
    const read = (data) => {
      output += String(data);
      const found = /Plimsoll is at (http:\S+)/.exec(output)?.[1];
      if (found === undefined) return;
      clearTimeout(timer);
      child.removeListener('exit', fail);
      resolve(`${found}/graphql`);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
  });
  return {
    url,
    /** All that it has printed. */
    output: () => output,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      rmSync(dataDir, { recursive: true });
    },
  };
}
