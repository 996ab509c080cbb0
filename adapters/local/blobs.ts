// Blobs as files: `blobs/<first two digits>/<sha256>.<version>`, written under a temporary name, synced and renamed, so
// that a file with its name is whole. A table says which version of a hash counts; whoever enters it first wins.

import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../core/errors.ts';
import type { BlobRef, Blobs, ByteRange, Digest, Download, SignedPut } from '../../core/ports.ts';
import { sha256 as digest } from '../../core/tree/digest.ts';
import type { Database } from './database.ts';
import type { SignedUrls } from './signed-urls.ts';

interface PartSize {
  readonly sha256: Digest;
  readonly size: number;
}

export class LocalBlobs implements Blobs {
  readonly #directory: string;
  readonly #database: Database;
  readonly #urls: SignedUrls;

  constructor(directory: string, database: Database, urls: SignedUrls) {
    this.#directory = directory;
    this.#database = database;
    this.#urls = urls;
    database.handle.exec(
      'CREATE TABLE IF NOT EXISTS blobs (sha256 TEXT PRIMARY KEY, version TEXT NOT NULL, size INTEGER NOT NULL)',
    );
  }

  async put(sha256: Digest, bytes: Uint8Array): Promise<BlobRef> {
    if (digest(bytes) !== sha256)
      throw new AppError('checksum-mismatch', `The bytes are not those of ${sha256}.`);
    return this.#enter(sha256, bytes.length, (file) => writeWhole(file, bytes));
  }

  async get(ref: BlobRef, range?: ByteRange): Promise<Uint8Array> {
    const file = await this.#open(ref);
    try {
      if (range) return await readExactly(file, range);
      const bytes = await file.readFile();
      if (digest(bytes) !== ref.sha256) throw new AppError('damaged', `Blob ${ref.sha256} has other bytes.`);
      return bytes;
    } finally {
      await file.close();
    }
  }

  async deleteVersion({ sha256, version }: BlobRef): Promise<void> {
    await this.#database.write(() =>
      this.#database.prepare('DELETE FROM blobs WHERE sha256 = ? AND version = ?').run(sha256, version),
    );
    await rm(this.pathOf({ sha256, version }), { force: true });
  }

  async list(after = '', limit = 1_000): Promise<BlobRef[]> {
    const sql = 'SELECT sha256, version FROM blobs WHERE sha256 > ? ORDER BY sha256 LIMIT ?';
    return this.#database.prepare(sql).all(after, limit) as unknown as BlobRef[];
  }

  async signPut(slot: string, part: PartSize, expiresAt: number): Promise<SignedPut> {
    return {
      url: this.#urls.sign({ use: 'put', slot, ...part }, expiresAt),
      headers: { 'x-amz-checksum-sha256': Buffer.from(part.sha256, 'hex').toString('base64') },
    };
  }

  async promote(slot: string, { sha256, size }: PartSize): Promise<BlobRef> {
    const from = this.slotPath(slot);
    const found = await stat(from).catch(() => undefined);
    if (found?.size !== size) throw new AppError('not-found', `Nothing was uploaded to ${slot}.`);
    return this.#enter(sha256, size, (file) => link(from, file));
  }

  async discard(slot: string): Promise<void> {
    await rm(this.slotPath(slot), { force: true });
    const folder = dirname(this.slotPath(slot));
    const left = await readdir(folder).catch(() => undefined);
    if (left?.length === 0) await rm(folder, { recursive: true, force: true });
  }

  async signGet(refs: readonly BlobRef[], download: Download, expiresAt: number): Promise<string> {
    return this.#urls.sign({ use: 'get', refs, ...download }, expiresAt);
  }

  /** Where the bytes of a blob version are, for the server of signed URLs. */
  pathOf({ sha256, version }: BlobRef): string {
    return join(this.#directory, 'blobs', sha256.slice(0, 2), `${sha256}.${version}`);
  }

  /** Where an upload of that slot goes. */
  slotPath(slot: string): string {
    return join(this.#directory, 'uploads', slot);
  }

  async #enter(sha256: Digest, size: number, fill: (file: string) => Promise<void>): Promise<BlobRef> {
    const known = this.#current(sha256);
    if (known) return known;
    const ref = { sha256, version: randomUUID() };
    const file = this.pathOf(ref);
    await mkdir(dirname(file), { recursive: true });
    await fill(file);
    await syncDirectory(dirname(file));
    const winner = await this.#database.write(() => {
      const sql = 'INSERT OR IGNORE INTO blobs (sha256, version, size) VALUES (?, ?, ?)';
      this.#database.prepare(sql).run(sha256, ref.version, size);
      return this.#current(sha256)!;
    });
    if (winner.version !== ref.version) await rm(file, { force: true });
    return winner;
  }

  #current(sha256: Digest): BlobRef | undefined {
    const row = this.#database.prepare('SELECT version FROM blobs WHERE sha256 = ?').get(sha256);
    return row && { sha256, version: row.version as string };
  }

  async #open(ref: BlobRef) {
    try {
      return await open(this.pathOf(ref), 'r');
    } catch (cause) {
      throw new AppError('damaged', `Blob ${ref.sha256} is missing.`, { cause });
    }
  }
}

/** Writes a file under another name, syncs it, and gives it its name. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.draft`;
  const file = await open(draft, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await link(draft, path);
  await rm(draft);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function readExactly(
  file: Awaited<ReturnType<typeof open>>,
  { offset, length }: ByteRange,
): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  if (bytesRead !== length) throw new AppError('damaged', 'A blob is shorter than it was.');
  return buffer;
}
