/** A server in a process of its own, whose memory is read by V8's inspector, and whose clock can be wrong. */
import WebSocket from 'ws';

import { startServerProcess, type ServerProcess } from './process.js';

export interface ObservedProcess {
  readonly server: ServerProcess;
  /** What is reachable in its heap, in megabytes: all garbage is collected first. */
  heapMegabytes(): Promise<number>;
  /** Sets its clock off by so many milliseconds. */
  setClock(ahead: number): Promise<void>;
}

const CLOCK = `
  const Real = Date;
  globalThis.ahead = 0;
  globalThis.Date = class extends Real {
    static now() { return Real.now() + globalThis.ahead; }
    constructor(...given) { super(...(given.length === 0 ? [Real.now() + globalThis.ahead] : given)); }
  };`;

/** Code that has not run for a few collections is given up, too: not to be taken for data. */
const COLLECTIONS = 8;

export async function startObservedProcess(env: Record<string, string>): Promise<ObservedProcess> {
  const options = `--inspect=127.0.0.1:0 --import=data:text/javascript,${encodeURIComponent(CLOCK)}`;
  const server = await startServerProcess({ ...env, NODE_OPTIONS: options });
  const url = /Debugger listening on (ws:\S+)/.exec(server.output())?.[1];
  if (url === undefined) throw new Error(`Expected the inspector's address:\n${server.output()}`);
  const ask = await inspectorAt(url);
  return {
    server,
    heapMegabytes: async () => {
      for (let round = 0; round < COLLECTIONS; round++) await ask('HeapProfiler.collectGarbage');
      const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await ask('Runtime.getHeapUsage');
      return ((usedSize ?? 0) + embedderHeapUsedSize + backingStorageSize) / 1e6;
    },
    setClock: async (ahead) => {
      await ask('Runtime.evaluate', { expression: `globalThis.ahead = ${ahead}` });
    },
  };
}

type Ask = (method: string, params?: object) => Promise<Record<string, number | undefined>>;

async function inspectorAt(url: string): Promise<Ask> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map<number, (result: Record<string, number>) => void>();
  // It ends with the server.
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    const { id, result } = JSON.parse(data.toString()) as { id: number; result: Record<string, number> };
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  let asked = 0;
  return (method, params = {}) =>
    new Promise((resolve) => {
      waiting.set((asked += 1), resolve);
      socket.send(JSON.stringify({ id: asked, method, params }));
    });
}
