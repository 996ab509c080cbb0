// The steps of `workflows/distribute.asl.json`: prepare (find the targets), apply a batch of them, finish. Every step may
// run again after a crash: a target is applied once, because the journal entry and the record that marks it are created
// in one batch.

import { AppError } from '../errors.ts';
import {
  type Batch,
  batchSize,
  type Distribution,
  exceptionsPerReport,
  isOver,
  type TargetResult,
} from '../model/distribution.ts';
import { makeId } from '../model/ids.ts';
import type { InstanceEntry, State } from '../model/journal.ts';
import { keys } from '../model/keys.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Instance, Space } from '../model/space.ts';
import type { Counts } from '../model/strategy.ts';
import type { Digest, Pages, Ports, RecordKey, RecordWrite } from '../ports.ts';
import { type Delivery, deliver } from '../tree/deliver.ts';
import { digestOf, hexToBytes } from '../tree/digest.ts';
import { readerOf } from '../tree/reader.ts';
import { type Call, systemCall } from './call.ts';
import { countBatches, getDistribution, type StoredReport } from './distribution-views.ts';
import { conclude, groupInstance } from './distributions.ts';
import { instancesOf } from './instances.ts';
import { append, stateOf } from './journal.ts';
import { inParallel, untilSettled } from './retry.ts';
import { safetySnapshot } from './snapshots.ts';

/** Targets written at a time; after each such chunk the batch's record is brought up to date. */
const chunkSize = 125;
const parallelTargets = 64;

/** Marks a distribution as running and writes down its targets, Distributed first. Answers the batches to apply. */
export async function prepareDistribution(
  ports: Ports,
  id: string,
): Promise<{ distribution: string; batches: { distribution: string; batch: number }[] }> {
  const distribution = await update(ports, id, (now) =>
    now.status === 'queued'
      ? { ...now, status: 'running', startedAt: new Date(ports.now()).toISOString() }
      : now,
  );
  if (isOver(distribution.status)) return { distribution: id, batches: [] };
  const batches = distribution.batches ?? (await writeTargets(ports, distribution));
  const first = 'all' in distribution.targets ? 1 : 0;
  return {
    distribution: id,
    batches: Array.from({ length: batches - first }, (_, i) => ({ distribution: id, batch: i + first })),
  };
}

/**
 * Writes the targets down in batches. Instances are listed in the order of their ids, so one that is new after a crash
 * comes last and leaves the batches already written as they are; it starts from Distributed anyway.
 */
async function writeTargets(ports: Ports, distribution: Distribution): Promise<number> {
  const { id, targets } = distribution;
  let batches = 0;
  let targetCount = 0;
  if ('all' in targets) {
    targetCount += await putBatch(ports, id, batches++, await distributedInstance(ports, distribution));
    await applyBatch(ports, id, 0);
  }
  const rest = await instancesToReach(ports, distribution);
  for (let i = 0; i < rest.length; i += batchSize)
    targetCount += await putBatch(ports, id, batches++, rest.slice(i, i + batchSize));
  await update(ports, id, (now) => ({ ...now, batches, targetCount }));
  return batches;
}

/** The Distributed instance, appended before all others: who joins later starts from it and so misses nothing. */
async function distributedInstance(ports: Ports, { spaceId }: Distribution): Promise<string[]> {
  const space = (await ports.records.get<Space>(keys.space(spaceId)))!.value;
  return space.distributedInstanceId ? [space.distributedInstanceId] : [];
}

async function instancesToReach(ports: Ports, distribution: Distribution): Promise<string[]> {
  const { targets, spaceId, source } = distribution;
  if ('instances' in targets) return [...new Set(targets.instances)];
  if ('group' in targets) return [(await groupInstance(ports, spaceId, targets.group))!];
  const receives = ({ kind, id }: Instance) =>
    (kind === 'student' || kind === 'group' || kind === 'project') && id !== source.instanceId;
  const found: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await instancesOf(systemCall(ports, distribution.createdBy), spaceId, after, 1_000);
    found.push(...page.filter(receives).map((instance) => instance.id));
    if (page.length < 1_000) return found;
    after = page.at(-1)!.id;
  }
}

/** Writes a batch down unless it is there already; answers how many targets it has. */
async function putBatch(
  ports: Ports,
  id: string,
  batch: number,
  targets: readonly string[],
): Promise<number> {
  const key = keys.batch(id, batch);
  const there = await ports.records.get<Batch>(key);
  if (there) return there.value.targets.length;
  const value: Batch = { targets: targets.map((instanceId) => ({ instanceId, status: 'pending' })) };
  await ports.records.write([{ put: key, value }]);
  return targets.length;
}

/** Applies the pending targets of a batch; a target that cannot take it fails alone. */
export async function applyBatch(
  ports: Ports,
  id: string,
  batch: number,
): Promise<{ done: number; failed: number }> {
  const distribution = await getDistribution(ports, id);
  const key = keys.batch(id, batch);
  const results = [...(await ports.records.get<Batch>(key))!.value.targets];
  const pending = results.flatMap((target, index) => (target.status === 'pending' ? [index] : []));
  for (let i = 0; i < pending.length; i += chunkSize) {
    await inParallel(pending.slice(i, i + chunkSize), parallelTargets, async (index) => {
      results[index] = await applyTarget(ports, distribution, results[index]!.instanceId);
    });
    await ports.records.write([{ put: key, value: { targets: results } satisfies Batch }]);
  }
  const count = (status: string) => results.filter((target) => target.status === status).length;
  return { done: count('done'), failed: count('failed') };
}

/** Gives up what is still pending in a batch whose step failed for good, naming the reason. */
export async function failBatch(ports: Ports, id: string, batch: number, reason: string): Promise<void> {
  const record = (await ports.records.get<Batch>(keys.batch(id, batch)))!;
  const targets = record.value.targets.map(
    (target): TargetResult =>
      target.status === 'pending' ? { ...target, status: 'failed', error: reason } : target,
  );
  await ports.records.write([{ put: keys.batch(id, batch), value: { targets } satisfies Batch }]);
}

async function applyTarget(
  ports: Ports,
  distribution: Distribution,
  instanceId: string,
): Promise<TargetResult> {
  try {
    return { instanceId, status: 'done', report: await deliverTo(ports, distribution, instanceId) };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'busy') throw error;
    return { instanceId, status: 'failed', error: error.message };
  }
}

/** Appends to one target: one batch of two writes. Answers the report's name. */
async function deliverTo(ports: Ports, distribution: Distribution, instance: string): Promise<Digest> {
  const call = systemCall(ports, distribution.createdBy);
  const snapshotId = safetySnapshotId(distribution, instance);
  const mark = markOf(distribution, instance, snapshotId);
  let report: Digest | undefined;
  const appended = { action: 'distribute', cause: distribution.id, once: mark } as const;
  const entry = await append(call, instance, appended, async (head) => {
    const delivery = await deliverOnce(call, distribution, head);
    report = delivery.report;
    if (delivery.state.root === head.root && delivery.state.delivered === head.delivered) return undefined;
    const marker: RecordWrite = distribution.safetySnapshots
      ? safetySnapshot(call, instance, head, snapshotId, `Before distribution ${distribution.order}`)
      : { put: mark.key, value: { sequence: head.sequence + 1 }, if: 'absent' };
    const details = { report, ...(distribution.safetySnapshots && { snapshotId }) };
    return {
      state: delivery.state,
      also: [marker],
      counts: delivery.counts,
      message: distribution.message,
      details,
    };
  });
  return report ?? (entry.details as { report: Digest }).report;
}

const safetySnapshotId = ({ id, createdAt }: Distribution, instance: string): string =>
  makeId('snapshot', Date.parse(createdAt), hexToBytes(digestOf([id, instance])));

/** The record created together with the journal entry, and the sequence that it tells. */
function markOf(
  { id, safetySnapshots }: Distribution,
  instance: string,
  snapshotId: string,
): { key: RecordKey; sequenceOf: (value: never) => number } {
  if (!safetySnapshots)
    return { key: keys.cause(instance, id), sequenceOf: (value: { sequence: number }) => value.sequence };
  return { key: keys.snapshot(instance, snapshotId), sequenceOf: (value: Snapshot) => value.version + 1 };
}

interface Delivered {
  readonly state: State;
  readonly counts: Counts;
  readonly report: Digest;
}

const memos = new WeakMap<Pages, Map<string, Promise<Delivered>>>();
const memoSize = 2_000;

/** Merges once for all targets that are in the same state: pages and report are stored by then. */
function deliverOnce(call: Call, distribution: Distribution, head: InstanceEntry): Promise<Delivered> {
  const { pages } = call.ports;
  const memo = memos.get(pages) ?? new Map<string, Promise<Delivered>>();
  memos.set(pages, memo);
  const name = `${distribution.id} ${head.root} ${head.delivered}`;
  const known = memo.get(name);
  if (known) return known;
  const made = mergeAndStore(call, distribution, head);
  memo.set(name, made);
  made.catch(() => memo.delete(name));
  if (memo.size > memoSize) memo.delete(memo.keys().next().value!);
  return made;
}

async function mergeAndStore(
  { ports }: Call,
  distribution: Distribution,
  head: InstanceEntry,
): Promise<Delivered> {
  const { payload, strategies, createdAt } = distribution;
  const delivery = await deliver(readerOf(ports.pages), {
    base: head.delivered,
    payload: payload.root,
    target: head.root,
    scope: payload.scope,
    strategies,
    day: createdAt.slice(0, 10),
  });
  if (delivery.pages.length > 0) await ports.pages.putMany(delivery.pages);
  const report = await storeReport(ports, distribution.id, delivery);
  return { state: stateOf(delivery), counts: delivery.counts, report };
}

async function storeReport(ports: Ports, id: string, { counts, exceptions }: Delivery): Promise<Digest> {
  const report = digestOf({ counts, exceptions });
  const parts = Math.max(1, Math.ceil(exceptions.length / exceptionsPerReport));
  for (let part = 0; part < parts; part++) {
    const slice = exceptions.slice(part * exceptionsPerReport, (part + 1) * exceptionsPerReport);
    const value: StoredReport = { counts, parts, exceptions: slice };
    await ports.records.write([{ put: keys.report(id, report, part), value }]);
  }
  return report;
}

/** Adds up the results, and lets the next distribution of the space begin. */
export async function finishDistribution(ports: Ports, id: string): Promise<void> {
  const distribution = await getDistribution(ports, id);
  const counted = await countBatches(ports, distribution);
  const status = counted.progress.failed > 0 ? 'completed-with-errors' : 'completed';
  const finishedAt = new Date(ports.now()).toISOString();
  await conclude(ports, id, (now) => ({ ...now, ...counted, status, finishedAt }));
}

/** Ends a distribution that could not be prepared. */
export async function failDistribution(ports: Ports, id: string, error: string): Promise<void> {
  const finishedAt = new Date(ports.now()).toISOString();
  await conclude(ports, id, (now) => ({ ...now, status: 'failed', error, finishedAt }));
}

const update = (
  ports: Ports,
  id: string,
  change: (now: Distribution) => Distribution,
): Promise<Distribution> =>
  untilSettled(async () => {
    const record = (await ports.records.get<Distribution>(keys.distribution(id)))!;
    const value = change(record.value);
    if (value !== record.value)
      await ports.records.write([{ put: keys.distribution(id), value, if: { revision: record.revision } }]);
    return value;
  });
