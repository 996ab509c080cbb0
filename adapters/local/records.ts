// Records in a SQLite table, ordered by partition and sort (both compared as UTF-8 bytes by SQLite's BINARY collation).
// Long values are kept in a table of their own: SQLite reads a whole row to compare its key, so that one long value made
// every search slow that came past it.

import { randomUUID } from 'node:crypto';
import { AppError, invariant } from '../../core/errors.ts';
import { afterPrefix } from '../../core/model/path.ts';
import type {
  Condition,
  RecordKey,
  RecordQuery,
  Records,
  RecordWrite,
  StoredRecord,
} from '../../core/ports.ts';
import type { Database } from './database.ts';

interface Row {
  readonly revision: string;
  readonly value: string;
}

interface SortedRow extends Row {
  readonly sort: string;
}

const maxBatch = 100;

/** Up to this length a row lies within one page of 4 KiB and needs no other. */
const shortValue = 800;
/** Stands for a value that is long. */
const elsewhere = '';

const schema = `
  CREATE TABLE IF NOT EXISTS records (
    partition TEXT NOT NULL, sort TEXT NOT NULL, revision TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (partition, sort)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS long_values (
    partition TEXT NOT NULL, sort TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (partition, sort));
  CREATE TRIGGER IF NOT EXISTS record_shortened AFTER UPDATE ON records WHEN old.value = '' AND new.value <> ''
    BEGIN DELETE FROM long_values WHERE partition = old.partition AND sort = old.sort; END;
  CREATE TRIGGER IF NOT EXISTS record_deleted AFTER DELETE ON records WHEN old.value = ''
    BEGIN DELETE FROM long_values WHERE partition = old.partition AND sort = old.sort; END`;

/** The last 48 bits of chance: short, for every record carries one. */
const newRevision = (): string => randomUUID().slice(-12);

const keyOf = (write: RecordWrite): RecordKey =>
  'put' in write ? write.put : 'delete' in write ? write.delete : write.check;

const keyText = ({ partition, sort }: RecordKey): string => JSON.stringify([partition, sort]);

export class LocalRecords implements Records {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.handle.exec(schema);
  }

  async get<T>(key: RecordKey): Promise<StoredRecord<T> | undefined> {
    const row = this.#find(key);
    return row && this.#recordOf<T>(key, row);
  }

  async getMany<T>(keys: readonly RecordKey[]): Promise<StoredRecord<T>[]> {
    const once = new Map(keys.map((key) => [keyText(key), key]));
    return [...once.values()].flatMap((key) => {
      const row = this.#find(key);
      return row ? [this.#recordOf<T>(key, row)] : [];
    });
  }

  async query<T>({
    partition,
    prefix,
    after,
    reverse = false,
    limit = 1_000,
  }: RecordQuery): Promise<StoredRecord<T>[]> {
    const bounds = ['partition = ?', 'sort >= ?'];
    const values: (string | number)[] = [partition, prefix];
    const end = afterPrefix(prefix);
    if (end !== undefined) {
      bounds.push('sort < ?');
      values.push(end);
    }
    if (after !== undefined) {
      bounds.push(reverse ? 'sort < ?' : 'sort > ?');
      values.push(after);
    }
    const order = reverse ? 'DESC' : 'ASC';
    const sql = `SELECT sort, revision, value FROM records WHERE ${bounds.join(' AND ')} ORDER BY sort ${order}`;
    const rows = limit === 1 ? this.#first(sql, values) : this.#all(`${sql} LIMIT ?`, [...values, limit]);
    return rows.map((row) => this.#recordOf<T>({ partition, sort: row.sort }, row));
  }

  async write(batch: readonly RecordWrite[], durable?: 'soon'): Promise<void> {
    invariant(batch.length <= maxBatch, `a batch has at most ${maxBatch} writes`);
    invariant(
      new Set(batch.map((write) => keyText(keyOf(write)))).size === batch.length,
      'no key comes twice',
    );
    const apply = () => {
      for (const write of batch) this.#apply(write);
    };
    if (durable === 'soon') this.#database.settle(apply);
    else await this.#database.write(apply);
  }

  #all(sql: string, values: readonly (string | number)[]): SortedRow[] {
    return this.#database.prepare(sql).all(...values) as unknown as SortedRow[];
  }

  /** SQLite prepares a statement anew each time its `LIMIT` has another value; the first row needs none. */
  #first(sql: string, values: readonly (string | number)[]): SortedRow[] {
    const row = this.#database.prepare(sql).get(...values) as unknown as SortedRow | undefined;
    return row ? [row] : [];
  }

  #find({ partition, sort }: RecordKey): Row | undefined {
    const sql = 'SELECT revision, value FROM records WHERE partition = ? AND sort = ?';
    return this.#database.prepare(sql).get(partition, sort) as unknown as Row | undefined;
  }

  #apply(write: RecordWrite): void {
    const { partition, sort } = keyOf(write);
    if (write.if !== undefined) this.#require({ partition, sort }, write.if);
    if ('put' in write) this.#put({ partition, sort }, JSON.stringify(write.value));
    else if ('delete' in write)
      this.#database.prepare('DELETE FROM records WHERE partition = ? AND sort = ?').run(partition, sort);
  }

  #put({ partition, sort }: RecordKey, value: string): void {
    const long = value.length > shortValue;
    if (long)
      this.#database
        .prepare('INSERT OR REPLACE INTO long_values (partition, sort, value) VALUES (?, ?, ?)')
        .run(partition, sort, value);
    this.#database
      .prepare(
        `INSERT INTO records (partition, sort, revision, value) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET revision = excluded.revision, value = excluded.value`,
      )
      .run(partition, sort, newRevision(), long ? elsewhere : value);
  }

  #recordOf<T>({ partition, sort }: RecordKey, { revision, value }: Row): StoredRecord<T> {
    const text = value === elsewhere ? this.#longValue(partition, sort) : value;
    return { partition, sort, revision, value: JSON.parse(text) as T };
  }

  #longValue(partition: string, sort: string): string {
    const sql = 'SELECT value FROM long_values WHERE partition = ? AND sort = ?';
    return this.#database.prepare(sql).get(partition, sort)!.value as string;
  }

  #require(key: RecordKey, condition: Condition): void {
    const row = this.#find(key);
    const holds =
      condition === 'absent' ? !row : condition === 'present' ? !!row : row?.revision === condition.revision;
    if (!holds) throw new AppError('conflict', `The record ${key.partition} ${key.sort} is not as expected.`);
  }
}
