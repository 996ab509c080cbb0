// A delivery in the making: what shall change in a target and in its delivered tree, counted, with the exceptions
// listed. Nothing is written; the pages that are not stored yet come with the result.

import { type Entry, sameEntry } from '../model/entry.ts';
import { ancestorsOf, compareKeys, fromKey, type Kind } from '../model/path.ts';
import { type Counts, noCounts, type Outcome } from '../model/strategy.ts';
import type { Digest, PageBytes } from '../ports.ts';
import { type Edit, editTree } from './edit.ts';
import type { ReadPage } from './reader.ts';
import { getEntry, scan } from './walk.ts';

/** A path where something other than a plain creation or update happened. */
export interface DeliveryException {
  readonly kind: Kind;
  readonly path: string;
  readonly outcome: Outcome;
  readonly renamedTo?: string;
}

/** What happened, counted and listed. */
export interface Outcomes {
  readonly counts: Counts;
  readonly exceptions: readonly DeliveryException[];
}

export interface Delivery extends Outcomes {
  readonly root: Digest;
  readonly delivered: Digest;
  readonly entries: number;
  readonly bytes: number;
  readonly pages: readonly PageBytes[];
}

type Edits = Map<string, Entry | undefined>;

export class DeliveryDraft implements Outcomes {
  readonly counts = noCounts();
  readonly exceptions: DeliveryException[] = [];
  readonly #read: ReadPage;
  readonly #target: Digest;
  readonly #base: Digest;
  readonly #edits: Edits = new Map();
  /** The folders that edits made. */
  readonly #folders = new Set<string>();
  readonly #delivered: Edits = new Map();

  /** `target` is the state that is changed, `base` its delivered tree. */
  constructor(read: ReadPage, target: Digest, base: Digest) {
    this.#read = read;
    this.#target = target;
    this.#base = base;
  }

  /** Sets (or with undefined removes) an entry of the target. */
  edit(key: string, entry: Entry | undefined): void {
    this.#edits.set(key, entry);
    if (entry) for (const folder of ancestorsOf(key)) this.#folders.add(folder);
  }

  /** Says what counts as last delivered at a key. */
  deliver(key: string, entry: Entry | undefined): void {
    this.#delivered.set(key, entry);
  }

  count(outcome: Outcome): void {
    this.counts[outcome]++;
  }

  /** Counts an outcome and lists the path. */
  note(key: string, outcome: Outcome, renamedTo?: string): void {
    this.count(outcome);
    const renamed = renamedTo === undefined ? {} : { renamedTo: fromKey(renamedTo).path };
    this.exceptions.push({ ...fromKey(key), outcome, ...renamed });
  }

  /** Removes a key from the target and from what was delivered, once. */
  remove(key: string): void {
    if (this.#isRemoved(key)) return;
    this.edit(key, undefined);
    this.deliver(key, undefined);
    this.note(key, 'deleted');
  }

  /** What the target holds at a key, as edited so far. */
  async now(key: string): Promise<Entry | undefined> {
    return this.#edits.has(key) ? this.#edits.get(key) : getEntry(this.#read, this.#target, key);
  }

  /** Entries of the target that still stand and cannot stand together with an entry at `key`. */
  async blockers(key: string): Promise<string[]> {
    const found: string[] = [];
    for (const folder of ancestorsOf(key)) if (await this.now(folder)) found.push(folder);
    for await (const item of scan(this.#read, this.#target, { from: `${key}/`, to: `${key}0` }))
      if (!this.#isRemoved(item.key)) found.push(item.key);
    return found;
  }

  /** Whether an entry can be added at a key with nothing of the target, as edited so far, in its way. */
  async isFree(key: string): Promise<boolean> {
    return !this.#folders.has(key) && !(await this.now(key)) && (await this.blockers(key)).length === 0;
  }

  /** Whether the target holds at a key what was last delivered there. */
  async isUntouched(key: string): Promise<boolean> {
    return sameEntry(await this.now(key), await getEntry(this.#read, this.#base, key));
  }

  async finish(): Promise<Delivery> {
    const state = await editTree(this.#read, this.#target, sorted(this.#edits));
    const delivered = await editTree(this.#read, this.#base, sorted(this.#delivered));
    const { root, entries, bytes } = state;
    return {
      root,
      entries,
      bytes,
      delivered: delivered.root,
      pages: [...state.pages, ...delivered.pages],
      counts: this.counts,
      exceptions: this.exceptions,
    };
  }

  #isRemoved(key: string): boolean {
    return this.#edits.has(key) && this.#edits.get(key) === undefined;
  }
}

const sorted = (edits: Edits): Edit[] =>
  [...edits].map(([key, entry]) => ({ key, entry })).sort((a, b) => compareKeys(a.key, b.key));
