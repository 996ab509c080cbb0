// What one directory gives besides storage, whichever side the storage is on: a lock, `handout.db`, a secret, and the
// runner of workflows.

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Ports } from '../../core/ports.ts';
import { Database } from './database.ts';
import { LocalEvents } from './events.ts';
import { sqliteExecutions } from './execution-store.ts';
import { lockDirectory } from './lock.ts';
import { LocalReceipts } from './receipts.ts';
import { type LocalWorkflows, openWorkflows } from './workflows.ts';

/** The text of a workflow and its steps, as functions of the ports. */
export interface WorkflowSource {
  readonly asl: object;
  readonly steps: Readonly<Record<string, (ports: Ports, input: unknown) => Promise<unknown>>>;
}

export interface MachineOptions {
  readonly directory: string;
  readonly workflows: Readonly<Record<string, WorkflowSource>>;
  /** What the steps are given; asked for when one runs. */
  readonly ports: () => Ports;
  readonly now: () => number;
}

export interface Machine extends AsyncDisposable {
  readonly database: Database;
  /** Known to this directory alone: signs URLs and development tokens. */
  readonly secret: Uint8Array;
  readonly workflows: LocalWorkflows;
  readonly events: LocalEvents;
  readonly receipts: LocalReceipts;
}

export function openMachine({ directory, workflows, ports, now }: MachineOptions): Machine {
  mkdirSync(directory, { recursive: true });
  const lock = lockDirectory(directory);
  const database = new Database(join(directory, 'handout.db'));
  const runner = openWorkflows({
    executions: sqliteExecutions(database.handle),
    definitions: Object.fromEntries(
      Object.entries(workflows).map(([name, source]) => [name, bindSteps(source, ports)]),
    ),
    now,
  });
  return {
    database,
    secret: secretOf(database),
    workflows: runner,
    events: new LocalEvents(database),
    receipts: new LocalReceipts(database),
    async [Symbol.asyncDispose]() {
      await runner.close();
      await database[Symbol.asyncDispose]();
      lock[Symbol.dispose]();
    },
  };
}

const bindSteps = ({ asl, steps }: WorkflowSource, ports: () => Ports) => ({
  asl: asl as Parameters<typeof openWorkflows>[0]['definitions'][string]['asl'],
  steps: Object.fromEntries(
    Object.entries(steps).map(([name, step]) => [name, (input: unknown) => step(ports(), input)]),
  ),
});

function secretOf(database: Database): Uint8Array {
  database.handle.exec('CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL)');
  database.handle.prepare('INSERT OR IGNORE INTO secrets VALUES (?, ?)').run('signing', randomBytes(32));
  return database.handle.prepare('SELECT value FROM secrets WHERE name = ?').get('signing')!
    .value as Uint8Array;
}
