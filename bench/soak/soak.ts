/** The course of a soak: storms of operations and faults, between them all must agree, and in the end all is looked at. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import pg from 'pg';

import { openDatabase } from '../../src/platform/database/database.js';
import { Caller } from './api.js';
import { runChecks, type Findings, type Testimony } from './checks.js';
import type { Dice } from './dice.js';
import { Faults, type Fault } from './faults.js';
import { Listener } from './listen.js';
import { setMark } from './marks.js';
import { freePort } from './postgres.js';
import { prove } from './proof.js';
import { SoakServer } from './servers.js';
import { Services } from './services.js';
import { agreement, compare, workDone, type Witnesses } from './settle.js';
import { writeVenue } from './venue.js';
import { Subscriber } from './watch.js';
import { World } from './world.js';

const STORM_MS = 15_000;
const PROGRESS_MS = 5_000;

export interface SoakOptions {
  readonly minutes: number;
  readonly dice: Dice;
  readonly kinds: readonly Fault[];
  readonly pgbouncer: boolean;
  /** Shows in the end that each check can fail. */
  readonly prove: boolean;
  /** For logs of the servers, and what else is of use if something went wrong. */
  readonly folder: string;
  readonly say: (text: string) => void;
}

export class Soak {
  readonly problems: string[] = [];
  private readonly pool: pg.Pool;
  private readonly faults: Faults;
  private readonly world: World;
  private subscribers: readonly Subscriber[] = [];
  private listeners: readonly Listener[] = [];
  private compared = 0;
  private findings: Findings | null = null;

  private constructor(
    private readonly options: SoakOptions,
    private readonly services: Services,
    /** The last one starts when all is over. */
    private readonly servers: readonly SoakServer[],
    private readonly callers: { readonly venue: Caller; readonly trader: Caller; readonly admin: Caller },
  ) {
    const { dice, kinds, say } = options;
    this.pool = new pg.Pool({ connectionString: services.directUrl, application_name: 'soak', max: 4 });
    // A failover ends sessions that nobody uses.
    this.pool.on('error', () => undefined);
    const urls = (): string[] => this.three.map(({ url }) => url);
    this.world = new World(dice.fork(), urls, callers.venue, callers.trader);
    const onLoss = (from: number): void => this.world.facts.mayLose(from);
    this.faults = new Faults(dice.fork(), kinds, { services, servers: this.three, pool: this.pool, say, onLoss });
  }

  static async open(options: SoakOptions): Promise<Soak> {
    const { folder, pgbouncer } = options;
    const services = await Services.open(pgbouncer);
    const reference = writeVenue(folder);
    const servers: SoakServer[] = [];
    for (const name of ['server-1', 'server-2', 'server-3', 'fresh']) {
      const data = join(folder, name);
      mkdirSync(data);
      const env = {
        ...{ DATABASE_URL: services.databaseUrl, REDIS_URL: services.redisUrl, DATA_DIR: data },
        ...{ REFERENCE_DATA: reference, PRICE_MAX_AGE: '86400', DEMO: '0', FEED: 'none' },
        ...{ LOG_LEVEL: 'info', LIMIT_COST_PER_MINUTE: '1000000000', LIMIT_ALERTS_PER_HOUR: '1000000' },
      };
      servers.push(new SoakServer(name, await freePort(), env, join(folder, `${name}.log`)));
    }
    const venue = await Caller.of('venue', 'SERVICE');
    const callers = { venue, trader: await Caller.of('alice', 'TRADER'), admin: await Caller.of('root', 'ADMIN') };
    return new Soak(options, services, servers, callers);
  }

  /** Resolves when all was looked at; `problems` says what was found. */
  async run(): Promise<void> {
    const { options, callers, world } = this;
    for (const server of this.three) await server.ready();
    this.listeners = await Promise.all(this.three.map((server) => Listener.open(server, callers.trader)));
    await world.begin();
    const ids = world.accounts.map(({ id }) => id);
    this.subscribers = this.three.map((server) => new Subscriber(server, callers.trader.token, ids));
    await this.settle(this.three);
    let storms = 0;
    // The minutes are those of the storms: a start takes as long as the machine is slow.
    for (let left = options.minutes * 60_000; left > 0 && this.problems.length === 0; left -= STORM_MS) {
      await this.storm(Math.min(STORM_MS, left));
      storms += 1;
      await this.settle(this.three);
    }
    options.say(`${storms} storms are over; a fresh server starts.`);
    await this.servers.at(-1)?.ready();
    await this.settle(this.servers);
    if (options.prove && this.problems.length === 0) await this.proveComparison();
    for (const each of [...this.subscribers, ...this.listeners]) each.close();
    for (const server of this.servers) await server.kill();
    await this.check();
  }

  /** What was counted, a line each. */
  get summary(): readonly string[] {
    const { world, faults, subscribers, compared, findings } = this;
    return [
      `Operations: ${JSON.stringify(world.counts)}`,
      `Faults: ${JSON.stringify(Object.fromEntries(faults.counts))}`,
      `Compared: ${JSON.stringify({
        accounts: compared,
        pushes: subscribers.map(({ pushes }) => pushes),
        excused: this.listeners.map(({ excused }) => excused),
      })}`,
      `Checked: ${JSON.stringify(findings?.counts ?? {})}`,
    ];
  }

  private get three(): readonly SoakServer[] {
    return this.servers.slice(0, 3);
  }

  private get testimony(): Testimony {
    return { facts: this.world.facts, clients: this.listeners.map(({ handled }) => handled) };
  }

  private witnesses(servers: readonly SoakServer[]): Witnesses {
    const { subscribers, listeners, callers, pool } = this;
    return { servers, subscribers, listeners, ...callers, pool };
  }

  private async storm(forMs: number): Promise<void> {
    const { world, faults, options } = this;
    const over = AbortSignal.timeout(Math.max(1_000, Math.round(forMs)));
    const progress = setInterval(() => options.say(JSON.stringify(world.counts)), PROGRESS_MS);
    const operations = world.run(over);
    await faults.run(over);
    // Operations end when they are answered: all must be as it should be first.
    await faults.heal();
    await operations;
    clearInterval(progress);
  }

  /** All work is done, everybody agrees, and a mark is set. */
  private async settle(servers: readonly SoakServer[]): Promise<void> {
    const { say } = this.options;
    for (const server of servers) await server.ready();
    const late = await workDone(this.pool);
    if (late !== null) {
      this.problems.push(late);
      return;
    }
    const { differences, compared } = await agreement(this.witnesses(servers));
    this.problems.push(...differences);
    this.compared += compared;
    if (differences.length > 0) return;
    say(`All ${servers.length} servers agree, with what they have pushed and alerted.`);
    const isMarked = await setMark(this.pool);
    if (!isMarked) say('Work came meanwhile, such as interest of a full hour: no mark is set.');
  }

  private async check(): Promise<void> {
    const { services, options, problems } = this;
    const { folder, say } = options;
    const opened = await openDatabase({ url: services.directUrl, dataDir: folder, poolSize: 4 });
    try {
      this.findings = await runChecks(opened.db, this.pool, this.testimony);
    } finally {
      await opened.close();
    }
    problems.push(...this.findings.problems);
    const needed = Object.entries(this.findings.counts).filter(([name]) => !MAY_BE_NONE.includes(name));
    const nothing = needed.filter(([, count]) => count === 0).map(([name]) => name);
    if (nothing.length > 0) problems.push(`There was nothing to check of: ${nothing.join(', ')}.`);
    if (problems.length === 0 && options.prove) {
      const { found, missed } = await prove(services, this.testimony, folder);
      for (const line of found) say(`Found ${line}`);
      problems.push(...missed);
    }
  }

  /** Puts into the folder of the logs what tells more of a problem. */
  async keepEvidence(): Promise<void> {
    const { folder } = this.options;
    writeFileSync(join(folder, 'testimony.json'), JSON.stringify(this.testimony.clients));
    await this.services.dump(join(folder, 'database.sql'));
  }

  /** What was pushed and heard last is changed here, and the comparison must say so. */
  private async proveComparison(): Promise<void> {
    const { say } = this.options;
    const witnesses = this.witnesses(this.servers);
    const expectDifference = async (what: string): Promise<void> => {
      const [difference] = (await compare(witnesses)).differences;
      if (difference === undefined) this.problems.push(`The comparison does not find ${what}.`);
      else say(`Found ${what}: ${difference.slice(0, 160)}`);
    };
    const [subscriber, listener] = [this.subscribers[0], this.listeners[0]];
    const [pushed] = subscriber?.last ?? [];
    if (subscriber === undefined || listener === undefined || pushed === undefined) return;
    const [id, state] = pushed;
    subscriber.last.set(id, { ...state, marginBalance: `${state.marginBalance}1` });
    await expectDifference('a pushed number of one digit more');
    subscriber.last.set(id, state);
    const [unit = `${id} `, status] = [...listener.believed][0] ?? [];
    listener.believed.set(unit, 'UNPRICED');
    await expectDifference('a status that was alerted and is not true');
    if (status === undefined) listener.believed.delete(unit);
    else listener.believed.set(unit, status);
  }
}

/** They come by chance. */
const MAY_BE_NONE: readonly string[] = ['corrections', 'unjudged', 'lost'];
