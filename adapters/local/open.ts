// All ports of one machine over one directory: `handout.db`, `blobs/` and `uploads/`.

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Ports, Settings } from '../../core/ports.ts';
import { tables } from '../tables/tables.ts';
import { LocalBlobs } from './blobs.ts';
import { Database } from './database.ts';
import { LocalEvents } from './events.ts';
import { sqliteExecutions } from './execution-store.ts';
import { lockDirectory } from './lock.ts';
import { LocalPages } from './pages.ts';
import { LocalReceipts } from './receipts.ts';
import { LocalRecords } from './records.ts';
import { SignedUrls } from './signed-urls.ts';
import { type LocalWorkflows, openWorkflows } from './workflows.ts';

/** The text of a workflow and its steps, as functions of the ports. */
export interface WorkflowSource {
  readonly asl: object;
  readonly steps: Readonly<Record<string, (ports: Ports, input: unknown) => Promise<unknown>>>;
}

export interface LocalOptions {
  readonly directory: string;
  readonly settings: Settings;
  readonly workflows: Readonly<Record<string, WorkflowSource>>;
  readonly now?: () => number;
}

export interface LocalBackend extends AsyncDisposable {
  readonly ports: Ports;
  readonly workflows: LocalWorkflows;
  readonly blobs: LocalBlobs;
  readonly events: LocalEvents;
  readonly urls: SignedUrls;
  /** Known to this directory alone: signs URLs and development tokens. */
  readonly secret: Uint8Array;
}

export async function openLocal({
  directory,
  settings,
  workflows,
  now = Date.now,
}: LocalOptions): Promise<LocalBackend> {
  mkdirSync(directory, { recursive: true });
  const lock = lockDirectory(directory);
  const database = new Database(join(directory, 'handout.db'));
  const secret = secretOf(database);
  const urls = new SignedUrls(secret, now);
  const blobs = new LocalBlobs(directory, database, urls);
  const events = new LocalEvents(database);
  const runner = openWorkflows({
    executions: sqliteExecutions(database.handle),
    definitions: Object.fromEntries(
      Object.entries(workflows).map(([name, source]) => [name, bindSteps(source, () => ports)]),
    ),
    now,
  });
  const ports: Ports = {
    records: new LocalRecords(database),
    pages: new LocalPages(database),
    blobs,
    workflows: runner,
    events,
    receipts: new LocalReceipts(database),
    tables,
    now,
    random: () => randomBytes(16),
    settings,
  };
  return {
    ports,
    workflows: runner,
    blobs,
    events,
    urls,
    secret,
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
