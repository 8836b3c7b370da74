/** Whoever sends operations at random: nobody, two traders with secrets, an admin and a venue's system. */
import type { Role } from '../../../src/platform/tokens.js';
import { apiFor, apiWith, type Api } from '../services/api.js';
import type { RootField } from './generated-operations.js';
import type { Place } from './random-operations.js';
import { fill, openAccount, publishPrices, recordFills, recordTransfers, transfer } from '../calls/venue-system.js';

export interface FuzzedCaller {
  readonly name: string;
  readonly role: Role | null;
  readonly api: Api;
  readonly places: readonly Place[];
  /** Ids and cursors that it was answered, the newest of each type. */
  readonly known: Map<string, string[]>;
  /** What stands in accounts of others, and nowhere else. */
  readonly secrets: readonly string[];
}

const MARKETS = [
  { venue: 'ASTER', chain: 'ETHEREUM', instrument: 'BTCUSDT', assets: ['USDT', 'BTC', 'ETH'] },
  { venue: 'BITGET', chain: null, instrument: 'ETHUSDT', assets: ['USDT', 'BTC'] },
  { venue: 'ASCENDEX', chain: null, instrument: 'BTC-PERP', assets: ['USDT', 'BTC-S'] },
];
const PRICES = { BTC: '60000', ETH: '3000' };
const MARKS = { 'ASTER/BTCUSDT': '60000', 'BITGET/ETHUSDT': '3000', 'ASCENDEX/BTC-PERP': '60000' };

export async function fuzzedCallers(url: string): Promise<readonly FuzzedCaller[]> {
  const service = await apiFor(url, 'venue', 'SERVICE');
  await publishPrices(service, { ...PRICES, ...MARKS });
  const alice = await traderAt(url, service, 'alice');
  const bob = await traderAt(url, service, 'bob');
  const places = [...alice.places, ...bob.places];
  const known = new Map<string, string[]>();
  return [
    { name: 'nobody', role: null, api: apiWith(url, undefined), places, known, secrets: [...alice.own, ...bob.own] },
    { ...alice, secrets: bob.own },
    { ...bob, secrets: alice.own },
    { name: 'root', role: 'ADMIN', api: await apiFor(url, 'root', 'ADMIN'), places, known, secrets: [] },
    { name: 'venue', role: 'SERVICE', api: service, places, known, secrets: [] },
  ];
}

type Trader = Omit<FuzzedCaller, 'secrets'> & { readonly own: readonly string[] };

/** With an account at each venue, and a word in everything that is recorded of it which nothing else has. */
async function traderAt(url: string, service: Api, name: string): Promise<Trader> {
  const secret = `hidden-${name}`;
  const places: Place[] = [];
  for (const market of MARKETS) {
    const { venue, chain, instrument } = market;
    const accountId = await openAccount(service, { venue, chain, name: `${secret}-account`, owner: secret });
    const deposit = transfer(accountId, 'USDT', '100000', `${secret}-${venue}-transfer`);
    await recordTransfers(service, deposit, transfer(accountId, 'BTC', '2'));
    const price = MARKS[`${venue}/${instrument}` as keyof typeof MARKS];
    await recordFills(service, fill(accountId, instrument, 'BUY', '1', price, { fillId: `${secret}-${venue}-fill` }));
    places.push({ ...market, accountId });
  }
  const api = await apiFor(url, secret, 'TRADER');
  const own = [secret, ...places.map(({ accountId }) => accountId)];
  return { name, role: 'TRADER', api, places, known: new Map(), own };
}

/** Remembers what it may name from now on; the newest of each type, so that what changes is named. */
export function learn({ known }: FuzzedCaller, answers: readonly string[]): void {
  for (const [, name, id = ''] of answers.join('\n').matchAll(/"(id|cursor)":"([\w-]{4,200})"/g)) {
    const text = Buffer.from(id, 'base64url').toString();
    const type = name === 'cursor' ? name : text.startsWith('\x01') ? 'sealed' : (text.split(':')[0] ?? '');
    if (/^[A-Za-z]+$/.test(type)) known.set(type, [...new Set([...(known.get(type) ?? []), id])].slice(-20));
  }
}

/** As the descriptions begin; where they name nobody, any role may call. */
const FOR: readonly (readonly [RegExp, readonly Role[]])[] = [
  [/^Admins and services\b/, ['ADMIN', 'SERVICE']],
  [/^Admins\b/, ['ADMIN']],
  [/^Services\b/, ['SERVICE']],
  [/^Traders, on their own accounts; services, on any\./, ['TRADER', 'SERVICE']],
  [/^Traders, on their own accounts\./, ['TRADER']],
];

export function mayCall({ role }: FuzzedCaller, { field }: RootField): boolean {
  const roles = FOR.find(([start]) => start.test(field.description ?? ''))?.[1];
  return role !== null && (roles?.includes(role) ?? true);
}
