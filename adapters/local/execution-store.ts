// Where executions of workflows are kept: in memory for tests, in SQLite for the one machine. Synchronous, so that
// nothing comes between a question and the write that follows it. What has ended stays ended: `reach` and `end` change
// running executions only. Rows are never removed, for the same id must not start twice. The caller owns the database.

import type { DatabaseSync } from 'node:sqlite';
import type { ExecutionStatus } from '../../core/ports.ts';

export interface ExecutionKey {
  readonly workflow: string;
  readonly id: string;
}

/** The top-level state that an execution is in, written down before that state does anything. */
export interface Checkpoint {
  readonly state: string;
  readonly input: unknown;
  readonly enteredAt: number;
  /** When the Wait state ends: absolute, so that a restart does not prolong it. */
  readonly due?: number;
}

export interface Failure {
  readonly error: string;
  readonly cause: string;
}

/** How an execution ended. */
export interface Ending {
  readonly status: Exclude<ExecutionStatus, 'running'>;
  readonly endedAt: number;
  readonly failure?: Failure;
}

export interface Execution extends ExecutionKey, Partial<Omit<Ending, 'status'>> {
  readonly status: ExecutionStatus;
  readonly input: unknown;
  readonly startedAt: number;
  readonly checkpoint: Checkpoint;
}

export interface ExecutionStore {
  /** False, and nothing changes, when there is one under this key already. */
  add(execution: Execution): boolean;
  get(key: ExecutionKey): Execution | undefined;
  /** In the order in which they were started. */
  unfinished(): ExecutionKey[];
  /** False, and nothing changes, unless it is running. */
  reach(key: ExecutionKey, checkpoint: Checkpoint): boolean;
  /** False, and nothing changes, unless it is running. */
  end(key: ExecutionKey, ending: Ending): boolean;
}

export const keyText = ({ workflow, id }: ExecutionKey): string => JSON.stringify([workflow, id]);

export function memoryExecutions(): ExecutionStore {
  const rows = new Map<string, Execution>();
  const change = (key: ExecutionKey, changes: Partial<Execution>) => {
    const row = rows.get(keyText(key));
    if (row?.status !== 'running') return false;
    rows.set(keyText(key), { ...row, ...changes });
    return true;
  };
  return {
    add(execution) {
      if (rows.has(keyText(execution))) return false;
      rows.set(keyText(execution), execution);
      return true;
    },
    get: (key) => rows.get(keyText(key)),
    unfinished: () => [...rows.values()].filter(({ status }) => status === 'running'),
    reach: (key, checkpoint) => change(key, { checkpoint }),
    end: change,
  };
}

const schema = `
  CREATE TABLE IF NOT EXISTS executions (
    workflow   TEXT NOT NULL,
    id         TEXT NOT NULL,
    status     TEXT NOT NULL,
    input      TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    checkpoint TEXT NOT NULL,
    failure    TEXT,
    PRIMARY KEY (workflow, id)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS executions_unfinished ON executions (started_at) WHERE status = 'running';`;

type Row = Record<string, string | number | null>;

const toExecution = (row: Row): Execution => ({
  workflow: String(row.workflow),
  id: String(row.id),
  status: row.status as ExecutionStatus,
  input: JSON.parse(String(row.input)),
  startedAt: Number(row.started_at),
  checkpoint: JSON.parse(String(row.checkpoint)),
  ...(row.ended_at === null ? {} : { endedAt: Number(row.ended_at) }),
  ...(row.failure === null ? {} : { failure: JSON.parse(String(row.failure)) }),
});

export function sqliteExecutions(db: DatabaseSync): ExecutionStore {
  db.exec(schema);
  const insert = db.prepare(`
    INSERT INTO executions (workflow, id, status, input, started_at, checkpoint) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING`);
  const select = db.prepare('SELECT * FROM executions WHERE workflow = ? AND id = ?');
  const running = db.prepare(`
    SELECT workflow, id FROM executions WHERE status = 'running' ORDER BY started_at, rowid`);
  const move = db.prepare(`
    UPDATE executions SET checkpoint = ? WHERE workflow = ? AND id = ? AND status = 'running'`);
  const finish = db.prepare(`
    UPDATE executions SET status = ?, ended_at = ?, failure = ?
    WHERE workflow = ? AND id = ? AND status = 'running'`);
  return {
    add({ workflow, id, status, input, startedAt, checkpoint }) {
      const texts = [JSON.stringify(input), startedAt, JSON.stringify(checkpoint)];
      return insert.run(workflow, id, status, ...texts).changes === 1;
    },
    get({ workflow, id }) {
      const row = select.get(workflow, id) as Row | undefined;
      return row && toExecution(row);
    },
    unfinished: () => running.all() as unknown as ExecutionKey[],
    reach: ({ workflow, id }, checkpoint) => move.run(JSON.stringify(checkpoint), workflow, id).changes === 1,
    end({ workflow, id }, { status, endedAt, failure }) {
      const text = failure === undefined ? null : JSON.stringify(failure);
      return finish.run(status, endedAt, text, workflow, id).changes === 1;
    },
  };
}
