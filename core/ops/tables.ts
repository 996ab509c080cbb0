// Tables: replaced whole, or appended to. An append stores the new rows as parts of their own and reuses the old ones;
// when the parts become many, the small ones at the end are joined.

import { badInput } from '../errors.ts';
import type { TableEntry, TablePart } from '../model/entry.ts';
import { sizeOf } from '../model/entry.ts';
import { toKey } from '../model/path.ts';
import { maxTableParts, rowsPerPart, type TableFormat } from '../model/table.ts';
import type { Cell, Column, EncodedPart, ParsedTable, Ports } from '../ports.ts';
import { getEntry } from '../tree/walk.ts';
import { partSource, readFile, storeBlob } from './blobs.ts';
import { type Call, reader } from './call.ts';
import { requireEntry, requireFile } from './files.ts';
import { inParallel } from './retry.ts';
import { save } from './save.ts';
import { resolveState } from './states.ts';

/** A file is parsed in memory. */
const maxImportBytes = 256 * 1024 * 1024;

export interface TableData {
  readonly bytes: Uint8Array;
  readonly format: TableFormat;
}

export interface TableSummary {
  readonly columns: readonly Column[];
  readonly rows: number;
  readonly bytes: number;
}

export const tableSummary = (entry: TableEntry): TableSummary => ({
  columns: entry.columns,
  rows: entry.rows,
  bytes: sizeOf(entry),
});

const formats: readonly [ending: string, format: TableFormat][] = [
  ['.csv', 'csv'],
  ['.ndjson', 'ndjson'],
  ['.jsonl', 'ndjson'],
  ['.parquet', 'parquet'],
];

/** The content of a file that is already in some state of the instance. */
export async function tableDataOf(
  call: Call,
  instance: string,
  from: { state?: string | undefined; path: string },
): Promise<TableData> {
  const { root } = await resolveState(call, instance, from.state ?? 'current', '/from/state');
  const file = await requireFile(call, root, from.path);
  const format = formats.find(([ending]) => from.path.toLowerCase().endsWith(ending))?.[1];
  if (!format) throw badInput('/from/path', 'Tables are made from .csv, .ndjson, .jsonl and .parquet files.');
  if (file.size > maxImportBytes)
    throw badInput(
      '/from/path',
      `A table is made from at most ${maxImportBytes} bytes at once.`,
      'too-large',
    );
  return { bytes: await readFile(call.ports, file), format };
}

export async function putTable(
  call: Call,
  instance: string,
  table: string,
  data: TableData,
  ifMatch?: string,
): Promise<TableSummary> {
  const entry = await tableEntry(call.ports, data);
  await save(call, instance, { ifMatch }, async () => [{ key: toKey('table', table), entry }]);
  return tableSummary(entry);
}

export async function tableEntry(ports: Ports, { bytes, format }: TableData): Promise<TableEntry> {
  return entryOf(await storeTable(ports, await ports.tables.parse(bytes, format)));
}

export async function appendRows(
  call: Call,
  instance: string,
  table: string,
  data: TableData,
  ifMatch?: string,
): Promise<TableSummary> {
  const { ports } = call;
  const key = toKey('table', table);
  const saved = await save(call, instance, { ifMatch }, async (root) => {
    const before = await requireEntry(call, root, 'table', table);
    const parsed = await ports.tables.parse(data.bytes, data.format, before.columns);
    const { parts } = await storeTable(ports, parsed);
    const all = await withFewParts(ports, before.columns, [...before.parts, ...parts]);
    return [{ key, entry: entryOf({ columns: before.columns, parts: all }) }];
  });
  return tableSummary((await getEntry(reader(call), saved.root, key)) as TableEntry);
}

interface StoredTable {
  readonly columns: readonly Column[];
  readonly parts: readonly TablePart[];
}

const entryOf = ({ columns, parts }: StoredTable): TableEntry => ({
  kind: 'table',
  columns,
  parts,
  rows: parts.reduce((sum, part) => sum + part.rows, 0),
});

const storePart = async (ports: Ports, part: EncodedPart): Promise<TablePart> => ({
  ...(await storeBlob(ports, part.bytes)),
  rows: part.rows,
});

const storeTable = async (ports: Ports, { columns, parts }: ParsedTable): Promise<StoredTable> => ({
  columns,
  parts: await inParallel(parts, 4, (part) => storePart(ports, part)),
});

async function withFewParts(ports: Ports, columns: readonly Column[], parts: readonly TablePart[]) {
  if (parts.length <= maxTableParts) return parts;
  let first = parts.length;
  let rows = 0;
  while (first > 0 && rows + parts[first - 1]!.rows <= rowsPerPart) rows += parts[--first]!.rows;
  const small = parts.slice(first);
  if (small.length < 2) return parts;
  const joined = await ports.tables.join(
    small.map((part) => partSource(ports, part)),
    columns,
  );
  return [...parts.slice(0, first), await storePart(ports, joined)];
}

export interface RowsWanted {
  readonly offset: number;
  readonly limit: number;
  readonly columns?: readonly string[] | undefined;
}

export interface RowsPage {
  readonly columns: readonly Column[];
  readonly rows: Cell[][];
  readonly total: number;
}

/** Some rows of a table: opens only the parts, and of those only the stretches, that hold them. */
export async function readRows(ports: Ports, table: TableEntry, wanted: RowsWanted): Promise<RowsPage> {
  const columns = pickColumns(table, wanted.columns);
  const end = wanted.offset + wanted.limit;
  const rows: Cell[][] = [];
  let start = 0;
  for (const part of table.parts) {
    const from = Math.max(0, wanted.offset - start);
    const to = Math.min(part.rows, end - start);
    if (from < to) rows.push(...(await ports.tables.rows(partSource(ports, part), columns, from, to)));
    start += part.rows;
  }
  return { columns, rows, total: table.rows };
}

function pickColumns(table: TableEntry, names: readonly string[] | undefined): readonly Column[] {
  if (!names) return table.columns;
  return names.map((name, index) => {
    if (names.indexOf(name) < index) throw badInput('columns', `"${name}" is named twice.`);
    const column = table.columns.find((candidate) => candidate.name === name);
    if (!column) throw badInput('columns', `The table has no column "${name}".`);
    return column;
  });
}
