// CSV in and out: RFC 4180, UTF-8, the first row names the columns. Reading: an empty field is null, quoted or not, so a
// text column cannot hold an empty text; blank lines are skipped; lines may end in any of the three ways. An error names
// the line on which its row begins. Writing: null is an empty field, or `""` where it would leave the line blank.

import { CsvError, parse } from 'csv-parse/sync';
import type { ColumnType } from '../../core/model/table.ts';
import type { Cell, Column } from '../../core/ports.ts';
import { badTable } from './bad-table.ts';
import { type Candidate, type Found, fitInto, infer, type StoredColumn } from './columns.ts';
import { forms } from './forms.ts';
import { checkUtf8 } from './utf8.ts';

/** Narrowest first. A boolean column is spelled in one way throughout; anything is text. */
const candidates: readonly Candidate<string>[] = [
  ['boolean', spelled('true', 'false')],
  ['boolean', spelled('True', 'False')],
  ['boolean', spelled('TRUE', 'FALSE')],
  ...(['int64', 'double', 'date', 'timestamp', 'string'] as const).map(
    (type): Candidate<string> => [type, forms[type].fromText],
  ),
];

function spelled(yes: string, no: string): (text: string) => boolean | undefined {
  return (text) => (text === yes ? true : text === no ? false : undefined);
}

export function readCsv(bytes: Uint8Array, columns?: readonly Column[]): StoredColumn[] {
  checkUtf8(bytes);
  const found = readGrid(bytes);
  return columns ? fitInto(found, columns, ({ fromText }) => fromText) : infer(found, candidates);
}

function readGrid(bytes: Uint8Array): Found<string> {
  let names: readonly string[] = [];
  let values: (string | null)[][] = [];
  /** Where each row ends in the bytes, the header first: enough to find its line when something is wrong with it. */
  const ends: number[] = [];
  const lineOf = (row: number): number => lineFrom(bytes, ends[row] ?? 0);
  const onRecord = (fields: readonly string[], { bytes: end }: { readonly bytes: number }): null => {
    if (ends.push(end) === 1) {
      names = fields;
      values = fields.map(() => []);
    } else {
      fields.forEach((text, at) => {
        values[at]!.push(text === '' ? null : text);
      });
    }
    return null;
  };
  try {
    parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), {
      bom: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      skip_empty_lines: true,
      on_record: onRecord,
    });
  } catch (error) {
    throw error instanceof CsvError ? malformed(error, names, lineFrom(bytes, ends.at(-1) ?? 0)) : error;
  }
  if (ends.length === 0)
    throw badTable('There is no header row. Begin with a line that names the columns.', 'line 1');
  return {
    names,
    values,
    rows: ends.length - 1,
    nameAt: (column) => `line ${lineFrom(bytes, 0)}, column ${column + 1}`,
    cellAt: (row, column) => `line ${lineOf(row)}, column ${column + 1}`,
  };
}

/** The line of the first byte at or after `offset` that does not end a line. */
function lineFrom(bytes: Uint8Array, offset: number): number {
  const [lineFeed, carriageReturn] = [0x0a, 0x0d];
  let line = 1;
  for (let at = 0; at < offset || bytes[at] === lineFeed || bytes[at] === carriageReturn; at++)
    if (bytes[at] === lineFeed || (bytes[at] === carriageReturn && bytes[at + 1] !== lineFeed)) line++;
  return line;
}

const advice: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'A quote is opened and never closed. Close it, or write "" for a quote in a text.',
  CSV_INVALID_CLOSING_QUOTE: 'Text goes on after a closing quote. Write "" for a quote in a quoted text.',
  INVALID_OPENING_QUOTE:
    'A quote stands in an unquoted text. Quote the whole text, and write "" for the quote in it.',
};

function malformed(error: CsvError, names: readonly string[], line: number): Error {
  const known = advice[error.code];
  if (known !== undefined) return badTable(known, `line ${line}, column ${Number(error.column) + 1}`);
  if (error.code !== 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') return badTable(error.message, `line ${line}`);
  const fields = (error.record as readonly string[]).length;
  return badTable(
    `The row has ${fields} fields and the header ${names.length}. Give it as many; quote a text that has a comma.`,
    `line ${line}, column ${Math.min(fields, names.length) + 1}`,
  );
}

/** Rows as CSV, each line ended by a line feed. Read into the same columns it gives them back, empty text as null. */
export function toCsv(columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const header = columns.map(({ name }) => quoted(name)).join(',');
  const lines = rows.map(
    (row) => columns.map(({ type }, at) => field(type, row[at] ?? null)).join(',') || '""',
  );
  return [header, ...lines, ''].join('\n');
}

function field(type: ColumnType, cell: Cell): string {
  if (cell === null) return '';
  if (type === 'json') return quoted(JSON.stringify(cell));
  // Written in full, a number beyond 2^53 would read like an id.
  if (Number.isInteger(cell) && !Number.isSafeInteger(cell)) return (cell as number).toExponential();
  return quoted(String(cell));
}

const quoted = (text: string): string =>
  text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
