/** Clients of a running server: over HTTP as an app's backend would ask, over WebSocket as an app would listen. */
import { createClient, type Client } from 'graphql-ws';
import WebSocket from 'ws';

import { signToken, type Role } from '../../../src/platform/tokens.js';

export const TEST_SECRET = 'a secret for tests, and for nothing else';

export interface Answer<T> {
  readonly status: number;
  readonly data: T | null | undefined;
  readonly errors: readonly { message: string; path?: (string | number)[]; extensions: { code: string } }[] | undefined;
}

export interface Api {
  readonly url: string;
  readonly authorization: string | undefined;
  /** The answer as it is, errors and all. */
  send<T = Record<string, never>>(query: string, variables?: object): Promise<Answer<T>>;
  /** The data; throws when there are errors. */
  ask<T>(query: string, variables?: object): Promise<T>;
  /** A client of its own; end it with `dispose`. */
  socket(): Client;
}

export async function apiFor(url: string, subject: string, ...roles: Role[]): Promise<Api> {
  const token = await signToken(TEST_SECRET, { subject, roles }, { validSeconds: 3600 });
  return apiWith(url, `Bearer ${token}`);
}

export function apiWith(url: string, authorization: string | undefined): Api {
  const send = async <T>(query: string, variables: object = {}): Promise<Answer<T>> => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: JSON.stringify({ query, variables }),
    });
    return { status: response.status, ...((await response.json()) as Omit<Answer<T>, 'status'>) };
  };
  return {
    url,
    authorization,
    send,
    ask: async <T>(query: string, variables: object = {}): Promise<T> => {
      const { data, errors } = await send<T>(query, variables);
      if (errors !== undefined || data == null) throw new Error(`The API refused: ${JSON.stringify(errors)}`);
      return data;
    },
    socket: () =>
      createClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: authorization === undefined ? {} : { authorization },
      }),
  };
}
