// A file as an answer: its bytes, a range of them, or the way to them.

import type { FileEntry } from '../../core/model/entry.ts';
import { parseRange } from '../../core/model/range.ts';
import { blobRef, fileSha256, readFile } from '../../core/ops/blobs.ts';
import type { Call } from '../../core/ops/call.ts';
import { inParallel } from '../../core/ops/retry.ts';
import { digestOf } from '../../core/tree/digest.ts';
import { type Answer, ok } from './endpoint.ts';
import { bodyMaxBytes } from './parse.ts';
import { isKnown, quoted } from './schemas.ts';

const signedLifeMs = 15 * 60 * 1_000;

const tagOf = (file: FileEntry): string =>
  fileSha256(file) ?? digestOf(file.parts.map((part) => part.sha256));

/** Signed URLs for the parts of a file, or one for all of it. */
async function signed(call: Call, file: FileEntry, path: string) {
  const { blobs, now } = call.ports;
  const expiresAt = now() + signedLifeMs;
  const download = { mediaType: file.mediaType, fileName: path.slice(path.lastIndexOf('/') + 1) };
  const refs = await inParallel(file.parts, 16, (part) => blobRef(call.ports, part.sha256));
  return {
    whole: () => blobs.signGet(refs, download, expiresAt),
    parts: () => inParallel(refs, 16, (ref) => blobs.signGet([ref], download, expiresAt)),
  };
}

/** The bytes where they fit an answer; else the way to a signed URL, which honours `Range` itself. */
export async function sendFile(
  call: Call,
  file: FileEntry,
  path: string,
  headers: Readonly<Record<string, string | undefined>>,
): Promise<Answer> {
  const etag = quoted(tagOf(file));
  const common = { etag, 'accept-ranges': 'bytes', 'cache-control': 'private, no-cache' };
  if (isKnown(headers, etag)) return { status: 304, headers: common };
  const sameFile = (headers['if-range'] ?? etag) === etag;
  const range = sameFile ? parseRange(headers.range, file.size) : undefined;
  const length = range?.length ?? file.size;
  if (length > bodyMaxBytes) {
    const location = await (await signed(call, file, path)).whole();
    return { status: 302, headers: { ...common, location } };
  }
  const bytes = await readFile(call.ports, file, range);
  const sent = { ...common, 'content-type': file.mediaType, 'content-security-policy': 'sandbox' };
  if (!range) return { status: 200, headers: sent, body: bytes };
  const contentRange = `bytes ${range.offset}-${range.offset + length - 1}/${file.size}`;
  return { status: 206, headers: { ...sent, 'content-range': contentRange }, body: bytes };
}

/** The parts of a file with a signed URL each. */
export async function sendParts(call: Call, file: FileEntry, path: string): Promise<Answer> {
  const urls = await (await signed(call, file, path)).parts();
  return ok({ parts: file.parts.map((part, index) => ({ url: urls[index], ...part })) });
}
