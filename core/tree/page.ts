// Pages of a state tree. A leaf holds entries, a branch holds links to the pages one level below; both in key order.
// Bytes: CBOR `[format, level, [item…]]` with item `[key, entry]` or `[first key, hash, entries, bytes]`; the name of a
// page is the SHA-256 of those bytes. A link carries the counts of everything below it, so totals need no walk.

import { AppError, invariant } from '../errors.ts';
import { type Entry, packEntry, sizeOf, unpackEntry } from '../model/entry.ts';
import type { Digest, PageBytes } from '../ports.ts';
import { bytesToHex, elementsOf, fromCbor, hexToBytes, sha256, toCbor } from './digest.ts';

export const formatVersion = 1;
/** No page is larger, whatever names an adversary picks. */
export const pageMaxBytes = 64 * 1024;

/** How much lies below an item, or in a range of keys. */
export interface Totals {
  readonly entries: number;
  readonly bytes: number;
}

export interface LeafItem {
  readonly key: string;
  readonly entry: Entry;
}

export interface Link extends Totals {
  /** The first key below this link. */
  readonly key: string;
  readonly hash: Digest;
}

export interface LeafPage {
  readonly level: 0;
  readonly items: readonly LeafItem[];
  /** What it was decoded from. */
  readonly bytes: Uint8Array;
}

export interface BranchPage {
  readonly level: number;
  readonly items: readonly Link[];
  readonly bytes: Uint8Array;
}

export type Page = LeafPage | BranchPage;

export const isLeaf = (page: Page): page is LeafPage => page.level === 0;

/** An item of any level, with its bytes inside a page. */
export interface PackedItem extends Totals {
  readonly key: string;
  readonly packed: Uint8Array;
}

export const packLeafItem = ({ key, entry }: LeafItem): PackedItem => ({
  key,
  packed: toCbor([key, packEntry(entry)]),
  entries: 1,
  bytes: sizeOf(entry),
});

export const packLink = (link: Link): PackedItem => ({
  key: link.key,
  packed: toCbor([link.key, hexToBytes(link.hash), link.entries, link.bytes]),
  entries: link.entries,
  bytes: link.bytes,
});

/** The items of a page as its bytes have them: none is encoded again. */
export function packItems(page: Page): PackedItem[] {
  const packed = elementsOf(elementsOf(page.bytes)[2]!);
  if (!isLeaf(page)) return page.items.map((link, i) => ({ ...link, packed: packed[i]! }));
  return page.items.map(({ key, entry }, i) => ({
    key,
    packed: packed[i]!,
    entries: 1,
    bytes: sizeOf(entry),
  }));
}

/** A page of already packed items: the header is CBOR by hand, so that no item is encoded twice. */
export function encodePage(level: number, items: readonly PackedItem[]): PageBytes {
  const header = [0x83, ...toCbor(formatVersion), ...toCbor(level), ...arrayHeader(items.length)];
  const bytes = Buffer.concat([Uint8Array.from(header), ...items.map((item) => item.packed)]);
  invariant(bytes.length <= pageMaxBytes, `a page of ${bytes.length} bytes`);
  return { hash: sha256(bytes), bytes };
}

/** The head of a CBOR array differs from that of an unsigned integer in its major type alone (4 for 0). */
function arrayHeader(length: number): Uint8Array {
  const head = toCbor(length);
  head[0] = head[0]! | 0x80;
  return head;
}

/** Parses a page and checks that its bytes are what its name says. */
export function decodePage(hash: Digest, bytes: Uint8Array): Page {
  if (sha256(bytes) !== hash) throw new AppError('damaged', `Page ${hash} does not match its name.`);
  const [format, level, items] = fromCbor<[number, number, unknown[][]]>(bytes);
  if (format !== formatVersion) throw new AppError('damaged', `Page ${hash} has format ${format}.`);
  if (level === 0) {
    const entries = items as [string, unknown[]][];
    return { level, bytes, items: entries.map(([key, packed]) => ({ key, entry: unpackEntry(packed) })) };
  }
  const links = items as [string, Uint8Array, number, number][];
  return {
    level,
    bytes,
    items: links.map(([key, link, entries, size]) => ({ key, hash: bytesToHex(link), entries, bytes: size })),
  };
}

export const totalsOf = (items: readonly Totals[]): Totals => {
  let entries = 0;
  let bytes = 0;
  for (const item of items) {
    entries += item.entries;
    bytes += item.bytes;
  }
  return { entries, bytes };
};

export const emptyPage: PageBytes = encodePage(0, []);
/** The root of the state without entries. */
export const emptyRoot: Digest = emptyPage.hash;
