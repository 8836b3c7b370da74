/** Requests as they go over the wire, for what a well-behaved client would not send or would not show. */
import { connect } from 'node:net';

import WebSocket from 'ws';

import type { Api } from './api.js';

export interface RawAnswer {
  readonly status: number;
  /** As it came, to the byte. */
  readonly text: string;
}

/** A body of any kind, with the token of a client. */
export async function postRaw(api: Api, body: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(api.authorization === undefined ? {} : { authorization: api.authorization }),
      ...headers,
    },
    body,
  });
  return { status: response.status, text: await response.text() };
}

export function post(api: Api, query: string, variables: object = {}): Promise<RawAnswer> {
  return postRaw(api, JSON.stringify({ query, variables }));
}

export interface Frame {
  readonly id?: string;
  readonly type: string;
  readonly payload?: unknown;
}

export interface RawSocket {
  send(message: object): void;
  sendText(text: string): void;
  /** The next message that is not a ping; fails when the socket closes instead. */
  next(): Promise<Frame>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  close(): void;
}

/** A WebSocket of the subprotocol graphql-transport-ws on which nothing was said yet. */
export async function openSocket(url: string): Promise<RawSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const frames: Frame[] = [];
  const waiting: { resolve: (frame: Frame) => void; reject: (error: Error) => void }[] = [];
  let over: Error | null = null;
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as Frame;
    if (frame.type === 'ping') return;
    const first = waiting.shift();
    if (first === undefined) frames.push(frame);
    else first.resolve(frame);
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      over = new Error(`The socket was closed: ${code} ${reason.toString()}`);
      for (const { reject } of waiting.splice(0)) reject(over);
      resolve({ code, reason: reason.toString() });
    });
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  // `closed` resolves with what happens to it from now on.
  socket.on('error', () => undefined);
  return {
    send: (message) => socket.send(JSON.stringify(message)),
    sendText: (text) => socket.send(text),
    next: () =>
      new Promise((resolve, reject) => {
        const frame = frames.shift();
        if (frame !== undefined) resolve(frame);
        else if (over !== null) reject(over);
        else waiting.push({ resolve, reject });
      }),
    closed,
    close: () => socket.close(),
  };
}

/** The same, acknowledged; with the client's token, if it has one. */
export async function connectSocket(api: Api): Promise<RawSocket> {
  const socket = await openSocket(api.url);
  const { authorization } = api;
  socket.send({ type: 'connection_init', ...(authorization === undefined ? {} : { payload: { authorization } }) });
  const { type } = await socket.next();
  if (type !== 'connection_ack') throw new Error(`Expected an acknowledgement, got ${type}.`);
  return socket;
}

let operations = 0;

/** Everything that is answered to one operation, up to its end. */
export async function operate(socket: RawSocket, query: string, variables: object = {}): Promise<Frame[]> {
  const id = `operation-${(operations += 1)}`;
  socket.send({ id, type: 'subscribe', payload: { query, variables } });
  const answers: Frame[] = [];
  for (;;) {
    const frame = await socket.next();
    if (frame.id !== id) continue;
    answers.push({ type: frame.type, ...(frame.payload === undefined ? {} : { payload: frame.payload }) });
    if (frame.type === 'complete' || frame.type === 'error') return answers;
  }
}

/** How long a stream has to say what it has to say; what is silent for that long is taken to be silent. */
const SILENCE_MS = 500;

/** What a subscription is sent at first, as JSON without its id. */
export async function firstFrames(api: Api, query: string): Promise<string[]> {
  const socket = await connectSocket(api);
  socket.send({ id: '1', type: 'subscribe', payload: { query } });
  const frames: string[] = [];
  const received = (async () => {
    for (;;) {
      const { type, payload } = await socket.next();
      frames.push(JSON.stringify({ type, payload }));
      if (type === 'complete' || type === 'error') return;
    }
  })().catch(() => undefined);
  await Promise.race([received, new Promise((resolve) => setTimeout(resolve, SILENCE_MS))]);
  socket.close();
  return frames;
}

/** Bytes on a TCP connection; answers what came back before the server ended it. */
export function sendBytes(url: string, bytes: string, options: { reset?: boolean } = {}): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(bytes, () => {
        if (options.reset === true) socket.resetAndDestroy();
      });
    });
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}
