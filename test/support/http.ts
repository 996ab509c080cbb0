// What the HTTP tests have in common: reading whole lists, judging problem documents, sending paths as they are.

import { request } from 'node:http';
import { expect } from 'vitest';
import { type Client, onAws, type Reply, sha256, type World } from './world.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers is looked at by the tests
type Json = any;

/** Every item of a list, read `limit` at a time, each page checked for its form. */
export async function everyItem(client: Client, path: string, limit: number): Promise<Json[]> {
  const items: Json[] = [];
  const join = path.includes('?') ? '&' : '?';
  let cursor: string | null = null;
  do {
    const at: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const reply = await client.get(`${path}${join}limit=${limit}${at}`);
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body.items.length).toBeLessThanOrEqual(limit);
    items.push(...reply.body.items);
    cursor = reply.body.next;
    if (cursor !== null) expect(reply.body.items.length).toBe(limit);
    expect(items.length).toBeLessThan(10_000);
  } while (cursor !== null);
  return items;
}

/** A refusal as RFC 9457 has it; answers the document. */
export function expectProblem(reply: Reply, status: number, code: string): Json {
  expect({ status: reply.status, code: reply.body?.code }, reply.text).toEqual({ status, code });
  expect(reply.headers.get('content-type')).toBe('application/problem+json');
  expect(reply.body).toMatchObject({
    type: expect.stringMatching(/^urn:/),
    title: expect.stringMatching(/./),
    status,
    detail: expect.stringMatching(/./),
    instance: expect.stringMatching(/^\//),
  });
  return reply.body;
}

/** A refusal by whoever answers signed URLs. S3 refuses the same things, with statuses and documents of its own. */
export function expectSignedRefusal(reply: Reply, status: number, code: string): void {
  if (!onAws) expectProblem(reply, status, code);
  expect(reply.status).toBeGreaterThanOrEqual(400);
  expect(reply.status).toBeLessThan(500);
}

/** A refusal of something in the input: names the place. */
export function expectFault(reply: Reply, status: number, code: string, pointer: string): Json {
  const problem = expectProblem(reply, status, code);
  expect(
    problem.errors?.map((error: { pointer: string }) => error.pointer),
    reply.text,
  ).toContain(pointer);
  for (const error of problem.errors) expect(error.detail).toMatch(/./);
  return problem;
}

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: Json;
}

export interface RawRequest {
  readonly method?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Written one after the other; without a `content-length` header the body is chunked. */
  readonly chunks?: readonly (Uint8Array | string)[];
}

/** Sends a path exactly as it is given, where `fetch` would tidy it up. */
export function sendRaw(world: World, path: string, raw: RawRequest = {}): Promise<RawReply> {
  const { hostname: host, port } = new URL(world.origin);
  const { method = 'GET', token, chunks = [] } = raw;
  const headers = { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...raw.headers };
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, method, path, headers, agent: false }, (response) => {
      const received: Buffer[] = [];
      response.on('data', (chunk: Buffer) => received.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(received).toString();
        const isJson = /[/+]json\b/.test(response.headers['content-type'] ?? '');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: isJson && text !== '' ? JSON.parse(text) : undefined,
        });
      });
    });
    sent.on('error', reject);
    for (const chunk of chunks) sent.write(chunk);
    sent.end();
  });
}

export interface UploadFile {
  readonly path: string;
  readonly parts: readonly Uint8Array[];
}

/** The announcement of files, part by part. */
export const announcement = (files: readonly UploadFile[]) => ({
  files: files.map(({ path, parts }) => ({
    path,
    size: parts.reduce((sum, part) => sum + part.length, 0),
    parts: parts.map((part) => ({ sha256: sha256(part), size: part.length })),
  })),
});

/** Announces files and sends every part that is asked for; answers the upload's id. */
export async function upload(
  client: Client,
  instance: string,
  files: readonly UploadFile[],
): Promise<string> {
  const reply = await client.post(`/v1/instances/${instance}/uploads`, announcement(files));
  expect(reply.status, reply.text).toBe(201);
  const sends = files.flatMap((file, f) =>
    file.parts.map(async (part, p) => {
      const wanted = reply.body.files[f].parts[p];
      if (wanted === null) return;
      const sent = await client.send('PUT', wanted.url, { body: part, headers: wanted.headers });
      expect(sent.status, sent.text).toBe(200);
    }),
  );
  await Promise.all(sends);
  return reply.body.upload;
}

export const commit = (client: Client, instance: string, id: string): Promise<Reply> =>
  client.post(`/v1/instances/${instance}/changes`, { upload: id });

/** A fresh project instance; answers its id. */
export async function newProject(
  client: Client,
  space: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const reply = await client.post(`/v1/spaces/${space}/instances`, { name: 'Project', ...more });
  expect(reply.status, reply.text).toBe(201);
  return reply.body.id;
}

export const rootOf = async (client: Client, instance: string): Promise<string> =>
  (await client.get(`/v1/instances/${instance}`)).body.root;

/** Bytes that differ from place to place, the same for the same seed. */
export function noise(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export const day = 24 * 60 * 60 * 1_000;

/** A clock that is a millisecond later whenever it is asked, so that what comes later is later. */
export function tickingClock(): () => number {
  let ms = Date.parse('2026-11-23T10:00:00.000Z');
  return () => ms++;
}

/** A clock that stands still until it is told otherwise. */
export function standingClock(at: string): {
  now: () => number;
  ahead: (ms: number) => void;
  text: () => string;
} {
  let ms = Date.parse(at);
  return {
    now: () => ms,
    ahead: (by) => {
      ms += by;
    },
    text: () => new Date(ms).toISOString(),
  };
}
