// Answers signed URLs: takes the bytes of an upload into its slot, and sends the bytes of blobs, whole or a range.

import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../core/errors.ts';
import { attachment } from '../../core/model/download.ts';
import { parseRange } from '../../core/model/range.ts';
import type { BlobRef, ByteRange } from '../../core/ports.ts';
import type { LocalBlobs } from './blobs.ts';
import type { Grant, SignedUrls } from './signed-urls.ts';

type PutGrant = Extract<Grant, { use: 'put' }>;
type GetGrant = Extract<Grant, { use: 'get' }>;

/** How streams say that the client went away; nobody is left to hear of it. */
const clientLeft: readonly unknown[] = ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'];

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
  const served =
    grant.use === 'put' ? receive(blobs, grant, request, response) : send(blobs, grant, request, response);
  await served.catch((error: NodeJS.ErrnoException) => {
    if (!clientLeft.includes(error.code)) throw error;
  });
}

/** Streams an upload into its slot; nothing is there unless size and checksum are as signed. */
async function receive(
  blobs: LocalBlobs,
  { slot, sha256, size }: PutGrant,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (Number(request.headers['content-length']) !== size)
    throw new AppError('bad-input', `The signed URL takes ${size} bytes, and wants to be told so.`);
  const path = blobs.uploadPath(slot, sha256);
  const draft = `${path}.${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  const file = await open(draft, 'wx');
  try {
    const hash = createHash('sha256');
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await file.appendFile(chunk);
    }
    if (hash.digest('hex') !== sha256)
      throw new AppError('checksum-mismatch', 'The bytes do not have the checksum that was signed.');
    await file.sync();
    await rename(draft, path);
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
  response.writeHead(200, { 'content-length': '0' }).end();
}

async function send(
  blobs: LocalBlobs,
  grant: GetGrant,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refs = blobs.refsOf(grant.refs);
  const sizes = await Promise.all(refs.map((ref) => blobs.sizeOf(ref)));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const range = parseRange(request.headers.range, total);
  const asked = range ?? { offset: 0, length: total };
  response.writeHead(range ? 206 : 200, {
    'content-type': grant.mediaType,
    'content-length': String(asked.length),
    'content-disposition': attachment(grant.fileName),
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    ...(range && { 'content-range': `bytes ${range.offset}-${range.offset + range.length - 1}/${total}` }),
  });
  if (request.method === 'HEAD') response.end();
  else
    await pipeline(
      stretch(
        blobs,
        refs.map((ref, index) => [ref, sizes[index]!]),
        asked,
      ),
      response,
    );
}

/** The bytes of a range of several blobs that follow one another. */
async function* stretch(
  blobs: LocalBlobs,
  refs: readonly (readonly [ref: BlobRef, size: number])[],
  { offset, length }: ByteRange,
) {
  let start = 0;
  for (const [ref, size] of refs) {
    const first = Math.max(offset, start);
    const end = Math.min(offset + length, start + size);
    if (first < end) yield* blobs.pieces(ref, { offset: first - start, length: end - first });
    start += size;
  }
}
