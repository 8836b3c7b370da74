/** Clients of the soak's servers. */
import { signToken, type Role } from '../../src/platform/tokens.js';
import { SECRET } from './servers.js';

const PATIENCE_MS = 20_000;

export interface UserError {
  readonly code: string;
  readonly message: string;
  /** Where in the input. */
  readonly field: readonly string[] | null;
}

/** The API did not answer, or answered with an error: what was asked may have taken effect. */
export class NoAnswerError extends Error {}

/** An answer that nobody can change by asking again soon. */
const FINAL: readonly string[] = ['RATE_LIMITED', 'BAD_USER_INPUT', 'FORBIDDEN', 'UNAUTHENTICATED'];

export class Caller {
  private constructor(readonly token: string) {}

  static async of(subject: string, ...roles: Role[]): Promise<Caller> {
    return new Caller(await signToken(SECRET, { subject, roles }, { validSeconds: 86_400 }));
  }

  /** Throws NoAnswerError, or an error that ends the soak if the question itself was wrong. */
  async ask<T>(url: string, query: string, variables: object): Promise<T> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.token}` },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch((cause: unknown) => {
      throw new NoAnswerError('The server does not answer.', { cause });
    });
    const text = await response.text().catch(() => '{}');
    const { data, errors } = JSON.parse(text) as { data?: T | null; errors?: { extensions: { code: string } }[] };
    if (errors?.some(({ extensions: { code } }) => FINAL.includes(code))) {
      throw new Error(`Expected a question that can be answered: ${query} got ${text.slice(0, 300)}`);
    }
    if (data == null || errors !== undefined) throw new NoAnswerError(`${response.status} ${text.slice(0, 300)}`);
    return data;
  }
}

const ERRORS = 'errors { code message field }';

/** One mutation with an `input`, as a document. */
export function mutation(name: string, answer = ''): string {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input!`;
  return `mutation ($input: ${type}) { ${name}(input: $input) { ${answer} ${ERRORS} } }`;
}
