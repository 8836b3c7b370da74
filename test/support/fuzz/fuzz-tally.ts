/** What a run of operations at random has come to: outcomes by kind, and what does not show in answers. */
import { readFileSync } from 'node:fs';

import type { Api } from '../services/api.js';

export class Counts {
  private readonly counts = new Map<string, Map<string, number>>();

  add(kind: string, outcome: string): void {
    const ofKind = this.counts.get(kind) ?? new Map<string, number>();
    this.counts.set(kind, ofKind.set(outcome, (ofKind.get(outcome) ?? 0) + 1));
  }

  /** Of all those of a kind, the part with this outcome. */
  share(kind: string, outcome: string): number {
    const ofKind = this.counts.get(kind) ?? new Map<string, number>();
    return (ofKind.get(outcome) ?? 0) / [...ofKind.values()].reduce((sum, each) => sum + each, 0);
  }

  toString(): string {
    const lines = [...this.counts].map(([kind, each]) => `${kind}: ${JSON.stringify(Object.fromEntries(each))}`);
    return lines.sort().join('\n');
  }
}

/** Looks at the server now and then. */
export class Watch {
  readonly versions = new Map<string, number>();
  /** Accounts whose version was lower than before. */
  readonly fallen: string[] = [];
  /** Resident memory, where the system reports it. */
  readonly megabytes: number[] = [];

  constructor(
    private readonly admin: Api,
    private readonly processId: number | undefined,
  ) {}

  async look(): Promise<void> {
    const page = '{ accounts(first: 100) { nodes { id version } } }';
    const { accounts } = await this.admin.ask<{ accounts: { nodes: { id: string; version: number }[] } }>(page);
    for (const { id, version } of accounts.nodes) {
      if (version < (this.versions.get(id) ?? 1)) this.fallen.push(`${id} to ${version}`);
      this.versions.set(id, version);
    }
    if (process.platform !== 'linux') return;
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.processId}/status`, 'utf8')) ?? [];
    this.megabytes.push(Math.round(Number(kilobytes) / 1024));
  }

  /** Megabytes, the mean of a quarter of the run: the first, second, third or fourth. */
  inQuarter(number: number): number {
    const size = Math.floor(this.megabytes.length / 4);
    const looks = this.megabytes.slice((number - 1) * size, number * size);
    return looks.reduce((sum, each) => sum + each / size, 0);
  }
}
