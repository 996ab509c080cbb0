// Our own Parquet: how a part is written and read. Canonical: equal columns and rows give equal bytes, because nothing
// here depends on time, machine or where the rows came from (one writer, its Snappy, every column optional). The first
// row group is small, for previews, and the others modest, so that a page of rows opens little of a large part.
// @NOTE Another version of hyparquet-writer may give other bytes; both stay readable, but no longer share storage.

import { type AsyncBuffer, parquetMetadataAsync, parquetRead, type SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { type ColumnType, rowsPerPart } from '../../core/model/table.ts';
import type { Column, EncodedPart, PartSource } from '../../core/ports.ts';
import { codecs } from './codecs.ts';
import type { StoredColumn } from './columns.ts';
import type { Stored } from './forms.ts';

const rowGroupSize = [1_000, 20_000];
/** What is read from the end of a part at first; the footer of all but the widest tables is in it. */
const footerBytes = 64 * 1024;

const physical: Readonly<Record<ColumnType, Omit<SchemaElement, 'name'>>> = {
  boolean: { type: 'BOOLEAN' },
  int64: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  timestamp: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
  },
  json: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } },
};

export function encodePart(columns: readonly StoredColumn[]): EncodedPart {
  const schemaOf = (typeOf: (type: ColumnType) => ColumnType): SchemaElement[] => [
    { name: 'root', num_children: columns.length },
    ...columns.map(
      ({ name, type }): SchemaElement => ({ name, repetition_type: 'OPTIONAL', ...physical[typeOf(type)] }),
    ),
  ];
  // Statistics hold whole values of a JSON column, however long; nobody looks for a range of them.
  const columnData = columns.map(({ name, type, cells }) => ({
    name,
    data: cells,
    statistics: type !== 'json',
  }));
  const writer = new ByteWriter();
  // Our JSON is text already: it is written as such, and the footer then says what it is.
  const parquet = new ParquetWriter({
    writer,
    schema: schemaOf((type) => (type === 'json' ? 'string' : type)),
  });
  parquet.write({ columnData, rowGroupSize });
  parquet.schema = schemaOf((type) => type);
  parquet.finish();
  return { bytes: new Uint8Array(writer.getBuffer()), rows: columns[0]?.cells.length ?? 0 };
}

/** Parts of `rowsPerPart` rows, the last one of what is left; none for no rows. */
export function encodeParts(columns: readonly StoredColumn[]): EncodedPart[] {
  const rows = columns[0]?.cells.length ?? 0;
  return Array.from({ length: Math.ceil(rows / rowsPerPart) }, (_, part) => {
    const from = part * rowsPerPart;
    return encodePart(
      columns.map((column) => ({ ...column, cells: column.cells.slice(from, from + rowsPerPart) })),
    );
  });
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const textOf = (bytes: Uint8Array): string => utf8.decode(bytes);
const asStored = <T>(value: T): T => value;

/** Rows of a part as they are stored, in the order of `columns`; only the row groups that hold them are read. */
export async function readPart(
  source: PartSource,
  columns: readonly Column[],
  from = 0,
  to = Number.POSITIVE_INFINITY,
): Promise<Stored[][]> {
  const file: AsyncBuffer = {
    byteLength: source.size,
    slice: async (start, end = source.size) =>
      new Uint8Array(await source.read({ offset: start, length: end - start })).buffer,
  };
  const metadata = await parquetMetadataAsync(file, { initialFetchSize: footerBytes });
  const rowStart = Math.max(from, 0);
  const rowEnd = Math.min(to, Number(metadata.num_rows));
  if (rowStart >= rowEnd) return [];
  let rows: Stored[][] = [];
  await parquetRead({
    file,
    metadata,
    columns: columns.map(({ name }) => name),
    rowStart,
    rowEnd,
    rowFormat: 'array',
    compressors: codecs,
    parsers: {
      stringFromBytes: textOf,
      jsonFromBytes: textOf,
      dateFromDays: asStored,
      timestampFromMilliseconds: asStored,
    },
    onComplete: (read) => {
      rows = read;
    },
  });
  return rows;
}
