// The record that marks that a distribution reached an instance: created in one batch with the journal entry, so the
// entry is appended once. With safety snapshots the snapshot itself is the mark; its id follows from both.

import type { Distribution } from '../model/distribution.ts';
import { makeId } from '../model/ids.ts';
import type { InstanceEntry } from '../model/journal.ts';
import { keys, partitions } from '../model/keys.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Ports, RecordKey } from '../ports.ts';
import { digestOf, hexToBytes } from '../tree/digest.ts';

type Marked = Pick<Distribution, 'id' | 'createdAt' | 'safetySnapshots'>;

export interface Mark {
  readonly key: RecordKey;
  /** The sequence of the journal entry, as the marking record tells it. */
  readonly sequenceOf: (value: never) => number;
}

export const safetySnapshotId = ({ id, createdAt }: Marked, instance: string): string =>
  makeId('snapshot', Date.parse(createdAt), hexToBytes(digestOf([id, instance])));

export function markOf(distribution: Marked, instance: string): Mark {
  const { id, safetySnapshots } = distribution;
  if (!safetySnapshots)
    return { key: keys.cause(instance, id), sequenceOf: (value: { sequence: number }) => value.sequence };
  const key = keys.snapshot(instance, safetySnapshotId(distribution, instance));
  return { key, sequenceOf: (value: Snapshot) => value.version + 1 };
}

/** The journal entry that a distribution made in an instance, if it reached it and changed anything. */
export async function entryMadeBy(
  ports: Ports,
  distribution: Marked,
  instance: string,
): Promise<InstanceEntry | undefined> {
  const { key, sequenceOf } = markOf(distribution, instance);
  const mark = await ports.records.get<never>(key);
  const entryKey = mark && keys.journal(partitions.instance(instance), sequenceOf(mark.value));
  return entryKey && (await ports.records.get<InstanceEntry>(entryKey))?.value;
}
