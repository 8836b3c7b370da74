/** The table: one row an account, its bar, its trace. Floats are made here, for drawing only. */
import { STATUS_NAMES, formatHeld, formatRatio, formatRequired } from './formats.js';

/** Ratios from 0 to this are drawn; the line of liquidation, at 1 of most venues, stands a little before the end. */
const FULL = 1.12;
const TRACE_MS = 60_000;
const TRACE_WIDTH = 240;
const TRACE_HEIGHT = 40;

/** For drawing: nothing required is empty, nothing left is full; without a price there is nothing to draw. */
function drawn({ status, marginRatio }) {
  if (marginRatio !== null) return Math.min(Number(marginRatio), FULL);
  if (status === 'LIQUIDATION') return FULL;
  return status === 'UNPRICED' ? null : 0;
}

function ratioText({ status, marginRatio }) {
  if (marginRatio !== null) return formatRatio(marginRatio);
  return status === 'LIQUIDATION' ? '∞' : '–';
}

/** What was seen in the last minute, drawn as a line from `low` to `high`; both null: as wide as it is. */
export class Trace {
  #points = [];

  constructor(line, { low = null, high = null } = {}) {
    this.line = line;
    this.low = low;
    this.high = high;
  }

  add(value, now) {
    if (value !== null) this.#points.push({ at: now, value });
    this.#points = this.#points.filter(({ at }) => now - at <= TRACE_MS);
    const values = this.#points.map((point) => point.value);
    const low = this.low ?? Math.min(...values);
    const high = this.high ?? Math.max(...values);
    const height = TRACE_HEIGHT - 4;
    const y = (each) => 2 + height * (high === low ? 0.5 : 1 - (each - low) / (high - low));
    const x = (at) => TRACE_WIDTH * (1 - (now - at) / TRACE_MS);
    const points = this.#points.map(({ at, value: each }) => `${x(at).toFixed(1)},${y(each).toFixed(1)}`);
    this.line.setAttribute('points', points.join(' '));
  }
}

export class AccountRow {
  #find;
  #trace;

  constructor(template, account) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.#find = (selector) => this.element.querySelector(selector);
    this.account = account;
    this.element.dataset.account = account.name;
    this.#find('.account b').textContent = account.name;
    const { warningRatio, marginCallRatio, liquidationRatio } = account.venue.policy;
    this.#mark('warning', warningRatio);
    this.#mark('call', marginCallRatio);
    this.#mark('line', liquidationRatio.numerator / liquidationRatio.denominator);
    this.#trace = new Trace(this.#find('polyline'), { low: 0, high: FULL });
    this.show(account.margin);
  }

  show(margin) {
    this.margin = margin;
    const { status, stale } = margin;
    this.element.dataset.status = status;
    const { owner, venue, chain } = this.account;
    const old = stale.length === 0 ? [] : [`old price of ${stale.join(', ')}`];
    const where = [venue.name, ...(chain === null ? [] : [chain.name]), owner, ...old];
    this.#text('.account span', where.join(' · '));
    this.#text('.pill', STATUS_NAMES[status]);
    this.#text('.ratio', ratioText(margin));
    this.#text('.balance span', formatHeld(margin.marginBalance));
    this.#text('.maintenance span', formatRequired(margin.maintenanceMargin));
    this.#find('.fill').style.transform = `scaleX(${(drawn(margin) ?? 0) / FULL})`;
  }

  /** Adds a point of the present to the trace. */
  sample(now) {
    this.#trace.add(drawn(this.margin), now);
  }

  #text(selector, text) {
    const node = this.#find(selector);
    if (node.textContent !== text) node.textContent = text;
  }

  #mark(name, ratio) {
    const part = Number(ratio) / FULL;
    this.#find(`.bar .${name}`).style.left = `${(100 * part).toFixed(2)}%`;
    const y = (2 + (TRACE_HEIGHT - 4) * (1 - part)).toFixed(1);
    this.#find(`.limit.${name}`)?.setAttribute('d', `M0 ${y}H${TRACE_WIDTH}`);
  }
}
