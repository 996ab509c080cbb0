// Work that must begin once it was accepted, and go on to its end. A launch is recorded in the batch that accepts the work;
// whatever a crash left between that and the start of its workflow is started by `relaunch`. The record stays until the work
// is over, for something always waits behind it (a queue, a class, the next reclaim): if its execution fails, because
// something was away for longer than the workflow's retries, `relaunch` starts another one.

import { isCode } from '../errors.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Ports, RecordWrite, StoredRecord } from '../ports.ts';
import { eachRecord } from './paging.ts';
import { inParallel } from './retry.ts';

export interface Launch {
  readonly workflow: string;
  /** The id of the work, and of its first execution. */
  readonly id: string;
  readonly input: Readonly<Record<string, unknown>>;
}

interface Recorded extends Launch {
  readonly started?: true;
  /** How often another execution took the place of one that had failed. */
  readonly again?: number;
}

const executionOf = ({ id, again = 0 }: Recorded): string => (again === 0 ? id : `${id}.${again}`);

export const recordLaunch = (launch: Launch): RecordWrite => ({
  put: keys.launch(launch.workflow, launch.id),
  value: launch,
});

/** Forgets a launch, with the end of its work. */
export const forgetLaunch = ({ workflow, id }: Launch): RecordWrite => ({
  delete: keys.launch(workflow, id),
});

/** Starts the workflow of a recorded launch; starting it twice is harmless. */
export async function launch(ports: Ports, work: Launch): Promise<void> {
  const { workflow, id, input } = work;
  await ports.workflows.start(workflow, executionOf(work), input);
  const put = keys.launch(workflow, id);
  await unlessMoved(ports, { put, value: { ...work, started: true }, if: 'present' });
}

/** False when the record is not as expected: the work is over, or someone else looks after it. */
async function unlessMoved({ records }: Ports, write: RecordWrite): Promise<boolean> {
  try {
    await records.write([write]);
    return true;
  } catch (error) {
    if (isCode(error, 'conflict')) return false;
    throw error;
  }
}

const mostLooks = 500;
const tickMs = 5 * 60_000;

/** All of `items`, or where there are many the share whose turn it is. */
function shareOf<T>(items: readonly T[], nowMs: number): readonly T[] {
  const shares = Math.ceil(items.length / mostLooks);
  return items.filter((_, nth) => nth % shares === Math.floor(nowMs / tickMs) % shares);
}

/**
 * Starts everything that was accepted and does not run. Done at boot, and every few minutes. Costs a read for each
 * assignment and distribution that is not over, and a question for its execution.
 */
export async function relaunch(ports: Ports): Promise<number> {
  const started: StoredRecord<Recorded>[] = [];
  let launched = 0;
  const query = { partition: partitions.launches, prefix: prefixes.launch };
  for await (const record of eachRecord<Recorded>(ports.records, query)) {
    if (record.value.started) started.push(record);
    else {
      await launch(ports, record.value);
      launched++;
    }
  }
  const looks = await inParallel(shareOf(started, ports.now()), 16, (record) => lookAfter(ports, record));
  return launched + looks.filter((relaunched) => relaunched).length;
}

/** Starts another execution if the last one failed. What a person stopped stays stopped. */
async function lookAfter(ports: Ports, { value, revision }: StoredRecord<Recorded>): Promise<boolean> {
  const { workflow, id, input, again = 0 } = value;
  const key = keys.launch(workflow, id);
  const status = await ports.workflows.status(workflow, executionOf(value));
  if (status === 'running' || status === 'stopped') return false;
  if (status === 'succeeded') {
    await unlessMoved(ports, { delete: key, if: { revision } });
    return false;
  }
  // One that is not known may be too young to be seen; to start it again under its id is harmless.
  const next: Recorded = { workflow, id, input, again: status === undefined ? again : again + 1 };
  if (!(await unlessMoved(ports, { put: key, value: next, if: { revision } }))) return false;
  await launch(ports, next);
  return true;
}
