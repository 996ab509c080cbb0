// Whatever is sent, the answer is a clear refusal or the thing asked for: never a 500, never a hanging connection, never
// half a change. Every endpoint is fuzzed from a well-formed request of its own.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AppError } from '../../core/errors.ts';
import { endpoints } from '../../functions/routes.ts';
import { everyRequest, type Fixture, openFixture, type Sent } from '../support/every-endpoint.ts';
import { expectFault, expectProblem, noise, sendRaw } from '../support/http.ts';
import { openWorld, type Reply, type RequestOptions, type World } from '../support/world.ts';

/** The same in every run of the suite unless chosen; `FUZZ_SEED=$RANDOM FUZZ_TIMES=50` looks further. */
const seed = Number(process.env.FUZZ_SEED ?? 20_261_123);
const times = Number(process.env.FUZZ_TIMES ?? 1);
console.log(`bad-input.test.ts: FUZZ_SEED=${seed}`);

let world: World;
let fixture: Fixture;
let token: string;
let own: string;

beforeAll(async () => {
  world = await openWorld();
  fixture = await openFixture(world);
  token = await world.token('ines', true);
  own = `/v1/instances/${fixture.places.own.instance}`;
});
afterAll(() => world[Symbol.asyncDispose]());

const carriesBody = (method: string): boolean => method !== 'GET' && method !== 'DELETE';
const json = { 'content-type': 'application/json' };
const send = (method: string, path: string, options?: RequestOptions): Promise<Reply> =>
  fixture.manager.send(method, path, options);

describe('a body', () => {
  const snapshots = (body: string | Uint8Array) => send('POST', `${own}/snapshots`, { body, headers: json });

  it.each<[what: string, body: string | Uint8Array, detail: RegExp]>([
    ['that is no JSON', '{"name": }', /not JSON/],
    ['that ends too early', '{"name": "S"', /not JSON/],
    ['that is a number too many', '1 2', /not JSON/],
    ['that is empty', '', /empty/],
    ['of spaces', '  \n ', /empty/],
    ['that is not UTF-8', Buffer.from('{"name":"M\u00fcller"}', 'latin1'), /UTF-8/],
    ['nested beyond reason', `{"name":${'['.repeat(3_000)}${']'.repeat(3_000)}}`, /nested/],
    ['nested far beyond reason', `${'{"a":'.repeat(400_000)}1${'}'.repeat(400_000)}`, /nested/],
  ])('%s is refused', async (_, body, detail) => {
    const problem = expectFault(await snapshots(body), 400, 'bad-input', '');
    expect(problem.errors[0].detail).toMatch(detail);
  });

  it.each(['null', 'true', '1', '"text"', '[]', '[{"name":"S"}]'])('%s is no object', async (body) => {
    expectFault(await snapshots(body), 400, 'bad-input', '');
  });

  it('with members that are not known names each of them', async () => {
    const problem = expectProblem(
      await snapshots('{"name":"S","a":1,"b/c":2,"__proto__":{"x":1}}'),
      400,
      'bad-input',
    );
    const pointers = problem.errors.map(({ pointer }: { pointer: string }) => pointer);
    expect(pointers).toEqual(expect.arrayContaining(['/a', '/b~1c']));
  });

  it('above 4 MiB is refused with or without its length, and the answer arrives', async () => {
    const large = noise(6 * 1024 * 1024);
    const paths = [`${own}/files/large.bin`, `${own}/tables/large`, `${own}/apps/large`];
    for (let round = 0; round < 3; round++)
      for (const path of paths) {
        expectProblem(await send('PUT', path, { body: large, headers: json }), 413, 'too-large');
        const chunked = await sendRaw(world, path, { method: 'PUT', token, chunks: [large] });
        expect([chunked.status, chunked.body.code]).toEqual([413, 'too-large']);
      }
    const told = await sendRaw(world, paths[0]!, {
      method: 'PUT',
      token,
      headers: { 'content-length': String(large.length) },
      chunks: [large],
    });
    expect([told.status, told.body.code]).toEqual([413, 'too-large']);
  });

  it('of JSON above 4 MiB is refused before it is read', async () => {
    const reply = await snapshots(`{"name":"${'x'.repeat(4 * 1024 * 1024)}"}`);
    expectProblem(reply, 413, 'too-large');
  });
});

describe('an id that leads nowhere', () => {
  const unknown: Record<string, string> = {
    space: 'spc_00000000000000000000000000',
    instance: 'ins_00000000000000000000000000',
    snapshot: 'snp_00000000000000000000000000',
    distribution: 'dst_00000000000000000000000000',
    plan: 'pln_00000000000000000000000000',
    assignment: 'asg_00000000000000000000000000',
    handIn: 'hnd_00000000000000000000000000',
  };
  const pattern = /^\/v1\/\w+\/([a-z]{3}_\w+)/;
  const withId = endpoints.filter(
    ({ name, path }) =>
      name in everyRequest && /\{(space|instance|distribution|plan|assignment|handIn)\}/.test(path),
  );

  it.each(withId.map(({ name }) => name))('is not found by %s', async (name) => {
    const endpoint = withId.find((candidate) => candidate.name === name)!;
    const kind = /\{(\w+)\}/.exec(endpoint.path)![1]!;
    const { method, path, ...options } = await everyRequest[name]!(fixture, fixture.places.own);
    const right = pattern.exec(path)![1]!;
    const others = Object.values(unknown);
    for (const wrong of [
      ...others,
      right.toUpperCase(),
      right.slice(0, -1),
      `${right}0`,
      'x',
      '%00',
      '%2e%2e',
    ]) {
      const reply = await sendRaw(world, path.replace(right, wrong), {
        method,
        token,
        headers: { ...json, ...options.headers },
        chunks: carriesBody(method) ? [options.body ?? JSON.stringify(options.json ?? {})] : [],
      });
      expect([kind, wrong, reply.status, reply.body?.code]).toEqual([kind, wrong, 404, 'not-found']);
    }
  });

  it('is not found below an instance that there is', async () => {
    expectProblem(await send('GET', `${own}/snapshots/${unknown.snapshot}`), 404, 'not-found');
    expectProblem(await send('DELETE', `${own}/snapshots/${unknown.snapshot}`), 404, 'not-found');
    expectProblem(await send('GET', `${own}/states/${unknown.snapshot}/entries`), 404, 'not-found');
    expectProblem(await send('GET', `${own}/states/current/tables/none`), 404, 'not-found');
    expectProblem(await send('GET', `${own}/states/current/tables/none/rows`), 404, 'not-found');
    expectProblem(await send('GET', `${own}/states/current/apps/none`), 404, 'not-found');
    expectProblem(await send('GET', `${own}/apps/none`), 404, 'not-found');
    expectProblem(await send('GET', `${own}/states/current/files/none`), 404, 'not-found');
    expectProblem(await send('GET', `${own}/diff?from=${unknown.snapshot}`), 404, 'not-found');
    const restore = { state: 'current', from: unknown.instance };
    expectProblem(await send('POST', `${own}/restore`, { json: restore }), 404, 'not-found');
    const members = `/v1/spaces/${fixture.space}/members/none`;
    expectProblem(await send('DELETE', members), 404, 'not-found');
  });
});

describe('a failure of the service itself', () => {
  const { records } = { records: () => world.backend.ports.records };

  it('is told by an id and nothing else', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {});
    for (const failure of [
      new Error('password=hunter2 at /srv/secret'),
      new AppError('damaged', 'Blob 0123 is missing at /srv/secret.'),
    ]) {
      const broken = vi.spyOn(records(), 'get').mockRejectedValue(failure);
      const reply = await send('GET', own);
      broken.mockRestore();
      const problem = expectProblem(reply, 500, 'internal');
      expect(reply.text).not.toMatch(/hunter2|secret|0123|at .*\.ts/);
      expect(Object.keys(problem).sort()).toEqual([
        'code',
        'detail',
        'instance',
        'requestId',
        'status',
        'title',
        'type',
      ]);
      expect(problem.detail).toContain(problem.requestId);
      expect(logged).toHaveBeenCalledWith(problem.requestId, failure);
    }
    logged.mockRestore();
    expect((await send('GET', own)).status).toBe(200);
  });

  it('to get its turn among many writers is 429, with a time to wait', async () => {
    const pauses = vi.spyOn(Math, 'random').mockReturnValue(0);
    const losing = vi.spyOn(records(), 'write').mockRejectedValue(new AppError('conflict', 'Lost.'));
    const reply = await send('PUT', `${own}/files/busy.md`, { body: 'x' });
    losing.mockRestore();
    pauses.mockRestore();
    expectProblem(reply, 429, 'busy');
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await fixture.manager.read(fixture.places.own.instance, 'busy.md')).toBeUndefined();
  });
});

/** Values that programs tend to trip over. */
const nasty = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER,
    true,
    [],
    {},
    [[]],
    '\u0000',
    '\ud800',
    'e\u0301',
    '../..',
    'current',
    'at:',
    'at:2026-11-23T10:00:00Z',
    'at:9999-12-31T23:59:59Z',
    'snp_00000000000000000000000000',
    'ins_00000000000000000000000000',
    '__proto__',
    'constructor',
    'x'.repeat(2_000),
    '%s%00%2e',
    '=1+1',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A document with something in it replaced, removed or added. */
const spoiled = (document: unknown): fc.Arbitrary<unknown> =>
  fc.tuple(fc.nat(), fc.constantFrom('replace', 'remove', 'add'), nasty).map(([pick, how, value]) => {
    const copy = structuredClone(document);
    const places: [holder: Record<string, unknown>, key: string][] = [];
    const visit = (node: unknown) => {
      if (typeof node !== 'object' || node === null) return;
      for (const key of Object.keys(node)) {
        places.push([node as Record<string, unknown>, key]);
        visit((node as Record<string, unknown>)[key]);
      }
    };
    visit(copy);
    if (places.length === 0) return value;
    const [holder, key] = places[pick % places.length]!;
    if (how === 'replace') holder[key] = value;
    else if (how === 'remove') delete holder[key];
    else Object.defineProperty(holder, String(value), { value, enumerable: true, configurable: true });
    return copy;
  });

const parameterNames = [
  'limit',
  'cursor',
  'prefix',
  'delimiter',
  'kind',
  'after',
  'from',
  'to',
  'toInstance',
  'offset',
];
const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(
        ...parameterNames,
        'columns',
        'redirect',
        'executable',
        'which',
        'status',
        'wait',
        '__proto__',
      ),
      fc.oneof(
        nasty.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))),
        fc.string({ maxLength: 12 }).map((text) => Buffer.from(text).toString('base64url')),
        fc.constantFrom('0', '1', '2', '1001', '-1', '1e3', '0x10', 'NaN', 'Infinity', 'true', 'file', '/'),
      ),
    ),
    { maxLength: 4 },
  )
  // Waiting for 20 seconds is no fault.
  .map((pairs) => pairs.filter(([name, value]) => name !== 'wait' || !(Number(value) > 0)))
  .map((pairs) => pairs.map(([name, value]) => `${name}=${percent(value)}`).join('&'));

/** Percent-encoded, lone surrogates as the bytes that some clients send for them. */
const percent = (text: string): string => encodeURIComponent(text.toWellFormed());

const segment = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).map(percent),
  fc.constantFrom(
    '%',
    '%zz',
    '%ff',
    '%00',
    '..',
    '%2e%2e',
    '%2f',
    '%5c',
    '~',
    'current',
    'at:',
    'x'.repeat(3_000),
  ),
);

const header = fc
  .tuple(
    fc.constantFrom(
      'if-match',
      'if-none-match',
      'if-range',
      'range',
      'idempotency-key',
      'content-type',
      'accept',
      'x-handout-path',
    ),
    fc.oneof(
      fc.stringMatching(/^[!-~][ -~]{0,30}[!-~]$/),
      fc.constantFrom(
        '*',
        '"',
        '""',
        'W/"x"',
        'bytes=-',
        'bytes=5-2',
        'bytes=0-0,2-3',
        'text/csv',
        'application/json',
      ),
      fc.constantFrom(
        'application/x-ndjson',
        'application/vnd.apache.parquet',
        'text/csv;q=x',
        ';',
        ',',
        '/',
      ),
    ),
  )
  .map(([name, value]) => ({ [name]: value }));

type Spoil = (sent: Sent) => fc.Arbitrary<Sent>;

const spoils: Readonly<Record<string, Spoil>> = {
  body: (sent) =>
    fc.oneof(
      spoiled(sent.json ?? {}).map((document) => ({ ...sent, body: undefined, json: document ?? null })),
      nasty.map((value) => ({ ...sent, json: value ?? null })),
      fc
        .uint8Array({ maxLength: 100 })
        .map(({ buffer }) => ({ ...sent, json: undefined, body: new Uint8Array(buffer) })),
      fc.string({ unit: 'binary', maxLength: 50 }).map((body) => ({ ...sent, json: undefined, body })),
    ) as fc.Arbitrary<Sent>,
  query: (sent) => query.map((text) => ({ ...sent, path: `${sent.path.split('?')[0]}?${text}` })),
  path: (sent) =>
    fc.tuple(fc.nat(), segment).map(([pick, text]) => {
      const [path = '', rest] = sent.path.split('?');
      const segments = path.split('/');
      segments[2 + (pick % (segments.length - 2))] = text;
      return { ...sent, path: segments.join('/') + (rest === undefined ? '' : `?${rest}`) };
    }),
  headers: (sent) => header.map((more) => ({ ...sent, headers: { ...sent.headers, ...more } })),
};

async function survives({ method, path, headers = {}, json: document, body }: Sent): Promise<void> {
  const reply = await sendRaw(world, path, {
    method,
    token,
    headers: { ...(document !== undefined && json), ...headers },
    chunks: carriesBody(method) ? [document === undefined ? (body ?? '') : JSON.stringify(document)] : [],
  });
  expect(reply.status, reply.text).toBeLessThan(500);
  if (reply.status < 400) return;
  expect(reply.headers['content-type']).toBe('application/problem+json');
  expect(reply.body).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    status: reply.status,
    detail: expect.any(String),
    instance: expect.any(String),
    code: expect.any(String),
  });
  if (reply.status === 400 && reply.body.code !== 'bad-table')
    expect(reply.body.errors[0]).toMatchObject({ pointer: expect.any(String), detail: expect.any(String) });
}

describe('junk', () => {
  it.each(Object.keys(everyRequest))('sent to %s breaks nothing', async (name) => {
    const { method } = endpoints.find((endpoint) => endpoint.name === name)!;
    const base = await everyRequest[name]!(fixture, fixture.places.own);
    const kinds = carriesBody(method) ? Object.keys(spoils) : ['query', 'path', 'headers'];
    const requests = fc.oneof(...kinds.map((kind) => spoils[kind]!(base)));
    await fc.assert(fc.asyncProperty(requests, survives), { seed, numRuns: 20 * times });
  });

  it('sent as a table breaks nothing', async () => {
    const types = ['text/csv', 'application/x-ndjson', 'application/vnd.apache.parquet'];
    const line = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a,b', '"', '1,2', '{}', '[]', 'null'),
    );
    const body = fc.oneof(
      fc.array(line, { maxLength: 6 }).map((lines) => lines.join('\n')),
      fc
        .uint8Array({ maxLength: 300 })
        .map((bytes) => Buffer.concat([Buffer.from('PAR1'), bytes, Buffer.from('PAR1')])),
    );
    const property = fc.asyncProperty(fc.constantFrom(...types), body, async (type, text) => {
      const headers = { 'content-type': type };
      await survives({ method: 'PUT', path: `${own}/tables/junk`, body: text, headers });
      await survives({ method: 'POST', path: `${own}/tables/scores/rows`, body: text, headers });
      await survives({ method: 'GET', path: `${own}/states/current/tables/junk/rows` });
      await survives({
        method: 'GET',
        path: `${own}/states/current/tables/junk/rows`,
        headers: { accept: 'text/csv' },
      });
    });
    await fc.assert(property, { seed, numRuns: 30 * times });
  });

  it('in a Parquet file that was one breaks nothing', async () => {
    const table = await send('GET', `${own}/states/current/tables/scores`);
    const good = (await world.anonymous('GET', table.body.parts[0].url)).bytes;
    const flips = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    const property = fc.asyncProperty(flips, async (changes) => {
      const body = Uint8Array.from(good);
      for (const [at, byte] of changes) body[at] = byte;
      const headers = { 'content-type': 'application/vnd.apache.parquet' };
      await survives({ method: 'PUT', path: `${own}/tables/flipped`, body, headers });
    });
    await fc.assert(property, { seed, numRuns: 60 * times });
  });

  it('left every journal sound', async () => {
    for (const { instance } of Object.values(fixture.places)) {
      const { body } = await send('GET', `/v1/instances/${instance}/journal/verify`);
      expect(body).toMatchObject({ ok: true });
    }
  });
});
