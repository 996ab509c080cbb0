// The port `Tables` over CSV, NDJSON and Parquet. Each reader turns a body into columns of stored cells, new or fitted to
// the table's; from there on there is one way to write a part and one way to read it. No state, no clock, no randomness.

import type { Column, Tables } from '../../core/ports.ts';
import { badTable } from './bad-table.ts';
import type { StoredColumn } from './columns.ts';
import { readCsv } from './csv.ts';
import { forms } from './forms.ts';
import { readNdjson } from './ndjson.ts';
import { readParquet } from './parquet.ts';
import { encodePart, encodeParts, readPart } from './part.ts';

const readers = { csv: readCsv, ndjson: readNdjson, parquet: readParquet };

export const tables: Tables = {
  async parse(bytes, format, columns) {
    const read: readonly StoredColumn[] = await readers[format](bytes, columns);
    if (read.length === 0) throw badTable('There are no columns. A table needs at least one.');
    return { columns: read.map(({ name, type }): Column => ({ name, type })), parts: encodeParts(read) };
  },

  async rows(part, columns, from, to) {
    const rows = await readPart(part, columns, from, to);
    return rows.map((row) =>
      columns.map(({ type }, at) => {
        const stored = row[at] ?? null;
        return stored === null ? null : forms[type].toCell(stored);
      }),
    );
  },

  async join(parts, columns) {
    const rows = (await Promise.all(parts.map((part) => readPart(part, columns)))).flat();
    return encodePart(
      columns.map(({ name, type }, at) => ({ name, type, cells: rows.map((row) => row[at] ?? null) })),
    );
  },
};
