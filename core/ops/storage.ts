// What holds every byte. Bytes are those of blobs, each counted once, from the trees as they are now. `referenced` is what
// a state reaches; `unique` is what would be freed if that one hold alone went.

import { badInput } from '../errors.ts';
import { type Entry, type Part, partsOf, sizeOf } from '../model/entry.ts';
import { keys } from '../model/keys.ts';
import { fromKey, type Kind } from '../model/path.ts';
import type { Instance, Space } from '../model/space.ts';
import type { Digest, Ports } from '../ports.ts';
import { diff } from '../tree/diff.ts';
import { Reach } from '../tree/reach.ts';
import { readerOf } from '../tree/reader.ts';
import {
  eachSpace,
  type Hold,
  holdsOfInstance,
  holdsOfSpace,
  instancesInOrder,
  isSubmission,
} from './holds.ts';
import { currentOf } from './journal.ts';
import { inParallel } from './retry.ts';
import { quotaOf } from './settings.ts';

export type Holder = Pick<Hold, 'kind' | 'id' | 'name' | 'instanceId'>;

const holderOf = ({ kind, id, name, instanceId }: Hold): Holder => ({
  kind,
  id,
  ...(name !== undefined && { name }),
  ...(instanceId !== undefined && { instanceId }),
});

/** Every hold of the tenant, by instance where it belongs to one. */
async function allHolds(ports: Ports): Promise<Hold[]> {
  const holds: Hold[] = [];
  const now = ports.now();
  for await (const space of eachSpace(ports, now)) {
    const instances = await instancesInOrder(ports, space.id);
    const own = await inParallel(instances, 16, (instance) => holdsOfInstance(ports, instance, space, now));
    for (const of of own) holds.push(...of);
    holds.push(...(await holdsOfSpace(ports, space, now)));
  }
  return holds;
}

/** Which of some holds have each blob; everything outside them counts as one more holder. */
class Ledger {
  readonly sizes = new Map<Digest, number>();
  readonly #holders = new Map<Digest, Set<Hold>>();
  readonly #outside = new Set<Digest>();
  readonly #reach: Reach;

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  async add(hold: Hold): Promise<number> {
    let referenced = 0;
    for await (const { sha256, size } of this.#blobsOf(hold)) {
      this.sizes.set(sha256, size);
      const holders = this.#holders.get(sha256) ?? new Set();
      this.#holders.set(sha256, holders.add(hold));
      referenced += size;
    }
    return referenced;
  }

  /** Notes which of the blobs added so far are reached from elsewhere. */
  async addOutside(holds: readonly Hold[]): Promise<void> {
    const seen = new Set<Digest>();
    for (const hold of holds)
      for await (const { sha256 } of this.#blobsOf(hold, seen))
        if (this.sizes.has(sha256)) this.#outside.add(sha256);
  }

  /** Each once, but nothing below a page that `seen` has. */
  async *#blobsOf({ roots, parts = [] }: Hold, seen?: Set<Digest>): AsyncGenerator<Part> {
    const given = new Set<Digest>();
    for await (const part of this.#reach.blobs(roots, seen)) {
      given.add(part.sha256);
      yield part;
    }
    for (const part of parts) if (!given.has(part.sha256)) yield part;
  }

  /** The same, naming up to `most` of those who reach each blob. Holds of the same trees are looked into once. */
  async holdersOutside(holds: readonly Hold[], most: number): Promise<Map<Digest, Hold[]>> {
    const reached = new Map<string, Digest[]>();
    const holders = new Map<Digest, Hold[]>();
    for (const hold of holds) {
      const trees = [...hold.roots, ...(hold.parts ?? []).map(({ sha256 }) => sha256)].join();
      const shared = reached.get(trees) ?? (await this.#sharedWith(hold));
      reached.set(trees, shared);
      for (const sha256 of shared) {
        this.#outside.add(sha256);
        const named = holders.get(sha256) ?? [];
        if (named.length < most) holders.set(sha256, [...named, hold]);
      }
    }
    return holders;
  }

  async #sharedWith(hold: Hold): Promise<Digest[]> {
    const shared: Digest[] = [];
    for await (const { sha256 } of this.#blobsOf(hold)) if (this.sizes.has(sha256)) shared.push(sha256);
    return shared;
  }

  get total(): number {
    return [...this.sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /** Bytes that all of these holds, and nothing else, have. */
  onlyIn(within: (hold: Hold) => boolean): number {
    let bytes = 0;
    for (const [sha256, holders] of this.#holders)
      if (!this.#outside.has(sha256) && [...holders].every(within)) bytes += this.sizes.get(sha256)!;
    return bytes;
  }
}

export interface Amount {
  readonly referenced: number;
  readonly unique: number;
}

export interface Retained {
  readonly kind: Kind;
  readonly path: string;
  readonly bytes: number;
  readonly heldBy: readonly Holder[];
}

export interface InstanceStorage {
  readonly current: Amount;
  readonly snapshots: readonly (Amount & { readonly id: string; readonly name: string })[];
  readonly history: Amount;
  readonly retained: readonly Retained[];
  /** All that the instance holds, shared or not. */
  readonly total: number;
  /** What the current state may hold, and how much of it is left; null where there is no limit. */
  readonly quota: { readonly bytes: number; readonly left: number } | null;
  /** What would be freed if the whole instance went. */
  readonly unique: number;
}

const quotaView = (bytes: number | undefined, used: number): InstanceStorage['quota'] =>
  bytes === undefined ? null : { bytes, left: Math.max(0, bytes - used) };

export async function instanceStorage(ports: Ports, instance: Instance): Promise<InstanceStorage> {
  const space = (await ports.records.get<Space>(keys.space(instance.spaceId)))!.value;
  const own = await holdsOfInstance(ports, instance, space, ports.now());
  const others = (await allHolds(ports)).filter((hold) => hold.instanceId !== instance.id);
  const ledger = new Ledger(new Reach(readerOf(ports.pages)));
  const referenced = new Map<Hold, number>();
  for (const hold of own) referenced.set(hold, await ledger.add(hold));
  await ledger.addOutside(others);
  const amount = (hold: Hold): Amount => ({
    referenced: referenced.get(hold)!,
    unique: ledger.onlyIn((other) => other === hold),
  });
  const history = own.find((hold) => hold.kind === 'history')!;
  return {
    current: amount(own[0]!),
    snapshots: own
      .filter((hold) => hold.kind === 'snapshot')
      .map((hold) => ({ id: hold.id, name: hold.name!, ...amount(hold) })),
    history: amount(history),
    retained: await retainedPaths(ports, own),
    total: ledger.total,
    quota: quotaView(quotaOf(instance, space), (await currentOf(ports, instance.id)).bytes),
    unique: ledger.onlyIn(() => true),
  };
}

const mostRetained = 1_000;

/** Content that is no longer at its path in the current state, and what still holds it; the largest first. */
async function retainedPaths(ports: Ports, [current, ...older]: readonly Hold[]): Promise<Retained[]> {
  const read = readerOf(ports.pages);
  const found = new Map<string, { key: string; entry: Entry; heldBy: Set<Hold> }>();
  for (const hold of older)
    for (const root of hold.roots)
      for await (const { key, to } of diff(read, current!.roots[0]!, root)) {
        if (!to) continue;
        const content = `${key} ${partsOf(to).map((part) => part.sha256)}`;
        const known = found.get(content) ?? { key, entry: to, heldBy: new Set() };
        known.heldBy.add(hold);
        found.set(content, known);
      }
  return [...found.values()]
    .map(({ key, entry, heldBy }) => ({
      ...fromKey(key),
      bytes: sizeOf(entry),
      heldBy: [...heldBy].map(holderOf),
    }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, mostRetained);
}

export interface SpaceStorage {
  /** What readers of all current states together would receive. */
  readonly logical: number;
  /** What is stored for all of it, shared bytes once. */
  readonly stored: number;
  readonly ratio: number;
  readonly instances: readonly {
    readonly instanceId: string;
    readonly name: string;
    readonly kind: string;
    readonly logical: number;
    readonly stored: number;
  }[];
}

/** What a space stores. Shared bytes are charged once, to the first that has them: the master, then Distributed. */
export async function spaceStorage(ports: Ports, space: Space): Promise<SpaceStorage> {
  const reach = new Reach(readerOf(ports.pages));
  const seen = new Set<Digest>();
  const charged = new Set<Digest>();
  const instances = await instancesInOrder(ports, space.id);
  const details = await inParallel(instances, 16, async (instance) => ({
    instance,
    holds: await holdsOfInstance(ports, instance, space, ports.now()),
    logical: instance.deletedAt ? 0 : (await currentOf(ports, instance.id)).bytes,
  }));
  const rows: SpaceStorage['instances'][number][] = [];
  for (const { instance, holds, logical } of details) {
    let stored = 0;
    for await (const { sha256, size } of reach.blobs(
      holds.flatMap((hold) => hold.roots),
      seen,
    )) {
      if (!charged.has(sha256)) stored += size;
      charged.add(sha256);
    }
    if (holds.length > 0)
      rows.push({ instanceId: instance.id, name: instance.name, kind: instance.kind, logical, stored });
  }
  const logical = rows.reduce((sum, row) => sum + row.logical, 0);
  const stored = rows.reduce((sum, row) => sum + row.stored, 0);
  return { logical, stored, ratio: stored === 0 ? 1 : logical / stored, instances: rows };
}

export interface WhatIf {
  readonly freed: number;
  readonly stillHeld: readonly { readonly bytes: number; readonly by: readonly Holder[] }[];
}

const namedHolders = 20;

/** What deleting some snapshots and instances of a space would free, and what would still hold the rest. */
export async function whatIf(
  ports: Ports,
  spaceId: string,
  gone: { readonly snapshots: readonly string[]; readonly instances: readonly string[] },
): Promise<WhatIf> {
  for (const [index, id] of gone.instances.entries())
    if (!(await ports.records.get(keys.spaceInstance(spaceId, id))))
      throw badInput(`/delete/instances/${index}`, 'The space has no such instance.', 'not-found');
  const all = await allHolds(ports);
  const goes = (hold: Hold) =>
    (hold.kind === 'snapshot' && gone.snapshots.includes(hold.id)) ||
    (gone.instances.includes(hold.instanceId ?? '') && !isSubmission(hold));
  const going = all.filter((hold) => hold.spaceId === spaceId && goes(hold));
  for (const [index, id] of gone.snapshots.entries())
    if (!going.some((hold) => hold.id === id))
      throw badInput(`/delete/snapshots/${index}`, 'The space has no such snapshot.', 'not-found');
  const ledger = new Ledger(new Reach(readerOf(ports.pages)));
  for (const hold of going) await ledger.add(hold);
  const staying = all.filter((hold) => !going.includes(hold));
  const holders = await ledger.holdersOutside(staying, namedHolders);
  const groups = new Map<string, { bytes: number; by: readonly Holder[] }>();
  for (const [sha256, by] of holders) {
    const name = by.map(({ kind, id }) => `${kind} ${id}`).join(', ');
    const bytes = (groups.get(name)?.bytes ?? 0) + ledger.sizes.get(sha256)!;
    groups.set(name, { bytes, by: by.map(holderOf) });
  }
  return {
    freed: ledger.onlyIn(() => true),
    stillHeld: [...groups.values()].sort((a, b) => b.bytes - a.bytes),
  };
}
