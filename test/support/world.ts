// A whole backend in this process, on a fresh directory, spoken to over HTTP as any client would. By `npm run test:aws`
// its storage is that of `adapters/aws`, with tables and a bucket that belong to the directory.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { LocalEvents } from '../../adapters/local/events.ts';
import { developmentIssuer } from '../../adapters/local/issuer.ts';
import { openLocal } from '../../adapters/local/open.ts';
import type { Backend } from '../../adapters/open.ts';
import { relaunch } from '../../core/ops/launch.ts';
import type { Settings } from '../../core/ports.ts';
import { httpHandler } from '../../functions/http/handler.ts';
import { localServer } from '../../functions/http/local-server.ts';
import { router } from '../../functions/http/router.ts';
import { endpoints } from '../../functions/routes.ts';
import { workflows } from '../../workflows/definitions.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers is looked at by the tests
type Json = any;

/** Whether the storage is that of `adapters/aws`: then S3 answers signed URLs, in its own way and by its own clock. */
export const onAws = inject('awsServers') !== undefined;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  readonly body: Json;
}

export interface RequestOptions {
  readonly json?: unknown;
  readonly body?: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Send = (method: string, path: string, options?: RequestOptions) => Promise<Reply>;

/** Someone with a token. */
export interface Client {
  readonly user: string;
  readonly send: Send;
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Reply>;
  readonly post: (path: string, json?: unknown, headers?: Readonly<Record<string, string>>) => Promise<Reply>;
  readonly put: (path: string, json: unknown, headers?: Readonly<Record<string, string>>) => Promise<Reply>;
  readonly delete: (path: string) => Promise<Reply>;
  /** Stores a small file. */
  readonly save: (instance: string, path: string, content: string | Uint8Array) => Promise<Reply>;
  /** The text of a file in a state, undefined when there is none. */
  readonly read: (instance: string, path: string, state?: string) => Promise<string | undefined>;
  /** Every entry of a state, by `kind:path`, with what tells its content. */
  readonly list: (instance: string, state?: string) => Promise<Record<string, string>>;
}

export interface World extends AsyncDisposable {
  readonly origin: string;
  readonly directory: string;
  readonly backend: WorldBackend;
  token(user: string, manager?: boolean): Promise<string>;
  client(user: string, manager?: boolean): Promise<Client>;
  anonymous: Send;
}

export interface WorldBackend extends Backend {
  readonly events: LocalEvents;
}

export interface WorldOptions {
  /** A directory to go on with; a fresh one, removed at the end, when left out. */
  readonly directory?: string;
  readonly now?: () => number;
  readonly settings?: Partial<Settings>;
  /** Other steps than the usual ones, by which a test gets in their way. */
  readonly workflows?: typeof workflows;
}

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'handout-'));
  const settings: Settings = { historySeconds: 30 * 86_400, graceSeconds: 7 * 86_400, ...options.settings };
  const backend = await openBackend(directory, settings, options);
  const issuer = developmentIssuer(backend.secret);
  const handler = httpHandler(endpoints, backend.ports);
  const server = localServer({ route: router(endpoints), handler, issuer, signed: backend.signed });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  if (backend.signed) backend.signed.urls.origin = origin;
  await backend.workflows.resume();
  await relaunch(backend.ports);
  return {
    origin,
    directory,
    backend,
    anonymous: sender(origin),
    token: (user, manager = false) => issuer.issue(user, manager),
    client: async (user, manager = false) =>
      clientOf(user, sender(origin, await issuer.issue(user, manager))),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await backend[Symbol.asyncDispose]();
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function openBackend(
  directory: string,
  settings: Settings,
  { now = Date.now, workflows: steps = workflows }: WorldOptions,
): Promise<WorldBackend> {
  const options = { directory, settings, workflows: steps, now };
  if (onAws) {
    const [{ openAwsMachine }, { awsConfigOf }] = await Promise.all([
      import('../../adapters/aws/machine.ts'),
      import('./aws.ts'),
    ]);
    return openAwsMachine({ ...options, aws: awsConfigOf(directory) });
  }
  const local = await openLocal(options);
  return { ...local, signed: local };
}

export function sender(origin: string, token?: string): Send {
  return async (method, path, { json, body, headers } = {}) => {
    const response = await fetch(path.startsWith('http') ? path : origin + path, {
      method,
      redirect: 'manual',
      body: json === undefined ? ((body as string) ?? null) : JSON.stringify(json),
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = bytes.toString();
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
    };
  };
}

export const inUrl = (path: string): string => path.split('/').map(encodeURIComponent).join('/');

export function clientOf(user: string, send: Send): Client {
  const get: Client['get'] = (path, headers = {}) => send('GET', path, { headers });
  return {
    user,
    send,
    get,
    post: (path, json, headers = {}) => send('POST', path, { json: json ?? {}, headers }),
    put: (path, json, headers = {}) => send('PUT', path, { json, headers }),
    delete: (path) => send('DELETE', path),
    save: (instance, path, content) =>
      send('PUT', `/v1/instances/${instance}/files/${inUrl(path)}`, { body: content }),
    async read(instance, path, state = 'current') {
      const reply = await get(`/v1/instances/${instance}/states/${state}/files/${inUrl(path)}`);
      return reply.status === 404 ? undefined : reply.text;
    },
    async list(instance, state = 'current') {
      const found: Record<string, string> = {};
      let cursor: string | null = null;
      do {
        const page: string = cursor ? `&cursor=${cursor}` : '';
        const { body } = await get(`/v1/instances/${instance}/states/${state}/entries?limit=1000${page}`);
        for (const item of body.items)
          found[`${item.kind}:${item.path}`] = item.sha256 ?? `${item.size} bytes`;
        cursor = body.next;
      } while (cursor);
      return found;
    },
  };
}

export interface CourseWorld {
  readonly space: string;
  readonly master: string;
  readonly distributed: string;
  /** The instance of each student, by user. */
  readonly instances: Readonly<Record<string, string>>;
  readonly instructor: Client;
  student(nth: number): Promise<Client & { readonly instance: string }>;
}

/** A course with an instructor (`ines`) and students `s1` to `sN`. */
export async function openCourse(world: World, students: number): Promise<CourseWorld> {
  const instructor = await world.client('ines', true);
  const space = (await instructor.post('/v1/spaces', { name: 'Course', kind: 'course' })).body;
  const members = Array.from({ length: students }, (_, i) => ({ user: `s${i + 1}`, role: 'student' }));
  const added =
    students > 0 ? await instructor.post(`/v1/spaces/${space.id}/members`, { members }) : undefined;
  const pairs: { user: string; instanceId: string }[] = added?.body.instances ?? [];
  const instances = Object.fromEntries(pairs.map(({ user, instanceId }) => [user, instanceId]));
  return {
    space: space.id,
    master: space.masterInstanceId,
    distributed: space.distributedInstanceId,
    instances,
    instructor,
    student: async (nth) => ({ ...(await world.client(`s${nth}`)), instance: instances[`s${nth}`]! }),
  };
}

/** Distributes and waits for the end. */
export async function distribute(client: Client, wanted: Record<string, unknown>): Promise<Json> {
  const reply = await client.post('/v1/distributions', wanted);
  if (reply.status !== 202) throw new Error(`${reply.status} ${reply.text}`);
  return untilOver(client, reply.body.id);
}

export async function untilOver(client: Client, id: string): Promise<Json> {
  for (;;) {
    const { body } = await client.get(`/v1/distributions/${id}`);
    if (body.status !== 'queued' && body.status !== 'running') return body;
    await new Promise((resolve) => setTimeout(resolve, onAws ? 50 : 5));
  }
}

export const sha256 = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');
