// Rows as NDJSON or CSV.

import { prefers } from './accept.ts';
import type { Answer } from './endpoint.ts';

type Row = Readonly<Record<string, unknown>>;

export const asNdjson = (rows: readonly object[]): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/x-ndjson' },
  body: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
});

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // A spreadsheet takes a text that begins so for a formula.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** A column for each member that any row has. */
export function asCsv(rows: readonly object[]): Answer {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => names.map((name) => cell((row as Row)[name])).join(','));
  const body = [names.join(','), ...lines, ''].join('\n');
  return { status: 200, headers: { 'content-type': 'text/csv; charset=utf-8' }, body };
}

export const sendAs = (accept: string | undefined, rows: readonly object[]): Answer =>
  prefers('text/csv', accept) ? asCsv(rows) : asNdjson(rows);
