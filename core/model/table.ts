// What a table is, apart from its rows.

export const columnTypes = ['boolean', 'int64', 'double', 'string', 'date', 'timestamp', 'json'] as const;
export type ColumnType = (typeof columnTypes)[number];

export const tableFormats = ['csv', 'ndjson', 'parquet'] as const;
export type TableFormat = (typeof tableFormats)[number];

/** A table of more parts is slow to read; an append beyond it joins the small ones at the end. */
export const maxTableParts = 128;
/** Parts are cut at this many rows, so that reading a page of rows opens little. */
export const rowsPerPart = 500_000;
export const maxColumns = 1_000;
