// From what a reader found to columns of stored cells: either the narrowest type that holds every value of a column, or
// the types a table already has. A column without any value is text. A value that does not fit is an error that says
// where it is; nothing is left out or turned into null.

import { type ColumnType, maxColumns } from '../../core/model/table.ts';
import type { Column } from '../../core/ports.ts';
import { badTable, shown } from './bad-table.ts';
import { type Form, forms, type Stored } from './forms.ts';

/** A table as a reader found it, column by column, with every row in every column. */
export interface Found<T> {
  readonly names: readonly string[];
  readonly values: readonly (readonly (T | null)[])[];
  readonly rows: number;
  /** Where a column's name stands, for an error. */
  readonly nameAt: (column: number) => string;
  /** Where a cell stands, for an error. */
  readonly cellAt: (row: number, column: number) => string;
}

export interface StoredColumn extends Column {
  readonly cells: Stored[];
}

type Reader<T> = (value: T) => Stored | undefined;

/** A type that a column may have, and how its values are then read. */
export type Candidate<T> = readonly [type: ColumnType, read: Reader<T>];

/** Types each column with the first candidate that reads all its values; what the last one cannot read is an error. */
export function infer<T>(found: Found<T>, candidates: readonly Candidate<T>[]): StoredColumn[] {
  checkNames(found.names, found.nameAt);
  return found.names.map((name, at) => {
    const values = found.values[at] ?? [];
    if (values.every((value) => value === null))
      return { name, type: 'string', cells: values.map(() => null) };
    for (const [type, read] of candidates) {
      const cells = readAll(values, read);
      if (cells) return { name, type, cells };
    }
    throw misfit(found, at, ...candidates.at(-1)!);
  });
}

/** Fits what was found into the columns of a table: those it lacks are null, and it may have no others. */
export function fitInto<T>(
  found: Found<T>,
  columns: readonly Column[],
  readerOf: (form: Form) => Reader<T>,
): StoredColumn[] {
  checkNames(found.names, found.nameAt);
  const known = new Set(columns.map(({ name }) => name));
  const stranger = found.names.findIndex((name) => !known.has(name));
  if (stranger >= 0) throw unknownColumn(found, stranger, columns);
  return columns.map(({ name, type }) => {
    const at = found.names.indexOf(name);
    if (at < 0) return { name, type, cells: Array<Stored>(found.rows).fill(null) };
    const cells = readAll(found.values[at] ?? [], readerOf(forms[type]));
    if (cells) return { name, type, cells };
    throw misfit(found, at, type, readerOf(forms[type]));
  });
}

/** Every column has a name of its own that Parquet can give back unchanged. */
export function checkNames(names: readonly string[], nameAt: (column: number) => string): void {
  if (names.length > maxColumns)
    throw badTable(
      `There are ${names.length} columns; a table has at most ${maxColumns}.`,
      nameAt(maxColumns),
    );
  const seen = new Set<string>();
  names.forEach((name, at) => {
    if (name === '')
      throw badTable('The column has no name. Name it, or leave out a column of row numbers.', nameAt(at));
    if (!name.isWellFormed() || name.startsWith('\ufeff'))
      throw badTable(`The name ${shown(name)} is not text that can be stored. Choose another.`, nameAt(at));
    if (seen.has(name))
      throw badTable(`There is a second column ${shown(name)}. Rename one of them.`, nameAt(at));
    seen.add(name);
  });
}

/** All values in their stored form, or nothing as soon as one does not fit. */
function readAll<T>(values: readonly (T | null)[], read: Reader<T>): Stored[] | undefined {
  const cells: Stored[] = [];
  for (const value of values) {
    const cell = value === null ? null : read(value);
    if (cell === undefined) return undefined;
    cells.push(cell);
  }
  return cells;
}

function misfit<T>(found: Found<T>, column: number, type: ColumnType, read: Reader<T>): Error {
  const values = found.values[column] ?? [];
  const row = values.findIndex((value) => value !== null && read(value) === undefined);
  const name = shown(found.names[column]);
  return badTable(
    `${shown(values[row])} is not ${forms[type].meaning}, as the column ${name} needs. Correct the value.`,
    found.cellAt(row, column),
  );
}

function unknownColumn<T>(found: Found<T>, at: number, columns: readonly Column[]): Error {
  const names = columns.map(({ name }) => shown(name)).join(', ');
  return badTable(
    `The table has no column ${shown(found.names[at])}. It has ${names}; replace the table to change them.`,
    found.nameAt(at),
  );
}
