// Work that must begin once it was accepted. A launch is recorded in the batch that accepts the work, and forgotten once
// the workflow runs; whatever a crash left between the two is launched again by `relaunch`.

import { keys, partitions, prefixes } from '../model/keys.ts';
import type { Ports, RecordWrite } from '../ports.ts';
import { eachRecord } from './paging.ts';

export interface Launch {
  readonly workflow: string;
  /** The id of the work, and of the execution. */
  readonly id: string;
  readonly input: Readonly<Record<string, unknown>>;
}

export const recordLaunch = (launch: Launch): RecordWrite => ({
  put: keys.launch(launch.workflow, launch.id),
  value: launch,
});

/** Starts the workflow of a recorded launch; starting it twice is harmless. */
export async function launch(ports: Ports, { workflow, id, input }: Launch): Promise<void> {
  await ports.workflows.start(workflow, id, input);
  await ports.records.write([{ delete: keys.launch(workflow, id) }]);
}

/** Starts everything that was accepted and never started. Run at boot, and now and then. */
export async function relaunch(ports: Ports): Promise<number> {
  let launched = 0;
  const pending = { partition: partitions.launches, prefix: prefixes.launch };
  for await (const { value } of eachRecord<Launch>(ports.records, pending)) {
    await launch(ports, value);
    launched++;
  }
  return launched;
}
