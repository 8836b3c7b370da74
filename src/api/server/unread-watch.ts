/**
 * Closes connections whose client stops reading. Sent data waits in this process until the client takes it, and streams
 * are not read meanwhile. The waiting data is held as long as the connection lives, so its life is bounded.
 */
import type { Socket } from 'node:net';

import type { Limits } from '../execution/limits.js';

const LOOK_EVERY_MS = 1_000;

interface Watched {
  /** Sent bytes that still wait in this process. */
  readonly waiting: () => number;
  readonly onUnread: () => void;
  /** Bytes that the kernel had taken at the last progress; NaN: nothing waited. */
  taken: number;
  since: number;
}

export class UnreadWatch {
  private readonly watched = new Map<Socket, Watched>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly limits: Limits) {}

  /** Calls `onUnread` once at most. Returns a function that ends the watch. */
  add(socket: Socket, waiting: () => number, onUnread: () => void): () => void {
    this.watched.set(socket, { waiting, onUnread, taken: NaN, since: performance.now() });
    this.timer ??= setInterval(() => this.look(), LOOK_EVERY_MS).unref();
    return () => this.remove(socket);
  }

  /** Call after a large write: ends a connection at once if too many bytes wait. */
  check(socket: Socket): void {
    const each = this.watched.get(socket);
    if (each !== undefined && each.waiting() > this.limits.unreadBytes) this.giveUp(socket, each);
  }

  private look(): void {
    const now = performance.now();
    for (const [socket, each] of this.watched) {
      const bytes = each.waiting();
      const taken = bytes === 0 ? NaN : takenBy(socket);
      if (taken !== each.taken) {
        each.taken = taken;
        each.since = now;
      }
      if (bytes > this.limits.unreadBytes || now - each.since >= this.limits.unreadSeconds * 1_000) {
        this.giveUp(socket, each);
      }
    }
  }

  private giveUp(socket: Socket, { onUnread }: Watched): void {
    this.remove(socket);
    onUnread();
  }

  private remove(socket: Socket): void {
    this.watched.delete(socket);
    if (this.watched.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

/** Bytes that the kernel has taken, also of one long write: `writeQueueSize` is the rest of that write. */
function takenBy(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly writeQueueSize?: number } | null };
  return socket.bytesWritten - socket.writableLength - (handle?.writeQueueSize ?? 0);
}
