// Seeing how distributions go: progress, totals, and what happened to each target.

import { notFound } from '../errors.ts';
import type {
  Distribution,
  Payload,
  Plan,
  Progress,
  TargetResult,
  TargetStatus,
} from '../model/distribution.ts';
import { isId } from '../model/ids.ts';
import { keys, padded, partitions, prefixes } from '../model/keys.ts';
import { type Counts, noCounts } from '../model/strategy.ts';
import type { Digest, Ports } from '../ports.ts';
import type { DeliveryException } from '../tree/delivery.ts';
import type { Call } from './call.ts';
import { firstValues } from './paging.ts';
import { batchesOf, countBatches, readReport } from './reports.ts';
import { inParallel } from './retry.ts';

export async function getDistribution(ports: Ports, id: string): Promise<Distribution> {
  const record = isId('distribution', id)
    ? await ports.records.get<Distribution>(keys.distribution(id))
    : undefined;
  if (!record) throw notFound('distribution with that id');
  return record.value;
}

type Hidden = 'payload' | 'scope' | 'batches' | 'targetCount' | 'cancelling';

export type DistributionView = Omit<Distribution, Hidden> & {
  readonly payload?: Pick<Payload, 'entries' | 'bytes'>;
  readonly progress: Progress;
  readonly totals: Counts;
};

/** With progress: final for what is over, else added up from the batches. */
export async function viewDistribution(call: Call, distribution: Distribution): Promise<DistributionView> {
  const { batches: _, targetCount: __, cancelling: ___, ...shown } = distribution;
  const { totals, progress } = distribution;
  const counted = totals && progress ? { totals, progress } : await countBatches(call.ports, distribution);
  if (shown.kind === 'distribution') {
    const { entries, bytes } = shown.payload;
    return { ...shown, ...counted, payload: { entries, bytes } };
  }
  if (shown.kind === 'undo') return { ...shown, ...counted };
  const { scope: ____, ...recall } = shown;
  return { ...recall, ...counted };
}

export interface TargetView {
  readonly instanceId: string;
  readonly status: TargetStatus;
  readonly counts: Counts;
  readonly exceptions: readonly DeliveryException[];
  readonly error?: string | undefined;
}

/** A page of the targets of a distribution or plan, in their order, from the `from`-th on. */
export async function listTargets(
  call: Call,
  of: Pick<Distribution | Plan, 'id' | 'batches'>,
  status: TargetStatus | undefined,
  from: number,
  limit: number,
): Promise<{ items: TargetView[]; next: string | null }> {
  const { found, next } = await pickTargets(call.ports, of, status, from, limit);
  const reports = new Map<Digest, ReturnType<typeof readReport>>();
  const reportOf = (report: Digest) => {
    const known = reports.get(report) ?? readReport(call.ports, of.id, report);
    reports.set(report, known);
    return known;
  };
  const items = await inParallel(found, 16, async ({ instanceId, status: now, report, error }) => ({
    instanceId,
    status: now,
    ...(report === undefined ? { counts: noCounts(), exceptions: [] } : await reportOf(report)),
    ...(error !== undefined && { error }),
  }));
  return { items, next };
}

async function pickTargets(
  ports: Ports,
  of: Pick<Distribution | Plan, 'id' | 'batches'>,
  status: TargetStatus | undefined,
  from: number,
  limit: number,
): Promise<{ found: TargetResult[]; next: string | null }> {
  const found: TargetResult[] = [];
  let index = -1;
  for await (const { targets } of batchesOf(ports, of)) {
    for (const target of targets) {
      index++;
      if (index < from || (status && target.status !== status)) continue;
      if (found.length === limit) return { found, next: String(index) };
      found.push(target);
    }
  }
  return { found, next: null };
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
