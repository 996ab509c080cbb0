// Brings a payload into a target by a strategy for each kind, and says what happened at each path. Nothing is written:
// the result is the new state, the new delivered tree, and the pages of both that are not stored yet.

import { besideName } from '../model/beside.ts';
import { type Entry, sameEntry } from '../model/entry.ts';
import { ancestorsOf, compareKeys, fromKey, type Kind, toKey } from '../model/path.ts';
import { inRanges, type Range, withinKinds } from '../model/scope.ts';
import { type Counts, decide, delivers, noCounts, type Outcome, type Strategies } from '../model/strategy.ts';
import type { Digest, PageBytes } from '../ports.ts';
import { type Edit, editTree } from './edit.ts';
import type { ReadPage } from './reader.ts';
import { type Disagreement, type Roots, threeWay } from './threeway.ts';
import { getEntry, scan, totals } from './walk.ts';

export interface DeliveryInput extends Roots {
  /** The part of a state that the payload speaks for. */
  readonly scope: readonly Range[];
  readonly strategies: Strategies;
  /** YYYY-MM-DD, for the names of copies put beside. */
  readonly day: string;
}

/** A path where something other than a plain creation or update happened. */
export interface DeliveryException {
  readonly kind: Kind;
  readonly path: string;
  readonly outcome: Outcome;
  readonly renamedTo?: string;
}

export interface Delivery {
  readonly root: Digest;
  readonly delivered: Digest;
  readonly entries: number;
  readonly bytes: number;
  readonly pages: readonly PageBytes[];
  readonly counts: Counts;
  readonly exceptions: readonly DeliveryException[];
}

export async function deliver(read: ReadPage, input: DeliveryInput): Promise<Delivery> {
  const scope = withinKinds(input.scope, (kind) => input.strategies[kind] !== 'none');
  const work = new Work(read, input, scope);
  for await (const place of threeWay(read, input, scope)) await work.settle(place);
  return work.finish();
}

class Work {
  readonly #read: ReadPage;
  readonly #input: DeliveryInput;
  readonly #scope: readonly Range[];
  readonly #edits = new Map<string, Entry | undefined>();
  readonly #delivered = new Map<string, Entry | undefined>();
  readonly #counts = noCounts();
  readonly #exceptions: DeliveryException[] = [];
  #settledPayload = 0;

  constructor(read: ReadPage, input: DeliveryInput, scope: readonly Range[]) {
    this.#read = read;
    this.#input = input;
    this.#scope = scope;
  }

  async settle(place: Disagreement): Promise<void> {
    const { key, payload, target } = place;
    const { kind } = fromKey(key);
    const strategy = this.#input.strategies[kind];
    if (payload) this.#settledPayload++;
    const blockers = payload && !target ? await this.#blockers(key) : [];
    if (payload && blockers.length > 0) return this.#settleBlocked(key, payload, blockers);
    const outcome = decide(strategy, place);
    if (!outcome) return;
    if (outcome === 'renamed') return this.#putBeside(key, payload!, (attempt) => this.#beside(key, attempt));
    if (outcome === 'deleted') this.#remove(key);
    else if (outcome !== 'kept') this.#put(key, payload!, outcome);
    if (outcome === 'kept') this.#note(key, outcome);
  }

  async finish(): Promise<Delivery> {
    const { target, base, payload } = this.#input;
    for (const range of this.#scope) this.#counts.same += (await totals(this.#read, payload, range)).entries;
    this.#counts.same -= this.#settledPayload;
    const state = await editTree(this.#read, target, asEdits(this.#edits));
    const delivered = await editTree(this.#read, base, asEdits(this.#delivered));
    const { root, entries, bytes } = state;
    return {
      root,
      entries,
      bytes,
      delivered: delivered.root,
      pages: [...state.pages, ...delivered.pages],
      counts: this.#counts,
      exceptions: this.#exceptions,
    };
  }

  /** A file where the payload has a folder, or a folder where it has a file: a conflict like any other. */
  async #settleBlocked(key: string, payload: Entry, blockers: readonly string[]): Promise<void> {
    const strategy = this.#input.strategies[fromKey(key).kind];
    if (strategy === 'keep') return this.#note(key, 'kept');
    const untouched = strategy === 'merge' && (await this.#allUntouched(blockers));
    if (strategy === 'overwrite' || strategy === 'mirror' || untouched) {
      for (const blocker of blockers) this.#remove(blocker);
      return this.#put(key, payload, untouched ? 'updated' : 'replaced');
    }
    const base = await getEntry(this.#read, this.#input.base, key);
    if (strategy === 'merge' && sameEntry(base, payload)) return this.#note(key, 'kept');
    const above = ancestorsOf(key).find((folder) => blockers.includes(folder));
    return this.#putBeside(key, payload, (attempt) =>
      above ? this.#beside(above, attempt) + key.slice(above.length) : this.#beside(key, attempt),
    );
  }

  #put(key: string, payload: Entry, outcome: Outcome): void {
    if (outcome !== 'same') this.#edits.set(key, payload);
    if (delivers(outcome)) this.#delivered.set(key, payload);
    if (outcome === 'created' || outcome === 'updated' || outcome === 'same') this.#counts[outcome]++;
    else this.#note(key, outcome);
  }

  #remove(key: string): void {
    if (this.#edits.has(key) && this.#edits.get(key) === undefined) return;
    this.#edits.set(key, undefined);
    this.#delivered.set(key, undefined);
    this.#note(key, 'deleted');
  }

  /** Puts the payload at the first free name; where a name already holds this very content, nothing is added. */
  async #putBeside(key: string, payload: Entry, name: (attempt: number) => string): Promise<void> {
    this.#delivered.set(key, payload);
    const there = await this.#alreadyBeside(key, payload);
    if (there) return this.#note(key, 'kept', there);
    for (let attempt = 1; ; attempt++) {
      const beside = name(attempt);
      const holds = this.#edits.get(beside) ?? (await getEntry(this.#read, this.#input.target, beside));
      if (sameEntry(holds, payload)) return this.#note(key, 'kept', beside);
      if (holds || this.#edits.has(beside) || (await this.#blockers(beside)).length > 0) continue;
      if (await getEntry(this.#read, this.#input.payload, beside)) continue;
      this.#edits.set(beside, payload);
      this.#delivered.set(beside, payload);
      return this.#note(key, 'renamed', beside);
    }
  }

  /** A copy that an earlier distribution put beside this path, under whatever day, with the same content. */
  async #alreadyBeside(key: string, payload: Entry): Promise<string | undefined> {
    const { kind, path } = fromKey(key);
    const mark = ' (handout ';
    const sample = toKey(kind, besideName(path, '', 1));
    const from = sample.slice(0, sample.lastIndexOf(mark) + mark.length);
    const extension = sample.slice(from.length + 1);
    for await (const item of scan(this.#read, this.#input.target, { from, to: `${from}:` }))
      if (item.key.endsWith(extension) && sameEntry(item.entry, payload)) return item.key;
    return undefined;
  }

  #beside(key: string, attempt: number): string {
    const { kind, path } = fromKey(key);
    return toKey(kind, besideName(path, this.#input.day, attempt));
  }

  /** Entries of the target (as edited so far) that cannot stand together with an entry at `key`. */
  async #blockers(key: string): Promise<string[]> {
    const found: string[] = [];
    const standing = (other: string) => !(this.#edits.has(other) && this.#edits.get(other) === undefined);
    for (const folder of ancestorsOf(key)) {
      const there = this.#edits.get(folder) ?? (await getEntry(this.#read, this.#input.target, folder));
      if (there && standing(folder)) found.push(folder);
    }
    for await (const item of scan(this.#read, this.#input.target, { from: `${key}/`, to: `${key}0` }))
      if (standing(item.key)) found.push(item.key);
    return found;
  }

  async #allUntouched(keys: readonly string[]): Promise<boolean> {
    for (const key of keys) {
      if (!inRanges(this.#scope, key)) return false;
      const target = await getEntry(this.#read, this.#input.target, key);
      if (!sameEntry(target, await getEntry(this.#read, this.#input.base, key))) return false;
    }
    return true;
  }

  #note(key: string, outcome: Outcome, renamedTo?: string): void {
    this.#counts[outcome]++;
    const place = fromKey(key);
    this.#exceptions.push({
      ...place,
      outcome,
      ...(renamedTo !== undefined && { renamedTo: fromKey(renamedTo).path }),
    });
  }
}

const asEdits = (edits: ReadonlyMap<string, Entry | undefined>): Edit[] =>
  [...edits].map(([key, entry]) => ({ key, entry })).sort((a, b) => compareKeys(a.key, b.key));
