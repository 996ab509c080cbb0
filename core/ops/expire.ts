// What ends by itself: plans that nobody followed, uploads that nobody committed, and, where a space wants it, safety
// snapshots. Done before a reclaim marks, so that it finds what they held.

import type { Plan } from '../model/distribution.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import { isExpired, planLifeMs } from '../model/retention.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Space } from '../model/space.ts';
import type { Ports, RecordWrite } from '../ports.ts';
import { eachSpace, instancesInOrder } from './holds.ts';
import { eachRecord } from './paging.ts';
import { inParallel } from './retry.ts';
import { dropExpiredUploads } from './uploads.ts';

export async function expire(ports: Ports): Promise<void> {
  const nowMs = ports.now();
  for await (const space of eachSpace(ports, nowMs)) {
    await expirePlans(ports, space.id, nowMs);
    await inParallel(await instancesInOrder(ports, space.id), 16, async ({ id }) => {
      await dropExpiredUploads(ports, id, nowMs);
      if (space.safetySnapshotSeconds !== undefined) await expireSnapshots(ports, id, space, nowMs);
    });
  }
}

/** Its records go with a plan, those that name it last: what was cut off is found again. */
async function expirePlans(ports: Ports, space: string, nowMs: number): Promise<void> {
  const query = { partition: partitions.space(space), prefix: prefixes.plan };
  for await (const { value: id } of eachRecord<string>(ports.records, query)) {
    const plan = (await ports.records.get<Plan>(keys.plan(id)))?.value;
    if (plan && Date.parse(plan.createdAt) + planLifeMs > nowMs) return; // in the order of time
    for await (const { partition, sort } of eachRecord(ports.records, {
      partition: partitions.distribution(id),
      prefix: '',
    }))
      await ports.records.write([{ delete: { partition, sort } }]);
    await ports.records.write([{ delete: keys.plan(id) }, { delete: keys.spacePlan(space, id) }]);
  }
}

async function expireSnapshots(ports: Ports, instance: string, space: Space, nowMs: number): Promise<void> {
  const deletedAt = new Date(nowMs).toISOString();
  const query = { partition: partitions.instance(instance), prefix: prefixes.snapshot };
  const writes: RecordWrite[] = [];
  for await (const { partition, sort, value } of eachRecord<Snapshot>(ports.records, query))
    if (!value.deletedAt && isExpired(value, space, nowMs))
      writes.push({ put: { partition, sort }, value: { ...value, deletedAt, expired: true } });
  for (let at = 0; at < writes.length; at += 100) await ports.records.write(writes.slice(at, at + 100));
}
