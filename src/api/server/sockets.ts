/** Counts the open WebSockets and event streams, of all clients and of each. */
import type { Limits } from '../execution/limits.js';
import type { Client } from '../execution/operation.js';

export class Connections {
  private total = 0;
  private readonly ofViewer = new Map<string, number>();

  constructor(private readonly limits: Limits) {}

  get areFull(): boolean {
    return this.total >= this.limits.connections;
  }

  get count(): number {
    return this.total;
  }

  /** Counts one more of the process. Returns a function that releases it. */
  open(): () => void {
    this.total += 1;
    return once(() => (this.total -= 1));
  }

  /** Counts one more of the client. Returns a function that releases it, or null at the limit. */
  openFor({ viewer, address }: Client): (() => void) | null {
    const who = viewer === null ? `address ${address}` : `viewer ${viewer.subject}`;
    const count = this.ofViewer.get(who) ?? 0;
    if (count >= this.limits.connectionsPerViewer) return null;
    this.ofViewer.set(who, count + 1);
    return once(() => {
      const left = (this.ofViewer.get(who) ?? 0) - 1;
      if (left > 0) this.ofViewer.set(who, left);
      else this.ofViewer.delete(who);
    });
  }
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}
