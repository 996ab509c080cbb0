// What happened at targets: reports by digest, batches of results, and their sums. A plan and a distribution keep them
// alike, each under its own id.

import {
  type Batch,
  exceptionsPerReport,
  type Progress,
  type Report,
  type Tally,
  type TargetResult,
} from '../model/distribution.ts';
import { keys, partitions, prefixes } from '../model/keys.ts';
import { addCounts, type Counts, noCounts, outcomes } from '../model/strategy.ts';
import type { Digest, Ports, RecordWrite } from '../ports.ts';
import type { DeliveryException, Outcomes } from '../tree/delivery.ts';
import { digestOf } from '../tree/digest.ts';
import { Memo } from './memo.ts';
import { eachRecord } from './paging.ts';
import { inParallel } from './retry.ts';

/** The counts of reports that were stored or read a moment ago. */
const known = new Memo<Counts>(10_000);

/** Stores what a delivery did; targets that fared alike share the report. */
export async function storeReport(
  ports: Ports,
  owner: string,
  { counts, exceptions }: Outcomes,
): Promise<Digest> {
  const report = digestOf({ counts, exceptions });
  await known.once(ports, `${owner} ${report}`, async () => {
    const parts = Math.max(1, Math.ceil(exceptions.length / exceptionsPerReport));
    for (let part = 0; part < parts; part++) {
      const slice = exceptions.slice(part * exceptionsPerReport, (part + 1) * exceptionsPerReport);
      const value: Report = { counts, parts, exceptions: slice };
      await ports.records.write([{ put: keys.report(owner, report, part), value }], 'soon');
    }
    return counts;
  });
  return report;
}

async function readPart(ports: Ports, owner: string, report: Digest, part: number): Promise<Report> {
  return (await ports.records.get<Report>(keys.report(owner, report, part)))!.value;
}

/** The counts of a report, and the first `most` exceptions or a few more. */
export async function readReport(
  ports: Ports,
  owner: string,
  report: Digest,
  most: number,
): Promise<{ counts: Counts; exceptions: DeliveryException[] }> {
  const first = await readPart(ports, owner, report, 0);
  const exceptions = [...first.exceptions];
  for (let part = 1; part < first.parts && exceptions.length < most; part++)
    exceptions.push(...(await readPart(ports, owner, report, part)).exceptions);
  return { counts: first.counts, exceptions };
}

/** The batches of a distribution or plan that were written so far. */
export async function* batchesOf(
  ports: Ports,
  { id, batches = 0 }: { readonly id: string; readonly batches?: number },
): AsyncGenerator<Batch> {
  for (let batch = 0; batch < batches; batch++) {
    const record = await ports.records.get<Batch>(keys.batch(id, batch));
    if (record) yield record.value;
  }
}

/** Adds up results. */
export async function tallyOf(ports: Ports, owner: string, targets: readonly TargetResult[]): Promise<Tally> {
  const totals = noCounts();
  await inParallel([...countBy(targets, ({ report }) => report)], 32, async ([report, times]) => {
    if (report === undefined) return;
    const read = async () => (await readPart(ports, owner, report, 0)).counts;
    const counts = await known.once(ports, `${owner} ${report}`, read);
    for (const outcome of outcomes) totals[outcome] += times * counts[outcome];
  });
  const statuses = countBy(targets, ({ status }) => status);
  return { done: statuses.get('done') ?? 0, failed: statuses.get('failed') ?? 0, totals };
}

function countBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}

/** The write of what the results of a batch add up to. */
export const tallyWrite = async (
  ports: Ports,
  id: string,
  batch: number,
  targets: readonly TargetResult[],
): Promise<RecordWrite> => ({ put: keys.tally(id, batch), value: await tallyOf(ports, id, targets) });

/** Writes the results of a batch down, and then their tally: a step that is cut off in between runs again. */
export async function putResults(
  ports: Ports,
  id: string,
  batch: number,
  targets: readonly TargetResult[],
): Promise<void> {
  await ports.records.write([{ put: keys.batch(id, batch), value: { targets } satisfies Batch }]);
  await ports.records.write([await tallyWrite(ports, id, batch, targets)]);
}

/** How far a distribution is: one small record for each batch of 500 targets. */
export async function sumTallies(
  ports: Ports,
  { id, targetCount = 0 }: { readonly id: string; readonly targetCount?: number },
): Promise<{ progress: Progress; totals: Counts }> {
  const totals = noCounts();
  let done = 0;
  let failed = 0;
  const query = { partition: partitions.distribution(id), prefix: prefixes.tally };
  for await (const { value } of eachRecord<Tally>(ports.records, query)) {
    done += value.done;
    failed += value.failed;
    addCounts(totals, value.totals);
  }
  return { progress: { total: targetCount, done, failed }, totals };
}
