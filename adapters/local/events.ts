// The event bus of one machine: a table that keeps every event once, in the order in which they were told.

import type { Event, Events } from '../../core/ports.ts';
import type { Database } from './database.ts';

export class LocalEvents implements Events {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    database.handle.exec(
      'CREATE TABLE IF NOT EXISTS events (sequence INTEGER PRIMARY KEY, id TEXT UNIQUE, event TEXT NOT NULL)',
    );
  }

  async publish(events: readonly Event[]): Promise<void> {
    await this.#database.write(() => {
      const insert = this.#database.prepare('INSERT OR IGNORE INTO events (id, event) VALUES (?, ?)');
      for (const event of events) insert.run(event.id, JSON.stringify(event));
    });
  }

  /** Every event so far. */
  all(): Event[] {
    const rows = this.#database.prepare('SELECT event FROM events ORDER BY sequence').all();
    return rows.map((row) => JSON.parse(row.event as string) as Event);
  }
}
