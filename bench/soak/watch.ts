/** A subscriber of a server to all accounts: the state that it was pushed last. */
import type { SoakServer } from './servers.js';
import { Stream } from './stream.js';

const DOCUMENT = `subscription ($ids: [ID!]!) {
  marginRatioChanged(accountIds: $ids, minChange: "0") { account { id } margin { status marginRatio marginBalance } }
}`;

export interface Pushed {
  readonly status: string;
  readonly marginRatio: string | null;
  readonly marginBalance: string;
}

interface Event {
  readonly marginRatioChanged: { readonly account: { readonly id: string }; readonly margin: Pushed };
}

export class Subscriber {
  /** By account. */
  readonly last = new Map<string, Pushed>();
  pushes = 0;
  private readonly stream: Stream<Event>;

  constructor(
    readonly server: SoakServer,
    token: string,
    ids: readonly string[],
  ) {
    this.stream = new Stream<Event>(server, token, {
      query: DOCUMENT,
      variables: () => ({ ids }),
      next: ({ marginRatioChanged: { account, margin } }) => {
        this.pushes += 1;
        this.last.set(account.id, margin);
      },
    });
  }

  close(): void {
    this.stream.close();
  }
}
