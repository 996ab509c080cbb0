// The entries of a state: files, tables and applications, and their form inside a page (docs/format.md).

import { AppError, invariant } from '../errors.ts';
import type { Column, Digest } from '../ports.ts';
import { bytesToHex, hexToBytes, toCbor } from '../tree/digest.ts';
import type { Kind } from './path.ts';
import { columnTypes } from './table.ts';

/** A stretch of content: a blob and its size in bytes. */
export interface Part {
  readonly sha256: Digest;
  readonly size: number;
}

export interface FileEntry {
  readonly kind: 'file';
  readonly size: number;
  readonly executable: boolean;
  readonly mediaType: string;
  readonly parts: readonly Part[];
}

export interface TablePart extends Part {
  readonly rows: number;
}

export interface TableEntry {
  readonly kind: 'table';
  readonly columns: readonly Column[];
  readonly rows: number;
  readonly parts: readonly TablePart[];
}

export interface AppEntry {
  readonly kind: 'app';
  /** The image with its digest. */
  readonly image: string;
  readonly command: readonly string[];
  /** CPU (cores), memory and disk (bytes), by name. */
  readonly resources: Readonly<Record<string, number>>;
  /** The lock file of the installed packages. */
  readonly packages?: Part;
  /** Configuration as JSON text: inside the entry up to 4 KiB, above as a blob. */
  readonly config?: string | Part;
}

export type Entry = FileEntry | TableEntry | AppEntry;

export const partMaxBytes = 64 * 1024 * 1024;
/** So that an entry always fits a page (64 KiB): 512 parts of 64 MiB are 32 GiB. */
export const maxFileParts = 512;
export const maxEntryBytes = 24 * 1024;
export const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Everything of an entry that is stored as a blob. */
export function partsOf(entry: Entry): readonly Part[] {
  if (entry.kind !== 'app') return entry.parts;
  const parts: Part[] = [];
  if (entry.packages) parts.push(entry.packages);
  if (typeof entry.config === 'object') parts.push(entry.config);
  return parts;
}

/** Logical bytes: what a reader of the entry would receive. */
export function sizeOf(entry: Entry): number {
  if (entry.kind === 'file') return entry.size;
  const inline = entry.kind === 'app' && typeof entry.config === 'string' ? utf8Length(entry.config) : 0;
  return partsOf(entry).reduce((sum, part) => sum + part.size, inline);
}

const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

type Packed = unknown[];
const packPart = (part: Part): Packed => [hexToBytes(part.sha256), part.size];
const unpackPart = ([hash, size]: Packed): Part => ({
  sha256: bytesToHex(hash as Uint8Array),
  size: size as number,
});

/** The compact form inside a leaf page: an array that begins with the kind's number. */
export function packEntry(entry: Entry): Packed {
  switch (entry.kind) {
    case 'file':
      return [0, entry.size, entry.executable, entry.mediaType, entry.parts.map(packPart)];
    case 'table': {
      const columns = entry.columns.map((c) => [c.name, columnTypes.indexOf(c.type)]);
      return [1, entry.rows, columns, entry.parts.map((p) => [...packPart(p), p.rows])];
    }
    case 'app': {
      const config = typeof entry.config === 'object' ? packPart(entry.config) : (entry.config ?? null);
      const packages = entry.packages ? packPart(entry.packages) : null;
      return [2, entry.image, entry.command, entry.resources, packages, config];
    }
  }
}

export function unpackEntry(packed: Packed): Entry {
  const [tag, ...rest] = packed;
  if (tag === 0) {
    const [size, executable, mediaType, parts] = rest as [number, boolean, string, Packed[]];
    return { kind: 'file', size, executable, mediaType, parts: parts.map(unpackPart) };
  }
  if (tag === 1) {
    const [rows, columns, parts] = rest as [number, [string, number][], Packed[]];
    return {
      kind: 'table',
      columns: columns.map(([name, type]) => ({ name, type: columnTypes[type]! })),
      rows,
      parts: parts.map((p) => ({ ...unpackPart(p), rows: p[2] as number })),
    };
  }
  invariant(tag === 2, `unknown entry kind ${String(tag)}`);
  const [image, command, resources, packages, config] = rest as [
    string,
    string[],
    Record<string, number>,
    Packed | null,
    Packed | string | null,
  ];
  return {
    kind: 'app',
    image,
    command,
    resources,
    ...(packages && { packages: unpackPart(packages) }),
    ...(config !== null && { config: typeof config === 'string' ? config : unpackPart(config) }),
  };
}

/** Refuses an entry that could not share a page with others, and says what to make smaller. */
export function checkEntrySize(kind: Kind, path: string, entry: Entry): void {
  const bytes = toCbor(packEntry(entry)).length;
  if (bytes <= maxEntryBytes) return;
  const what = kind === 'table' ? 'fewer or shorter column names' : 'fewer parts or a shorter description';
  throw new AppError('too-large', `The description of ${kind} "${path}" takes ${bytes} bytes; use ${what}.`);
}

function same(a: Entry, b: Entry): boolean {
  if (a.kind === 'file' && b.kind === 'file')
    return (
      a.size === b.size &&
      a.executable === b.executable &&
      a.mediaType === b.mediaType &&
      a.parts.length === b.parts.length &&
      a.parts.every(({ sha256, size }, i) => sha256 === b.parts[i]!.sha256 && size === b.parts[i]!.size)
    );
  return a.kind === b.kind && Buffer.compare(toCbor(packEntry(a)), toCbor(packEntry(b))) === 0;
}

/** Equal content, or both absent. */
export const sameEntry = (a: Entry | undefined, b: Entry | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && same(a, b));
