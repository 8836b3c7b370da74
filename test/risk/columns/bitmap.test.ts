import { expect, it } from '@jest/globals';
import fc from 'fast-check';

import { Bitmap } from '../../../src/risk/columns/bitmap.js';

it('holds what a set of numbers holds, says how many at least, and gives all of them away once', () => {
  const bits = fc.array(fc.nat({ max: 200 }), { maxLength: 60 });
  fc.assert(
    fc.property(bits, bits, fc.integer({ min: 1, max: 70 }), (added, deleted, room) => {
      const [bitmap, set] = [new Bitmap(), new Set(added)];
      for (const bit of added) bitmap.add(bit);
      for (const bit of deleted) {
        bitmap.delete(bit);
        set.delete(bit);
      }
      for (let bit = 0; bit <= 210; bit++) expect(bitmap.has(bit)).toBe(set.has(bit));
      for (const count of [0, set.size - 1, set.size, set.size + 1]) {
        expect(bitmap.hasAtLeast(count)).toBe(set.size >= count);
      }
      const [out, taken] = [new Uint32Array(room), [] as number[]];
      for (let count = room; count === room;) {
        count = bitmap.take(out);
        taken.push(...out.subarray(0, count));
      }
      expect(taken).toEqual([...set].sort((a, b) => a - b));
      expect(bitmap.hasAtLeast(1)).toBe(false);
    }),
  );
});
