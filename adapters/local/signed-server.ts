// Answers signed URLs: takes the bytes of an upload into its slot, and sends the bytes of blobs, whole or a range.

import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../core/errors.ts';
import { parseRange } from '../../core/model/range.ts';
import type { LocalBlobs } from './blobs.ts';
import type { Grant, SignedUrls } from './signed-urls.ts';

type PutGrant = Extract<Grant, { use: 'put' }>;
type GetGrant = Extract<Grant, { use: 'get' }>;

/** Throws `AppError` for whatever is wrong with the request. */
export async function serveSigned(
  blobs: LocalBlobs,
  urls: SignedUrls,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const grant = urls.open(request.url ?? '');
  if (!grant)
    throw new AppError('forbidden', 'The signed URL is not valid, or no longer; ask for a new one.');
  const wanted = grant.use === 'put' ? ['PUT'] : ['GET', 'HEAD'];
  if (!wanted.includes(request.method ?? ''))
    throw new AppError('forbidden', `This signed URL is for ${wanted.join(' or ')}.`);
  if (grant.use === 'get') return send(blobs, grant, request, response);
  await receive(blobs, grant, request);
  response.writeHead(200, { 'content-length': '0' }).end();
}

/** Streams an upload into its slot; nothing is there unless size and checksum are as signed. */
async function receive(
  blobs: LocalBlobs,
  { slot, sha256, size }: PutGrant,
  request: IncomingMessage,
): Promise<void> {
  const length = request.headers['content-length'];
  if (length !== undefined && Number(length) !== size)
    throw new AppError('bad-input', `The signed URL takes ${size} bytes, not ${length}.`);
  const path = blobs.slotPath(slot);
  const draft = `${path}.${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  const file = await open(draft, 'wx');
  try {
    const hash = createHash('sha256');
    let received = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > size) break;
      hash.update(chunk);
      await file.write(chunk);
    }
    if (received !== size) throw new AppError('bad-input', `The signed URL takes ${size} bytes.`);
    if (hash.digest('hex') !== sha256)
      throw new AppError('checksum-mismatch', 'The bytes do not have the checksum that was signed.');
    await file.sync();
    await rename(draft, path);
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

async function send(
  blobs: LocalBlobs,
  grant: GetGrant,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const paths = grant.refs.map((ref) => blobs.pathOf(ref));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const range = parseRange(request.headers.range, total);
  const { offset, length } = range ?? { offset: 0, length: total };
  response.writeHead(range ? 206 : 200, {
    'content-type': grant.mediaType,
    'content-length': String(length),
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(grant.fileName)}`,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    ...(range && { 'content-range': `bytes ${offset}-${offset + length - 1}/${total}` }),
  });
  let start = 0;
  for (const [index, path] of paths.entries()) {
    const first = Math.max(offset, start);
    const last = Math.min(offset + length, start + sizes[index]!);
    if (first < last && request.method !== 'HEAD') {
      const stretch = { start: first - start, end: last - start - 1 };
      await pipeline(createReadStream(path, stretch), response, { end: false });
    }
    start += sizes[index]!;
  }
  response.end();
}
