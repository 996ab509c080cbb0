// The trail of an assignment: everything anyone did to it or under it, in order, as the journals have it. The journals
// are the trail; this only picks from them, and `verifyTrail` checks the chains they were picked from.

import { type Assignment, openingId } from '../model/assignment.ts';
import type { HandInSummary } from '../model/hand-in.ts';
import { type Chained, type Verdict, verifyChain } from '../model/journal.ts';
import { partitions, prefixes } from '../model/keys.ts';
import type { Ports } from '../ports.ts';
import { capturesFrom, everyWorkplace, handInsFrom } from './class-list.ts';
import { eachRecord } from './paging.ts';
import { inParallel } from './retry.ts';

export interface TrailEntry {
  readonly at: string;
  /** The space or instance whose journal has it. */
  readonly journal: string;
  readonly sequence: number;
  readonly actor: string;
  readonly action: string;
  readonly cause: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly root?: string;
  readonly previous: string;
  readonly hash: string;
}

/** Reads the journals of the space, and of every student and group it ever had. */
export async function trailOf(ports: Ports, assignment: Assignment): Promise<TrailEntry[]> {
  const { id, spaceId } = assignment;
  const instances = await everyWorkplace(ports, spaceId);
  // It came to all, and before that to those with an earlier opening of their own.
  const causes = new Set([id, ...['all', ...instances].map((target) => openingId(assignment, target))]);
  const belongs = ({ cause, details }: Chained) => causes.has(cause) || details?.assignment === id;
  const pick = async (journal: string, partition: string): Promise<TrailEntry[]> => {
    const found: TrailEntry[] = [];
    for await (const { value } of eachRecord<Chained>(ports.records, {
      partition,
      prefix: prefixes.journal,
    })) {
      if (!belongs(value)) continue;
      const { at, sequence, actor, action, cause, details = {}, previous, hash } = value;
      const { root } = value as { root?: string };
      found.push({
        at,
        journal,
        sequence,
        actor,
        action,
        cause,
        details,
        ...(root && { root }),
        previous,
        hash,
      });
    }
    return found;
  };
  const picked = await inParallel(instances, 32, (instance) => pick(instance, partitions.instance(instance)));
  const all = [...(await pick(spaceId, partitions.space(spaceId))), ...picked.flat()];
  // Stable: within one millisecond the space's own events come first, and each journal keeps its order.
  return all.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

/** Checks every journal that the trail is made of; names the first that is broken. */
export async function verifyTrail(
  ports: Ports,
  assignment: Assignment,
): Promise<Verdict & { readonly journal?: string }> {
  const { spaceId } = assignment;
  const instances = await everyWorkplace(ports, spaceId);
  const space = await verifyOne(ports, spaceId, partitions.space(spaceId), []);
  const verdicts = await inParallel(instances, 32, async (instance) => {
    const [handIns, captures] = await Promise.all([
      handInsFrom(ports, assignment, instance),
      capturesFrom(ports, assignment, instance),
    ]);
    return verifyOne(ports, instance, partitions.instance(instance), [...handIns, ...captures]);
  });
  const all = [space, ...verdicts];
  const entries = all.reduce((sum, verdict) => sum + verdict.entries, 0);
  const broken = all.findIndex((verdict) => !verdict.ok);
  if (broken === -1) return { ok: true, entries };
  return { ...all[broken]!, entries, journal: [spaceId, ...instances][broken]! };
}

/**
 * Checks the chain of one journal, and that it has an entry for everything that was taken in: removing the last entries of
 * a journal breaks no chain.
 */
async function verifyOne(
  ports: Ports,
  name: string,
  partition: string,
  takenIn: readonly HandInSummary[],
): Promise<Verdict> {
  const causes = new Set<string>();
  async function* journal(): AsyncGenerator<Chained> {
    const query = { partition, prefix: prefixes.journal };
    for await (const { value } of eachRecord<Chained>(ports.records, query)) {
      causes.add(value.cause);
      yield value;
    }
  }
  const verdict = await verifyChain(name, journal());
  if (!verdict.ok || takenIn.every(({ id }) => causes.has(id))) return verdict;
  return { ...verdict, ok: false, brokenAt: verdict.entries + 1 };
}
