// Which blobs lie below which roots. Pages are opened once however many roots share them; what is kept of each is the
// links and the blobs, so that a second visit reads nothing.

import { type Part, partsOf } from '../model/entry.ts';
import type { Digest } from '../ports.ts';
import { isLeaf } from './page.ts';
import type { ReadPage } from './reader.ts';

interface Node {
  readonly links: readonly Digest[];
  readonly parts: readonly Part[];
}

export class Reach {
  readonly #read: ReadPage;
  readonly #nodes = new Map<Digest, Promise<Node>>();

  constructor(read: ReadPage) {
    this.#read = read;
  }

  /**
   * The blobs below the roots, each once, but nothing below a page that `seen` has already: what is new since the last
   * call with the same set. The pages visited are added to it.
   */
  async *blobs(roots: Iterable<Digest>, seen = new Set<Digest>()): AsyncGenerator<Part> {
    const given = new Set<Digest>();
    const rest = [...roots];
    for (let hash = rest.pop(); hash !== undefined; hash = rest.pop()) {
      if (seen.has(hash)) continue;
      seen.add(hash);
      const { links, parts } = await this.#node(hash);
      rest.push(...links);
      for (const part of parts) {
        if (given.has(part.sha256)) continue;
        given.add(part.sha256);
        yield part;
      }
    }
  }

  #node(hash: Digest): Promise<Node> {
    const known = this.#nodes.get(hash) ?? this.#open(hash);
    this.#nodes.set(hash, known);
    return known;
  }

  async #open(hash: Digest): Promise<Node> {
    const page = await this.#read(hash);
    if (!isLeaf(page)) return { links: page.items.map((link) => link.hash), parts: [] };
    return { links: [], parts: page.items.flatMap(({ entry }) => partsOf(entry)) };
  }
}
