// Blobs in Maps, for tests. A signed URL is a `memory:` address that nobody can guess, listed with what it permits;
// `receive` and `fetch` stand for the HTTP side of it and throw `AppError` for whatever is wrong with a request.

import { randomUUID } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { attachment } from '../../core/model/download.ts';
import { compareKeys } from '../../core/model/path.ts';
import { parseRange } from '../../core/model/range.ts';
import type { BlobRef, Blobs, ByteRange, Digest, Download, SignedPut } from '../../core/ports.ts';
import { sha256 as digest, hexToBytes } from '../../core/tree/digest.ts';

interface Part {
  readonly sha256: Digest;
  readonly size: number;
}

interface Kept {
  readonly version: string;
  readonly bytes: Uint8Array;
}

type Permit =
  | {
      readonly use: 'put';
      readonly slot: string;
      readonly part: Part;
      readonly headers: SignedPut['headers'];
    }
  | { readonly use: 'get'; readonly refs: readonly BlobRef[]; readonly download: Download };

const stretch = (bytes: Uint8Array, { offset, length }: ByteRange): Uint8Array =>
  bytes.slice(offset, offset + length);

export class MemoryBlobs implements Blobs {
  readonly #now: () => number;
  readonly #blobs = new Map<Digest, Kept[]>();
  readonly #slots = new Map<string, Uint8Array>();
  readonly #permits = new Map<string, Permit & { readonly expiresAt: number }>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async put(sha256: Digest, bytes: Uint8Array, doomed?: string): Promise<BlobRef> {
    if (digest(bytes) !== sha256)
      throw new AppError('checksum-mismatch', `The bytes are not those of ${sha256}.`);
    const versions = this.#blobs.get(sha256) ?? [];
    const there = versions.find(({ version }) => version !== doomed);
    const kept = there ?? { version: randomUUID(), bytes: Uint8Array.from(bytes) };
    if (!there) this.#blobs.set(sha256, [...versions, kept]);
    return { sha256, version: kept.version };
  }

  async get({ sha256, version }: BlobRef, range?: ByteRange): Promise<Uint8Array> {
    const kept = this.#blobs.get(sha256)?.find((one) => one.version === version);
    if (!kept) throw new AppError('damaged', `Blob ${sha256} is missing.`);
    const whole = { offset: 0, length: kept.bytes.length };
    const { offset, length } = range ?? whole;
    if (offset + length > kept.bytes.length) throw new AppError('damaged', 'A blob is shorter than it was.');
    return stretch(kept.bytes, { offset, length });
  }

  async deleteVersion({ sha256, version }: BlobRef): Promise<void> {
    const left = (this.#blobs.get(sha256) ?? []).filter((one) => one.version !== version);
    if (left.length > 0) this.#blobs.set(sha256, left);
    else this.#blobs.delete(sha256);
  }

  async list(after = '', limit = 1_000): Promise<BlobRef[]> {
    return [...this.#blobs]
      .filter(([sha256]) => sha256 > after)
      .sort(([a], [b]) => compareKeys(a, b))
      .slice(0, limit)
      .flatMap(([sha256, versions]) => versions.map(({ version }) => ({ sha256, version })));
  }

  async signPut(slot: string, part: Part, expiresAt: number): Promise<SignedPut> {
    const checksum = Buffer.from(hexToBytes(part.sha256)).toString('base64');
    const headers = { 'content-digest': `sha-256=:${checksum}:` };
    return { url: this.#permit({ use: 'put', slot, part, headers, expiresAt }), headers };
  }

  async promote(slot: string, { sha256 }: Part, doomed?: string): Promise<BlobRef> {
    const bytes = this.#slots.get(slot);
    if (!bytes) throw new AppError('not-found', `Nothing was uploaded to ${slot}.`);
    return this.put(sha256, bytes, doomed);
  }

  async discard(slot: string): Promise<void> {
    this.#slots.delete(slot);
  }

  async signGet(refs: readonly BlobRef[], download: Download, expiresAt: number): Promise<string> {
    return this.#permit({ use: 'get', refs, download, expiresAt });
  }

  /** What a PUT to a signed URL does. */
  async receive(url: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array): Promise<void> {
    const { slot, part, headers: signed } = this.#open(url, 'put');
    if (Object.entries(signed).some(([name, value]) => headers[name] !== value))
      throw new AppError('forbidden', 'A header is not as it was signed.');
    if (bytes.length !== part.size)
      throw new AppError('bad-input', `The signed URL takes ${part.size} bytes.`);
    if (digest(bytes) !== part.sha256)
      throw new AppError('checksum-mismatch', 'These are other bytes than signed.');
    this.#slots.set(slot, Uint8Array.from(bytes));
  }

  /** What a GET of a signed URL answers; `range` is the header of that name. */
  async fetch(url: string, range?: string): Promise<Response> {
    const { refs, download } = this.#open(url, 'get');
    const bytes = Buffer.concat(await Promise.all(refs.map((ref) => this.get(ref))));
    const part = parseRange(range, bytes.length);
    const headers = {
      'content-type': download.mediaType,
      'content-disposition': attachment(download.fileName),
      ...(part && {
        'content-range': `bytes ${part.offset}-${part.offset + part.length - 1}/${bytes.length}`,
      }),
    };
    return new Response(part ? stretch(bytes, part) : bytes, { status: part ? 206 : 200, headers });
  }

  #permit(permit: Permit & { readonly expiresAt: number }): string {
    const url = `memory:${randomUUID()}`;
    this.#permits.set(url, permit);
    return url;
  }

  #open<Use extends Permit['use']>(url: string, use: Use): Extract<Permit, { use: Use }> {
    const permit = this.#permits.get(url);
    if (permit?.use !== use || permit.expiresAt < this.#now())
      throw new AppError('forbidden', 'The signed URL is not valid, or no longer.');
    return permit as Permit as Extract<Permit, { use: Use }>;
  }
}
