// What calls of the ports are on AWS's bill, given the calls that `adapters/aws/` makes of them. DynamoDB counts so:
//
// - an item's size is that of its attribute names and values; a record's are `partition`, `sort`, `revision` (16 bytes)
//   and `value` (its JSON), a page's are `hash` (64 digits) and `bytes`;
// - writing costs a unit for each KiB begun, of the larger of the item before and after; in a transaction, which every
//   batch of two or more writes is, twice that; deleting and checking cost like writing;
// - reading records is strongly consistent: a unit for each 4 KiB begun, for each item, or for a query's items together;
//   asking for what is not there costs one;
// - reading a page is eventually consistent: half of that.
//
// S3: a put is a PUT; promoting an upload is a HEAD and a COPY after the client's own PUT; deleting and signing are free,
// what a client does with a signed URL is a GET.

import type { PageBytes, Ports, RecordKey, RecordWrite, StoredRecord } from '../core/ports.ts';

const units = [
  ...(['calls', 'recordWrites', 'recordReads', 'pageWrites', 'pageReads'] as const),
  ...(['puts', 'gets', 'events', 'signatures', 'recordBytes', 'pageBytes', 'blobBytes'] as const),
  ...(['requests', 'sentBytes', 'stepRuns', 'transitions'] as const),
];
export type Unit = (typeof units)[number];
export type Units = Readonly<Record<Unit, number>>;

const recordOverhead = 'partitionsortrevisionvalue'.length + 16;
const pageOverhead = 'hashbytes'.length + 64;
const bytesOf = (text: string): number => Buffer.byteLength(text);
const recordSize = ({ partition, sort }: RecordKey, value: unknown): number =>
  recordOverhead + bytesOf(partition) + bytesOf(sort) + bytesOf(JSON.stringify(value));
const keyText = ({ partition, sort }: RecordKey): string => `${partition}\n${sort}`;
const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / 1_024));
const readUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / 4_096));

export class Meter {
  #counts: Record<Unit, number> = zero();
  /** The records there are, for what deleting and replacing them costs. */
  readonly #sizes = new Map<string, number>();
  readonly #pages = new Set<string>();

  add(unit: Unit, by = 1): void {
    this.#counts[unit] += by;
  }

  /** What was counted since the last time. */
  take(): Units {
    const taken = this.#counts;
    this.#counts = zero();
    return taken;
  }

  read(found: readonly StoredRecord[], asked: number): void {
    for (const record of found) this.add('recordReads', readUnits(recordSize(record, record.value)));
    this.add('recordReads', asked - found.length);
  }

  queried(found: readonly StoredRecord[]): void {
    this.add('recordReads', readUnits(sum(found.map((record) => recordSize(record, record.value)))));
  }

  wrote(batch: readonly RecordWrite[]): void {
    const times = batch.length > 1 ? 2 : 1;
    for (const write of batch) {
      const key = 'put' in write ? write.put : 'delete' in write ? write.delete : write.check;
      const before = this.#sizes.get(keyText(key)) ?? 0;
      const after = 'put' in write ? recordSize(key, write.value) : 'check' in write ? before : 0;
      this.add('recordWrites', times * writeUnits(Math.max(before, after)));
      this.add('recordBytes', after - before);
      this.#sizes.set(keyText(key), after);
    }
  }

  wrotePages(pages: readonly PageBytes[]): void {
    for (const { hash, bytes } of pages) {
      const size = pageOverhead + bytes.length;
      this.add('pageWrites', writeUnits(size));
      if (!this.#pages.has(hash)) this.add('pageBytes', size);
      this.#pages.add(hash);
    }
  }

  readPages(sizes: readonly number[]): void {
    for (const size of sizes) this.add('pageReads', readUnits(pageOverhead + size) / 2);
  }
}

const zero = (): Record<Unit, number> =>
  Object.fromEntries(units.map((unit) => [unit, 0])) as Record<Unit, number>;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

export const sumOfUnits = (all: readonly Units[]): Units =>
  Object.fromEntries(units.map((unit) => [unit, sum(all.map((one) => one[unit]))])) as Units;
export const timesUnits = (one: Units, by: number): Units =>
  Object.fromEntries(units.map((unit) => [unit, one[unit] * by])) as Units;

/** The same ports, metered. */
export const meteredPorts = (ports: Ports, meter: Meter): Ports => ({
  ...ports,
  records: meteredRecords(ports.records, meter),
  pages: meteredPages(ports.pages, meter),
  blobs: meteredBlobs(ports.blobs, meter),
  events: {
    publish: async (events) => {
      meter.add('calls');
      meter.add('events', events.length);
      await ports.events.publish(events);
    },
  },
  receipts: {
    sign: (statement) => {
      meter.add('calls');
      meter.add('signatures');
      return ports.receipts.sign(statement);
    },
    verify: (receipt) => ports.receipts.verify(receipt),
    keys: () => ports.receipts.keys(),
  },
});

const meteredRecords = (records: Ports['records'], meter: Meter): Ports['records'] => ({
  async get<T>(key: RecordKey) {
    const found = await records.get<T>(key);
    meter.add('calls');
    meter.read(found ? [found] : [], 1);
    return found;
  },
  async getMany<T>(keys: readonly RecordKey[]) {
    const found = await records.getMany<T>(keys);
    meter.add('calls', Math.ceil(keys.length / 100));
    meter.read(found, keys.length);
    return found;
  },
  async query<T>(query: Parameters<Ports['records']['query']>[0]) {
    const found = await records.query<T>(query);
    meter.add('calls');
    meter.queried(found);
    return found;
  },
  async write(batch, ...how) {
    await records.write(batch, ...how);
    meter.add('calls');
    meter.wrote(batch);
  },
});

const meteredPages = (pages: Ports['pages'], meter: Meter): Ports['pages'] => ({
  async get(hash) {
    const bytes = await pages.get(hash);
    meter.add('calls');
    meter.readPages([bytes.length]);
    return bytes;
  },
  async getMany(hashes) {
    const found = await pages.getMany(hashes);
    meter.add('calls', Math.ceil(hashes.length / 100));
    meter.readPages(found.map(({ bytes }) => bytes.length));
    return found;
  },
  async putMany(put) {
    await pages.putMany(put);
    meter.add('calls', Math.ceil(put.length / 25));
    meter.wrotePages(put);
  },
  list: (after, limit) => pages.list(after, limit),
  condemn: (hashes, at) => pages.condemn(hashes, at),
  rescue: (hashes) => pages.rescue(hashes),
  deleteCondemned: (hashes, until) => pages.deleteCondemned(hashes, until),
});

/** How many PUTs and GETs each call is; `get`s are what a read or a signed download leads to. */
function meteredBlobs(blobs: Ports['blobs'], meter: Meter): Ports['blobs'] {
  const count = (puts: number, gets: number) => {
    meter.add('calls', puts + gets);
    meter.add('puts', puts);
    meter.add('gets', gets);
  };
  return {
    put: (sha256, bytes, doomed) => {
      count(1, 0);
      meter.add('blobBytes', bytes.length);
      return blobs.put(sha256, bytes, doomed);
    },
    get: (ref, range) => {
      count(0, 1);
      return blobs.get(ref, range);
    },
    signPut: (slot, part, expiresAt) => {
      meter.add('puts');
      return blobs.signPut(slot, part, expiresAt);
    },
    promote: (slot, part, doomed) => {
      count(1, 1);
      meter.add('blobBytes', part.size);
      return blobs.promote(slot, part, doomed);
    },
    signGet: (refs, download, expiresAt) => {
      meter.add('gets', refs.length);
      return blobs.signGet(refs, download, expiresAt);
    },
    discard: (slot) => blobs.discard(slot),
    deleteVersion: (ref) => blobs.deleteVersion(ref),
    list: (after, limit) => {
      count(1, 0);
      return blobs.list(after, limit);
    },
  };
}
