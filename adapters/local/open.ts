// All ports of one machine over one directory: `handout.db`, `blobs/` and `uploads/`.

import { randomBytes } from 'node:crypto';
import type { Ports, Settings } from '../../core/ports.ts';
import { tables } from '../tables/tables.ts';
import { LocalBlobs } from './blobs.ts';
import type { LocalEvents } from './events.ts';
import { openMachine, type WorkflowSource } from './machine.ts';
import { LocalPages } from './pages.ts';
import { LocalRecords } from './records.ts';
import { SignedUrls } from './signed-urls.ts';
import type { LocalWorkflows } from './workflows.ts';

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
  readonly secret: Uint8Array;
}

const drawnAtOnce = 4_096;

/** 16 random bytes at a time, drawn from the system many at once. */
function randomSource(): () => Uint8Array {
  let pool = randomBytes(drawnAtOnce);
  let next = 0;
  return () => {
    if (next === pool.length) {
      pool = randomBytes(drawnAtOnce);
      next = 0;
    }
    next += 16;
    return pool.subarray(next - 16, next);
  };
}

export async function openLocal({
  directory,
  settings,
  workflows,
  now = Date.now,
}: LocalOptions): Promise<LocalBackend> {
  const machine = openMachine({ directory, workflows, ports: () => ports, now });
  const { database, secret, events, receipts } = machine;
  const urls = new SignedUrls(secret, now);
  const blobs = new LocalBlobs(directory, database, urls);
  const ports: Ports = {
    records: new LocalRecords(database),
    pages: new LocalPages(database),
    blobs,
    workflows: machine.workflows,
    events,
    receipts,
    tables,
    now,
    random: randomSource(),
    settings,
  };
  return {
    ports,
    workflows: machine.workflows,
    blobs,
    events,
    urls,
    secret,
    [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
  };
}
