/** A wire between a server and its database that can be cut. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Ends every connection, and refuses new ones. */
  cut(): Promise<void>;
  /** As it was, on the same port; or to another target. */
  restore(other?: Target): Promise<void>;
  /**
   * Cuts the wire at the commit of the transaction that sends the text: after the database has answered it, before the
   * answer is passed on. Resolves when that has happened. Other sessions commit meanwhile.
   */
  cutAtCommitOf(text: string): Promise<void>;
  close(): Promise<void>;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

export async function startTcpProxy(first: Target): Promise<TcpProxy> {
  let target = first;
  const sockets = new Set<Socket>();
  let server: Server;
  let trap: { readonly text: string; sprung: () => void } | null = null;

  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server = createServer((client) => join(client)).once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });

  const cut = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  const join = (client: Socket): void => {
    const upstream = connect(target.port, target.host);
    let trapped: { sprung: () => void } | null = null;
    let isCommitting = false;
    client.on('data', (data) => {
      // Several may send it: one that only reads does not commit.
      if (trap !== null && data.includes(trap.text)) trapped = trap;
      isCommitting = trapped !== null && data.includes('COMMIT');
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (trapped !== null && trapped === trap && isCommitting) {
        trap = null;
        void cut().then(trapped.sprung);
      } else client.write(data);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  };

  await listen(0);
  const { port } = server!.address() as AddressInfo;
  return {
    port,
    cut,
    restore: (other = target) => {
      target = other;
      return listen(port);
    },
    cutAtCommitOf: (text) => new Promise((sprung) => (trap = { text, sprung })),
    close: async () => {
      if (server.listening) await cut();
    },
  };
}
