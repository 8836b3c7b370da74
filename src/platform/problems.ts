/** What is wrong with this server now. Each part reports its own problems; readiness answers them. */

export interface Problem {
  /** What went wrong, to what, and what follows; for the operator. docs/operations.md explains each. */
  readonly message: string;
  /** Degraded: the server serves, though something is missing. Unavailable: send clients elsewhere. */
  readonly status: 'degraded' | 'unavailable';
}

export interface NamedProblem extends Problem {
  /** Such as REDIS_AWAY. */
  readonly name: string;
}

export class Problems {
  private readonly checks = new Map<string, () => Problem | null>();

  /** Names a problem, and how to find out whether it stands now. `check` must be quick and must not throw. */
  add(name: string, check: () => Problem | null): void {
    if (this.checks.has(name)) throw new Error(`Expected one part to report the problem ${name}, got two.`);
    this.checks.set(name, check);
  }

  /** All that may stand. */
  names(): string[] {
    return [...this.checks.keys()];
  }

  /** Those that stand now, unavailable first, else in the order in which they were named. */
  list(): NamedProblem[] {
    const standing = [...this.checks].flatMap(([name, check]) => {
      const problem = check();
      return problem === null ? [] : [{ name, ...problem }];
    });
    return [
      ...standing.filter(({ status }) => status === 'unavailable'),
      ...standing.filter(({ status }) => status === 'degraded'),
    ];
  }
}

/** The server serves, though something is missing; null: nothing is. */
export function degraded(message: string | null): Problem | null {
  return message === null ? null : { message, status: 'degraded' };
}
