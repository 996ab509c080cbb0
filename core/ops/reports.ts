// What happened at targets: reports by digest, batches of results, and their sums. A plan and a distribution keep them
// alike, each under its own id.

import { type Batch, exceptionsPerReport, type Progress, type Report } from '../model/distribution.ts';
import { keys } from '../model/keys.ts';
import { addCounts, type Counts, noCounts } from '../model/strategy.ts';
import type { Digest, Ports } from '../ports.ts';
import type { DeliveryException, Outcomes } from '../tree/delivery.ts';
import { digestOf } from '../tree/digest.ts';
import { Memo } from './memo.ts';

/** Reports that were stored a moment ago: a class that fared alike shares a few. */
const stored = new Memo<void>(1_000);

/** Stores what a delivery did; targets that fared alike share the report. */
export async function storeReport(
  ports: Ports,
  owner: string,
  { counts, exceptions }: Outcomes,
): Promise<Digest> {
  const outcomes = { counts, exceptions };
  const report = digestOf(outcomes);
  await stored.once(ports, `${owner} ${report}`, () => putReport(ports, owner, report, outcomes));
  return report;
}

async function putReport(
  ports: Ports,
  owner: string,
  report: Digest,
  { counts, exceptions }: Outcomes,
): Promise<void> {
  const parts = Math.max(1, Math.ceil(exceptions.length / exceptionsPerReport));
  for (let part = 0; part < parts; part++) {
    const slice = exceptions.slice(part * exceptionsPerReport, (part + 1) * exceptionsPerReport);
    const value: Report = { counts, parts, exceptions: slice };
    await ports.records.write([{ put: keys.report(owner, report, part), value }], 'soon');
  }
}

async function readPart(ports: Ports, owner: string, report: Digest, part: number): Promise<Report> {
  return (await ports.records.get<Report>(keys.report(owner, report, part)))!.value;
}

export async function readReport(
  ports: Ports,
  owner: string,
  report: Digest,
): Promise<{ counts: Counts; exceptions: DeliveryException[] }> {
  const first = await readPart(ports, owner, report, 0);
  const exceptions = [...first.exceptions];
  for (let part = 1; part < first.parts; part++)
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

/** Adds up the results so far: one read a batch of 500 targets, and one a report. */
export async function countBatches(
  ports: Ports,
  of: { readonly id: string; readonly batches?: number; readonly targetCount?: number },
): Promise<{ progress: Progress; totals: Counts }> {
  const totals = noCounts();
  const reports = new Map<Digest, Counts>();
  let done = 0;
  let failed = 0;
  for await (const { targets } of batchesOf(ports, of)) {
    for (const { status, report } of targets) {
      if (status === 'done') done++;
      if (status === 'failed') failed++;
      if (report === undefined) continue;
      if (!reports.has(report)) reports.set(report, (await readPart(ports, of.id, report, 0)).counts);
      addCounts(totals, reports.get(report)!);
    }
  }
  return { progress: { total: of.targetCount ?? 0, done, failed }, totals };
}
