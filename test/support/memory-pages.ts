// Pages in memory that count what is asked of them.

import { MemoryPages as PlainPages } from '../../adapters/memory/pages.ts';
import type { Digest } from '../../core/ports.ts';
import { cachedReader, type ReadPage } from '../../core/tree/reader.ts';

export class MemoryPages extends PlainPages {
  readonly read = new Set<Digest>();

  override async get(hash: Digest): Promise<Uint8Array> {
    this.read.add(hash);
    return super.get(hash);
  }

  /** A reader without a cache worth the name: every look is counted. */
  reader(): ReadPage {
    return cachedReader(this, 1);
  }
}
