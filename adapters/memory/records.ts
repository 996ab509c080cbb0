// Records in Maps: the contract in its plainest form, for tests. Values are kept as JSON text, so nobody shares an
// object with the store; a batch checks every condition before it changes anything.

import { AppError, invariant } from '../../core/errors.ts';
import { compareKeys } from '../../core/model/path.ts';
import type {
  Condition,
  RecordKey,
  RecordQuery,
  Records,
  RecordWrite,
  StoredRecord,
} from '../../core/ports.ts';

interface Kept {
  readonly revision: string;
  readonly json: string;
}

const maxBatch = 100;

const keyOf = (write: RecordWrite): RecordKey =>
  'put' in write ? write.put : 'delete' in write ? write.delete : write.check;

const keyText = ({ partition, sort }: RecordKey): string => JSON.stringify([partition, sort]);

function holds(condition: Condition, kept: Kept | undefined): boolean {
  if (condition === 'absent') return kept === undefined;
  if (condition === 'present') return kept !== undefined;
  return kept?.revision === condition.revision;
}

export class MemoryRecords implements Records {
  readonly #partitions = new Map<string, Map<string, Kept>>();
  #revisions = 0;

  async get<T>(key: RecordKey): Promise<StoredRecord<T> | undefined> {
    const kept = this.#find(key);
    return kept && this.#open(key, kept);
  }

  async getMany<T>(keys: readonly RecordKey[]): Promise<StoredRecord<T>[]> {
    const once = new Map(keys.map((key) => [keyText(key), key]));
    const found = await Promise.all([...once.values()].map((key) => this.get<T>(key)));
    return found.filter((record) => record !== undefined);
  }

  async query<T>({
    partition,
    prefix,
    after,
    reverse,
    limit = 1_000,
  }: RecordQuery): Promise<StoredRecord<T>[]> {
    const direction = reverse ? -1 : 1;
    const isAfter = (sort: string) => after === undefined || direction * compareKeys(sort, after) > 0;
    return [...this.#partition(partition)]
      .filter(([sort]) => sort.startsWith(prefix) && isAfter(sort))
      .sort(([a], [b]) => direction * compareKeys(a, b))
      .slice(0, limit)
      .map(([sort, kept]) => this.#open({ partition, sort }, kept));
  }

  async write(batch: readonly RecordWrite[]): Promise<void> {
    invariant(batch.length <= maxBatch, `a batch has at most ${maxBatch} writes`);
    invariant(
      new Set(batch.map((write) => keyText(keyOf(write)))).size === batch.length,
      'no key comes twice',
    );
    for (const write of batch) {
      const key = keyOf(write);
      if (write.if !== undefined && !holds(write.if, this.#find(key)))
        throw new AppError('conflict', `The record ${key.partition} ${key.sort} is not as expected.`);
    }
    for (const write of batch) {
      if ('put' in write) {
        const kept = { revision: String(++this.#revisions), json: JSON.stringify(write.value) };
        this.#partition(write.put.partition).set(write.put.sort, kept);
      } else if ('delete' in write) this.#partition(write.delete.partition).delete(write.delete.sort);
    }
  }

  #partition(name: string): Map<string, Kept> {
    const there = this.#partitions.get(name) ?? new Map<string, Kept>();
    this.#partitions.set(name, there);
    return there;
  }

  #find({ partition, sort }: RecordKey): Kept | undefined {
    return this.#partitions.get(partition)?.get(sort);
  }

  #open<T>({ partition, sort }: RecordKey, { revision, json }: Kept): StoredRecord<T> {
    return { partition, sort, revision, value: JSON.parse(json) as T };
  }
}
