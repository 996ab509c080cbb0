// Foreign Parquet in: read by its metadata, then stored anew as our own parts, so that the same rows are the same bytes
// whoever wrote the file. Columns keep their declared type as far as we have it: nested ones become JSON, decimals
// floating point, local times UTC, and times finer than a millisecond are cut. Whole numbers beyond 2^53 make their
// column text, digit for digit; NaN is null. A type that has no place here (bytes, time of day) is refused by name.

import {
  type ParquetScan,
  parquetMetadata,
  parquetScan,
  parquetSchema,
  type SchemaElement,
  type SchemaTree,
} from 'hyparquet';
import { AppError, isCode } from '../../core/errors.ts';
import type { ColumnType } from '../../core/model/table.ts';
import type { Cell, Column } from '../../core/ports.ts';
import { badTable, shown } from './bad-table.ts';
import { codecs } from './codecs.ts';
import { checkNames, type Found, fitInto, type StoredColumn } from './columns.ts';
import { forms } from './forms.ts';
import { checkPages } from './parquet-pages.ts';

interface Declared extends Found<Cell> {
  readonly columns: readonly Column[];
}

export async function readParquet(bytes: Uint8Array, columns?: readonly Column[]): Promise<StoredColumn[]> {
  const found = await decode(bytes).catch((cause: unknown) => {
    if (isCode(cause, 'bad-table')) throw cause;
    throw new AppError('bad-table', `This is not Parquet that can be read: ${reason(cause)}.`, { cause });
  });
  return fitInto(found, columns ?? found.columns, ({ fromValue }) => fromValue);
}

async function decode(bytes: Uint8Array): Promise<Declared> {
  const file = new Uint8Array(bytes).buffer;
  // Geometry by file metadata is left alone: looking for it can go round for ever in a damaged schema.
  const metadata = parquetMetadata(file, { geoparquet: false });
  for (const element of metadata.schema) annotate(element);
  const tops = parquetSchema(metadata).children;
  const names = tops.map(({ element }) => element.name);
  const nameAt = (column: number): string => `column ${column + 1}`;
  const cellAt = (row: number, column: number): string => `row ${row + 1}, ${nameAt(column)}`;
  checkNames(names, nameAt);
  const declared = tops.map((top, at) => typeOf(top) ?? refuse(top.element, nameAt(at)));
  checkPages(file, metadata);

  const scan = await parquetScan({ file, metadata, compressors: codecs, parsers });
  const rows = Number(metadata.num_rows);
  const columns: Column[] = [];
  const values: Cell[][] = [];
  for (const [at, { element }] of tops.entries()) {
    const raw = await readColumn(scan, element.name, nameAt(at));
    if (raw.length !== rows)
      throw badTable(`${raw.length} of ${rows} rows are there. Write it again.`, nameAt(at));
    const type = declared[at] === 'int64' && !raw.every(isExact) ? 'string' : declared[at]!;
    columns.push({ name: element.name, type });
    values.push(raw.map((value) => (value === null ? null : cellOf(value, type, element))));
  }
  return { names, values, rows, columns, nameAt, cellAt };
}

async function readColumn(scan: ParquetScan, column: string, place: string): Promise<unknown[]> {
  const values: unknown[] = [];
  try {
    for (const range of scan.ranges)
      for (const value of await scan.readColumn({ column, ...range })) values.push(value ?? null);
  } catch (error) {
    throw badTable(`${shown(column)} cannot be read: ${reason(error)}.`, place);
  }
  return values;
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Types by annotation, older or newer, and then by what the file stores; null is a type that has no place here. */
const annotated: Readonly<Record<string, ColumnType | null>> = {
  DATE: 'date',
  TIMESTAMP: 'timestamp',
  TIMESTAMP_MILLIS: 'timestamp',
  TIMESTAMP_MICROS: 'timestamp',
  DECIMAL: 'double',
  FLOAT16: 'double',
  UUID: 'string',
  JSON: 'json',
  GEOMETRY: 'json',
  GEOGRAPHY: 'json',
  BSON: null,
  INTERVAL: null,
  TIME: null,
  TIME_MILLIS: null,
  TIME_MICROS: null,
};
const physical: Readonly<Record<string, ColumnType>> = {
  BOOLEAN: 'boolean',
  INT32: 'int64',
  INT64: 'int64',
  INT96: 'timestamp',
  FLOAT: 'double',
  DOUBLE: 'double',
  BYTE_ARRAY: 'string',
};

function typeOf({ element, children }: SchemaTree): ColumnType | null | undefined {
  if (children.length > 0) return children.every(typeOf) ? 'json' : undefined;
  const annotation = element.logical_type?.type ?? element.converted_type ?? '';
  const type = annotation in annotated ? annotated[annotation] : physical[element.type ?? ''];
  return type && element.repetition_type === 'REPEATED' ? 'json' : type;
}

/** The reader heeds the older annotation alone; files that have just the newer one get both. */
function annotate(element: SchemaElement): void {
  const logical = element.logical_type;
  if (logical?.type === 'DATE' || logical?.type === 'JSON') element.converted_type = logical.type;
  if (logical?.type !== 'DECIMAL') return;
  element.converted_type = 'DECIMAL';
  element.scale = logical.scale;
}

function refuse({ logical_type, converted_type, type }: SchemaElement, place: string): never {
  const kind = logical_type?.type ?? converted_type ?? type ?? 'nested';
  throw badTable(
    `A table cannot hold this column of type ${kind}. Turn it into text or numbers first.`,
    place,
  );
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What becomes of values that JSON lacks, wherever they are nested. */
const parsers = {
  stringFromBytes: (bytes: Uint8Array) => utf8.decode(bytes),
  dateFromDays: (days: number) => forms.date.toCell(days),
  timestampFromMilliseconds: (ms: bigint) => forms.timestamp.toCell(ms),
  timestampFromMicroseconds: (us: bigint) => forms.timestamp.toCell(us / 1_000n),
  timestampFromNanoseconds: (ns: bigint) => forms.timestamp.toCell(ns / 1_000_000n),
};

const isExact = (value: unknown): boolean => value === null || Number.isSafeInteger(Number(value));

function cellOf(value: unknown, type: ColumnType, { converted_type, scale }: SchemaElement): Cell {
  if (type === 'string') return String(value);
  if (type === 'int64') return Number(value);
  if (type === 'json') return JSON.parse(JSON.stringify(value, exactly)) as Cell;
  if (Number.isNaN(value)) return null;
  // The reader multiplies by a power of ten, which makes 3 tenths 0.30000000000000004.
  if (converted_type === 'DECIMAL') return Number((value as number).toFixed(scale));
  return value as Cell;
}

/** Whole numbers inside JSON follow the rule of the columns. */
function exactly(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return isExact(value) ? Number(value) : String(value);
}
