/** As in raw.ts, without what an operation costs, which stands in every answer: tests of their own look at it. */
import type { Api } from './api.js';
import * as raw from './raw.js';

const COST = /,"extensions":\{"cost":\d+\}/;

export async function postRaw(...args: Parameters<typeof raw.postRaw>): Promise<raw.RawAnswer> {
  const { status, text } = await raw.postRaw(...args);
  return { status, text: text.replace(COST, '') };
}

export function post(api: Api, query: string, variables: object = {}): Promise<raw.RawAnswer> {
  return postRaw(api, JSON.stringify({ query, variables }));
}

export async function connectSocket(...args: Parameters<typeof raw.connectSocket>): Promise<raw.RawSocket> {
  const socket = await raw.connectSocket(...args);
  return {
    ...socket,
    next: async () => JSON.parse(JSON.stringify(await socket.next()).replace(COST, '')) as raw.Frame,
  };
}
