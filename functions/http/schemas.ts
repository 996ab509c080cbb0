// The shapes that several endpoints share. The rows of the HTTP contract are written with these.

import * as z from 'zod';
import { badInput } from '../../core/errors.ts';
import { kinds } from '../../core/model/path.ts';
import { spaceKinds } from '../../core/model/space.ts';
import { outcomes, type Strategies, strategies } from '../../core/model/strategy.ts';
import { columnTypes } from '../../core/model/table.ts';

/** Names are keys of records too: what cannot be seen or written down has no place in them. */
export const name = z
  .string()
  .trim()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'A name has no control characters.');
export const description = z.string().max(4_096);
export const user = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\s#\p{Cc}\p{Cs}]*$/u, 'A user id has no spaces, no control characters and no #.');
export const digest = z.string().regex(/^[0-9a-f]{64}$/, 'A SHA-256 in lower-case hexadecimal.');
export const size = z.int().min(0);
export const kind = z.enum(kinds);
export const time = z.iso.datetime();
export const state = z.string().describe('`current`, a snapshot id, or `at:` and an RFC 3339 time');

const limit = z.coerce.number().int().min(1).max(1_000).default(100);
const cursor = z.string().max(4_096).optional();

/** The query of a list. */
export const page = z.strictObject({ limit, cursor });
export const pageShape = { limit, cursor };

export const listOf = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), next: z.string().nullable() });

export const toCursor = (position: string | null | undefined): string | null =>
  position === null || position === undefined ? null : Buffer.from(position).toString('base64url');

const unknownCursor = 'Take the cursor from "next" of the page before.';

/** Where a cursor points; one that no list ever gave is refused. */
export function fromCursor(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const position = Buffer.from(text, 'base64url').toString();
  if (toCursor(position) !== text) throw badInput('cursor', unknownCursor);
  return position;
}

/** Where a cursor points in a list whose positions are whole numbers. */
export function fromCountingCursor(text: string | undefined): number | undefined {
  const position = fromCursor(text);
  if (position === undefined) return undefined;
  if (!/^\d{1,15}$/.test(position)) throw badInput('cursor', unknownCursor);
  return Number(position);
}

/** A page of items that came in the order of their `position`: full pages have a next one. */
export const asPage = <T>(items: readonly T[], size: number, position: (item: T) => string) => ({
  items,
  next: items.length === size ? toCursor(position(items.at(-1)!)) : null,
});

const recordBytes = 250_000;
const tooLong = `The list takes more than ${recordBytes} bytes; name folders by prefix instead.`;

/** Lists that are kept in one record are bounded by their bytes too. */
export const fitsRecord = (list: readonly unknown[]): boolean =>
  Buffer.byteLength(JSON.stringify(list)) <= recordBytes;

export const selector = z.strictObject({
  kind,
  path: z.string().optional(),
  prefix: z.string().optional(),
});

export const selectors = z.array(selector).min(1).max(500).refine(fitsRecord, tooLong);

export const stageItem = z.union([
  z.strictObject({ all: z.literal(true), state: state.default('current') }),
  z.strictObject({
    state: state.default('current'),
    kind,
    path: z.string().optional(),
    prefix: z.string().optional(),
    as: z.string().optional(),
  }),
]);
export const stageItems = z.array(stageItem).max(500).refine(fitsRecord, tooLong);

const strategy = z.enum(strategies);

/** Strategies as a request names them, in the plural, each `merge` unless said otherwise. */
export const strategiesGiven = z
  .strictObject({ files: strategy, tables: strategy, apps: strategy })
  .partial();
export const strategiesWanted = strategiesGiven.default({});

export const toStrategies = (wanted: z.output<typeof strategiesWanted>): Strategies => ({
  file: wanted.files ?? 'merge',
  table: wanted.tables ?? 'merge',
  app: wanted.apps ?? 'merge',
});

export const counts = z.object(Object.fromEntries(outcomes.map((outcome) => [outcome, z.int()])));
export const column = z.object({ name: z.string(), type: z.enum(columnTypes) });
export const version = z.object({ root: digest, version: z.int() });

export const spaceView = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(spaceKinds),
  masterInstanceId: z.string(),
  distributedInstanceId: z.string().nullable(),
  createdAt: time,
  createdBy: z.string(),
  historySeconds: z.int().optional().describe('How long past states stay readable by time'),
  historySince: time.optional().describe('Nothing from before is readable by time, whatever the window'),
  safetySnapshotSeconds: z
    .int()
    .optional()
    .describe('How long safety snapshots are kept; for ever if left out'),
  quotaBytes: size.optional().describe('The most that the current state of an instance may hold'),
});

/** What was deleted, and until when it can be brought back. */
export const deletedView = z.object({
  id: z.string(),
  name: z.string(),
  deletedAt: time,
  undeleteUntil: time,
});

export const instanceView = z.object({
  id: z.string(),
  spaceId: z.string(),
  kind: z.enum(['master', 'distributed', 'student', 'group', 'project']),
  name: z.string(),
  description: z.string().optional(),
  owner: z.string().optional(),
  root: digest,
  version: z.int(),
  entries: z.int(),
  bytes: z.int(),
  createdAt: time,
  createdBy: z.string(),
  updatedAt: time,
  quotaBytes: size.nullable().optional().describe("In place of the space's quota"),
});

export const entryView = z.object({
  kind,
  path: z.string(),
  size,
  sha256: digest.optional(),
  mediaType: z.string().optional(),
  executable: z.boolean().optional(),
  rows: z.int().optional(),
  columns: z.int().optional(),
  image: z.string().optional(),
});

export const snapshotView = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  kind: z.enum(['manual', 'safety']),
  version: z.int(),
  root: digest,
  entries: z.int(),
  bytes: z.int(),
  createdAt: time,
  createdBy: z.string(),
});

/** Whether the caller has this already, by `If-None-Match`. */
export const isKnown = (headers: Readonly<Record<string, string | undefined>>, etag: string): boolean =>
  (headers['if-none-match'] ?? '').split(',').some((known) => {
    const tag = known.trim().replace(/^W\//, '');
    return tag === etag || tag === '*';
  });

/** The root a write was based on, from `If-Match`; `*` and absence mean any. */
export function ifMatch(headers: Readonly<Record<string, string | undefined>>): string | undefined {
  const value = headers['if-match']?.trim();
  if (value === undefined || value === '*') return undefined;
  return value.replace(/^W\//, '').replace(/^"(.*)"$/, '$1');
}

export const quoted = (tag: string): string => `"${tag}"`;
