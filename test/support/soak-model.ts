// What there is, in plain maps: what each tree held when it was made, which trees are held and until when. It learns of
// trees from the journals (what they must hold is worked out before), and asks nothing of the code that reclaims.

import type { Assignment } from '../../core/model/assignment.ts';
import { type Distribution, isOver, type Plan } from '../../core/model/distribution.ts';
import { type Entry, partsOf } from '../../core/model/entry.ts';
import type { HandIn } from '../../core/model/hand-in.ts';
import type { InstanceEntry } from '../../core/model/journal.ts';
import { keys, padded, partitions, prefixes } from '../../core/model/keys.ts';
import type { Instance } from '../../core/model/space.ts';
import type { Digest, Pages, Ports, RecordQuery, Settings, StoredRecord } from '../../core/ports.ts';
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
  readonly name: string;
  /** What it began from. */
  origin?: { readonly instance: string; readonly version: number } | undefined;
  readonly journal: Version[];
  readonly snapshots: Map<string, Kept>;
}

/** A snapshot: when the service took it, if it did. */
export interface Kept extends State {
  readonly safetyMs?: number;
}

export interface Deletion<T> {
  readonly what: T;
  readonly instance: string;
  readonly atMs: number;
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
  /** What some target of the space has missed, by instance; and of an undo the states that it goes between. */
  readonly missed = new Map<string, string[]>();
  readonly #undone = new Map<string, readonly State[]>();
  /** The hash of a whole file of several parts, the rows of a table, and an application, by what tells it. */
  readonly wholes = new Map<string, Digest>();
  readonly rows = new Map<string, readonly object[]>();
  readonly apps = new Map<string, object>();
  /** Every blob that there ever was and that was not found gone since. */
  readonly everStored = new Set<Digest>();
  /** What was deleted and may be brought back, by id. */
  readonly deletedSnapshots = new Map<string, Deletion<State>>();
  readonly deletedInstances = new Map<string, Deletion<Workplace>>();
  /** Whether any instance ever was deleted: then some of what was given to it, or came from it, ends there. */
  anyDeleted = false;
  readonly #graceMs: number;
  #historyMs: number;
  /** What an earlier, shorter window had given up stays given up. */
  #sinceMs = 0;
  safetyMs = Number.POSITIVE_INFINITY;
  /** Pages do not change: a tree is looked at once when it appears. */
  readonly #seen = new Map<Digest, Page>();

  constructor({ historySeconds, graceSeconds }: Settings) {
    this.#historyMs = historySeconds * 1_000;
    this.#graceMs = graceSeconds * 1_000;
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

  changeWindow(historySeconds: number, nowMs: number): void {
    this.#sinceMs = this.windowFrom(nowMs);
    this.#historyMs = historySeconds * 1_000;
  }

  get windowMs(): number {
    return this.#historyMs;
  }

  windowFrom(nowMs: number): number {
    return Math.max(nowMs - this.#historyMs, this.#sinceMs);
  }

  /** The versions of an instance that can be read by time: each was current at some moment of the window. */
  window({ journal }: Workplace, nowMs: number): Version[] {
    const from = this.windowFrom(nowMs);
    return journal.filter((_, index) => (journal[index + 1]?.atMs ?? nowMs) >= from);
  }

  isInWindow(atMs: number, nowMs: number): boolean {
    return atMs >= this.windowFrom(nowMs);
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
    for (const [instance, ids] of this.missed)
      for (const id of ids) for (const state of this.#undone.get(`${id} ${instance}`) ?? []) hold(state);
    for (const { root } of this.handIns.values()) trees.add(root);
    for (const root of this.feedback.values()) trees.add(root);
    for (const { payload } of this.assignments.values()) trees.add(payload.root);
    for (const plan of this.plans.values()) if (plan.createdMs + planLifeMs > nowMs) trees.add(plan.root);
    for (const distribution of this.distributions.values())
      if (distribution.kind === 'distribution' && this.#mayComeAgain(distribution, nowMs))
        trees.add(distribution.payload.root);
    for (const { instance, expiresMs, present, committed } of this.uploads.values())
      if (!committed && expiresMs > nowMs && this.instances.has(instance))
        for (const hash of present) blobs.add(hash);
    for (const root of trees)
      for (const identity of this.states.get(root)!.values())
        for (const hash of blobsOf(identity)) blobs.add(hash);
    return { trees, compared, blobs };
  }

  /** Where a blob is needed, and where a tree is: for whoever reads of a failure. */
  holdersOf(hash: Digest, nowMs: number): string {
    const has = (root: Digest) => [...this.states.get(root)!.values()].some((it) => it.includes(hash));
    return [...this.states.keys()]
      .filter(has)
      .map((root) => this.holdersOfTree(root, nowMs))
      .join('; ');
  }

  holdersOfTree(tree: Digest, nowMs: number): string {
    const has = ({ root, delivered }: State) => root === tree || delivered === tree;
    const holders: string[] = [];
    for (const instance of this.instances.values()) {
      const versions = this.window(instance, nowMs).filter(has);
      holders.push(...versions.map(({ sequence }) => `version ${sequence} of ${instance.id}`));
      for (const [id, state] of instance.snapshots) if (has(state)) holders.push(`${id} of ${instance.id}`);
      if (instance.kind === 'distributed' && instance.journal.some(has)) holders.push('what was delivered');
    }
    for (const [id, { root }] of this.handIns) if (root === tree) holders.push(id);
    for (const [id, root] of this.feedback) if (root === tree) holders.push(`feedback to ${id}`);
    for (const [id, { payload }] of this.assignments) if (payload.root === tree) holders.push(id);
    for (const [id, { root }] of this.plans) if (root === tree) holders.push(id);
    for (const [id, distribution] of this.distributions)
      if (distribution.kind === 'distribution' && distribution.payload.root === tree) holders.push(id);
    for (const [id, states] of this.#undone) if (states.some(has)) holders.push(`missed ${id}`);
    return holders.join(', ');
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
    for (const { value } of missed) this.#observeMissed(value, instance);
    return steps;
  }

  /** An undo that is missed needs the states around what it undoes: here, or where the instance began. */
  #observeMissed(id: string, { id: instance, journal, origin }: Workplace): void {
    const undo = this.distributions.get(id);
    const name = `${id} ${instance}`;
    if (undo?.kind !== 'undo' || this.#undone.has(name)) return;
    const made = (version: Version) => version.cause === undo.undoes;
    const [distributed] = this.ofKind('distributed');
    const begun = origin?.instance === distributed?.id ? origin : undefined;
    const given = distributed?.journal.filter(({ sequence }) => sequence <= (begun?.version ?? 0)) ?? [];
    for (const versions of [journal, given]) {
      const at = versions.findIndex(made);
      if (at < 1) continue;
      this.#undone.set(name, [versions[at - 1]!, versions[at]!]);
      return;
    }
  }

  async #observeEntry(
    ports: Ports,
    workplace: Workplace,
    { action, cause, root, delivered, at, details = {} }: InstanceEntry,
    before: Version | undefined,
  ): Promise<void> {
    const { id, snapshots } = workplace;
    if (action === 'snapshot') snapshots.set(cause, { root, delivered });
    if (action === 'create') workplace.origin = details.from as Workplace['origin'];
    const snapshot = details.snapshot as string;
    if (action === 'snapshot-deleted') {
      const what = snapshots.get(snapshot)!;
      this.deletedSnapshots.set(snapshot, { what, instance: id, atMs: Date.parse(at) });
      snapshots.delete(snapshot);
    }
    if (action === 'snapshot-undeleted') {
      const { root, delivered } = this.deletedSnapshots.get(snapshot)!.what;
      snapshots.set(snapshot, { root, delivered });
      this.deletedSnapshots.delete(snapshot);
    }
    if (details.snapshotId)
      snapshots.set(details.snapshotId as string, { ...before!, safetyMs: Date.parse(at) });
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

  /** The trees of what can still be brought back; whatever else was deleted is forgotten. */
  #mayReturn(nowMs: number): Set<Digest> {
    const trees = new Set<Digest>();
    for (const kind of [this.deletedSnapshots, this.deletedInstances])
      for (const [id, { atMs }] of kind) if (atMs + 2 * this.#graceMs < nowMs) kind.delete(id);
    const states = [...this.deletedSnapshots.values()].map(({ what }) => what);
    for (const { what } of this.deletedInstances.values())
      states.push(...what.journal, ...what.snapshots.values());
    for (const { root, delivered } of states) trees.add(root).add(delivered);
    return trees;
  }

  async #learn(ports: Ports, root: Digest): Promise<void> {
    if (this.states.has(root)) return;
    if (this.#seen.size > 10_000) this.#seen.clear();
    const content = await readTree(ports.pages, root, this.#seen);
    this.states.set(root, content);
    for (const identity of content.values()) for (const hash of blobsOf(identity)) this.everStored.add(hash);
  }

  /** Ends what a reclaim ends before it marks. */
  expire(nowMs: number): void {
    for (const { snapshots } of this.instances.values())
      for (const [id, { safetyMs }] of snapshots)
        if (safetyMs !== undefined && safetyMs + this.safetyMs <= nowMs) snapshots.delete(id);
  }

  deleteInstance(id: string, atMs: number): void {
    this.anyDeleted = true;
    this.deletedInstances.set(id, { what: this.instances.get(id)!, instance: id, atMs });
    this.instances.delete(id);
    this.missed.delete(id);
  }

  undeleteInstance(id: string): void {
    this.instances.set(id, this.deletedInstances.get(id)!.what);
    this.deletedInstances.delete(id);
  }

  /** Forgets the trees that nothing can ask for any more. */
  forget(nowMs: number): void {
    const { trees, compared } = this.needed(nowMs);
    const from = this.windowFrom(nowMs);
    for (const { journal, kind } of this.instances.values()) {
      const first = journal.findIndex((_, i) => (journal[i + 1]?.atMs ?? nowMs) >= from);
      if (first > 0 && kind !== 'distributed') journal.splice(0, first);
    }
    const mayReturn = this.#mayReturn(nowMs);
    for (const root of this.states.keys())
      if (root !== emptyRoot && !trees.has(root) && !compared.has(root) && !mayReturn.has(root))
        this.states.delete(root);
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
