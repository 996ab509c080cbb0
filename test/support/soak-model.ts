// What there is, in plain maps: what each tree held when it was made, which trees are held and until when. It learns of
// trees from the journals (what they must hold is worked out before), and asks nothing of the code that reclaims.

import type { Assignment } from '../../core/model/assignment.ts';
import { type Distribution, isOver, type Plan } from '../../core/model/distribution.ts';
import { type Entry, partsOf } from '../../core/model/entry.ts';
import type { HandIn } from '../../core/model/hand-in.ts';
import type { InstanceEntry } from '../../core/model/journal.ts';
import { keys, padded, partitions, prefixes } from '../../core/model/keys.ts';
import type { Instance } from '../../core/model/space.ts';
import type { Digest, Pages, Ports, RecordQuery, StoredRecord } from '../../core/ports.ts';
import { decodePage, emptyRoot, isLeaf, type Page } from '../../core/tree/page.ts';
import type { Content } from './delivery-model.ts';

/** What tells an entry from others: its kind, its parts, and what of it lies in the tree. */
export function identityOf(entry: Entry): string {
  const hashes = partsOf(entry).map(({ sha256 }) => sha256);
  const inline = entry.kind === 'app' ? ` ${entry.image} ${JSON.stringify(entry.config ?? null)}` : '';
  return [entry.kind, ...hashes].join(' ') + inline;
}

export const fileIdentity = (...parts: Digest[]): string => ['file', ...parts].join(' ');
export const blobsOf = (identity: string): string[] => identity.match(/\b[0-9a-f]{64}\b/g) ?? [];

/** A tree read page by page, each noted, and no page that is known already. */
export async function readTree(
  pages: Pages,
  root: Digest,
  known: Map<Digest, Page>,
  reached: Set<Digest> = new Set(),
): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  const visit = async (hash: Digest): Promise<void> => {
    if (hash === emptyRoot) return;
    const page = known.get(hash) ?? decodePage(hash, await pages.get(hash));
    known.set(hash, page);
    reached.add(hash);
    if (isLeaf(page)) for (const { key, entry } of page.items) content.set(key, identityOf(entry));
    else for (const link of page.items) await visit(link.hash);
  };
  await visit(root);
  return content;
}

export interface State {
  readonly root: Digest;
  readonly delivered: Digest;
}

export interface Version extends State {
  readonly sequence: number;
  readonly atMs: number;
  readonly action: string;
  readonly cause: string;
}

export interface Workplace {
  readonly id: string;
  readonly kind: Instance['kind'];
  readonly spaceId: string;
  /** Who works in it. */
  readonly owner: string | undefined;
  readonly journal: Version[];
  readonly snapshots: Map<string, State>;
}

/** What happened to an instance. */
export interface Step {
  readonly instance: string;
  readonly before: Version;
  readonly version: Version;
}

export interface OpenUpload {
  readonly id: string;
  readonly instance: string;
  readonly expiresMs: number;
  /** Path and content, part by part. */
  readonly files: readonly { readonly path: string; readonly parts: readonly string[] }[];
  /** Blobs that will not be sent, for they are there. */
  readonly present: readonly Digest[];
  /** Whether every part was sent. */
  readonly whole: boolean;
  committed: boolean;
}

interface PlanMade {
  readonly createdMs: number;
  readonly root: Digest;
}

/** Everything that is needed: trees with content, trees that are only compared with, and blobs by themselves. */
export interface Needed {
  readonly trees: Set<Digest>;
  readonly compared: Set<Digest>;
  readonly blobs: Set<Digest>;
}

export const planLifeMs = 7 * 86_400_000;

export class Model {
  readonly states = new Map<Digest, Content>([[emptyRoot, new Map()]]);
  readonly instances = new Map<string, Workplace>();
  readonly handIns = new Map<string, { readonly root: Digest; readonly instance: string }>();
  readonly feedback = new Map<string, Digest>();
  readonly assignments = new Map<string, Assignment>();
  readonly plans = new Map<string, PlanMade>();
  readonly distributions = new Map<string, Distribution>();
  readonly uploads = new Map<string, OpenUpload>();
  /** What some target of the space has missed, by instance. */
  readonly missed = new Map<string, string[]>();
  /** The hash of a whole file of several parts, the rows of a table, and an application, by what tells it. */
  readonly wholes = new Map<string, Digest>();
  readonly rows = new Map<string, readonly object[]>();
  readonly apps = new Map<string, object>();
  /** Every blob that there ever was and that was not found gone since. */
  readonly everStored = new Set<Digest>();
  readonly #historyMs: number;
  /** Pages do not change: a tree is looked at once when it appears. */
  readonly #seen = new Map<Digest, Page>();

  constructor(historySeconds: number) {
    this.#historyMs = historySeconds * 1_000;
  }

  current(instance: string): Content {
    return this.states.get(this.head(instance).root)!;
  }

  delivered(instance: string): Content {
    return this.states.get(this.head(instance).delivered)!;
  }

  head(instance: string): Version {
    return this.instances.get(instance)!.journal.at(-1)!;
  }

  ofKind(...kinds: Instance['kind'][]): Workplace[] {
    return [...this.instances.values()].filter(({ kind }) => kinds.includes(kind));
  }

  /** The versions of an instance that can be read by time: each was current at some moment of the window. */
  window({ journal }: Workplace, nowMs: number): Version[] {
    const from = nowMs - this.#historyMs;
    return journal.filter((_, index) => (journal[index + 1]?.atMs ?? nowMs) >= from);
  }

  isInWindow(atMs: number, nowMs: number): boolean {
    return atMs >= nowMs - this.#historyMs;
  }

  /** All that has to be there at a time. */
  needed(nowMs: number): Needed {
    const trees = new Set<Digest>();
    const compared = new Set<Digest>();
    const blobs = new Set<Digest>();
    const hold = ({ root, delivered }: State) => {
      trees.add(root);
      compared.add(delivered);
    };
    for (const instance of this.instances.values()) {
      hold(instance.journal.at(-1)!);
      for (const snapshot of instance.snapshots.values()) hold(snapshot);
      for (const version of this.window(instance, nowMs)) hold(version);
      if (instance.kind === 'distributed')
        for (const { delivered } of instance.journal) compared.add(delivered);
    }
    for (const { root } of this.handIns.values()) trees.add(root);
    for (const root of this.feedback.values()) trees.add(root);
    for (const { payload } of this.assignments.values()) trees.add(payload.root);
    for (const plan of this.plans.values()) if (plan.createdMs + planLifeMs > nowMs) trees.add(plan.root);
    for (const distribution of this.distributions.values())
      if (distribution.kind === 'distribution' && this.#mayComeAgain(distribution, nowMs))
        trees.add(distribution.payload.root);
    for (const { expiresMs, present, committed } of this.uploads.values())
      if (!committed && expiresMs > nowMs) for (const hash of present) blobs.add(hash);
    for (const root of trees)
      for (const identity of this.states.get(root)!.values())
        for (const hash of blobsOf(identity)) blobs.add(hash);
    return { trees, compared, blobs };
  }

  #mayComeAgain({ id, status, finishedAt }: Distribution, nowMs: number): boolean {
    if (!isOver(status) || [...this.missed.values()].some((ids) => ids.includes(id))) return true;
    return status !== 'completed' && this.isInWindow(Date.parse(finishedAt!), nowMs);
  }

  /** Looks at what has happened in a space since the last time; answers the versions that are new. */
  async observe(ports: Ports, space: string): Promise<Step[]> {
    const inSpace = (prefix: string) => all<never>(ports, { partition: partitions.space(space), prefix });
    for (const { value } of await all<Instance>(ports, {
      partition: partitions.space(space),
      prefix: prefixes.instance,
    }))
      if (!this.instances.has(value.id))
        this.instances.set(value.id, { ...value, owner: value.owner, journal: [], snapshots: new Map() });
    for (const { value: id } of await inSpace(prefixes.assignment)) {
      const assignment = (await ports.records.get<Assignment>(keys.assignment(id)))!.value;
      this.assignments.set(id, assignment);
      await this.#learn(ports, assignment.payload.root);
    }
    for (const { value: id } of await inSpace(prefixes.distribution))
      await this.#observeDistribution(ports, id);
    for (const { value: id } of await inSpace(prefixes.plan)) {
      if (this.plans.has(id)) continue;
      const { createdAt, task } = (await ports.records.get<Plan>(keys.plan(id)))!.value;
      this.plans.set(id, { createdMs: Date.parse(createdAt), root: task.payload.root });
      await this.#learn(ports, task.payload.root);
    }
    const steps: Step[] = [];
    for (const { id } of this.instances.values()) steps.push(...(await this.observeInstance(ports, id)));
    return steps;
  }

  async #observeDistribution(ports: Ports, id: string): Promise<void> {
    if (this.distributions.get(id)?.status === 'completed') return;
    const distribution = (await ports.records.get<Distribution>(keys.distribution(id)))!.value;
    const isNew = !this.distributions.has(id);
    this.distributions.set(id, distribution);
    if (isNew && distribution.kind === 'distribution') await this.#learn(ports, distribution.payload.root);
  }

  async observeInstance(ports: Ports, id: string): Promise<Step[]> {
    const instance = this.instances.get(id)!;
    const { journal } = instance;
    const steps: Step[] = [];
    const partition = partitions.instance(id);
    const after = prefixes.journal + padded(journal.at(-1)?.sequence ?? 0);
    for (const { value } of await all<InstanceEntry>(ports, { partition, prefix: prefixes.journal, after })) {
      const { sequence, root, delivered, action, cause } = value;
      await this.#learn(ports, root);
      await this.#learn(ports, delivered);
      const before = journal.at(-1);
      const version = { sequence, root, delivered, action, cause, atMs: Date.parse(value.at) };
      journal.push(version);
      if (before) steps.push({ instance: id, before, version });
      await this.#observeEntry(ports, instance, value, before);
    }
    const missed = await all<string>(ports, { partition, prefix: prefixes.missed });
    this.missed.set(
      id,
      missed.map(({ value }) => value),
    );
    return steps;
  }

  async #observeEntry(
    ports: Ports,
    { id, snapshots }: Workplace,
    { action, cause, root, delivered, details = {} }: InstanceEntry,
    before: Version | undefined,
  ): Promise<void> {
    if (action === 'snapshot') snapshots.set(cause, { root, delivered });
    if (action === 'snapshot-deleted') snapshots.delete(details.snapshot as string);
    if (details.snapshotId) snapshots.set(details.snapshotId as string, before!);
    if (action === 'hand-in') this.handIns.set(cause, { root, instance: id });
    if (action === 'capture') {
      const captured = (await ports.records.get<HandIn>(keys.handIn(cause)))!.value;
      await this.#learn(ports, captured.root);
      this.handIns.set(cause, { root: captured.root, instance: id });
    }
    if (action === 'feedback') {
      const handIn = details.handIn as string;
      const feedback = (await ports.records.get<{ root: Digest }>(keys.feedback(handIn)))!.value;
      await this.#learn(ports, feedback.root);
      this.feedback.set(handIn, feedback.root);
    }
  }

  async #learn(ports: Ports, root: Digest): Promise<void> {
    if (this.states.has(root)) return;
    if (this.#seen.size > 10_000) this.#seen.clear();
    const content = await readTree(ports.pages, root, this.#seen);
    this.states.set(root, content);
    for (const identity of content.values()) for (const hash of blobsOf(identity)) this.everStored.add(hash);
  }

  /** Forgets the trees that nothing can ask for any more. */
  forget(nowMs: number): void {
    const { trees, compared } = this.needed(nowMs);
    for (const { journal, kind } of this.instances.values()) {
      const first = journal.findIndex((_, i) => (journal[i + 1]?.atMs ?? nowMs) >= nowMs - this.#historyMs);
      if (first > 0 && kind !== 'distributed') journal.splice(0, first);
    }
    for (const root of this.states.keys())
      if (root !== emptyRoot && !trees.has(root) && !compared.has(root)) this.states.delete(root);
    for (const [id, { createdMs }] of this.plans) if (createdMs + planLifeMs <= nowMs) this.plans.delete(id);
  }
}

async function all<T>(ports: Ports, query: RecordQuery): Promise<StoredRecord<T>[]> {
  const found: StoredRecord<T>[] = [];
  for (;;) {
    const after = found.at(-1)?.sort ?? query.after;
    const page = await ports.records.query<T>({ ...query, ...(after !== undefined && { after }) });
    found.push(...page);
    if (page.length < 1_000) return found;
  }
}
