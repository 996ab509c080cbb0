// Large content over HTTP: announced, sent part by part to signed URLs, committed with a change.

import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  announcement,
  commit,
  day,
  everyItem,
  expectFault,
  expectProblem,
  expectSignedRefusal,
  newProject,
  noise,
  rootOf,
  sendRaw,
  standingClock,
  upload,
} from '../support/http.ts';
import {
  type Client,
  onAws,
  openCourse,
  openWorld,
  type Reply,
  sha256,
  type World,
} from '../support/world.ts';

let world: World;
let space: string;
let client: Client;
/** A fresh instance for each test. */
let instance: string;
const clock = standingClock('2026-11-23T10:00:00.000Z');

beforeAll(async () => {
  world = await openWorld({ now: clock.now });
  ({ space, instructor: client } = await openCourse(world, 0));
});
beforeEach(async () => {
  instance = await newProject(client, space);
});
afterAll(() => world[Symbol.asyncDispose]());

const bytes = (text: string) => Buffer.from(text);
const announce = (files: { path: string; parts: Uint8Array[] }[], by = client): Promise<Reply> =>
  by.post(`/v1/instances/${instance}/uploads`, announcement(files));
const change = (body: unknown, by = client): Promise<Reply> =>
  by.post(`/v1/instances/${instance}/changes`, body);
const send = (ticket: { url: string; headers: Record<string, string> }, body: Uint8Array | string) =>
  world.anonymous('PUT', ticket.url, { body, headers: ticket.headers });

describe('an upload', () => {
  it('of one file in one part', async () => {
    const ticket = await announce([{ path: 'a.md', parts: [bytes('hello')] }]);
    expect(ticket.status).toBe(201);
    expect(ticket.body).toEqual({
      upload: expect.stringMatching(/^upl_/),
      expiresAt: new Date(clock.now() + day).toISOString(),
      files: [
        { path: 'a.md', parts: [{ url: expect.stringMatching(/^http/), headers: expect.any(Object) }] },
      ],
    });
    expect(await client.list(instance)).toEqual({});
    expect((await send(ticket.body.files[0].parts[0], 'hello')).status).toBe(200);
    expect(await client.list(instance)).toEqual({});
    const saved = await change({ upload: ticket.body.upload, ops: [{ op: 'put', path: 'a.md' }] });
    expect(saved.status).toBe(200);
    expect(saved.body).toEqual({ root: await rootOf(client, instance), version: 2 });
    expect(saved.headers.get('etag')).toBe(`"${saved.body.root}"`);
    expect(await client.read(instance, 'a.md')).toBe('hello');
  });

  it('of a file in three parts, one of them above 4 MiB', async () => {
    const parts = [noise(1_000, 1), noise(5 * 1024 * 1024, 2), noise(77, 3)];
    const saved = await commit(
      client,
      instance,
      await upload(client, instance, [{ path: 'big.bin', parts }]),
    );
    expect(saved.status, saved.text).toBe(200);
    const file = await client.get(`/v1/instances/${instance}/states/current/files/big.bin`);
    const read = await world.anonymous('GET', file.headers.get('location')!);
    expect(sha256(read.bytes)).toBe(sha256(Buffer.concat(parts)));
    const told = await client.get(`/v1/instances/${instance}/states/current/files/big.bin?redirect=false`);
    expect(told.body.parts).toMatchObject(parts.map((part) => ({ sha256: sha256(part), size: part.length })));
  });

  it('of many files is one new version', async () => {
    const files = Array.from({ length: 40 }, (_, i) => ({ path: `f/${i}`, parts: [bytes(`text ${i % 3}`)] }));
    const saved = await commit(client, instance, await upload(client, instance, files));
    expect(saved.body.version).toBe(2);
    expect(Object.keys(await client.list(instance))).toHaveLength(40);
  });

  it('of an empty file', async () => {
    const saved = await commit(
      client,
      instance,
      await upload(client, instance, [{ path: 'empty', parts: [] }]),
    );
    expect(saved.status).toBe(200);
    expect(await client.list(instance)).toEqual({ 'file:empty': sha256('') });
    const again = await upload(client, instance, [{ path: 'empty-too', parts: [bytes('')] }]);
    expect((await commit(client, instance, again)).status).toBe(200);
    expect(await client.read(instance, 'empty-too')).toBe('');
  });

  it('is the same entry as a small file saved directly', async () => {
    await commit(
      client,
      instance,
      await upload(client, instance, [{ path: 'a.md', parts: [bytes('same')] }]),
    );
    const root = await rootOf(client, instance);
    expect((await client.save(instance, 'a.md', 'same')).body.root).toBe(root);
  });

  it('asks for no bytes that are at that path already', async () => {
    const [one, two, three] = [noise(100, 1), noise(100, 2), noise(100, 3)];
    await commit(client, instance, await upload(client, instance, [{ path: 'p.bin', parts: [one, two] }]));
    const ticket = await announce([{ path: 'p.bin', parts: [one, three, two] }]);
    expect(ticket.body.files[0].parts).toEqual([null, expect.any(Object), null]);
    expectProblem(await commit(client, instance, ticket.body.upload), 422, 'impossible');
    await send(ticket.body.files[0].parts[1], three);
    expect((await commit(client, instance, ticket.body.upload)).status).toBe(200);
    const read = await client.get(`/v1/instances/${instance}/states/current/files/p.bin`);
    expect(read.bytes.equals(Buffer.concat([one, three, two]))).toBe(true);
  });

  it('that is all there already can be committed at once', async () => {
    await client.save(instance, 'a.md', 'there');
    const ticket = await announce([{ path: 'a.md', parts: [bytes('there')] }]);
    expect(ticket.body.files[0].parts).toEqual([null]);
    const saved = await commit(client, instance, ticket.body.upload);
    expect(saved.body).toEqual({ root: await rootOf(client, instance), version: 2 });
  });

  it('may put a file elsewhere than it was announced, and leave others out', async () => {
    const id = await upload(client, instance, [
      { path: 'one', parts: [bytes('1')] },
      { path: 'two', parts: [bytes('2')] },
    ]);
    const ops = [{ op: 'put', path: 'two', upload: id }];
    expect((await change({ ops })).status).toBe(200);
    expect(Object.keys(await client.list(instance))).toEqual(['file:two']);
    expectFault(
      await change({ upload: id, ops: [{ op: 'put', path: 'three' }] }),
      422,
      'impossible',
      '/ops/0/path',
    );
  });

  it('has the names of its files in NFC', async () => {
    const id = await upload(client, instance, [{ path: 'e\u0301.md', parts: [bytes('x')] }]);
    expect((await change({ upload: id, ops: [{ op: 'put', path: '\u00e9.md' }] })).status).toBe(200);
    expect(await client.read(instance, '\u00e9.md')).toBe('x');
  });
});

describe('what was sent', () => {
  it('with wrong bytes is refused, and cannot be committed', async () => {
    const ticket = (await announce([{ path: 'a.md', parts: [bytes('hello')] }])).body;
    expectSignedRefusal(await send(ticket.files[0].parts[0], 'hallo'), 400, 'checksum-mismatch');
    expectProblem(await commit(client, instance, ticket.upload), 422, 'impossible');
    expect(await client.list(instance)).toEqual({});
    expect((await send(ticket.files[0].parts[0], 'hello')).status).toBe(200);
    expect((await commit(client, instance, ticket.upload)).status).toBe(200);
  });

  it('with a wrong length is refused', async () => {
    const ticket = (await announce([{ path: 'a.md', parts: [bytes('hello')] }])).body;
    const [part] = ticket.files[0].parts;
    for (const wrong of ['hell', 'hello!', ''])
      expectSignedRefusal(await send(part, wrong), 400, 'bad-input');
    const { pathname } = new URL(part.url);
    const chunked = await sendRaw(world, pathname, { method: 'PUT', chunks: ['hello', ' and more'] });
    expect(chunked.status).toBe(onAws ? 404 : 400);
    expectProblem(await commit(client, instance, ticket.upload), 422, 'impossible');
  });

  it('to a URL that was tampered with is refused', async () => {
    const ticket = (await announce([{ path: 'a.md', parts: [bytes('hello')] }])).body;
    const [part] = ticket.files[0].parts;
    const last = part.url.at(-1) === 'A' ? 'B' : 'A';
    expectSignedRefusal(
      await send({ ...part, url: part.url.slice(0, -1) + last }, 'hello'),
      403,
      'forbidden',
    );
    expectSignedRefusal(await world.anonymous('GET', part.url), 403, 'forbidden');
    const made = await world.anonymous('PUT', `${world.origin}/signed/x.y`, { body: 'x' });
    expectSignedRefusal(made, 403, 'forbidden');
  });

  it('too late is refused', async () => {
    const ticket = (await announce([{ path: 'a.md', parts: [bytes('hello')] }])).body;
    clock.ahead(day + 1);
    const late = await send(ticket.files[0].parts[0], 'hello');
    // S3 goes by its own clock; the contract of blobs looks at that.
    if (!onAws) expectProblem(late, 403, 'forbidden');
    expectProblem(await commit(client, instance, ticket.upload), 410, 'gone');
  });
});

describe('a commit', () => {
  it('before everything has arrived names what is missing, and can be tried again', async () => {
    const files = [
      { path: 'a', parts: [bytes('1'), bytes('2')] },
      { path: 'b', parts: [bytes('3')] },
      { path: 'c', parts: [bytes('4')] },
    ];
    const ticket = (await announce(files)).body;
    await send(ticket.files[0].parts[0], '1');
    await send(ticket.files[1].parts[0], '3');
    const problem = expectFault(await commit(client, instance, ticket.upload), 422, 'impossible', '/upload');
    const told = problem.errors.map(({ detail }: { detail: string }) => detail).join(' ');
    expect([told.includes('"a"'), told.includes('"b"'), told.includes('"c"')]).toEqual([true, false, true]);
    expect(await client.list(instance)).toEqual({});
    await send(ticket.files[0].parts[1], '2');
    await send(ticket.files[2].parts[0], '4');
    expect((await commit(client, instance, ticket.upload)).status).toBe(200);
    expect(await client.read(instance, 'a')).toBe('12');
  });

  it('done twice is done once', async () => {
    const id = await upload(client, instance, [{ path: 'a', parts: [bytes('1')] }]);
    const first = await commit(client, instance, id);
    const second = await commit(client, instance, id);
    expect([second.status, second.body]).toEqual([200, first.body]);
    await client.save(instance, 'a', '2');
    expect((await commit(client, instance, id)).status).toBe(200);
    expect(await client.read(instance, 'a')).toBe('1');
  });

  it('done twice at the same time is done once', async () => {
    const id = await upload(client, instance, [{ path: 'a', parts: [noise(100_000)] }]);
    const tries = await Promise.all([1, 2, 3, 4].map(() => commit(client, instance, id)));
    for (const reply of tries) expect([reply.status, reply.body.version]).toEqual([200, 2]);
  });

  it('overtaken by another commit of the same upload succeeds too', async () => {
    const files = [{ path: 'a', parts: [bytes('1'), bytes('2')] }];
    const id = await upload(client, instance, files);
    const { blobs } = world.backend.ports;
    const overtake = vi.spyOn(blobs, 'promote').mockImplementationOnce(async (slot, part) => {
      expect((await commit(client, instance, id)).status).toBe(200);
      return blobs.promote(slot, part);
    });
    const reply = await commit(client, instance, id);
    overtake.mockRestore();
    expect(reply.status, reply.text).toBe(200);
    expect(reply.body.version).toBe(2);
    expect(await client.read(instance, 'a')).toBe('12');
  });

  it('of an upload that expired is refused', async () => {
    const id = await upload(client, instance, [{ path: 'a', parts: [bytes('1')] }]);
    clock.ahead(day - 1);
    expect((await commit(client, instance, id)).status).toBe(200);
    clock.ahead(2);
    expectFault(await commit(client, instance, id), 410, 'gone', '/upload');
  });

  it('by someone else, or into another instance, finds no upload', async () => {
    const id = await upload(client, instance, [{ path: 'a', parts: [bytes('1')] }]);
    await client.put(`/v1/instances/${instance}/roles/otto`, { role: 'editor' });
    const otto = await world.client('otto');
    expectFault(await commit(otto, instance, id), 404, 'not-found', '/upload');
    const elsewhere = await newProject(client, space);
    expectFault(await commit(client, elsewhere, id), 404, 'not-found', '/upload');
    for (const none of ['upl_00000000000000000000000000', 'upl_', 'x', ''])
      expectFault(await change({ upload: none, ops: [] }), 404, 'not-found', '/upload');
    const op = { op: 'put', path: 'a', upload: 'upl_00000000000000000000000000' };
    expectFault(await change({ ops: [op] }), 404, 'not-found', '/ops/0/upload');
    expect((await commit(client, instance, id)).status).toBe(200);
  });

  it('based on a state that moved is refused, and can be tried again', async () => {
    const id = await upload(client, instance, [{ path: 'a', parts: [bytes('1')] }]);
    const stale = await rootOf(client, instance);
    await client.save(instance, 'b', '2');
    const put = { upload: id, ops: [{ op: 'put', path: 'a' }] };
    const ifMatch = (root: string) => ({ 'if-match': `"${root}"` });
    expectProblem(await client.post(`/v1/instances/${instance}/changes`, put, ifMatch(stale)), 412, 'moved');
    expect(await client.read(instance, 'a')).toBeUndefined();
    const again = await client.post(
      `/v1/instances/${instance}/changes`,
      put,
      ifMatch(await rootOf(client, instance)),
    );
    expect(again.status).toBe(200);
  });
});

describe('knowing a hash', () => {
  it('gives no bytes: what is elsewhere must be sent again', async () => {
    const secret = bytes('the examination questions');
    await client.save(instance, 'exam.md', secret);
    const thief = await world.client('thief');
    const own = await newProject(client, space, { editors: ['thief'] });
    const ticket = await thief.post(
      `/v1/instances/${own}/uploads`,
      announcement([{ path: 'loot.md', parts: [secret] }]),
    );
    expect(ticket.body.files[0].parts[0]).toMatchObject({ url: expect.any(String) });
    expectProblem(await commit(thief, own, ticket.body.upload), 422, 'impossible');
    const [part] = ticket.body.files[0].parts;
    expectSignedRefusal(await send(part, 'x'.repeat(secret.length)), 400, 'checksum-mismatch');
    expectProblem(await commit(thief, own, ticket.body.upload), 422, 'impossible');
    expect(await thief.list(own)).toEqual({});
    await send(part, secret);
    expect((await commit(thief, own, ticket.body.upload)).status).toBe(200);
  });

  it('gives no bytes at another path of the same instance', async () => {
    await client.save(instance, 'a.md', 'text');
    const ticket = await announce([{ path: 'b.md', parts: [bytes('text')] }]);
    expect(ticket.body.files[0].parts).toEqual([expect.any(Object)]);
    expectProblem(await commit(client, instance, ticket.body.upload), 422, 'impossible');
  });

  it('with another size than the bytes have gives no bytes either', async () => {
    await client.save(instance, 'a.md', 'text');
    const files = [{ path: 'a.md', size: 3, parts: [{ sha256: sha256('text'), size: 3 }] }];
    const ticket = await client.post(`/v1/instances/${instance}/uploads`, { files });
    expect(ticket.body.files[0].parts).toEqual([expect.any(Object)]);
    expect((await send(ticket.body.files[0].parts[0], 'tex')).status).toBe(400);
    expectProblem(await commit(client, instance, ticket.body.upload), 422, 'impossible');
    const none = [{ path: 'a.md', size: 0, parts: [{ sha256: sha256('text'), size: 0 }] }];
    const empty = await client.post(`/v1/instances/${instance}/uploads`, { files: none });
    expect((await commit(client, instance, empty.body.upload)).status).toBe(422);
  });

  it('nor does the id of a snapshot that is not one’s own', async () => {
    await client.save(instance, 'exam.md', 'secret');
    const { id } = (await client.post(`/v1/instances/${instance}/snapshots`, { name: 'S' })).body;
    const own = await newProject(client, space, { editors: ['thief'] });
    const thief = await world.client('thief');
    const copy = { op: 'copy', kind: 'file', from: { state: id, path: 'exam.md' }, to: 'loot.md' };
    expectProblem(await thief.post(`/v1/instances/${own}/changes`, { ops: [copy] }), 404, 'not-found');
    expectProblem(await thief.get(`/v1/instances/${own}/states/${id}/files/exam.md`), 404, 'not-found');
    expectProblem(await thief.get(`/v1/instances/${own}/diff?from=${id}`), 404, 'not-found');
    expectProblem(await thief.post(`/v1/instances/${own}/restore`, { state: id }), 404, 'not-found');
    expectProblem(
      await thief.post(`/v1/instances/${own}/restore`, { state: id, from: instance }),
      404,
      'not-found',
    );
    const table = await thief.put(`/v1/instances/${own}/tables/t`, { from: { state: id, path: 'exam.md' } });
    expectProblem(table, 404, 'not-found');
    expect(await thief.list(own)).toEqual({});
  });
});

describe('an announcement that makes no sense is refused', () => {
  const hash = sha256('x');
  const file = { path: 'a', size: 1, parts: [{ sha256: hash, size: 1 }] };
  const cases: [what: string, files: unknown, status: number, code: string, pointer: string][] = [
    ['without files', [], 400, 'bad-input', '/files'],
    ['with a size that is not that of the parts', [{ ...file, size: 2 }], 400, 'bad-input', '/files/0/size'],
    ['with a bad path', [file, { ...file, path: '../x' }], 400, 'bad-path', '/files/1/path'],
    [
      'with a hash in capitals',
      [{ ...file, parts: [{ sha256: hash.toUpperCase(), size: 1 }] }],
      400,
      'bad-input',
      '/files/0/parts/0/sha256',
    ],
    [
      'with a negative size',
      [{ ...file, size: -1, parts: [{ sha256: hash, size: -1 }] }],
      400,
      'bad-input',
      '/files/0/size',
    ],
    [
      'with half a byte',
      [{ ...file, size: 0.5, parts: [{ sha256: hash, size: 0.5 }] }],
      400,
      'bad-input',
      '/files/0/size',
    ],
    [
      'with a part above 64 MiB',
      [{ ...file, size: 67_108_865, parts: [{ sha256: hash, size: 67_108_865 }] }],
      413,
      'too-large',
      '/files/0/parts/0/size',
    ],
    [
      'with an empty part among others',
      [
        {
          ...file,
          parts: [
            { sha256: hash, size: 1 },
            { sha256: sha256(''), size: 0 },
          ],
        },
      ],
      400,
      'bad-input',
      '/files/0/parts/1/size',
    ],
    [
      'with too many parts',
      [{ path: 'a', size: 513, parts: Array(513).fill({ sha256: hash, size: 1 }) }],
      413,
      'too-large',
      '/files/0/parts',
    ],
    ['with one path twice', [file, file], 400, 'bad-input', '/files/1/path'],
    [
      'with one path twice, once in NFD',
      [
        { ...file, path: '\u00e9' },
        { ...file, path: 'e\u0301' },
      ],
      400,
      'bad-input',
      '/files/1/path',
    ],
    ['with something else', [{ ...file, mode: 493 }], 400, 'bad-input', '/files/0/mode'],
  ];

  it.each(cases)('%s', async (_, files, status, code, pointer) => {
    const reply = await client.post(`/v1/instances/${instance}/uploads`, { files });
    expectFault(reply, status, code, pointer);
  });

  it('with more than one upload can remember', async () => {
    const files = Array.from({ length: 4_000 }, (_, i) => ({ ...file, path: `file-${i}` }));
    const reply = await client.post(`/v1/instances/${instance}/uploads`, { files });
    expectFault(reply, 413, 'too-large', '/files');
    expect(await everyItem(client, `/v1/instances/${instance}/states/current/entries`, 10)).toEqual([]);
  });
});
