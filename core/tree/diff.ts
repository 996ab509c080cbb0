// The ordered differences of two trees. Both are walked side by side as lists of what is still unopened; where the two
// lists begin with the same link, everything below it is equal and never opened. A link is opened only when it stands in
// the way: it begins first, or both begin together and it is the higher of the two.

import { type Entry, sameEntry } from '../model/entry.ts';
import { compareKeys } from '../model/path.ts';
import type { Digest } from '../ports.ts';
import { isLeaf, type LeafItem, type Link, type Page } from './page.ts';
import type { ReadPage } from './reader.ts';
import { indexFrom } from './search.ts';
import type { KeyRange } from './walk.ts';

export interface Difference {
  readonly key: string;
  readonly from: Entry | undefined;
  readonly to: Entry | undefined;
}

/** What changes from the tree at `from` to the tree at `to`, within a range of keys. */
export async function* diff(
  read: ReadPage,
  from: Digest,
  to: Digest,
  range: KeyRange = {},
): AsyncGenerator<Difference> {
  if (from === to) return;
  const left = await Frontier.of(read, from, range);
  const right = await Frontier.of(read, to, range);
  for (;;) {
    const a = left.head;
    const b = right.head;
    if (!a && !b) return;
    if (a?.link && b?.link && a.link.hash === b.link.hash) {
      left.pop();
      right.pop();
      continue;
    }
    const order = !a ? 1 : !b ? -1 : compareKeys(a.key, b.key);
    if (order <= 0 && a?.link && (order < 0 || a.level >= b!.level)) await left.open();
    else if (order >= 0 && b?.link) await right.open();
    else if (order < 0) yield { key: a!.key, from: left.take(), to: undefined };
    else if (order > 0) yield { key: b!.key, from: undefined, to: right.take() };
    else {
      const difference = { key: a!.key, from: left.take(), to: right.take() };
      if (!sameEntry(difference.from, difference.to)) yield difference;
    }
  }
}

/** An item that is not dealt with yet: an entry (level 0), or a link to a page of `level - 1`. */
interface Pending {
  readonly key: string;
  readonly level: number;
  readonly link?: Link;
  readonly entry?: Entry;
}

/** The rest of one tree, in key order, the next item at the end of the list. */
class Frontier {
  readonly #read: ReadPage;
  readonly #range: KeyRange;
  readonly #rest: Pending[] = [];

  private constructor(read: ReadPage, range: KeyRange) {
    this.#read = read;
    this.#range = range;
  }

  static async of(read: ReadPage, root: Digest, range: KeyRange): Promise<Frontier> {
    const frontier = new Frontier(read, range);
    frontier.#add(await read(root));
    return frontier;
  }

  get head(): Pending | undefined {
    return this.#rest.at(-1);
  }

  pop(): Pending {
    return this.#rest.pop()!;
  }

  take(): Entry {
    return this.pop().entry!;
  }

  async open(): Promise<void> {
    this.#add(await this.#read(this.pop().link!.hash));
  }

  #add(page: Page): void {
    const { items } = page;
    const { from, to } = this.#range;
    const end = to === undefined ? items.length : indexFrom(items, to);
    let first = from === undefined ? 0 : indexFrom(items, from);
    // What lies below a link goes on to the next one.
    if (!isLeaf(page) && first > 0 && items[first]?.key !== from) first--;
    for (let i = end - 1; i >= first; i--) this.#rest.push(pending(page.level, items[i]!));
  }
}

const pending = (level: number, item: LeafItem | Link): Pending =>
  'entry' in item ? { key: item.key, level, entry: item.entry } : { key: item.key, level, link: item };
