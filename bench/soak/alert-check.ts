/** Each alert once: those of the database are those of the oracle, between every two marks of each account. */
import { decimal } from '../../src/margin/decimal.js';
import type { MarginReport } from '../../src/margin/state/assess.js';
import { readMarks, type Mark } from './marks.js';
import { follow, memoryOf, Oracle, textOf, type Followed, type Rule, type Span, type StoredAlert } from './oracle.js';
import type { Stored } from './stored.js';

export interface AlertCounts {
  alerts: number;
  corrections: number;
  /** Spans between two marks of an account in which a version cannot be read back, and whose alerts it may explain. */
  unjudged: number;
}

/** They are two writes of one account within a millisecond: a few among thousands of spans. */
const MAX_UNJUDGED = 5;

export async function checkAlerts(stored: Stored, counts: AlertCounts): Promise<string[]> {
  const marks = await readMarks(stored.pool);
  const problems = [...(await numbering(stored, marks)), ...(await bookedAlerts(stored, counts))];
  for (const id of marks[0]?.versions.keys() ?? []) {
    problems.push(...(await new AccountCheck(stored, id, counts).between(marks)));
  }
  if (counts.unjudged > MAX_UNJUDGED) problems.push(`The alerts of ${counts.unjudged} spans could not be judged.`);
  return problems;
}

/** A new history numbers far beyond the lost one, so that no number is used twice. */
async function numbering(stored: Stored, marks: readonly Mark[]): Promise<string[]> {
  const [row] = await stored.rows<{ gaps: string; histories: string; last: string }>(
    `SELECT (SELECT count(*) FROM histories) AS histories, count(*) FILTER (WHERE seq <> before + 1) AS gaps,
       COALESCE(max(seq), 0) AS last
     FROM (SELECT seq, lag(seq) OVER (ORDER BY seq) AS before FROM risk_alerts) AS each`,
  );
  const { gaps, histories, last } = row ?? { gaps: '0', histories: '1', last: '0' };
  const problems: string[] = [];
  if (Number(gaps) >= Number(histories))
    problems.push(`The numbers of alerts have ${gaps} gaps, and there were ${histories} histories.`);
  const marked = marks.at(-1)?.alert ?? 0n;
  if (BigInt(last) > marked) problems.push(`Alert ${last} was stored after all work was done at ${marked}.`);
  return problems;
}

/** Of exchanges and of interest that begins: each ledger entry is in one alert. */
async function bookedAlerts(stored: Stored, counts: AlertCounts): Promise<string[]> {
  const [row] = await stored.rows<{ alerts: string; entries: string; missing: string; twice: string; foreign: string }>(
    `WITH named AS (
       SELECT seq, account_id, kind::text, unnest(entries) AS entry FROM risk_alerts
       WHERE kind IN ('AUTO_EXCHANGED', 'INTEREST_STARTED')
     )
     SELECT (SELECT count(DISTINCT seq) FROM named) AS alerts, (SELECT count(*) FROM named) AS entries,
       (SELECT count(*) FROM ledger_entries WHERE kind IN ('AUTO_EXCHANGE', 'EXCHANGE_COST') AND seq NOT IN (SELECT entry FROM named)) AS missing,
       (SELECT count(*) - count(DISTINCT entry) FROM named) AS twice,
       (SELECT count(*) FROM named LEFT JOIN ledger_entries AS booked ON booked.seq = entry
        WHERE booked.account_id IS DISTINCT FROM named.account_id
          OR CASE named.kind WHEN 'AUTO_EXCHANGED' THEN booked.kind NOT IN ('AUTO_EXCHANGE', 'EXCHANGE_COST')
            ELSE booked.kind <> 'INTEREST' END) AS foreign`,
  );
  counts.alerts += Number(row?.alerts);
  return row?.missing === '0' && row.twice === '0' && row.foreign === '0'
    ? []
    : [`Entries of exchanges and interest, in alerts: ${JSON.stringify(row)}`];
}

class AccountCheck {
  private readonly reports = new Map<string, MarginReport>();

  constructor(
    private readonly stored: Stored,
    private readonly id: string,
    private readonly counts: AlertCounts,
  ) {}

  async between(marks: readonly Mark[]): Promise<string[]> {
    const { id, stored, counts } = this;
    const oracle = new Oracle(stored.policy, await this.rules());
    const versions = await stored.versionsOf(id);
    let start = [memoryOf(marks[0]?.machines.get(id) ?? [])];
    for (const [index, from] of marks.slice(0, -1).entries()) {
      const to = marks[index + 1];
      if (to === undefined) break;
      const [first, last] = [from.versions.get(id) ?? 0, to.versions.get(id) ?? 0];
      const between = versions.filter(({ version }) => version >= first && version <= last);
      // Of several versions of one millisecond only the last can be read back.
      const known = between.filter(({ at }, place) => at.getTime() !== between[place + 1]?.at.getTime());
      const span = await this.span(from, to, known, start);
      const followed = follow(oracle, span);
      counts.alerts += span.alerts.length;
      this.reports.clear();
      if (followed.ends.length === 0 && known.length < between.length) {
        counts.unjudged += 1;
        start = [memoryOf(to.machines.get(id) ?? [])];
        continue;
      }
      if (followed.ends.length === 0) return this.unexplained(from, to, span, followed);
      counts.corrections += followed.corrections;
      const machines = textOfMemory(memoryOf(to.machines.get(id) ?? []));
      start = followed.ends.filter((memory) => textOfMemory(memory) === machines);
      if (start.length === 0) {
        const expected = textOfMemory(followed.ends[0] ?? new Map());
        return [`The machines of ${id} are stored at mark ${to.id} as ${machines}, and should be ${expected}.`];
      }
    }
    return [];
  }

  private async rules(): Promise<Rule[]> {
    const rows = await this.stored.rows<{ id: string; marginRatio: string; rearmBelow: string }>(
      'SELECT id, margin_ratio AS "marginRatio", rearm_below AS "rearmBelow" FROM alert_rules WHERE account_id = $1',
      [this.id],
    );
    return rows.map(({ id, marginRatio, rearmBelow }) => ({
      id,
      marginRatio: decimal(marginRatio),
      rearmBelow: decimal(rearmBelow),
    }));
  }

  private async span(
    from: Mark,
    to: Mark,
    versions: Awaited<ReturnType<Stored['versionsOf']>>,
    start: Span['start'],
  ): Promise<Span> {
    const { stored, id } = this;
    const taken = await stored.rows<{ seq: string }>(
      'SELECT seq FROM price_rounds WHERE taken AND seq > $1 AND seq <= $2 ORDER BY seq',
      [String(from.seq), String(to.seq)],
    );
    const seqs = [from.seq, ...taken.map(({ seq }) => BigInt(seq))];
    const holdings = await stored.holdingsOf(id, versions);
    const prices = new Map(await Promise.all(seqs.map(async (seq) => [seq, await stored.pricesOf(seq)] as const)));
    const reportAt = (seq: bigint, version: number): MarginReport => {
      const key = `${seq} ${version}`;
      const [held, at] = [holdings.get(version), prices.get(seq)];
      if (held === undefined || at === undefined) throw new Error(`Nothing is known of ${id} at ${key}.`);
      const report = this.reports.get(key) ?? stored.assess(stored.stateOf(held), at);
      this.reports.set(key, report);
      return report;
    };
    const alerts = await this.alerts(from.alert, to.alert);
    const [row] = await stored.rows<{ histories: string }>('SELECT count(*) AS histories FROM histories');
    const mayCorrect = Number(row?.histories) > 1;
    return { seqs, versions: versions.map(({ version }) => version), alerts, start, reportAt, mayCorrect };
  }

  private async alerts(from: bigint, to: bigint): Promise<StoredAlert[]> {
    const rows = await this.stored.rows<Record<string, string | null>>(
      `SELECT seq AS number, round::text, kind::text, status::text, COALESCE(previous_status::text, rule_id::text) AS before,
         COALESCE(instrument || '/' || side, '') AS unit, trim_scale(margin_balance)::text AS balance,
         trim_scale(maintenance_margin)::text AS maintenance
       FROM risk_alerts WHERE account_id = $1 AND seq > $2 AND seq <= $3 AND kind IN ('STATUS_CHANGED', 'RULE_FIRED')
       ORDER BY number`,
      [this.id, String(from), String(to)],
    );
    return rows.map(({ number, round, kind, status, before, unit, balance, maintenance }) => ({
      ...{
        seq: BigInt(number ?? 0),
        round: BigInt(round ?? 0),
        unit: unit ?? '',
        kind: kind ?? '',
        before: before ?? '',
      },
      text: textOf(unit ?? '', kind ?? '', status ?? '', before ?? '', balance ?? '', maintenance ?? ''),
    }));
  }

  private unexplained(from: Mark, to: Mark, span: Span, { explained }: Followed): string[] {
    const { seqs, versions, alerts, reportAt } = span;
    const next = alerts[explained];
    return [
      `Alerts of ${this.id} between the marks ${from.id} and ${to.id} (batches ${from.seq} to ${to.seq}, versions ` +
        `${versions.join()}) are explained up to ${explained} of ${alerts.length}; then stands ` +
        `${next === undefined ? 'nothing' : `${next.seq} at ${next.round}: ${next.text}`}.`,
      ...alerts.map(({ seq, round, text }) => `  stored ${seq} at ${round}: ${text}`),
      ...versions.map((version) => `  version ${version}: ${statesOf(seqs, (seq) => reportAt(seq, version))}`),
    ];
  }
}

function textOfMemory(memory: ReturnType<typeof memoryOf>): string {
  return JSON.stringify([...memory].sort());
}

/** What the account was at each batch, for a reader. */
function statesOf(seqs: readonly bigint[], reportAt: (seq: bigint) => MarginReport): string {
  return seqs
    .map((seq) => {
      const { status, marginBalance, maintenanceMargin, positions } = reportAt(seq);
      const isolated = positions.filter(({ marginMode }) => marginMode === 'ISOLATED').map((each) => each.status);
      return `${seq} ${[status, ...isolated].join('+')} ${marginBalance.toFixed()}/${maintenanceMargin.toFixed()}`;
    })
    .join(', ');
}
