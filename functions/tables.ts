// Tables and applications of a state.

import * as z from 'zod';
import { toCsv } from '../adapters/tables/csv.ts';
import { parseName, parsePath } from '../core/model/path.ts';
import type { TableFormat } from '../core/model/table.ts';
import { putApp, unpackApp } from '../core/ops/apps.ts';
import { blobRef } from '../core/ops/blobs.ts';
import type { Call } from '../core/ops/call.ts';
import { deleteEntry, requireEntry } from '../core/ops/files.ts';
import { inParallel } from '../core/ops/retry.ts';
import { resolveState } from '../core/ops/states.ts';
import {
  appendRows,
  putTable,
  readRows,
  type TableData,
  tableDataOf,
  tableSummary,
} from '../core/ops/tables.ts';
import { prefers } from './http/accept.ts';
import { type Asked, type Endpoint, endpoint, noContent, ok } from './http/endpoint.ts';
import { mediaTypeOfRequest } from './http/parse.ts';
import { column, fromCountingCursor, ifMatch, quoted, state, toCursor, version } from './http/schemas.ts';

const signedLifeMs = 15 * 60 * 1_000;

const formats: Readonly<Record<string, TableFormat>> = {
  'text/csv': 'csv',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/vnd.apache.parquet': 'parquet',
  'application/parquet': 'parquet',
};
const takes = Object.keys(formats);

const fromFile = z.strictObject({ from: z.strictObject({ state: state.optional(), path: z.string() }) });
const summary = z.object({ columns: z.array(column), rows: z.int(), bytes: z.int() });

/** The rows a request brings: its body, or a file that is already there. */
async function tableData(
  call: Call,
  instance: string,
  {
    body,
    bytes,
    headers,
  }: Pick<Asked<'instance.write', undefined, z.output<typeof fromFile>>, 'body' | 'bytes' | 'headers'>,
): Promise<TableData> {
  if (!body) return { bytes, format: formats[mediaTypeOfRequest(headers)]! };
  return tableDataOf(call, instance, {
    state: body.from.state,
    path: parsePath(body.from.path, '/from/path'),
  });
}

const app = z.strictObject({
  image: z.string().min(1).max(512),
  command: z.array(z.string().max(4_096)).max(100).optional(),
  packages: z.string().optional(),
  config: z.json().optional(),
  resources: z.record(z.string().max(64), z.number()).optional(),
});

const tableEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'putTable',
    summary: 'Create or replace a table from CSV, NDJSON or Parquet, or from a file that is there',
    method: 'PUT',
    path: '/v1/instances/{instance}/tables/{table}',
    action: 'instance.write',
    body: fromFile,
    takes,
    answers: { 200: summary },
    handle: async ({ call, thing, params, headers, ...sent }) => {
      const name = parseName(params.table!, 'table');
      const data = await tableData(call, thing.id, { headers, ...sent });
      return ok(await putTable(call, thing.id, name, data, ifMatch(headers)));
    },
  }),
  endpoint({
    name: 'appendRows',
    summary: 'Append rows to a table; what is there is not written again',
    method: 'POST',
    path: '/v1/instances/{instance}/tables/{table}/rows',
    action: 'instance.write',
    body: fromFile,
    takes,
    answers: { 200: summary },
    handle: async ({ call, thing, params, headers, ...sent }) => {
      const name = parseName(params.table!, 'table');
      const data = await tableData(call, thing.id, { headers, ...sent });
      return ok(await appendRows(call, thing.id, name, data, ifMatch(headers)));
    },
  }),
  endpoint({
    name: 'deleteTable',
    summary: 'Remove a table from the current state',
    method: 'DELETE',
    path: '/v1/instances/{instance}/tables/{table}',
    action: 'instance.write',
    answers: { 204: 'The table is no longer in the current state' },
    handle: async ({ call, thing, params, headers }) => {
      await deleteEntry(call, thing.id, 'table', parseName(params.table!, 'table'), ifMatch(headers));
      return noContent;
    },
  }),
  endpoint({
    name: 'getTable',
    summary: 'Columns, rows and parts of a table',
    method: 'GET',
    path: '/v1/instances/{instance}/states/{state}/tables/{table}',
    action: 'instance.read',
    answers: {
      200: summary.extend({ parts: z.array(z.object({ url: z.string(), rows: z.int(), size: z.int() })) }),
    },
    handle: async ({ call, thing, params }) => {
      const { root } = await resolveState(call, thing.id, params.state!);
      const name = parseName(params.table!, 'table');
      const table = await requireEntry(call, root, 'table', name);
      const { blobs, now } = call.ports;
      const download = { mediaType: 'application/vnd.apache.parquet', fileName: `${name}.parquet` };
      const parts = await inParallel(table.parts, 16, async ({ sha256, size, rows }) => {
        const ref = await blobRef(call.ports, sha256);
        return { url: await blobs.signGet([ref], download, now() + signedLifeMs), rows, size };
      });
      return ok({ ...tableSummary(table), parts });
    },
  }),
  endpoint({
    name: 'getRows',
    summary: 'Rows of a table, as JSON or CSV by `Accept`',
    method: 'GET',
    path: '/v1/instances/{instance}/states/{state}/tables/{table}/rows',
    action: 'instance.read',
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      cursor: z.string().optional(),
      offset: z.coerce.number().int().min(0).default(0),
      columns: z.string().optional(),
    }),
    answers: {
      200: z.object({
        columns: z.array(column),
        items: z.array(z.record(z.string(), z.json())),
        next: z.string().nullable(),
        total: z.int(),
      }),
    },
    handle: async ({ call, thing, params, query, headers }) => {
      const { root } = await resolveState(call, thing.id, params.state!);
      const table = await requireEntry(call, root, 'table', parseName(params.table!, 'table'));
      const offset = fromCountingCursor(query.cursor) ?? query.offset;
      const names = query.columns?.split(',');
      const { columns, rows, total } = await readRows(call.ports, table, {
        offset,
        limit: query.limit,
        columns: names,
      });
      if (prefers('text/csv', headers.accept))
        return {
          status: 200,
          headers: { 'content-type': 'text/csv; charset=utf-8' },
          body: toCsv(columns, rows),
        };
      const items = rows.map((row) =>
        Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])),
      );
      const end = offset + rows.length;
      return ok({
        columns,
        items,
        next: end < total && rows.length > 0 ? toCursor(String(end)) : null,
        total,
      });
    },
  }),
];

const getApp = (
  name: string,
  path: string,
  stateOf: (params: Readonly<Record<string, string>>) => string,
): Endpoint =>
  endpoint({
    name,
    summary: 'An application with packages and configuration',
    method: 'GET',
    path,
    action: 'instance.read',
    answers: { 200: app },
    handle: async ({ call, thing, params }) => {
      const { root } = await resolveState(call, thing.id, stateOf(params));
      const entry = await requireEntry(call, root, 'app', parseName(params.app!, 'app'));
      return ok(await unpackApp(call.ports, entry));
    },
  });

const appEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'putApp',
    summary: 'Create or replace an application',
    method: 'PUT',
    path: '/v1/instances/{instance}/apps/{app}',
    action: 'instance.write',
    body: app,
    answers: { 200: version },
    handle: async ({ call, thing, params, body, headers }) => {
      const saved = await putApp(call, thing.id, parseName(params.app!, 'app'), body, ifMatch(headers));
      return ok(saved, { etag: quoted(saved.root) });
    },
  }),
  getApp('getCurrentApp', '/v1/instances/{instance}/apps/{app}', () => 'current'),
  getApp('getApp', '/v1/instances/{instance}/states/{state}/apps/{app}', (params) => params.state!),
  endpoint({
    name: 'deleteApp',
    summary: 'Remove an application from the current state',
    method: 'DELETE',
    path: '/v1/instances/{instance}/apps/{app}',
    action: 'instance.write',
    answers: { 204: 'The application is no longer in the current state' },
    handle: async ({ call, thing, params, headers }) => {
      await deleteEntry(call, thing.id, 'app', parseName(params.app!, 'app'), ifMatch(headers));
      return noContent;
    },
  }),
];

export const tablesAndApps: readonly Endpoint[] = [...tableEndpoints, ...appEndpoints];
