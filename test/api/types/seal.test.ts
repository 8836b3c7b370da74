/** Sealed ids and cursors: stable, opaque, and made by nobody else. */
import { expect, it } from '@jest/globals';

import { openGlobalId, parseGlobalId, sequenceId, sequenceOfId } from '../../../src/api/types/global-id.js';
import { Seal } from '../../../src/api/types/seal.js';
import { globalIdOf } from '../../support/calls/global-ids.js';

const secret = Buffer.from('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 'hex');
const seal = new Seal(secret);

it('the same number has the same id for ever: clients keep it', () => {
  expect(sequenceId(new Seal(secret), 'Fill', 2n)).toBe(sequenceId(seal, 'Fill', 2n));
  expect(sequenceId(seal, 'Fill', 2n)).toBe('ATsLAnCpnIFuZ3TAHXbvbjvdMOlAWnnMWX8lV6eLeyOemsaZQ_C-NRqtr3nZ');
});

it('numbers that follow each other have nothing in common, and as many digits are no longer', () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => sequenceId(seal, 'Fill', BigInt(index + 1)));
  expect(new Set(ids).size).toBe(ids.length);
  expect(new Set([...ids, sequenceId(seal, 'Fill', 10n ** 17n)].map((id) => id.length)).size).toBe(1);
  const bits = (id: string): string =>
    [...Buffer.from(id, 'base64url').subarray(1)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let equal = 0;
  for (const [index, id] of ids.entries()) {
    const next = bits(ids[index + 1] ?? sequenceId(seal, 'Fill', 1_001n));
    equal += [...bits(id)].filter((bit, at) => bit === next[at]).length / next.length;
  }
  expect(equal / ids.length).toBeCloseTo(0.5, 1);
});

it('opens to what was sealed, for its purpose alone', () => {
  for (const text of ['Fill:2', '["a name with “signs” and\\u0000"]', 'x'.repeat(32), 'x'.repeat(500)]) {
    expect(seal.open('id', seal.seal('id', text))).toBe(text);
    expect(seal.open('cursor', seal.seal('id', text))).toBeNull();
    expect(new Seal(Buffer.alloc(32)).open('id', seal.seal('id', text))).toBeNull();
  }
});

it('opens in no other spelling, cut or changed by a bit', () => {
  const sealed = seal.seal('id', 'Fill:2');
  const bytes = Buffer.from(sealed, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const other = Buffer.from(bytes);
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(seal.open('id', other.toString('base64url'))).toBeNull();
  }
  for (const other of [
    '',
    'x',
    `${sealed}A`,
    `${sealed}=`,
    sealed.slice(0, -4),
    ` ${sealed}`,
    '%',
    'AQ'.repeat(5_000),
  ]) {
    expect(seal.open('id', other)).toBeNull();
  }
});

it('an id of a number is only what was sealed as one', () => {
  const id = sequenceId(seal, 'RiskAlert', 43n);
  expect(openGlobalId(seal, id)).toEqual({ type: 'RiskAlert', local: ['43'] });
  expect(sequenceOfId(seal, 'RiskAlert', id)).toBe(43n);
  expect(sequenceOfId(seal, 'Fill', id)).toBeNull();
  expect(parseGlobalId(id)).toBeNull();
  const guessed = globalIdOf('RiskAlert', '43');
  expect([openGlobalId(seal, guessed), sequenceOfId(seal, 'RiskAlert', guessed)]).toEqual([null, null]);
});
