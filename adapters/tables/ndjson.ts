// NDJSON in: one JSON object a line, UTF-8, blank lines skipped. The columns are the keys in the order in which they
// first appear; a key that a row lacks is null. Numbers are what JSON makes of them: 64-bit floating point. Text is never
// taken for a date, and a column of several types, of lists or of objects is JSON.

import { maxColumns } from '../../core/model/table.ts';
import type { Cell, Column } from '../../core/ports.ts';
import { badTable } from './bad-table.ts';
import { type Candidate, type Found, fitInto, infer, type StoredColumn } from './columns.ts';
import { forms } from './forms.ts';
import { faultIn } from './json-fault.ts';
import { checkUtf8 } from './utf8.ts';

/** Narrowest first; anything is JSON. */
const candidates = (['boolean', 'int64', 'double', 'string', 'json'] as const).map(
  (type): Candidate<Cell> => [type, forms[type].fromValue],
);

export function readNdjson(bytes: Uint8Array, columns?: readonly Column[]): StoredColumn[] {
  checkUtf8(bytes);
  const found = readLines(new TextDecoder().decode(bytes));
  return columns ? fitInto(found, columns, ({ fromValue }) => fromValue) : infer(found, candidates);
}

function readLines(text: string): Found<Cell> {
  const columns = new Map<string, { readonly values: Cell[]; readonly firstLine: number }>();
  /** The line of each row. */
  const lines: number[] = [];
  text.split('\n').forEach((line, at) => {
    if (line.trim() === '') return;
    const row = lines.push(at + 1) - 1;
    for (const [name, value] of Object.entries(parseLine(line, at + 1))) {
      const column = columns.get(name) ?? { values: [], firstLine: at + 1 };
      columns.set(name, column);
      padTo(row, column.values).push(value);
    }
    if (columns.size > maxColumns)
      throw badTable(
        `By here there are ${columns.size} columns; a table has at most ${maxColumns}.`,
        `line ${at + 1}`,
      );
  });
  const all = [...columns.values()];
  return {
    names: [...columns.keys()],
    values: all.map(({ values }) => padTo(lines.length, values)),
    rows: lines.length,
    nameAt: (column) => `line ${all[column]?.firstLine}, column ${column + 1}`,
    cellAt: (row, column) => `line ${lines[row]}, column ${column + 1}`,
  };
}

function parseLine(line: string, number: number): { readonly [key: string]: Cell } {
  let value: Cell;
  try {
    value = JSON.parse(line) as Cell;
  } catch {
    const at = faultIn(line);
    const rest =
      at < line.trimEnd().length
        ? `breaks off before ${line.slice(at, at + 20).trimEnd()}`
        : 'ends too early';
    throw badTable(
      `The line is not JSON: it ${rest}. Write one object a line.`,
      `line ${number}, column ${at + 1}`,
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as { readonly [key: string]: Cell };
  throw badTable('The line is not a JSON object. Write one object a line.', `line ${number}, column 1`);
}

/** The rows that did not have this key, up to `row`. */
function padTo(row: number, values: Cell[]): Cell[] {
  while (values.length < row) values.push(null);
  return values;
}
