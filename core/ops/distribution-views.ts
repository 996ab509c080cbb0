// Seeing how distributions go: progress, totals, and what happened to each target.

import { notFound } from '../errors.ts';
import type {
  Batch,
  Distribution,
  Progress,
  Report,
  TargetResult,
  TargetStatus,
} from '../model/distribution.ts';
import { isId } from '../model/ids.ts';
import { keys, padded, partitions, prefixes } from '../model/keys.ts';
import { addCounts, type Counts, noCounts } from '../model/strategy.ts';
import type { Digest, Ports } from '../ports.ts';
import type { DeliveryException } from '../tree/deliver.ts';
import type { Call } from './call.ts';
import { firstValues } from './paging.ts';
import { inParallel } from './retry.ts';

export async function getDistribution(ports: Ports, id: string): Promise<Distribution> {
  const record = isId('distribution', id)
    ? await ports.records.get<Distribution>(keys.distribution(id))
    : undefined;
  if (!record) throw notFound('distribution with that id');
  return record.value;
}

export type DistributionView = Omit<Distribution, 'payload' | 'batches' | 'targetCount'> & {
  readonly payload: { readonly entries: number; readonly bytes: number };
  readonly progress: Progress;
  readonly totals: Counts;
};

/** With progress: final for what is over, else added up from the batches (one read each, 500 targets a batch). */
export async function viewDistribution(call: Call, distribution: Distribution): Promise<DistributionView> {
  const { payload, batches, targetCount, ...shown } = distribution;
  const counted =
    distribution.totals && distribution.progress
      ? { totals: distribution.totals, progress: distribution.progress }
      : await countBatches(call.ports, distribution);
  return { ...shown, ...counted, payload: { entries: payload.entries, bytes: payload.bytes } };
}

export async function countBatches(
  ports: Ports,
  distribution: Distribution,
): Promise<{ progress: Progress; totals: Counts }> {
  const totals = noCounts();
  const reports = new Map<Digest, Counts>();
  let done = 0;
  let failed = 0;
  for await (const { targets } of batchesOf(ports, distribution)) {
    for (const { status, report } of targets) {
      if (status === 'done') done++;
      if (status === 'failed') failed++;
      if (report === undefined) continue;
      if (!reports.has(report))
        reports.set(report, (await readReport(ports, distribution.id, report, 0))!.counts);
      addCounts(totals, reports.get(report)!);
    }
  }
  return { progress: { total: distribution.targetCount ?? 0, done, failed }, totals };
}

export async function* batchesOf(ports: Ports, { id, batches = 0 }: Distribution): AsyncGenerator<Batch> {
  for (let batch = 0; batch < batches; batch++) {
    const record = await ports.records.get<Batch>(keys.batch(id, batch));
    if (record) yield record.value;
  }
}

export interface StoredReport extends Report {
  readonly counts: Counts;
  /** How many parts the report has. */
  readonly parts: number;
}

export async function readReport(
  ports: Ports,
  distribution: string,
  report: Digest,
  part: number,
): Promise<StoredReport | undefined> {
  return (await ports.records.get<StoredReport>(keys.report(distribution, report, part)))?.value;
}

export interface TargetView {
  readonly instanceId: string;
  readonly status: TargetStatus;
  readonly counts: Counts;
  readonly exceptions: readonly DeliveryException[];
  readonly error?: string | undefined;
}

/** A page of a distribution's targets in their order, from the `from`-th on. */
export async function listTargets(
  call: Call,
  distribution: Distribution,
  status: TargetStatus | undefined,
  from: number,
  limit: number,
): Promise<{ items: TargetView[]; next: string | null }> {
  const wanted: TargetResult[] = [];
  let index = 0;
  let next: string | null = null;
  search: for await (const { targets } of batchesOf(call.ports, distribution)) {
    for (const target of targets) {
      const at = index++;
      if (at < from || (status && target.status !== status)) continue;
      if (wanted.length === limit) {
        next = String(at);
        break search;
      }
      wanted.push(target);
    }
  }
  const reports = new Map<Digest, Promise<{ counts: Counts; exceptions: DeliveryException[] }>>();
  const items = await inParallel(wanted, 16, async ({ instanceId, status: now, report, error }) => {
    if (report !== undefined && !reports.has(report))
      reports.set(report, wholeReport(call.ports, distribution.id, report));
    const { counts, exceptions } = (report === undefined ? undefined : await reports.get(report)) ?? {
      counts: noCounts(),
      exceptions: [],
    };
    return { instanceId, status: now, counts, exceptions, ...(error !== undefined && { error }) };
  });
  return { items, next };
}

async function wholeReport(ports: Ports, distribution: string, report: Digest) {
  const first = (await readReport(ports, distribution, report, 0))!;
  const exceptions = [...first.exceptions];
  for (let part = 1; part < first.parts; part++)
    exceptions.push(...(await readReport(ports, distribution, report, part))!.exceptions);
  return { counts: first.counts, exceptions };
}

/** A page of a space's distributions, newest first; `before` is an order. */
export async function listDistributions(
  call: Call,
  space: string,
  before: number | undefined,
  limit: number,
): Promise<DistributionView[]> {
  const ids = await firstValues<string>(
    call.ports.records,
    { partition: partitions.space(space), prefix: prefixes.distribution, reverse: true },
    before === undefined ? undefined : padded(before),
    limit,
  );
  return inParallel(ids, 8, async (id) => viewDistribution(call, await getDistribution(call.ports, id)));
}
