// Looking into states: listings, with folders folded, and the difference of two states.

import { type Entry, sizeOf } from '../model/entry.ts';
import { areaOf, compareKeys, fromKey, type Kind, kinds } from '../model/path.ts';
import type { Digest } from '../ports.ts';
import { diff } from '../tree/diff.ts';
import { listFolders } from '../tree/folders.ts';
import type { Totals } from '../tree/page.ts';
import { fileSha256 } from './blobs.ts';
import { type Call, reader } from './call.ts';

/** An entry as a listing shows it. */
export interface EntrySummary {
  readonly kind: Kind;
  readonly path: string;
  readonly size: number;
  readonly sha256?: string | undefined;
  readonly mediaType?: string;
  readonly executable?: boolean;
  readonly rows?: number;
  readonly columns?: number;
  readonly image?: string;
}

export interface FolderSummary extends Totals {
  readonly kind: Kind;
  readonly prefix: string;
}

export function summarize(key: string, entry: Entry): EntrySummary {
  const common = { ...fromKey(key), size: sizeOf(entry) };
  if (entry.kind === 'table') return { ...common, rows: entry.rows, columns: entry.columns.length };
  if (entry.kind === 'app') return { ...common, image: entry.image };
  const { mediaType, executable } = entry;
  return { ...common, sha256: fileSha256(entry), mediaType, executable };
}

export interface Listing<T> {
  readonly items: readonly T[];
  /** Where the next page begins, as the key of its first possible item. */
  readonly next: string | null;
}

export interface ListWanted {
  readonly kind?: Kind | undefined;
  readonly prefix: string;
  readonly delimiter?: string | undefined;
  readonly limit: number;
  readonly from?: string | undefined;
}

/** A page of a listing. Opens the pages of the tree that it shows, and two per folded folder. */
export async function listEntries(
  call: Call,
  root: Digest,
  wanted: ListWanted,
): Promise<Listing<EntrySummary | FolderSummary>> {
  const items: (EntrySummary | FolderSummary)[] = [];
  const areas = kinds.filter((kind) => wanted.kind === undefined || kind === wanted.kind).map(areaOf);
  for (const area of areas.sort(compareKeys)) {
    const { from, delimiter } = wanted;
    const past = from !== undefined && compareKeys(from, area) > 0 && !from.startsWith(area);
    if (past) continue;
    for await (const item of listFolders(reader(call), root, area + wanted.prefix, { from, delimiter })) {
      const key = 'folder' in item ? item.folder : item.key;
      if (items.length === wanted.limit) return { items, next: key };
      if ('folder' in item) {
        const { kind, path: prefix } = fromKey(key);
        items.push({ kind, prefix, entries: item.entries, bytes: item.bytes });
      } else items.push(summarize(key, item.entry));
    }
  }
  return { items, next: null };
}

export interface ChangeSummary {
  readonly kind: Kind;
  readonly path: string;
  readonly change: 'added' | 'removed' | 'modified';
  readonly from?: EntrySummary;
  readonly to?: EntrySummary;
}

/** A page of what differs between two states. Opens only pages that differ. */
export async function diffStates(
  call: Call,
  roots: { readonly from: Digest; readonly to: Digest },
  limit: number,
  after: string | undefined,
): Promise<Listing<ChangeSummary>> {
  const items: ChangeSummary[] = [];
  for await (const { key, from, to } of diff(reader(call), roots.from, roots.to, { from: after })) {
    if (items.length === limit) return { items, next: key };
    items.push({
      ...fromKey(key),
      change: from ? (to ? 'modified' : 'removed') : 'added',
      ...(from && { from: summarize(key, from) }),
      ...(to && { to: summarize(key, to) }),
    });
  }
  return { items, next: null };
}
