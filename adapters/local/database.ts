// The SQLite file of one machine. Writes that are asked for in the same moment are committed together: each is all or
// nothing by a savepoint of its own, and none is answered before the commit that makes it durable.

import { DatabaseSync, type StatementSync } from 'node:sqlite';

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How long to wait for another process, from the first statement on. */
const busyTimeoutMs = 5_000;

export class Database implements AsyncDisposable {
  readonly handle: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #waiting: Waiting[] = [];
  #closed = false;

  /** `file` is a path, or `:memory:`. */
  constructor(file: string) {
    this.handle = new DatabaseSync(file, { timeout: busyTimeoutMs });
    this.handle.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;');
  }

  prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.handle.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** Runs `work` (synchronous) inside a transaction; resolves once it is durable. What it throws undoes it alone. */
  write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#commit());
    });
  }

  /** Runs `work` at once, in a transaction that is durable no later than the next `write`. */
  settle<T>(work: () => T): T {
    this.handle.exec('PRAGMA synchronous = NORMAL');
    try {
      this.handle.exec('BEGIN IMMEDIATE');
      const value = work();
      this.handle.exec('COMMIT');
      return value;
    } finally {
      if (this.handle.isTransaction) this.handle.exec('ROLLBACK');
      this.handle.exec('PRAGMA synchronous = FULL');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#commit();
    if (!this.#closed) this.handle.close();
    this.#closed = true;
  }

  #commit(): void {
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    const answers: (() => void)[] = [];
    try {
      this.handle.exec('BEGIN IMMEDIATE');
      for (const waiting of group) answers.push(this.#apart(waiting));
      this.handle.exec('COMMIT');
    } catch (error) {
      if (this.handle.isOpen && this.handle.isTransaction) this.handle.exec('ROLLBACK');
      for (const { reject } of group) reject(error);
      return;
    }
    for (const answer of answers) answer();
  }

  #apart({ work, resolve, reject }: Waiting): () => void {
    this.handle.exec('SAVEPOINT one');
    try {
      const value = work();
      this.handle.exec('RELEASE one');
      return () => resolve(value);
    } catch (error) {
      this.handle.exec('ROLLBACK TO one; RELEASE one');
      return () => reject(error);
    }
  }
}
