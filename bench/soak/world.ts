/**
 * What happens at the venue: prices move, and accounts trade, deposit and withdraw, through whichever server answers.
 * A request without an answer is sent again with the same ids, as docs/ingest.md asks.
 */
import { randomUUID } from 'node:crypto';

import { localId } from '../../src/api/types/global-id.js';
import { sleep } from '../../src/platform/retry.js';
import { mutation, NoAnswerError, type Caller, type UserError } from './api.js';
import type { Dice } from './dice.js';
import { Facts, type Fact, type SentPrices } from './facts.js';
import { fillsOf, ofTrader, randomOperation, transferOf, type Request, type SoakAccount } from './operations.js';
import { VENUE } from './venue.js';

const ACCOUNTS = 24;
const HANDS = 4;
const PRICE_MS = 400;
const OPERATION_MS = 60;
const RETRY_MS = 300;

type Payload = Readonly<Record<string, { readonly errors: readonly UserError[] }>>;

export class World {
  readonly facts = new Facts();
  readonly counts = { operations: 0, again: 0, refused: 0, prices: 0 };
  readonly accounts: SoakAccount[] = [];
  private readonly marks = { BTCUSDT: 20_000, ETHUSDT: 1_500 };
  private step = 0;
  /** For the choice of a server: how often it is made depends on faults, and nothing else may depend on that. */
  private readonly routes: Dice;
  /** Each operates by itself. */
  private readonly hands: readonly Dice[];

  constructor(
    dice: Dice,
    private readonly urls: () => readonly string[],
    private readonly venue: Caller,
    private readonly trader: Caller,
  ) {
    this.routes = dice.fork();
    this.hands = Array.from({ length: HANDS }, () => dice.fork());
  }

  /** Opens the accounts, each with its own price at which it comes into trouble. */
  async begin(): Promise<void> {
    await this.price();
    for (let index = 0; index < ACCOUNTS; index++) {
      const collateralMode = index % 2 === 0 ? 'SINGLE_ASSET' : 'MULTI_ASSET';
      const input = {
        name: `Soak ${index}`,
        owner: 'alice',
        venue: VENUE,
        collateralMode,
        idempotencyKey: randomUUID(),
      };
      const { openAccount } = await this.venue.ask<{ openAccount: { account: { id: string } } }>(
        this.urls()[0] ?? '',
        mutation('openAccount', 'account { id }'),
        { input },
      );
      const { id } = openAccount.account;
      const account = { id, local: localId('Account', id) };
      this.accounts.push(account);
      if (index % 4 < 2) {
        await this.send(ofTrader('setMarginMode', { accountId: id, instrument: 'BTCUSDT', marginMode: 'ISOLATED' }));
      }
      await this.send(transferOf(account, 'USDT', String(80 + 20 * index)));
      // So that something can be exchanged for what they will owe.
      if (collateralMode === 'MULTI_ASSET') await this.send(transferOf(account, 'ETH', '0.02'));
      const side = index % 3 === 0 ? 'SELL' : 'BUY';
      await this.send(fillsOf(this.marks, { account, instrument: 'BTCUSDT', side, size: '0.1' }));
      if (index % 3 === 0) {
        await this.send(ofTrader('setAlertRule', { accountId: id, marginRatio: '0.3', rearmBelow: '0.25' }));
      }
    }
  }

  /** Runs until the signal is aborted and all that was begun is answered. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.runPrices(signal), ...this.hands.map((dice) => this.runOperations(dice, signal))]);
  }

  private async runPrices(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.price();
      await sleep(PRICE_MS, signal);
    }
  }

  private async runOperations(dice: Dice, signal: AbortSignal): Promise<void> {
    const sent: Fact[] = [];
    while (!signal.aborted) {
      const request = randomOperation(dice, this.accounts, this.marks, sent);
      sent.push(...request.facts.filter(({ kind }) => kind === 'fill' || kind === 'trade'));
      await this.send(request);
      await sleep(OPERATION_MS * dice.within(1, 10), signal);
    }
  }

  /** A price that is not acknowledged is not sent again: a newer one comes. */
  private async price(): Promise<void> {
    this.step += 1;
    const wave = (base: number, phase: number): number =>
      base * (1 + 0.045 * Math.sin(this.step / 9 + phase) + 0.015 * Math.sin(this.step * 1.7));
    this.marks.BTCUSDT = wave(20_000, 0);
    this.marks.ETHUSDT = wave(1_500, 2);
    const { BTCUSDT, ETHUSDT } = this.marks;
    const [at, from] = [Date.now(), performance.now()];
    const sent: SentPrices = { at, asked: null, BTC: BTCUSDT.toFixed(2), ETH: ETHUSDT.toFixed(2) };
    this.facts.prices.push(sent);
    const base = { source: 'soak', at: new Date().toISOString() };
    const quotes = [
      { ...base, venue: VENUE, instrument: 'BTCUSDT', price: BTCUSDT.toFixed(2) },
      { ...base, venue: VENUE, instrument: 'ETHUSDT', price: ETHUSDT.toFixed(2) },
      { ...base, asset: 'BTC', price: BTCUSDT.toFixed(2) },
      { ...base, asset: 'ETH', price: ETHUSDT.toFixed(2) },
    ];
    const url = this.routes.pick(this.urls());
    await this.venue.ask(url, mutation('publishPrices', 'accepted'), { input: { quotes } }).then(
      () => {
        sent.asked = { from, to: performance.now() };
        this.counts.prices += 1;
      },
      () => undefined,
    );
  }

  /** Sends until there is an answer. A refusal is one. */
  private async send(request: Request): Promise<void> {
    const { by, name, input, facts } = request;
    const caller = by === 'venue' ? this.venue : this.trader;
    this.counts.operations += 1;
    for (const fact of facts) this.facts.sent(fact);
    for (;;) {
      const from = performance.now();
      try {
        const payload = await caller.ask<Payload>(this.routes.pick(this.urls()), mutation(name), { input });
        this.answered(request, payload[name]?.errors ?? [], from);
        return;
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
        this.counts.again += 1;
        await sleep(RETRY_MS, null);
      }
    }
  }

  private answered({ facts }: Request, errors: readonly UserError[], from: number): void {
    if (errors.length > 0) this.counts.refused += 1;
    // Such as ["input", "fills", "1", "size"]. Any other error is about all of it.
    const places = errors.map(({ field }) => field?.[2]);
    const isList = facts.length > 1 && places.every((place) => place !== undefined);
    facts.forEach((fact, place) => {
      if (errors.length === 0 || (isList && !places.includes(String(place)))) this.facts.acknowledge(fact, from);
    });
  }
}
