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
import { batchesOf, readReport, sumTallies } from './reports.ts';
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

/** With progress: final for what is over, else added up so far. */
export async function viewDistribution(call: Call, distribution: Distribution): Promise<DistributionView> {
  const { batches: _, targetCount: __, cancelling: ___, ...shown } = distribution;
  const { totals, progress } = distribution;
  const counted = totals && progress ? { totals, progress } : await sumTallies(call.ports, distribution);
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
  /** How many more there are. */
  readonly exceptionsOmitted?: number;
  readonly error?: string | undefined;
}

/** An answer on Lambda has at most 6 MB: of one target so many exceptions are listed. */
export const mostExceptions = 1_000;
/** A list ends before the item that goes beyond this. */
const pageBytes = 1_000_000;

/** The first of `items` as `view` shows them, as many as fit an answer; the first in any case. */
export async function fitting<T, V>(items: readonly T[], view: (item: T) => Promise<V>): Promise<V[]> {
  const shown: V[] = [];
  for (let at = 0, bytes = 0; at < items.length; at += viewsAtOnce) {
    const views = await inParallel(items.slice(at, at + viewsAtOnce), viewsAtOnce, view);
    for (const one of views) {
      bytes += Buffer.byteLength(JSON.stringify(one));
      if (bytes > pageBytes && shown.length > 0) return shown;
      shown.push(one);
    }
  }
  return shown;
}

const viewsAtOnce = 16;

/** A page of the targets of a distribution or plan, in their order, from the `from`-th on. */
export async function listTargets(
  call: Call,
  of: Pick<Distribution | Plan, 'id' | 'batches'>,
  status: TargetStatus | undefined,
  from: number,
  limit: number,
): Promise<{ items: TargetView[]; next: string | null }> {
  const { found, next } = await pickTargets(call.ports, of, status, from, limit);
  const reports = new Map<Digest, ReturnType<typeof outcomesOf>>();
  const items = await fitting(found, async ({ target: { instanceId, status: now, report, error } }) => {
    if (report && !reports.has(report)) reports.set(report, outcomesOf(call.ports, of.id, report));
    const outcomes = report ? await reports.get(report)! : { counts: noCounts(), exceptions: [] };
    return { instanceId, status: now, ...outcomes, ...(error !== undefined && { error }) };
  });
  const cut = found[items.length];
  return { items, next: cut ? String(cut.index) : next };
}

async function outcomesOf(ports: Ports, owner: string, report: Digest) {
  const { counts, exceptions } = await readReport(ports, owner, report, mostExceptions);
  const { kept, renamed, replaced, deleted } = counts; // each of these is listed
  const omitted = kept + renamed + replaced + deleted - mostExceptions;
  return {
    counts,
    exceptions: exceptions.slice(0, mostExceptions),
    ...(omitted > 0 && { exceptionsOmitted: omitted }),
  };
}

async function pickTargets(
  ports: Ports,
  of: Pick<Distribution | Plan, 'id' | 'batches'>,
  status: TargetStatus | undefined,
  from: number,
  limit: number,
): Promise<{ found: { target: TargetResult; index: number }[]; next: string | null }> {
  const found: { target: TargetResult; index: number }[] = [];
  let index = -1;
  for await (const { targets } of batchesOf(ports, of)) {
    for (const target of targets) {
      index++;
      if (index < from || (status && target.status !== status)) continue;
      if (found.length === limit) return { found, next: String(index) };
      found.push({ target, index });
    }
  }
  return { found, next: null };
}

/** A page of a space's distributions, newest first; `before` is an order, and so is `next`. */
export async function listDistributions(
  call: Call,
  space: string,
  before: number | undefined,
  limit: number,
): Promise<{ items: DistributionView[]; next: string | null }> {
  const ids = await firstValues<string>(
    call.ports.records,
    { partition: partitions.space(space), prefix: prefixes.distribution, reverse: true },
    before === undefined ? undefined : padded(before),
    limit,
  );
  const items = await fitting(ids, async (id) =>
    viewDistribution(call, await getDistribution(call.ports, id)),
  );
  const isLast = items.length === ids.length && ids.length < limit;
  return { items, next: isLast ? null : String(items.at(-1)!.order) };
}
