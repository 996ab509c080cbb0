// What the core needs from the outside, with the contract of each method. The contracts are proved on every adapter by
// the suites in `test/contract/`. No method names a vendor; differences between sides stay inside the adapters.

import type { ColumnType, TableFormat } from './model/table.ts';

/** A record's address: all records of one partition are ordered by `sort`, compared as UTF-8 bytes. */
export interface RecordKey {
  readonly partition: string;
  readonly sort: string;
}

/** `value` is plain JSON. `revision` changes with every write of the record. */
export interface StoredRecord<T = unknown> extends RecordKey {
  readonly revision: string;
  readonly value: T;
}

/** When a write may happen: the record is absent, is there, or still has the revision that was read. */
export type Condition = 'absent' | 'present' | { readonly revision: string };

export type RecordWrite =
  | { readonly put: RecordKey; readonly value: unknown; readonly if?: Condition }
  | { readonly delete: RecordKey; readonly if?: Condition }
  | { readonly check: RecordKey; readonly if: Condition };

export interface RecordQuery {
  readonly partition: string;
  /** Only sorts that begin with this. */
  readonly prefix: string;
  /** Only sorts after (in reverse order: before) this one. */
  readonly after?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** Small ordered documents with conditional, atomic batches. */
export interface Records {
  /** Strongly consistent: a write that was answered is seen. */
  get<T>(key: RecordKey): Promise<StoredRecord<T> | undefined>;
  /** The records of `keys` that exist, in no order. Strongly consistent. */
  getMany<T>(keys: readonly RecordKey[]): Promise<StoredRecord<T>[]>;
  /** Ordered by sort, at most `limit` (default 1,000) of them. Strongly consistent. */
  query<T>(query: RecordQuery): Promise<StoredRecord<T>[]>;
  /**
   * All or nothing, at most 100 writes, no key twice. A condition that does not hold throws `conflict` and changes
   * nothing. Safe to repeat after a lost answer: a batch that was in fact applied is not reported as a conflict by the
   * adapter's own retries, but a caller's repeat is a new batch. Durable when it resolves; with `soon`, which is for what
   * is worth nothing without a later write, durable before that write is.
   */
  write(batch: readonly RecordWrite[], durable?: 'soon'): Promise<void>;
}

/** Hexadecimal SHA-256. */
export type Digest = string;

export interface PageBytes {
  readonly hash: Digest;
  readonly bytes: Uint8Array;
}

/** A page that is there, and since when (epoch ms) it is condemned. */
export interface ListedPage {
  readonly hash: Digest;
  readonly condemnedAt?: number;
}

/** Immutable tree pages, named by the SHA-256 of their bytes. */
export interface Pages {
  /** A page that was put is found, from then on. `not-found` is thrown as `damaged`: a root promised it. */
  get(hash: Digest): Promise<Uint8Array>;
  getMany(hashes: readonly Digest[]): Promise<PageBytes[]>;
  /**
   * Idempotent; the pages are durable before any record is that is written after this resolved. Order among pages is not
   * promised. A page that is condemned is rescued by putting it again.
   */
  putMany(pages: readonly PageBytes[]): Promise<void>;
  /** Every page there is, in an order of the store's own; `after` is the last of the stretch before. Fewer than `limit` are the last. */
  list(after?: Digest, limit?: number): Promise<ListedPage[]>;
  /** Condemns pages at a time (epoch ms). One that is condemned already keeps its time; one that is not there stays absent. */
  condemn(hashes: readonly Digest[], at: number): Promise<void>;
  /** Lifts the mark of condemned pages. */
  rescue(hashes: readonly Digest[]): Promise<void>;
  /** Deletes those pages that are still condemned, at `until` or before; answers which of all these are not there now. */
  deleteCondemned(hashes: readonly Digest[], until: number): Promise<Digest[]>;
}

/** Where a blob's bytes are: the version is given by the store at the put and never changes. */
export interface BlobRef {
  readonly sha256: Digest;
  readonly version: string;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface SignedPut {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a signed download tells the client about itself. */
export interface Download {
  readonly mediaType: string;
  readonly fileName: string;
}

/** Immutable bytes named by their SHA-256, each with the version that the store gave it. */
export interface Blobs {
  /**
   * Put if absent; the same bytes twice is success and answers the version that is there. Durable before any record is
   * that is written after this resolved. Bytes that do not match the hash: `checksum-mismatch`, and nothing is stored.
   * The version `doomed` is about to be deleted and counts as absent: of two who put past it at once, each may get a
   * version of its own.
   */
  put(sha256: Digest, bytes: Uint8Array, doomed?: string): Promise<BlobRef>;
  /** The bytes, or the range of them; `damaged` when they are not there or are not what the hash says (whole reads). */
  get(ref: BlobRef, range?: ByteRange): Promise<Uint8Array>;
  /** Deletes this version only. Deleting what is gone is success; a later put makes a new version. */
  deleteVersion(ref: BlobRef): Promise<void>;
  /** Every version there is of the first `limit` hashes after one, in their order. */
  list(after?: Digest, limit?: number): Promise<BlobRef[]>;
  /** A URL, valid until `expiresAt` (epoch ms), that takes exactly these bytes once into the upload area at `slot`. */
  signPut(slot: string, part: { sha256: Digest; size: number }, expiresAt: number): Promise<SignedPut>;
  /**
   * Makes a blob of the bytes in a slot, if absent. The slot stays filled until it is discarded, so this can be
   * repeated. `not-found` when the slot is empty. `doomed` as in `put`.
   */
  promote(slot: string, part: { sha256: Digest; size: number }, doomed?: string): Promise<BlobRef>;
  /** Empties a slot of the upload area; success when it is empty already. */
  discard(slot: string): Promise<void>;
  /** A URL, valid until `expiresAt`, that answers these blobs' bytes one after the other and honours `Range`. */
  signGet(refs: readonly BlobRef[], download: Download, expiresAt: number): Promise<string>;
}

export type ExecutionStatus = 'running' | 'succeeded' | 'failed' | 'stopped';

/** Long work, written down in `workflows/*.asl.json`. */
export interface Workflows {
  /** Starts the workflow under this id. The same id again is success and starts nothing. Survives a crash. */
  start(workflow: string, id: string, input: Readonly<Record<string, unknown>>): Promise<void>;
  /** No further step begins; a step under way may end. Stopping what has ended or never was is success. */
  stop(workflow: string, id: string): Promise<void>;
  status(workflow: string, id: string): Promise<ExecutionStatus | undefined>;
}

/** A public key as a JSON Web Key. */
export type PublicKey = Readonly<Record<string, unknown>>;

/** Signs statements so that anyone with the public key can check them offline. */
export interface Receipts {
  /** The statement as a compact JWS. */
  sign(statement: Readonly<Record<string, unknown>>): Promise<string>;
  /** The statement, or undefined when the signature is not of one of our keys. */
  verify(receipt: string): Promise<Record<string, unknown> | undefined>;
  /** The public keys by which receipts may be checked. */
  keys(): Promise<PublicKey[]>;
}

/** Something that happened, for whoever listens. The same `id` means the same event told again. */
export interface Event {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Events {
  /** The events are on the bus when this resolves; delivery is at least once, in no promised order. */
  publish(events: readonly Event[]): Promise<void>;
}

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** One part as it was encoded: a Parquet file and how many rows it has. */
export interface EncodedPart {
  readonly bytes: Uint8Array;
  readonly rows: number;
}

export interface ParsedTable {
  readonly columns: readonly Column[];
  readonly parts: readonly EncodedPart[];
}

export type Cell = string | number | boolean | null | Cell[] | { readonly [key: string]: Cell };

/** Reads bytes of a part: `size` in all, `read` any stretch. */
export interface PartSource {
  readonly size: number;
  read(range: ByteRange): Promise<Uint8Array>;
}

/** Translates tables between their outside forms and Parquet parts. Pure: the same bytes give the same parts. */
export interface Tables {
  /** `bad-table` names line and column. With `columns`, the rows must fit them (append). */
  parse(bytes: Uint8Array, format: TableFormat, columns?: readonly Column[]): Promise<ParsedTable>;
  /** Rows `from` to `to` (exclusive) of one part, each as a list in the order of `columns`. */
  rows(part: PartSource, columns: readonly Column[], from: number, to: number): Promise<Cell[][]>;
  /** Several parts of one table as a single part. */
  join(parts: readonly PartSource[], columns: readonly Column[]): Promise<EncodedPart>;
}

/** Everything the core needs, opened by `adapters/open.ts`. */
export interface Ports {
  readonly records: Records;
  readonly pages: Pages;
  readonly blobs: Blobs;
  readonly workflows: Workflows;
  readonly events: Events;
  readonly receipts: Receipts;
  readonly tables: Tables;
  /** The server's clock, in epoch milliseconds. */
  readonly now: () => number;
  /** 16 random bytes. */
  readonly random: () => Uint8Array;
  readonly settings: Settings;
}

/** What an operator may choose. */
export interface Settings {
  /** How long past states stay readable by time. */
  readonly historySeconds: number;
  /** How long condemned data waits before it goes. */
  readonly graceSeconds: number;
}
