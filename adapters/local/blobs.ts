// Small blobs are rows of the database, where one commit keeps many; larger ones are files, each synced by itself:
// `blobs/<first two digits>/<sha256>.<version>`. A version counts from when the table names it, and by then its file and
// its name are whole and synced; the first to enter a hash wins, unless its version is doomed. What an upload sent waits in
// `uploads/<slot>/<sha256>`. A kill may leave a file that no table names: it takes room and does no harm.

import { randomUUID } from 'node:crypto';
import { createReadStream, mkdirSync } from 'node:fs';
import { link, mkdir, open, rm, rmdir, stat, writeFile } from 'node:fs/promises';
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

/** Up to this size reading and writing a row takes less than a file of its own. */
export const rowMaxBytes = 64 * 1024;

/** More than these are listed in a table, for clients and proxies cut off URLs at some 8 KiB. */
const maxRefsInUrl = 16;

export class LocalBlobs implements Blobs {
  readonly #directory: string;
  readonly #database: Database;
  readonly #urls: SignedUrls;
  readonly #folders = new Map<string, Promise<void>>();

  constructor(directory: string, database: Database, urls: SignedUrls) {
    this.#directory = directory;
    this.#database = database;
    this.#urls = urls;
    for (const folder of ['blobs', 'uploads']) mkdirSync(join(directory, folder), { recursive: true });
    database.handle.exec(
      `CREATE TABLE IF NOT EXISTS blobs (
         sha256 TEXT NOT NULL, version TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (sha256, version)) WITHOUT ROWID;
       CREATE TABLE IF NOT EXISTS contents (version TEXT PRIMARY KEY, bytes BLOB NOT NULL);
       CREATE TABLE IF NOT EXISTS downloads (list TEXT PRIMARY KEY, refs TEXT NOT NULL, expires_at INTEGER NOT NULL)`,
    );
  }

  async put(sha256: Digest, bytes: Uint8Array, doomed?: string): Promise<BlobRef> {
    if (digest(bytes) !== sha256)
      throw new AppError('checksum-mismatch', `The bytes are not those of ${sha256}.`);
    if (bytes.length <= rowMaxBytes) return this.#enterRow(sha256, bytes, doomed);
    const fill = (file: string) => writeFile(file, bytes, { flag: 'wx', flush: true });
    return this.#enter({ sha256, size: bytes.length }, fill, doomed);
  }

  async get(ref: BlobRef, range?: ByteRange): Promise<Uint8Array> {
    const row = this.#row(ref);
    if (row) return range ? stretchOf(row, range) : sound(ref, row);
    const file = await ifThere(open(this.pathOf(ref), 'r'));
    if (!file) throw missing(ref);
    try {
      return range ? await readExactly(file, range) : sound(ref, await file.readFile());
    } finally {
      await file.close();
    }
  }

  async deleteVersion({ sha256, version }: BlobRef): Promise<void> {
    await this.#database.write(() => {
      this.#database.prepare('DELETE FROM blobs WHERE sha256 = ? AND version = ?').run(sha256, version);
      this.#database.prepare('DELETE FROM contents WHERE version = ?').run(version);
    });
    await rm(this.pathOf({ sha256, version }), { force: true });
  }

  async list(after = '', limit = 1_000): Promise<BlobRef[]> {
    const sql = `SELECT sha256, version FROM blobs WHERE sha256 IN (
        SELECT DISTINCT sha256 FROM blobs WHERE sha256 > ? ORDER BY sha256 LIMIT ?) ORDER BY sha256, version`;
    return this.#database.prepare(sql).all(after, limit) as unknown as BlobRef[];
  }

  async signPut(slot: string, { sha256, size }: PartSize, expiresAt: number): Promise<SignedPut> {
    return {
      url: this.#urls.sign({ use: 'put', slot, sha256, size }, expiresAt),
      headers: { 'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64') },
    };
  }

  async promote(slot: string, part: PartSize, doomed?: string): Promise<BlobRef> {
    const sent = this.uploadPath(slot, part.sha256);
    const found = await ifThere(stat(sent));
    if (found?.size !== part.size) throw new AppError('not-found', `Nothing was uploaded to ${slot}.`);
    return this.#enter(part, (file) => link(sent, file), doomed);
  }

  async discard(slot: string): Promise<void> {
    const folder = join(this.#directory, 'uploads', slot);
    await rm(folder, { recursive: true, force: true });
    await rmdir(dirname(folder)).catch(() => undefined); // stays while it has other slots
  }

  async signGet(refs: readonly BlobRef[], download: Download, expiresAt: number): Promise<string> {
    const blobs = refs.map(({ sha256, version }) => ({ sha256, version }));
    const named = blobs.length > maxRefsInUrl ? await this.#keepList(blobs, expiresAt) : blobs;
    const { mediaType, fileName } = download;
    return this.#urls.sign({ use: 'get', refs: named, mediaType, fileName }, expiresAt);
  }

  /** The refs that a signed URL names. */
  refsOf(named: string | BlobRef[]): BlobRef[] {
    if (typeof named !== 'string') return named;
    const row = this.#database.prepare('SELECT refs FROM downloads WHERE list = ?').get(named);
    return JSON.parse(row!.refs as string) as BlobRef[];
  }

  /** The bytes of a stretch of a blob, one piece after the other. */
  async *pieces(ref: BlobRef, range: ByteRange): AsyncGenerator<Uint8Array> {
    const row = this.#row(ref);
    if (row) yield stretchOf(row, range);
    else
      yield* createReadStream(this.pathOf(ref), {
        start: range.offset,
        end: range.offset + range.length - 1,
      });
  }

  /** Where the bytes of a blob version are that is a file. */
  pathOf({ sha256, version }: BlobRef): string {
    return join(this.#directory, 'blobs', sha256.slice(0, 2), `${sha256}.${version}`);
  }

  /** How many bytes a blob version has; `damaged` when what is there has not as many. */
  async sizeOf(ref: BlobRef): Promise<number> {
    const sql = 'SELECT size FROM blobs WHERE sha256 = ? AND version = ?';
    const entered = this.#database.prepare(sql).get(ref.sha256, ref.version);
    const size = this.#row(ref)?.length ?? (await ifThere(stat(this.pathOf(ref))))?.size;
    if (size === undefined || size !== entered?.size) throw missing(ref);
    return size;
  }

  /** Where an upload of these bytes to that slot goes. */
  uploadPath(slot: string, sha256: Digest): string {
    return join(this.#directory, 'uploads', slot, sha256);
  }

  #enterRow(sha256: Digest, bytes: Uint8Array, doomed: string | undefined): BlobRef {
    const known = this.#current(sha256, doomed);
    if (known) return known;
    const ref = { sha256, version: randomUUID() };
    return this.#database.settle(() => {
      const winner = this.#winner(ref, bytes.length, doomed);
      if (winner.version === ref.version)
        this.#database.prepare('INSERT INTO contents (version, bytes) VALUES (?, ?)').run(ref.version, bytes);
      return winner;
    });
  }

  #row({ sha256, version }: BlobRef): Uint8Array | undefined {
    const sql = 'SELECT bytes FROM blobs JOIN contents USING (version) WHERE sha256 = ? AND version = ?';
    const row = this.#database.prepare(sql).get(sha256, version);
    return row?.bytes as Uint8Array | undefined;
  }

  async #enter(
    { sha256, size }: PartSize,
    fill: (file: string) => Promise<void>,
    doomed: string | undefined,
  ): Promise<BlobRef> {
    const known = this.#current(sha256, doomed);
    if (known) return known;
    const ref = { sha256, version: randomUUID() };
    const file = this.pathOf(ref);
    const folder = dirname(file);
    await this.#makeFolder(folder);
    await fill(file).catch(async (error) => {
      await rm(file, { force: true });
      throw error;
    });
    await syncFolder(folder);
    const winner = await this.#database.write(() => this.#winner(ref, size, doomed));
    if (winner.version !== ref.version) await rm(file, { force: true });
    return winner;
  }

  /** Enters a version, unless another is there: then that one. */
  #winner(ref: BlobRef, size: number, doomed: string | undefined): BlobRef {
    const there = this.#current(ref.sha256, doomed);
    if (there) return there;
    const sql = 'INSERT INTO blobs (sha256, version, size) VALUES (?, ?, ?)';
    this.#database.prepare(sql).run(ref.sha256, ref.version, size);
    return ref;
  }

  #current(sha256: Digest, doomed = ''): BlobRef | undefined {
    const sql = 'SELECT version FROM blobs WHERE sha256 = ? AND version <> ? LIMIT 1';
    const row = this.#database.prepare(sql).get(sha256, doomed);
    return row && { sha256, version: row.version as string };
  }

  /** Once a process; whoever needs the folder waits until its name is durable too. */
  #makeFolder(path: string): Promise<void> {
    const made =
      this.#folders.get(path) ?? mkdir(path, { recursive: true }).then(() => syncFolder(dirname(path)));
    this.#folders.set(path, made);
    made.catch(() => this.#folders.delete(path));
    return made;
  }

  /** Keeps a list of refs for as long as a URL names it, and forgets those that no URL names any more. */
  async #keepList(refs: readonly BlobRef[], expiresAt: number): Promise<string> {
    const text = JSON.stringify(refs);
    const list = digest(text);
    await this.#database.write(() => {
      this.#database.prepare('DELETE FROM downloads WHERE expires_at < ?').run(this.#urls.now());
      const sql = `INSERT INTO downloads (list, refs, expires_at) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET expires_at = max(expires_at, excluded.expires_at)`;
      this.#database.prepare(sql).run(list, text, expiresAt);
    });
    return list;
  }
}

function sound(ref: BlobRef, bytes: Uint8Array): Uint8Array {
  if (digest(bytes) !== ref.sha256) throw new AppError('damaged', `Blob ${ref.sha256} has other bytes.`);
  return bytes;
}

function stretchOf(bytes: Uint8Array, { offset, length }: ByteRange): Uint8Array {
  if (offset + length > bytes.length) throw new AppError('damaged', 'A blob is shorter than it was.');
  return bytes.subarray(offset, offset + length);
}

const missing = ({ sha256 }: BlobRef): AppError =>
  new AppError('damaged', `Blob ${sha256} is missing, or not whole.`);

/** Undefined where there is no such file. */
const ifThere = <T>(found: Promise<T>): Promise<T | undefined> =>
  found.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
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
