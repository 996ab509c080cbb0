// A process that stores without end until it is killed: `node crash-storage.ts DIRECTORY RUN`. Each round is three
// records in one batch, a page and a blob (a row or a file); its standard output has one line for each round that was
// answered.

import { rowMaxBytes } from '../../adapters/local/blobs.ts';
import { sha256 } from '../../core/tree/digest.ts';
import { openLocalStore } from './local-store.ts';

const writersAtOnce = 8;

export interface Round {
  readonly name: string;
  /** Three keys, written together. */
  readonly keys: readonly { readonly partition: string; readonly sort: string }[];
  readonly page: { readonly hash: string; readonly bytes: Uint8Array };
  readonly blob: { readonly sha256: string; readonly bytes: Uint8Array };
}

export const partitions = ['a', 'b', 'c'] as const;

/** What the round of this name stores. */
export function roundOf(name: string): Round {
  const page = Buffer.from(`page ${name} `.repeat(500));
  const size = Number(name.at(-1)) % 2 ? rowMaxBytes / 2 : rowMaxBytes * 3; // rows and files
  const blob = Buffer.alloc(size, `blob ${name} `);
  return {
    name,
    keys: partitions.map((partition) => ({ partition, sort: name })),
    page: { hash: sha256(page), bytes: page },
    blob: { sha256: sha256(blob), bytes: blob },
  };
}

if (import.meta.main) {
  const [directory = '', run = ''] = process.argv.slice(2);
  const { records, pages, blobs } = openLocalStore(directory);
  const write = async (writer: number) => {
    for (let count = 0; ; count++) {
      const { name, keys, page, blob } = roundOf(`${run}-${writer}-${count}`);
      const [{ version }] = await Promise.all([
        blobs.put(blob.sha256, blob.bytes),
        pages.putMany([page]),
        records.write(keys.map((put) => ({ put, value: name, if: 'absent' }))),
      ]);
      console.log(`${name} ${version}`);
    }
  };
  await Promise.all(Array.from({ length: writersAtOnce }, (_, writer) => write(writer)));
}
