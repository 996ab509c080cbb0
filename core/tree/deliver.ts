// Brings a payload into a target by a strategy for each kind, and says what happened at each path.

import { type Beside, besideKey, besideOf } from '../model/beside.ts';
import { type Entry, sameEntry } from '../model/entry.ts';
import { ancestorsOf, fromKey } from '../model/path.ts';
import { inRanges, type Range, withinKinds } from '../model/scope.ts';
import { decide, type Outcome, type Strategies, type Strategy } from '../model/strategy.ts';
import { copiesBeside } from './copies.ts';
import { type Delivery, DeliveryDraft, type Outcomes } from './delivery.ts';
import type { ReadPage } from './reader.ts';
import { type Disagreement, type Roots, threeWay } from './threeway.ts';
import { firstFrom, getEntry, totals } from './walk.ts';

export interface DeliveryInput extends Roots {
  /** The part of a state that the payload speaks for. */
  readonly scope: readonly Range[];
  readonly strategies: Strategies;
  /** YYYY-MM-DD, for the names of copies put beside. */
  readonly day: string;
}

export const deliver = async (read: ReadPage, input: DeliveryInput): Promise<Delivery> =>
  (await settleAll(read, input)).finish();

/** What a delivery would do; the trees that it would make are not. */
export const forecast = async (read: ReadPage, input: DeliveryInput): Promise<Outcomes> =>
  settleAll(read, input);

async function settleAll(read: ReadPage, input: DeliveryInput): Promise<DeliveryDraft> {
  const scope = withinKinds(input.scope, (kind) => input.strategies[kind] !== 'none');
  const delivering = new Delivering(read, input, scope);
  let settled = 0;
  for await (const place of threeWay(read, input, scope)) {
    if (place.payload) settled++;
    await delivering.settle(place);
  }
  for (const range of scope)
    delivering.draft.counts.same += (await totals(read, input.payload, range)).entries;
  delivering.draft.counts.same -= settled;
  return delivering.draft;
}

class Delivering {
  readonly draft: DeliveryDraft;
  readonly #read: ReadPage;
  readonly #input: DeliveryInput;
  readonly #scope: readonly Range[];

  constructor(read: ReadPage, input: DeliveryInput, scope: readonly Range[]) {
    this.draft = new DeliveryDraft(read, input.target, input.base);
    this.#read = read;
    this.#input = input;
    this.#scope = scope;
  }

  async settle(place: Disagreement): Promise<void> {
    const { key, payload, target } = place;
    const strategy = this.#strategyAt(key);
    const blockers = payload && !target ? await this.draft.blockers(key) : [];
    if (payload && blockers.length > 0) return this.#settleBlocked(key, payload, blockers);
    const outcome = decide(strategy, place);
    if (outcome === 'renamed') {
      // What was last delivered at an untouched path is still there, so it stays untouched.
      if (!sameEntry(target, place.base)) this.draft.deliver(key, payload);
      return this.#putBeside(key, payload!, besideOf(key));
    }
    if (outcome === 'deleted') return this.draft.remove(key);
    if (outcome === 'kept') return this.draft.note(key, outcome);
    if (outcome) this.#put(key, payload!, outcome);
  }

  /** A file where the payload has a folder, or a folder where it has a file: a conflict like any other. */
  async #settleBlocked(key: string, payload: Entry, blockers: readonly string[]): Promise<void> {
    const strategy = this.#strategyAt(key);
    if (strategy === 'keep') return this.draft.note(key, 'kept');
    const untouched = strategy === 'merge' && (await this.#allUntouched(blockers));
    if (strategy === 'overwrite' || strategy === 'mirror' || untouched) {
      for (const blocker of blockers) this.draft.remove(blocker);
      return this.#put(key, payload, untouched ? 'updated' : 'replaced');
    }
    const base = await getEntry(this.#read, this.#input.base, key);
    if (strategy === 'merge' && sameEntry(base, payload)) return this.draft.note(key, 'kept');
    this.draft.deliver(key, payload);
    const inTheWay = ancestorsOf(key).find((folder) => blockers.includes(folder));
    return this.#putBeside(key, payload, besideOf(key, inTheWay));
  }

  #put(key: string, payload: Entry, outcome: Outcome): void {
    if (outcome !== 'same') this.draft.edit(key, payload);
    this.draft.deliver(key, payload);
    if (outcome === 'replaced') this.draft.note(key, outcome);
    else this.draft.count(outcome);
  }

  /** Puts the payload at the first free name; where a copy with this very content is there already, nothing is added. */
  async #putBeside(key: string, payload: Entry, beside: Beside): Promise<void> {
    for await (const copy of copiesBeside(this.#read, this.#input.target, beside))
      if (sameEntry(copy.entry, payload) && (await this.#stays(copy.key, payload)))
        return this.draft.note(key, 'kept', copy.key);
    for (let attempt = 1; ; attempt++) {
      const free = besideKey(beside, this.#input.day, attempt);
      if (!(await this.draft.isFree(free)) || (await this.#payloadUses(free))) continue;
      this.draft.edit(free, payload);
      this.draft.deliver(free, payload);
      return this.draft.note(key, 'renamed', free);
    }
  }

  /** Whether a copy outlives this delivery: the payload may have something else for its place. */
  async #stays(key: string, entry: Entry): Promise<boolean> {
    if (!sameEntry(await this.draft.now(key), entry)) return false;
    const payload = await getEntry(this.#read, this.#input.payload, key);
    return payload ? sameEntry(payload, entry) : !(await this.#payloadUses(key));
  }

  /** Whether the payload has something at a key, or above or below it. */
  async #payloadUses(key: string): Promise<boolean> {
    const { payload } = this.#input;
    for (const place of [key, ...ancestorsOf(key)])
      if (await getEntry(this.#read, payload, place)) return true;
    return (await firstFrom(this.#read, payload, `${key}/`))?.key.startsWith(`${key}/`) ?? false;
  }

  async #allUntouched(keys: readonly string[]): Promise<boolean> {
    for (const key of keys)
      if (!inRanges(this.#scope, key) || !(await this.draft.isUntouched(key))) return false;
    return true;
  }

  #strategyAt(key: string): Strategy {
    return this.#input.strategies[fromKey(key).kind];
  }
}
