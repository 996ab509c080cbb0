// The contracts of storage over `adapters/aws`, on servers that this project did not write.

import { randomUUID } from 'node:crypto';
import type { SignedPut } from '../../core/ports.ts';
import { blobsContract } from '../contract/blobs.ts';
import { pagesContract } from '../contract/pages.ts';
import { recordsContract } from '../contract/records.ts';
import { openTestAws } from '../support/aws.ts';

/** Two clients of the same tables and the same bucket. */
async function twoHandles() {
  const name = randomUUID();
  const one = await openTestAws(name);
  const two = await openTestAws(name);
  const close = async () => {
    one[Symbol.dispose]();
    two[Symbol.dispose]();
  };
  return { one, two, [Symbol.asyncDispose]: close };
}

const put = ({ url, headers }: SignedPut, body: Uint8Array): Promise<Response> =>
  fetch(url, { method: 'PUT', headers, body: Uint8Array.from(body) });

const get = (url: string, range?: string): Promise<Response> =>
  fetch(url, range === undefined ? {} : { headers: { range } });

recordsContract('AWS', async () => {
  const { one, two, ...closing } = await twoHandles();
  return { records: one.records, other: two.records, ...closing };
});

pagesContract('AWS', async () => {
  const { one, two, ...closing } = await twoHandles();
  return { pages: one.pages, other: two.pages, ...closing };
});

blobsContract('AWS', async () => {
  const { one, two, ...closing } = await twoHandles();
  const unguardedCopies = 'VersityGW 1.8.0 does not heed If-None-Match when it copies (decision 0003)';
  return { blobs: one.blobs, other: two.blobs, send: put, fetch: get, unguardedCopies, ...closing };
});
