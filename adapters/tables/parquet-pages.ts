// Looks over the pages of a foreign Parquet file before they are decoded. The decoder trusts what a page says of itself:
// a missing length sends it round for ever, a false count fills the memory. So every length and count is held against
// the bytes that are there, and what the file unfolds to against what a server can hold. A file that passes can still be
// wrong; decoding it then ends in an error.
// @NOTE This is for damaged files. One that is made to be slow (a number a megabyte long) needs a limit on time as well.

import type { ColumnMetaData, FileMetaData, PageHeader, SchemaElement } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage } from 'hyparquet/src/datapage.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath } from 'hyparquet/src/schema.js';
import { readVarInt } from 'hyparquet/src/thrift.js';
import { codecs } from './codecs.ts';

const maxUnfoldedBytes = 2 ** 30;
const maxValues = 100_000_000;
/** Writers fill the last group of packed values up; 64 groups are more than any does. */
const packedSlack = 64 * 8;

/** Bits per repetition level and per definition level; 0 when the column has none. */
type Widths = readonly [repetition: number, definition: number];

interface Page {
  readonly header: PageHeader;
  readonly bytes: Uint8Array;
}

/** Throws for a file that must not be decoded. */
export function checkPages(file: ArrayBuffer, { row_groups, schema }: FileMetaData): void {
  let bytesLeft = maxUnfoldedBytes;
  let valuesLeft = maxValues;
  for (const chunk of row_groups.flatMap(({ columns }) => columns.map(({ meta_data }) => meta_data!))) {
    let inChunk = within(Number(chunk.num_values), valuesLeft);
    valuesLeft -= inChunk;
    const widths = levelWidths(schema, chunk);
    for (const page of pagesOf(file, chunk)) {
      bytesLeft -= within(page.header.uncompressed_page_size, bytesLeft);
      inChunk -= checkPage(page, chunk, widths, inChunk);
    }
  }
}

function* pagesOf(file: ArrayBuffer, chunk: ColumnMetaData): Generator<Page> {
  const start = within(Number(chunk.dictionary_page_offset || chunk.data_page_offset), file.byteLength);
  const size = within(Number(chunk.total_compressed_size), file.byteLength - start);
  const reader = { view: new DataView(file, start, size), offset: 0 };
  while (reader.offset < size - 1) {
    const header = parquetHeader(reader);
    const length = within(header.compressed_page_size, size - reader.offset);
    yield { header, bytes: new Uint8Array(file, start + reader.offset, length) };
    reader.offset += length;
  }
}

function levelWidths(schema: SchemaElement[], chunk: ColumnMetaData): Widths {
  const path = getSchemaPath(schema, chunk.path_in_schema);
  const bits = (value: number): number => 32 - Math.clz32(value);
  return [bits(getMaxRepetitionLevel(path)), bits(getMaxDefinitionLevel(path))];
}

/** Checks a page that may have up to `limit` values, and says how many it has. */
function checkPage(page: Page, chunk: ColumnMetaData, widths: Widths, limit: number): number {
  const { type, dictionary_page_header, uncompressed_page_size } = page.header;
  if (type === 'DATA_PAGE') return checkDataPage(page, chunk, widths, limit);
  if (type === 'DATA_PAGE_V2') return checkDataPageV2(page, chunk, widths, limit);
  if (type === 'DICTIONARY_PAGE') within(dictionary_page_header?.num_values, uncompressed_page_size);
  return 0;
}

/** The first version: levels, each after its length, and values are compressed as one. */
function checkDataPage(
  { header, bytes }: Page,
  { codec }: ColumnMetaData,
  widths: Widths,
  limit: number,
): number {
  const { num_values, encoding } = header.data_page_header!;
  const values = within(num_values, limit);
  let body = decompressPage(bytes, header.uncompressed_page_size, codec, codecs);
  for (const width of widths) {
    if (width === 0) continue;
    const end = 4 + new DataView(body.buffer, body.byteOffset, body.length).getUint32(0, true);
    checkRuns(body.subarray(4, within(end, body.length)), width, values);
    body = body.subarray(end);
  }
  checkEncoded(body, encoding, values);
  return values;
}

/** The second: levels of stated lengths stand before the values, which alone are compressed. */
function checkDataPageV2(
  { header, bytes }: Page,
  { codec }: ColumnMetaData,
  widths: Widths,
  limit: number,
): number {
  const page = header.data_page_header_v2!;
  const values = within(page.num_values, limit);
  within(page.num_rows, values);
  const room = Math.min(bytes.length, header.uncompressed_page_size);
  const lengths = [page.repetition_levels_byte_length, page.definition_levels_byte_length] as const;
  let levels = 0;
  for (const [at, length] of lengths.entries()) {
    const end = levels + within(length, room - levels);
    if (widths[at]! > 0) checkRuns(bytes.subarray(levels, end), widths[at]!, values);
    levels = end;
  }
  const rest = bytes.subarray(levels);
  const body =
    page.is_compressed === false
      ? rest
      : decompressPage(rest, header.uncompressed_page_size - levels, codec, codecs);
  checkEncoded(body, page.encoding, values - within(page.num_nulls, values));
  return values;
}

/** Values that are themselves runs: indexes into a dictionary, after their width, or booleans, after their length. */
function checkEncoded(body: Uint8Array, encoding: string, values: number): void {
  if (encoding.endsWith('_DICTIONARY')) checkRuns(body.subarray(1), within(body[0] ?? 0, 32), values);
  if (encoding === 'RLE') checkRuns(body.subarray(4), 1, values);
}

function checkRuns(bytes: Uint8Array, width: number, values: number): void {
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 };
  let left = values;
  while (left > 0 && reader.offset < bytes.length) {
    const head = readVarInt(reader);
    const packed = (head & 1) === 1;
    const run = packed ? (head >> 1) * 8 : head >>> 1;
    left -= within(run, packed ? left + packedSlack : left);
    reader.offset += packed ? (run / 8) * width : Math.ceil(width / 8);
  }
}

function within(value: number | undefined, limit: number): number {
  if (value !== undefined && Number.isInteger(value) && value >= 0 && value <= limit) return value;
  throw new Error(`a page says ${value} where at most ${limit} can be`);
}
