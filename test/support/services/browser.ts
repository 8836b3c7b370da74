/** A headless Chromium of this machine, spoken to in its own protocol (chromedevtools.github.io/devtools-protocol). */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import WebSocket from 'ws';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The program; null where this machine has none. */
export const CHROMIUM: string | null =
  process.env['CHROMIUM'] ??
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((file) => existsSync(file)) ??
  null;

/** What a page is given to get something done before the test fails. */
const PATIENCE_MS = 120_000;
const LOOK_EVERY_MS = 50;

export interface Page {
  /** URLs of all requests so far, those of WebSockets too. */
  readonly requests: string[];
  /** What went wrong in the page: exceptions, errors on the console, answers from 400 on. */
  readonly problems: string[];
  open(url: string): Promise<void>;
  /** The value of an expression, as JSON carries it. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until the expression is truthy, and gives its value. */
  until<T>(expression: string): Promise<T>;
  /** A click of the mouse on the middle of the element that the expression gives, as soon as there is one. */
  click(expression: string): Promise<void>;
  type(text: string): Promise<void>;
}

export interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: Record<string, never>;
  readonly result?: Record<string, never>;
  readonly error?: { readonly message: string };
}

type Send = (method: string, params?: object, sessionId?: string) => Promise<Record<string, never>>;

export async function startBrowser(program: string): Promise<Browser> {
  const profile = await mkdtemp(join(tmpdir(), 'plimsoll-browser-'));
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0'];
  const child = spawn(program, [...flags, `--user-data-dir=${profile}`, 'about:blank'], { stdio: 'pipe' });
  const socket = new WebSocket(await debuggerUrl(child));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));

  let lastId = 0;
  const waiting = new Map<number, (message: Message) => void>();
  const listeners = new Map<string, (message: Message) => void>();
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString('utf8')) as Message;
    if (message.id === undefined) return listeners.get(message.sessionId ?? '')?.(message);
    waiting.get(message.id)?.(message);
    waiting.delete(message.id);
    return undefined;
  });
  const send: Send = async (method, params = {}, sessionId) => {
    const id = (lastId += 1);
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params, sessionId }));
    const { result, error } = await answer;
    if (result === undefined) throw new Error(`${method}: ${error?.message ?? 'no result'}`);
    return result;
  };

  return {
    newPage: async () => {
      // A window of its own is never hidden behind another; a context of its own shares no storage.
      const { browserContextId } = await send('Target.createBrowserContext');
      const window = { url: 'about:blank', newWindow: true, width: 1280, height: 800 };
      const { targetId } = await send('Target.createTarget', { ...window, browserContextId });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      const page = createPage((method, params) => send(method, params, sessionId));
      listeners.set(String(sessionId), page.hear);
      for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await send(`${domain}.enable`, {}, sessionId);
      return page;
    },
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      socket.terminate();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function debuggerUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += String(chunk);
      const url = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`Chromium ended:\n${said}`)));
  });
}

function createPage(send: (method: string, params?: object) => Promise<Record<string, never>>): Page & {
  readonly hear: (message: Message) => void;
} {
  const requests: string[] = [];
  const problems: string[] = [];

  const evaluate = async <T>(expression: string): Promise<T> => {
    const answer = await send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    const { result, exceptionDetails } = answer as unknown as {
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string }; text: string };
    };
    if (exceptionDetails === undefined) return result.value;
    throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  };
  const until = async <T>(expression: string): Promise<T> => {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = await evaluate<T>(expression);
      if (value) return value;
      if (Date.now() > deadline) throw new Error(`It never came to pass: ${expression}`);
      await new Promise((wake) => setTimeout(wake, LOOK_EVERY_MS));
    }
  };

  return {
    requests,
    problems,
    evaluate,
    until,
    open: async (url) => {
      await send('Page.navigate', { url });
      await until(`document.readyState === 'complete' && location.href === ${JSON.stringify(url)}`);
    },
    click: async (expression) => {
      await until(`Boolean(${expression})`);
      const at = await evaluate<object>(
        `(() => { const { x, y, width, height } = ${expression}.getBoundingClientRect();
          return { x: x + width / 2, y: y + height / 2 }; })()`,
      );
      for (const type of ['mouseMoved', 'mousePressed', 'mouseReleased']) {
        await send('Input.dispatchMouseEvent', { type, ...at, button: 'left', clickCount: 1 });
      }
    },
    type: async (text) => {
      await send('Input.insertText', { text });
    },
    hear: ({ method, params }) => {
      const { request, url, response, exceptionDetails, entry } = (params ?? {}) as unknown as {
        request: { url: string };
        url: string;
        response: { url: string; status: number };
        exceptionDetails: { text: string; exception?: { description?: string } };
        entry: { level: string; text: string };
      };
      if (method === 'Network.requestWillBeSent') requests.push(request.url);
      if (method === 'Network.webSocketCreated') requests.push(url);
      if (method === 'Network.responseReceived' && response.status >= 400) {
        problems.push(`${response.status} ${response.url}`);
      }
      if (method === 'Runtime.exceptionThrown') {
        problems.push(exceptionDetails.exception?.description ?? exceptionDetails.text);
      }
      if (method === 'Log.entryAdded' && entry.level === 'error') problems.push(entry.text);
    },
  };
}
