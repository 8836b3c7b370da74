/** What clients were sent of alerts is what the database has, in order: none twice, none missing, but what is lost. */
import { sequenceOfId } from '../../src/api/types/global-id.js';
import { Seal } from '../../src/api/types/seal.js';
import { openInstallation } from '../../src/platform/installation.js';
import type { Stored } from './stored.js';

/** Ids of alerts in the order in which one client handled them. */
export type Handled = readonly string[];

export async function checkDeliveries(
  stored: Stored,
  clients: readonly Handled[],
  counts: { delivered: number; lost: number },
): Promise<string[]> {
  const seal = new Seal((await openInstallation(stored.db)).secret);
  const alerts = (await stored.rows<{ seq: string }>('SELECT seq FROM risk_alerts ORDER BY seq')).map(({ seq }) => seq);
  const known = new Set(alerts);
  // After the last alert that a history shares with the next one, all is lost up to the number where that one begins.
  const ends = (await stored.rows<{ end: string }>('SELECT last_alert AS end FROM histories WHERE number > 1')).map(
    ({ end }) => BigInt(end),
  );
  const next = (end: bigint): bigint => alerts.map(BigInt).find((seq) => seq > end) ?? 1n << 62n;
  const isLost = (seq: bigint): boolean => ends.some((end) => seq > end && seq < next(end));
  const problems: string[] = [];
  clients.forEach((handled, client) => {
    const seqs = handled.map((id) => sequenceOfId(seal, 'RiskAlert', id) ?? 0n);
    const kept = seqs.map(String).filter((seq) => known.has(seq));
    const gone = seqs.filter((seq) => !known.has(String(seq)));
    const foreign = gone.filter((seq) => !isLost(seq));
    counts.delivered += kept.length;
    counts.lost += gone.length;
    const what = `Client ${client + 1} handled ${kept.length} of the ${alerts.length} alerts that are stored`;
    const first = alerts.findIndex((seq, place) => kept[place] !== seq);
    const around = `${kept.slice(Math.max(0, first - 5), first + 5).join()} in place of ${alerts.slice(Math.max(0, first - 5), first + 5).join()}`;
    if (first !== -1) problems.push(`${what}; it has ${around}.`);
    else if (kept.length > alerts.length) problems.push(`${what}, some of them twice.`);
    if (foreign.length > 0) problems.push(`${what}, and ${foreign.join()} that no history has.`);
  });
  return problems;
}
