// Rows as NDJSON, CSV or a JSON list, however many: what is too long for an answer is stored like a file and answered by a
// signed URL. Nothing holds it there, so that reclaim takes it away in time.

import { fileEntry } from '../../core/model/media-type.ts';
import { storeBlob } from '../../core/ops/blobs.ts';
import type { Call } from '../../core/ops/call.ts';
import { prefers } from './accept.ts';
import type { Answer } from './endpoint.ts';
import { bodyMaxBytes } from './parse.ts';
import { sendFile } from './send-file.ts';

type Row = Readonly<Record<string, unknown>>;
type Headers = Readonly<Record<string, string | undefined>>;

/** Rows written down; `ending` is that of a file of them. */
interface Written {
  readonly text: string;
  readonly mediaType: string;
  readonly ending: string;
}

function asNdjson(rows: readonly object[]): Written {
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  return { text, mediaType: 'application/x-ndjson', ending: 'ndjson' };
}

function asList(rows: readonly object[]): Written {
  const text = JSON.stringify({ items: rows, next: null });
  return { text, mediaType: 'application/json', ending: 'json' };
}

const cell = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  // A spreadsheet takes a text that begins so for a formula.
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

/** A column for each member that any row has. */
function asCsv(rows: readonly object[]): Written {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => names.map((name) => cell((row as Row)[name])).join(','));
  const text = [names.join(','), ...lines, ''].join('\n');
  return { text, mediaType: 'text/csv; charset=utf-8', ending: 'csv' };
}

/** All rows as CSV where that is asked for, else as `otherwise`; a file of them is called `name`. */
export async function sendRows(
  call: Call,
  headers: Headers,
  rows: readonly object[],
  { name, otherwise }: { readonly name: string; readonly otherwise: 'ndjson' | 'json' },
): Promise<Answer> {
  const write = prefers('text/csv', headers.accept) ? asCsv : otherwise === 'json' ? asList : asNdjson;
  const { text, mediaType, ending } = write(rows);
  const bytes = Buffer.from(text);
  if (bytes.length <= bodyMaxBytes)
    return { status: 200, headers: { 'content-type': mediaType }, body: text };
  const path = `${name}.${ending}`;
  const part = await storeBlob(call.ports, bytes);
  return sendFile(call, { ...fileEntry(path, [part]), mediaType }, path, headers);
}
