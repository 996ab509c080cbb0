// The arithmetic of DynamoDB's bill, on which `npm run bench:cost` rests.

import { expect, it } from 'vitest';
import { billOf, totalOf } from '../bench/bill.ts';
import { Meter, timesUnits } from '../bench/meter.ts';

const key = (sort: string) => ({ partition: 'p', sort });
/** A value whose record has so many bytes: 42 for names and revision, two of the key, two quotes. */
const sized = (bytes: number): string => 'x'.repeat(bytes - 46);
const stored = (bytes: number) => ({ ...key('a'), revision: 'r', value: sized(bytes) });

it('writing costs a unit for each KiB begun, twice that in a batch', () => {
  const meter = new Meter();
  meter.wrote([{ put: key('a'), value: sized(1_024) }]);
  expect(meter.take()).toMatchObject({ recordWrites: 1, recordBytes: 1_024 });
  meter.wrote([{ put: key('b'), value: sized(1_025) }]);
  expect(meter.take()).toMatchObject({ recordWrites: 2 });
  meter.wrote([
    { put: key('c'), value: sized(1_024), if: 'absent' },
    { check: key('b'), if: 'present' },
  ]);
  expect(meter.take()).toMatchObject({ recordWrites: 2 + 4 });
});

it('replacing and deleting cost by what was there', () => {
  const meter = new Meter();
  meter.wrote([{ put: key('a'), value: sized(3_000) }]);
  meter.take();
  meter.wrote([{ put: key('a'), value: sized(100) }]);
  expect(meter.take()).toMatchObject({ recordWrites: 3, recordBytes: 100 - 3_000 });
  meter.wrote([{ delete: key('a') }]);
  expect(meter.take()).toMatchObject({ recordWrites: 1, recordBytes: -100 });
});

it('reading costs a unit for each 4 KiB begun: record by record, a query as a whole, pages by half', () => {
  const meter = new Meter();
  meter.read([stored(4_096), stored(4_097)], 3);
  expect(meter.take()).toMatchObject({ recordReads: 1 + 2 + 1 });
  meter.queried(Array.from({ length: 10 }, () => stored(500)));
  expect(meter.take()).toMatchObject({ recordReads: 2 });
  meter.queried([]);
  expect(meter.take()).toMatchObject({ recordReads: 1 });
  meter.readPages([4_000, 8_000]);
  expect(meter.take()).toMatchObject({ pageReads: 0.5 + 1 });
});

it('a page that is put again costs again, and is kept once', () => {
  const meter = new Meter();
  const page = { hash: 'f'.repeat(64), bytes: new Uint8Array(5_000) };
  meter.wrotePages([page, page]);
  expect(meter.take()).toMatchObject({ pageWrites: 10, pageBytes: 5_073 });
});

it('a million write units are 62.5 cents', () => {
  const units = { ...new Meter().take(), recordWrites: 1 };
  expect(totalOf(billOf(timesUnits(units, 1_000_000)))).toBeCloseTo(0.625);
});
