// The SQLite file of one machine. Writes that are asked for in the same moment are committed together. If one fails, they
// are run again, each all or nothing by a savepoint of its own (savepoints copy each page that is changed). A commit only
// appends to SQLite's log, in order; none is answered before a sync of the log has made it durable, and with it all before
// it. Syncs run beside the work: while one is under way, commits gather for the next, so many writers share one and none
// waits for the disk with the processor idle.

import { closeSync, fdatasync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { invariant } from '../../core/errors.ts';

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** How long to wait for another process, from the first statement on. */
const busyTimeoutMs = 5_000;

/** Pages (of 4 KiB) in the log before they are moved into the file: the more, the more often one page is moved once for many. */
const logPages = 8_192;

const sync = promisify(fdatasync);

export class Database implements AsyncDisposable {
  readonly handle: DatabaseSync;
  readonly #file: string;
  readonly #statements = new Map<string, StatementSync>();
  #waiting: Waiting[] = [];
  /** The log, for syncing it. */
  #log: number | undefined;
  #lastSync: Promise<void> = Promise.resolve();
  /** A sync that has not begun, and so covers all that is committed by now. */
  #nextSync: Promise<void> | undefined;
  #closed = false;

  /** `file` is a path. */
  constructor(file: string) {
    this.#file = file;
    this.handle = new DatabaseSync(file, { timeout: busyTimeoutMs });
    this.handle.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;');
    this.handle.exec(`PRAGMA wal_autocheckpoint = ${logPages}`);
  }

  prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.handle.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /**
   * Runs `work` (synchronous, and nothing but statements, for it may run twice) inside a transaction; resolves once it is
   * durable. What it throws undoes it alone.
   */
  write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#commit());
    });
  }

  /** Runs `work` at once, in a transaction that is durable no later than the next `write`. */
  settle<T>(work: () => T): T {
    this.prepare('BEGIN IMMEDIATE').run();
    try {
      const value = work();
      this.prepare('COMMIT').run();
      return value;
    } finally {
      if (this.handle.isOpen && this.handle.isTransaction) this.handle.exec('ROLLBACK');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#commit();
    await this.#lastSync.catch(() => undefined); // whoever wrote was told
    if (this.#closed) return;
    this.#closed = true;
    this.handle.close();
    if (this.#log !== undefined) closeSync(this.#log);
  }

  #commit(): void {
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    const fail = (error: unknown) => {
      for (const { reject } of group) reject(error);
    };
    let answers: readonly (() => void)[];
    try {
      answers = this.#together(group) ?? this.settle(() => group.flatMap((waiting) => this.#apart(waiting)));
    } catch (error) {
      fail(error);
      return;
    }
    if (answers.length === 0) return;
    this.#synced().then(() => {
      for (const answer of answers) answer();
    }, fail);
  }

  /** How to answer all of them; undefined when one failed, and so none has happened. */
  #together(group: readonly Waiting[]): (() => void)[] | undefined {
    try {
      return this.settle(() =>
        group.map(({ work, resolve }) => {
          const value = work();
          invariant(this.handle.isTransaction, 'what comes after is still in the transaction');
          return () => resolve(value);
        }),
      );
    } catch {
      return undefined;
    }
  }

  /** How to answer it, unless it failed: that is told at once. */
  #apart({ work, resolve, reject }: Waiting): (() => void)[] {
    this.prepare('SAVEPOINT one').run();
    try {
      const value = work();
      this.prepare('RELEASE one').run();
      return [() => resolve(value)];
    } catch (error) {
      this.handle.exec('ROLLBACK TO one; RELEASE one');
      reject(error);
      return [];
    }
  }

  /** Resolves once all that is committed by now is on the disk. After a sync that failed none succeeds: a disk may forget. */
  #synced(): Promise<void> {
    this.#nextSync ??= this.#lastSync.then(() => {
      this.#nextSync = undefined;
      this.#log ??= openSync(`${this.#file}-wal`, 'r+');
      return sync(this.#log);
    });
    this.#lastSync = this.#nextSync;
    return this.#nextSync;
  }
}
