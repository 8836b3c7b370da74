/**
 * Which alerts there must be, of an account between two marks. The leader evaluates an account at every batch that it
 * takes, at the newest version that it has read; versions in between may be skipped. So several courses are right. The
 * oracle follows all of them at once, and knows nothing of the project's alert machine. What a lost history has alerted
 * is corrected at some evaluation: the alert says how the unit stands by the memory of this history.
 */
import type { Decimal } from '../../src/margin/decimal.js';
import { roundDown, roundUp } from '../../src/margin/decimal.js';
import type { Policy } from '../../src/margin/model.js';
import type { MarginReport } from '../../src/margin/state/assess.js';
import type { Machine } from './marks.js';

export interface Rule {
  readonly id: string;
  readonly marginRatio: Decimal;
  readonly rearmBelow: Decimal;
}

export interface StoredAlert {
  readonly seq: bigint;
  readonly round: bigint;
  readonly unit: string;
  readonly kind: string;
  /** The status before, or the rule. */
  readonly before: string;
  /** Unit, kind, status, what was before or the rule, balance, maintenance: in one line. */
  readonly text: string;
}

interface Unit {
  readonly status: string;
  readonly balance: Decimal;
  readonly maintenance: Decimal;
}

/** By unit: the status alerted last, and the rules that have fired, as text. */
type Memory = ReadonlyMap<string, { readonly status: string; readonly fired: readonly string[] }>;

const ORDER = ['HEALTHY', 'WARNING', 'MARGIN_CALL', 'LIQUIDATION'];

function unitsOf(report: MarginReport): Map<string, Unit> {
  const { status, marginBalance: balance, maintenanceMargin: maintenance } = report;
  const units = new Map<string, Unit>([['', { status, balance, maintenance }]]);
  for (const each of report.positions) {
    if (each.marginMode !== 'ISOLATED') continue;
    if (each.unrealizedPnl === null || each.maintenanceMargin === null) throw new Error('Expected every mark.');
    const own = each.isolatedMargin.plus(each.unrealizedPnl);
    units.set(`${each.instrument}/${each.side}`, {
      status: each.status,
      balance: own,
      maintenance: each.maintenanceMargin,
    });
  }
  return units;
}

export class Oracle {
  constructor(
    private readonly policy: Policy,
    private readonly rules: readonly Rule[],
  ) {}

  /** One evaluation: the memory after it, and the alerts that it fires, in no order. */
  evaluate(memory: Memory, report: MarginReport): { readonly memory: Memory; readonly fired: readonly string[] } {
    const next = new Map(memory);
    const alerts: string[] = [];
    const units = unitsOf(report);
    for (const [name, unit] of units) {
      const before = memory.get(name) ?? { status: 'HEALTHY', fired: [] };
      const after = this.step(name, before, unit, alerts);
      if (after.status === 'HEALTHY' && after.fired.length === 0) next.delete(name);
      else next.set(name, after);
    }
    for (const [name, { status }] of memory) {
      if (units.has(name)) continue;
      next.delete(name);
      if (status !== 'HEALTHY') alerts.push(textOf(name, 'STATUS_CHANGED', 'NO_EXPOSURE', status, '0', '0'));
    }
    return { memory: next, fired: alerts };
  }

  /** Whether the alert only says how a unit stands by this memory, which is that after the evaluation. */
  corrects({ unit: name, kind, before, text }: StoredAlert, memory: Memory, report: MarginReport): boolean {
    if (kind !== 'STATUS_CHANGED') return false;
    const unit = unitsOf(report).get(name);
    const { status } = memory.get(name) ?? { status: 'HEALTHY' };
    const isGone = status === 'HEALTHY' && (unit === undefined || unit.status === 'NO_EXPOSURE');
    const amounts = unit === undefined ? ['0', '0'] : amountsOf(unit);
    return text === textOf(name, kind, isGone ? 'NO_EXPOSURE' : status, before, ...amounts);
  }

  private step(
    name: string,
    before: { status: string; fired: readonly string[] },
    unit: Unit,
    alerts: string[],
  ): { status: string; fired: readonly string[] } {
    const { status, balance, maintenance } = unit;
    const calm = status === 'NO_EXPOSURE' ? 'HEALTHY' : status;
    const [rank, was] = [ORDER.indexOf(calm), ORDER.indexOf(before.status)];
    const { warningRatio, marginCallRatio, liquidationRatio } = this.policy;
    const { numerator, denominator } = liquidationRatio;
    const required = before.status === 'LIQUIDATION' ? maintenance.times(denominator) : maintenance;
    const threshold = [null, warningRatio, marginCallRatio, numerator][was];
    const hasLeft =
      status === 'NO_EXPOSURE' || (threshold != null && required.lt(threshold.times('0.95').times(balance)));
    let alerted = before.status;
    const amounts = amountsOf(unit);
    if (rank > was || (rank < was && hasLeft)) {
      alerts.push(textOf(name, 'STATUS_CHANGED', status, before.status, ...amounts));
      alerted = calm;
    }
    const fired = this.rules.filter(({ id, marginRatio, rearmBelow }) => {
      if (status === 'NO_EXPOSURE') return false;
      const had = before.fired.includes(id);
      const has = maintenance.gte((had ? rearmBelow : marginRatio).times(balance));
      if (has && !had) alerts.push(textOf(name, 'RULE_FIRED', status, id, ...amounts));
      return has;
    });
    return { status: alerted, fired: fired.map(({ id }) => id) };
  }
}

/** As alerts store them. */
function amountsOf({ balance, maintenance }: Unit): readonly [string, string] {
  return [roundDown(balance).toFixed(), roundUp(maintenance).toFixed()];
}

export function textOf(...[unit, kind, status, before, balance, maintenance]: readonly string[]): string {
  return `${unit || 'cross'} ${kind} ${status} ${before} ${balance}/${maintenance}`;
}

interface Course {
  readonly version: number;
  readonly consumed: number;
  readonly corrections: number;
  readonly memory: Memory;
}

export interface Span {
  /** The batches that the leader took, in order; the first is that of the mark before. */
  readonly seqs: readonly bigint[];
  /** The versions of the account, in order; the first is that of the mark before. */
  readonly versions: readonly number[];
  readonly alerts: readonly StoredAlert[];
  readonly start: readonly Memory[];
  readonly reportAt: (seq: bigint, version: number) => MarginReport;
  /** A history was lost. */
  readonly mayCorrect: boolean;
}

export interface Followed {
  /** The memories with which the span may end. None: no course explains the alerts. */
  readonly ends: readonly Memory[];
  /** How many alerts some course explains. */
  readonly explained: number;
  /** How many of them were no crossings, at least. */
  readonly corrections: number;
}

export function memoryOf(machines: readonly Machine[]): Memory {
  return new Map(machines.map(({ unit, status, fired }) => [unit, { status, fired }]));
}

export function follow(oracle: Oracle, { seqs, versions, alerts, start, reportAt, mayCorrect }: Span): Followed {
  const last = versions.length - 1;
  let courses: Course[] = start.map((memory) => ({ version: 0, consumed: 0, corrections: 0, memory }));
  let explained = 0;
  /** One evaluation: first its crossings, then any number of corrections. */
  const advance = (course: Course, seq: bigint, version: number): Course[] => {
    const report = reportAt(seq, versions[version] ?? 0);
    const { memory, fired } = oracle.evaluate(course.memory, report);
    const stored = alerts.slice(course.consumed, course.consumed + fired.length);
    if (stored.some(({ round }) => round !== seq) || !sameTexts(fired, stored)) return [];
    const found: Course[] = [];
    for (let consumed = course.consumed + fired.length, { corrections } = course; ; consumed++, corrections++) {
      found.push({ version, consumed, corrections, memory });
      explained = Math.max(explained, consumed);
      const next = alerts[consumed];
      if (!mayCorrect || next?.round !== seq || !oracle.corrects(next, memory, report)) return found;
    }
  };
  seqs.forEach((seq, index) => {
    const reached = new Map<string, Course>();
    const add = (course: Course): void => {
      const key = keyOf(course);
      if (reached.has(key)) return;
      reached.set(key, course);
      // Again at the same version: a row of the outbox alone makes the leader evaluate the account.
      for (let version = course.version; version <= last; version++) advance(course, seq, version).forEach(add);
    };
    for (const course of courses) {
      // At the mark's batch the account was evaluated already.
      if (index === 0) add(course);
      else for (let version = course.version; version <= last; version++) advance(course, seq, version).forEach(add);
    }
    courses = [...reached.values()].filter(({ consumed }) => (alerts[consumed]?.round ?? seq + 1n) > seq);
  });
  const ends = courses.filter(({ version, consumed }) => version === last && consumed === alerts.length);
  const corrections = Math.min(...ends.map((course) => course.corrections));
  return { ends: ends.map(({ memory }) => memory), explained, corrections };
}

function sameTexts(fired: readonly string[], stored: readonly StoredAlert[]): boolean {
  if (fired.length !== stored.length) return false;
  const texts = stored.map(({ text }) => text).sort();
  return [...fired].sort().every((text, index) => text === texts[index]);
}

function keyOf({ version, consumed, memory }: Course): string {
  return `${version} ${consumed} ${JSON.stringify([...memory].sort())}`;
}
