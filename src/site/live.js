/** The live page: accounts by HTTP, their margin by subscription, prices by HTTP while somebody looks. */
import { AccountRow, Trace } from './account-rows.js';
import { NotSignedIn, ask, follow, forgetToken, getJson, hasTypedToken, setToken } from './api.js';
import { STATUS_NAMES, formatPrice, formatRatio, formatRecorded, formatRecordedMinute, formatTime } from './formats.js';

const MARGIN = 'marginRatio marginBalance maintenanceMargin status stale asOf';
const ACCOUNTS = `{
  accounts(first: 100) {
    totalCount
    nodes {
      id name owner
      venue { name policy { warningRatio marginCallRatio liquidationRatio { numerator denominator } } }
      chain { name }
      margin { ${MARGIN} }
    }
  }
}`;
/** Every change of the first decimal that is shown, and a few more. */
const CHANGES = `subscription ($ids: [ID!]!) {
  marginRatioChanged(accountIds: $ids, minChange: "0.0005") { account { id } margin { ${MARGIN} } }
}`;
const PRICES = '{ assets(symbols: ["USDC", "BTC"]) { symbol indexPrice { price stale } } }';

const MARKET_EVERY_MS = 1_000;
const CLOCK_EVERY_MS = 100;
const SAMPLE_EVERY_MS = 500;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5_000;
const CHANGES_SHOWN = 12;
const CALM = 'NO_EXPOSURE';

const $ = (id) => document.getElementById(id);
const rows = new Map();
const priceTraces = new Map();
/** Of each account, its last status with something at stake. */
const lastStatus = new Map();
/** Which instant of the recording is played: `recordedAt` at the server's `at`, `speed` times as fast. */
let replay = null;

const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

function showLink(state, text) {
  const link = $('link');
  if (link.dataset.state === state && link.textContent === text) return;
  link.dataset.state = state;
  link.textContent = text;
}

/** Reads and follows, and begins anew whenever that breaks: the server may be another one then, with other accounts. */
async function watch() {
  let reason = '';
  for (let attempt = 0; ; attempt += 1) {
    try {
      const { accounts } = await ask(ACCOUNTS);
      reason = '';
      showAccounts(accounts);
      if (rows.size === 0) {
        showLink('live', 'No accounts yet');
        await pause(LONGEST_WAIT_MS);
        continue;
      }
      await follow(
        CHANGES,
        { ids: [...rows.keys()] },
        {
          onOpen: () => showLink('live', 'Live'),
          onData: ({ marginRatioChanged: { account, margin } }) => {
            attempt = 0;
            showMargin(account.id, margin);
          },
        },
      );
    } catch (error) {
      if (error instanceof NotSignedIn) return askForToken(reason);
      reason = error.message;
    }
    showLink('broken', 'Disconnected, trying again…');
    await pause(Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS));
  }
}

function askForToken(reason) {
  $('watch').hidden = true;
  $('sign-in').hidden = false;
  $('refusal').textContent = reason;
  showLink('signed-out', 'Not signed in');
  $('token').focus();
}

function showAccounts({ nodes, totalCount }) {
  $('sign-in').hidden = true;
  $('watch').hidden = false;
  $('sign-out').hidden = !hasTypedToken();
  const known = nodes.length === rows.size && nodes.every(({ id }) => rows.has(id));
  if (!known) {
    rows.clear();
    for (const account of nodes) rows.set(account.id, new AccountRow($('row'), account));
    $('accounts').replaceChildren(...[...rows.values()].map(({ element }) => element));
  }
  for (const { id, margin } of nodes) showMargin(id, margin);
  $('total').textContent = totalCount === 1 ? '1 account' : `${totalCount} accounts`;
  $('more').hidden = totalCount <= nodes.length;
  $('more').textContent = `the first ${nodes.length} are shown`;
}

function showMargin(id, margin) {
  const row = rows.get(id);
  if (row === undefined) return;
  row.show(margin);
  const { status } = margin;
  // A position that is closed and opened again is no event; its new values may be.
  if (status !== CALM) {
    const before = lastStatus.get(id);
    lastStatus.set(id, status);
    if (before !== undefined && before !== status) logChange(row.account.name, before, margin);
  }
  showTally();
}

let tallied = '';
function showTally() {
  const counts = new Map();
  for (const { margin } of rows.values()) counts.set(margin.status, (counts.get(margin.status) ?? 0) + 1);
  const present = Object.keys(STATUS_NAMES).filter((status) => counts.has(status));
  const text = present.map((status) => `${status} ${counts.get(status)}`).join();
  if (text === tallied) return;
  tallied = text;
  $('tally').replaceChildren(
    ...present.map((status) =>
      element('li', { status }, element('b', {}, String(counts.get(status))), ` ${STATUS_NAMES[status].toLowerCase()}`),
    ),
  );
}

function element(name, data, ...content) {
  const made = document.createElement(name);
  Object.assign(made.dataset, data);
  made.append(...content);
  return made;
}

function logChange(name, before, { status, marginRatio, asOf }) {
  const at = new Date(asOf);
  const time = element('time', {}, replay === null ? formatTime(at) : formatRecordedMinute(recordedAt(at)));
  time.dateTime = asOf;
  const ratio = marginRatio === null ? '' : `, ${formatRatio(marginRatio)}`;
  const item = element(
    'li',
    { status },
    time,
    ' ',
    element('b', {}, name),
    ' ',
    element('span', {}, `${STATUS_NAMES[before]} → ${STATUS_NAMES[status]}${ratio}`),
  );
  const list = $('changes');
  list.prepend(item);
  while (list.children.length > CHANGES_SHOWN) list.lastElementChild.remove();
  $('no-changes').hidden = true;
}

const recordedAt = (at) => new Date(replay.recordedAt.getTime() + (at - replay.at) * replay.speed);

async function readMarket() {
  if (document.visibilityState !== 'visible' || $('watch').hidden) return;
  try {
    const [{ assets }, position] = await Promise.all([ask(PRICES), getJson('/page/replay.json')]);
    for (const { symbol, indexPrice } of assets) if (indexPrice !== null) showPrice(symbol, indexPrice);
    showReplay(position);
  } catch {
    // The connection shows that the server is away; prices come again with it.
  }
}

function showPrice(symbol, { price, stale }) {
  const box = document.querySelector(`.price[data-asset="${symbol}"]`);
  box.querySelector('.figure').textContent = formatPrice(price);
  box.querySelector('.old').hidden = !stale;
  if (!priceTraces.has(symbol)) priceTraces.set(symbol, new Trace(box.querySelector('polyline')));
  priceTraces.get(symbol).add(Number(price), Date.now());
}

function showReplay({ speed, at, recordedAt: recorded }) {
  $('replay').hidden = speed === undefined;
  if (speed === undefined) {
    replay = null;
    return;
  }
  replay = { speed, at: new Date(at), recordedAt: new Date(recorded), heardAt: Date.now() };
  $('speed').textContent = String(speed);
}

/** Between two answers the clock goes on by itself; while there are none it stands still. */
function showClock() {
  if (replay === null || document.visibilityState !== 'visible') return;
  const since = Date.now() - replay.heardAt;
  if (since > 2 * MARKET_EVERY_MS) return;
  const text = formatRecorded(new Date(replay.recordedAt.getTime() + since * replay.speed));
  if ($('recorded').textContent !== text) $('recorded').textContent = text;
}

function sample() {
  if (document.visibilityState !== 'visible') return;
  const now = Date.now();
  for (const row of rows.values()) row.sample(now);
}

$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  setToken($('token').value);
  $('token').value = '';
  watch();
});
$('sign-out').addEventListener('click', () => {
  forgetToken();
  location.reload();
});
document.addEventListener('visibilitychange', readMarket);
setInterval(readMarket, MARKET_EVERY_MS);
setInterval(showClock, CLOCK_EVERY_MS);
setInterval(sample, SAMPLE_EVERY_MS);
watch();
