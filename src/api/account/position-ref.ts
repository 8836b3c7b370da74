import type { PositionRef } from '../../ledger/ledger-checks.js';
import { parseGlobalId } from '../types/global-id.js';

/** The position that a global id names. Any other id gives a position that no account has. */
export function positionRef(id: string): PositionRef {
  const parsed = parseGlobalId(id);
  const [accountId = '', instrument = '', side = ''] = parsed?.local ?? [];
  if (parsed?.type !== 'Position' || parsed.local.length !== 3 || (side !== 'LONG' && side !== 'SHORT')) {
    return { accountId: '', instrument: '', side: 'LONG' };
  }
  return { accountId, instrument, side };
}
