// Files over HTTP: names, bytes, listings, ranges, what a write is based on.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  commit,
  everyItem,
  expectFault,
  expectProblem,
  newProject,
  noise,
  rootOf,
  sendRaw,
  upload,
} from '../support/http.ts';
import { type Client, inUrl, onAws, openCourse, openWorld, sha256, type World } from '../support/world.ts';

let world: World;
let space: string;
let client: Client;
let token: string;
/** A fresh instance for each test. */
let instance: string;

beforeAll(async () => {
  world = await openWorld();
  const course = await openCourse(world, 0);
  ({ space, instructor: client } = course);
  token = await world.token('ines', true);
});
beforeEach(async () => {
  instance = await newProject(client, space);
});
afterAll(() => world[Symbol.asyncDispose]());

const fileUrl = (path: string, state = 'current') =>
  `/v1/instances/${instance}/states/${state}/files/${inUrl(path)}`;
const putUrl = (path: string) => `/v1/instances/${instance}/files/${inUrl(path)}`;

describe('a file', () => {
  it('is stored, replaced, read and removed', async () => {
    const created = await client.save(instance, 'week-1/plan.md', 'one');
    expect(created.status).toBe(201);
    expect(created.body).toEqual({ root: expect.stringMatching(/^[0-9a-f]{64}$/), version: 2 });
    expect(created.headers.get('etag')).toBe(`"${created.body.root}"`);
    const replaced = await client.save(instance, 'week-1/plan.md', 'two');
    expect(replaced.status).toBe(200);
    expect(replaced.body.version).toBe(3);
    const read = await client.get(fileUrl('week-1/plan.md'));
    expect(read.status).toBe(200);
    expect(read.text).toBe('two');
    expect(read.headers.get('content-type')).toBe('text/markdown');
    expect(read.headers.get('content-length')).toBe('3');
    const removed = await client.delete(putUrl('week-1/plan.md'));
    expect(removed.status).toBe(204);
    expect(removed.text).toBe('');
    expectProblem(await client.get(fileUrl('week-1/plan.md')), 404, 'not-found');
    expectProblem(await client.delete(putUrl('week-1/plan.md')), 404, 'not-found');
    expect(await rootOf(client, instance)).not.toBe(replaced.body.root);
  });

  it('saved again with the same content makes no new version', async () => {
    const first = await client.save(instance, 'a.md', 'same');
    const second = await client.save(instance, 'a.md', 'same');
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  it('may be empty, and may hold any bytes', async () => {
    await client.save(instance, 'empty.bin', '');
    const empty = await client.get(fileUrl('empty.bin'));
    expect([empty.status, empty.bytes.length, empty.headers.get('content-length')]).toEqual([200, 0, '0']);
    const bytes = noise(70_000);
    await client.save(instance, 'noise.bin', bytes);
    const read = await client.get(fileUrl('noise.bin'));
    expect(read.bytes.equals(bytes)).toBe(true);
    expect(read.headers.get('content-type')).toBe('application/octet-stream');
  });

  it('has the media type of its name, else that which was said at the upload', async () => {
    const put = (path: string, type: string) =>
      client.send('PUT', putUrl(path), { body: 'x', headers: { 'content-type': type } });
    await put('a.csv', 'text/plain');
    await put('README', 'text/x-notes; charset=utf-8');
    await put('odd', 'text/html<script>');
    const type = async (path: string) => (await client.get(fileUrl(path))).headers.get('content-type');
    expect(await type('a.csv')).toBe('text/csv');
    expect(await type('README')).toBe('text/x-notes');
    expect(await type('odd')).toBe('application/octet-stream');
  });

  it('that is a page or a script cannot act in the name of the service', async () => {
    await client.save(instance, 'evil.html', '<script>alert(1)</script>');
    const { headers } = await client.get(fileUrl('evil.html'));
    expect(headers.get('content-security-policy')).toContain('sandbox');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('keeps its executable bit', async () => {
    await client.send('PUT', `${putUrl('run')}?executable=true`, { body: '#!/bin/sh' });
    await client.save(instance, 'run', '#!/bin/bash');
    const listed = await everyItem(client, `/v1/instances/${instance}/states/current/entries`, 10);
    expect(listed).toMatchObject([{ path: 'run', executable: true }]);
    expectFault(
      await client.send('PUT', `${putUrl('run')}?executable=yes`, { body: 'x' }),
      400,
      'bad-input',
      'executable',
    );
  });

  it('of exactly 4 MiB is taken, one byte more is too large for this call', async () => {
    const most = noise(4 * 1024 * 1024);
    expect((await client.save(instance, 'most.bin', most)).status).toBe(201);
    const read = await client.get(fileUrl('most.bin'));
    expect([read.status, sha256(read.bytes)]).toEqual([200, sha256(most)]);
    const more = Buffer.concat([most, Buffer.of(0)]);
    expectProblem(await client.save(instance, 'more.bin', more), 413, 'too-large');
    const chunked = await sendRaw(world, putUrl('more.bin'), { method: 'PUT', token, chunks: [most, 'x'] });
    expect([chunked.status, chunked.body.code]).toEqual([413, 'too-large']);
    expectProblem(await client.get(fileUrl('more.bin')), 404, 'not-found');
  });

  it('can be looked at without its bytes', async () => {
    await client.save(instance, 'a.md', 'hello');
    const head = await client.send('HEAD', fileUrl('a.md'));
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    expect(head.headers.get('content-length')).toBe('5');
    expect(head.headers.get('etag')).toBe(`"${sha256('hello')}"`);
    expect((await client.send('HEAD', fileUrl('none.md'))).status).toBe(404);
  });

  it('is not sent again to who has it', async () => {
    await client.save(instance, 'a.md', 'hello');
    const etag = (await client.get(fileUrl('a.md'))).headers.get('etag')!;
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const reply = await client.get(fileUrl('a.md'), { 'if-none-match': known });
      expect([known, reply.status, reply.text]).toEqual([known, 304, '']);
      expect(reply.headers.get('etag')).toBe(etag);
    }
    expect((await client.get(fileUrl('a.md'), { 'if-none-match': '"other"' })).status).toBe(200);
    await client.save(instance, 'a.md', 'changed');
    expect((await client.get(fileUrl('a.md'), { 'if-none-match': etag })).status).toBe(200);
  });
});

describe('a range', () => {
  const text = '0123456789';

  it.each<[range: string, wanted: string, stretch: string]>([
    ['bytes=0-3', '0123', '0-3'],
    ['bytes=4-4', '4', '4-4'],
    ['bytes=7-', '789', '7-9'],
    ['bytes=-2', '89', '8-9'],
    ['bytes=-50', text, '0-9'],
    ['bytes=8-99', '89', '8-9'],
    ['bytes=0-99999999999999999999', text, '0-9'],
  ])('%s answers those bytes', async (range, wanted, stretch) => {
    await client.save(instance, 'digits.txt', text);
    const reply = await client.get(fileUrl('digits.txt'), { range });
    expect([reply.status, reply.text]).toEqual([206, wanted]);
    expect(reply.headers.get('content-range')).toBe(`bytes ${stretch}/10`);
    expect(reply.headers.get('content-length')).toBe(String(wanted.length));
  });

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=-0', 'bytes=99999999999999999999-'])(
    '%s lies outside: 416, with the size',
    async (range) => {
      await client.save(instance, 'digits.txt', text);
      const reply = await client.get(fileUrl('digits.txt'), { range });
      expectProblem(reply, 416, 'bad-range');
      expect(reply.headers.get('content-range')).toBe('bytes */10');
    },
  );

  it.each(['bytes=3-1', 'bytes=0-1,3-4', 'lines=0-1', 'bytes=', 'bytes=-', 'bytes=a-b', 'nonsense'])(
    '%s is no single range: the whole file',
    async (range) => {
      await client.save(instance, 'digits.txt', text);
      const reply = await client.get(fileUrl('digits.txt'), { range });
      expect([reply.status, reply.text]).toEqual([200, text]);
    },
  );

  it('of a file that changed meanwhile is not mixed with the old one', async () => {
    await client.save(instance, 'digits.txt', text);
    const etag = (await client.get(fileUrl('digits.txt'))).headers.get('etag')!;
    const get = () => client.get(fileUrl('digits.txt'), { range: 'bytes=5-', 'if-range': etag });
    expect([(await get()).status, (await get()).text]).toEqual([206, '56789']);
    await client.save(instance, 'digits.txt', 'abcdefghij');
    expect([(await get()).status, (await get()).text]).toEqual([200, 'abcdefghij']);
  });

  it('of an empty file is outside', async () => {
    await client.save(instance, 'empty.txt', '');
    expectProblem(await client.get(fileUrl('empty.txt'), { range: 'bytes=0-' }), 416, 'bad-range');
  });

  it('goes over the boundaries of the parts of a file', async () => {
    const parts = [noise(1_000, 1), noise(1_500, 2), noise(700, 3)];
    const whole = Buffer.concat(parts);
    await commit(client, instance, await upload(client, instance, [{ path: 'p.bin', parts }]));
    for (const [from, to] of [
      [0, 3_199],
      [999, 1_000],
      [1_000, 2_499],
      [500, 2_600],
      [2_499, 2_500],
      [3_199, 3_199],
    ]) {
      const reply = await client.get(fileUrl('p.bin'), { range: `bytes=${from}-${to}` });
      expect(reply.status).toBe(206);
      expect(reply.bytes.equals(whole.subarray(from!, to! + 1))).toBe(true);
    }
    const tail = await client.get(fileUrl('p.bin'), { range: 'bytes=-701' });
    expect(tail.bytes.equals(whole.subarray(-701))).toBe(true);
    expect((await client.get(fileUrl('p.bin'))).bytes.equals(whole)).toBe(true);
  });
});

describe('a file above 4 MiB', () => {
  const parts = [noise(3_000_000, 1), noise(3_000_000, 2)];
  const whole = Buffer.concat(parts);

  beforeEach(async () => {
    const id = await upload(client, instance, [{ path: 'data/Übung 1.bin', parts }]);
    expect((await commit(client, instance, id)).status).toBe(200);
  });

  it('is answered with the way to a signed URL, which needs no token and honours Range', async () => {
    const reply = await client.get(fileUrl('data/Übung 1.bin'));
    expect(reply.status).toBe(302);
    const location = reply.headers.get('location')!;
    const read = await world.anonymous('GET', location);
    expect([read.status, sha256(read.bytes)]).toEqual([200, sha256(whole)]);
    expect(read.headers.get('content-disposition')).toContain(encodeURIComponent('Übung 1.bin'));
    const range = await world.anonymous('GET', location, { headers: { range: 'bytes=2999999-3000000' } });
    expect(range.status).toBe(206);
    expect(range.bytes.equals(whole.subarray(2_999_999, 3_000_001))).toBe(true);
    expect(range.headers.get('content-range')).toBe('bytes 2999999-3000000/6000000');
    const suffix = await world.anonymous('GET', location, { headers: { range: 'bytes=-10' } });
    expect(suffix.bytes.equals(whole.subarray(-10))).toBe(true);
    const outside = await world.anonymous('GET', location, { headers: { range: 'bytes=6000000-' } });
    expect(outside.status).toBe(416);
    const head = await world.anonymous('HEAD', location);
    // A URL of S3 is signed for one method.
    if (onAws) expect(head.status).toBe(403);
    else expect([head.status, head.headers.get('content-length')]).toEqual([200, '6000000']);
    expect((await world.anonymous('PUT', location, { body: 'x' })).status).toBe(403);
    expect((await world.anonymous('GET', `${location}x`)).status).toBe(403);
  });

  it('answers a small range itself', async () => {
    const reply = await client.get(fileUrl('data/Übung 1.bin'), { range: 'bytes=2999990-3000009' });
    expect(reply.status).toBe(206);
    expect(reply.bytes.equals(whole.subarray(2_999_990, 3_000_010))).toBe(true);
    const large = await client.get(fileUrl('data/Übung 1.bin'), { range: 'bytes=1-' });
    expect(large.status).toBe(302);
  });

  it('tells its parts on request', async () => {
    const reply = await client.get(`${fileUrl('data/Übung 1.bin')}?redirect=false`);
    expect(reply.status).toBe(200);
    expect(reply.body.parts).toMatchObject(
      parts.map((part) => ({ sha256: sha256(part), size: part.length })),
    );
    for (const [index, part] of parts.entries()) {
      const read = await world.anonymous('GET', reply.body.parts[index].url);
      expect(sha256(read.bytes)).toBe(sha256(part));
    }
    expectFault(await client.get(`${fileUrl('data/Übung 1.bin')}?redirect=0`), 400, 'bad-input', 'redirect');
  });

  it('of many parts is still one way to walk', async () => {
    const many = Array.from({ length: 128 }, (_, i) => noise(33_000, i + 1));
    await commit(client, instance, await upload(client, instance, [{ path: 'many.bin', parts: many }]));
    const reply = await client.get(fileUrl('many.bin'));
    expect(reply.status).toBe(302);
    const read = await world.anonymous('GET', reply.headers.get('location')!);
    expect([read.status, sha256(read.bytes)]).toEqual([200, sha256(Buffer.concat(many))]);
  });
});

describe('a name', () => {
  const good = [
    'a b/c d.md',
    '#hash.md',
    '100%.md',
    '%2e%2e.md',
    'what?.md',
    'a+b&c=d;e,f.md',
    "it's (fine) [really] {yes}.md",
    '.hidden',
    '..two dots',
    'three...',
    '日本語/ファイル.md',
    '😀.md',
    'тест.md',
    'e\u0301.md',
    ' leading and trailing ',
    '~/@:!$*',
    'a:b',
    '-',
    'con.txt',
    'current',
    'files/files/files',
  ];

  it.each(good)('%j is kept', async (path) => {
    expect((await client.save(instance, path, path)).status).toBe(201);
    expect(await client.read(instance, path)).toBe(path);
    const [item] = await everyItem(client, `/v1/instances/${instance}/states/current/entries`, 10);
    expect(item.path).toBe(path.normalize('NFC'));
    expect(await client.read(instance, item.path)).toBe(path);
    expect((await client.delete(putUrl(path))).status).toBe(204);
  });

  it('is the same in NFC and NFD', async () => {
    expect((await client.save(instance, 'Übung é.md'.normalize('NFD'), 'one')).status).toBe(201);
    expect((await client.save(instance, 'Übung é.md'.normalize('NFC'), 'two')).status).toBe(200);
    expect(await client.read(instance, 'Übung é.md'.normalize('NFD'))).toBe('two');
    expect(Object.keys(await client.list(instance))).toEqual(['file:Übung é.md'.normalize('NFC')]);
  });

  it('has at most 1,024 bytes', async () => {
    const folder = `${'a'.repeat(200)}/`.repeat(5);
    const longest = folder + 'b'.repeat(1_024 - folder.length);
    expect((await client.save(instance, longest, 'x')).status).toBe(201);
    expect(await client.read(instance, longest)).toBe('x');
    expectFault(await client.save(instance, `${longest}b`, 'x'), 400, 'bad-path', 'path');
    const umlauts = `${'ä'.repeat(500)}/${'a'.repeat(24)}`;
    expectFault(await client.save(instance, umlauts, 'x'), 400, 'bad-path', 'path');
    expect((await client.save(instance, umlauts.slice(1), 'x')).status).toBe(201);
  });

  const bad: [what: string, onTheWire: string][] = [
    ['two dots', 'a/../b'],
    ['two dots at the start', '../../../etc/passwd'],
    ['encoded dots', 'a/%2e%2e/b'],
    ['encoded dots in capitals', '%2E%2E/b'],
    ['half-encoded dots', '.%2e/b'],
    ['one dot', 'a/./b'],
    ['an encoded slash', 'a%2fb'],
    ['an encoded slash in capitals', 'a%2Fb'],
    ['dots and an encoded slash', '..%2f..%2fetc'],
    ['a NUL', 'a%00b'],
    ['a line feed', 'a%0ab'],
    ['an escape', '%1b%5b'],
    ['a delete', 'a%7f'],
    ['a C1 control character', 'a%c2%85'],
    ['a backslash', 'a%5cb'],
    ['a raw backslash', 'a\\b'],
    ['a double slash', 'a//b'],
    ['a leading slash', '/a'],
    ['a trailing slash', 'a/'],
    ['a percent sign that encodes nothing', 'a%zz'],
    ['a percent sign at the end', 'a%'],
    ['bytes that are no UTF-8', 'a%ff'],
    ['an encoded surrogate', 'a%ed%a0%80'],
    ['an overlong slash', 'a%c0%af'],
  ];

  it.each(bad)('with %s is refused, and nothing is stored', async (_, onTheWire) => {
    const before = await rootOf(client, instance);
    for (const [method, path] of [
      ['PUT', `/v1/instances/${instance}/files/${onTheWire}`],
      ['DELETE', `/v1/instances/${instance}/files/${onTheWire}`],
      ['GET', `/v1/instances/${instance}/states/current/files/${onTheWire}`],
    ] as const) {
      const reply = await sendRaw(world, path, { method, token, ...(method === 'PUT' && { chunks: ['x'] }) });
      expect([method, reply.status, reply.body?.code]).toEqual([method, 400, 'bad-path']);
      expect(reply.body.errors[0]).toMatchObject({ pointer: 'path', detail: expect.stringMatching(/./) });
    }
    expect(await rootOf(client, instance)).toBe(before);
  });

  it('that is missing altogether leads nowhere', async () => {
    const reply = await sendRaw(world, `/v1/instances/${instance}/files/`, {
      method: 'PUT',
      token,
      chunks: ['x'],
    });
    expect(reply.status).toBe(404);
  });

  it('of a file cannot be that of a folder, nor the other way round', async () => {
    await client.save(instance, 'a/b/c.md', 'x');
    expectFault(await client.save(instance, 'a/b', 'x'), 409, 'conflict', 'path');
    expectFault(await client.save(instance, 'a', 'x'), 409, 'conflict', 'path');
    expectFault(await client.save(instance, 'a/b/c.md/d', 'x'), 409, 'conflict', 'path');
    expectFault(await client.save(instance, 'a/b/c.md/d/e/f', 'x'), 409, 'conflict', 'path');
    expect((await client.save(instance, 'a/b/c.md2', 'x')).status).toBe(201);
    expect((await client.save(instance, 'a/bb', 'x')).status).toBe(201);
    expect(Object.keys(await client.list(instance))).toEqual([
      'file:a/b/c.md',
      'file:a/b/c.md2',
      'file:a/bb',
    ]);
    await client.delete(putUrl('a/b/c.md'));
    await client.delete(putUrl('a/b/c.md2'));
    expect((await client.save(instance, 'a/b', 'x')).status).toBe(201);
  });

  it('of a file may be that of a table or an application', async () => {
    await client.save(instance, 'same', 'x');
    await client.put(`/v1/instances/${instance}/apps/same`, { image: 'img@sha256:1' });
    await client.send('PUT', `/v1/instances/${instance}/tables/same`, {
      body: 'a\n1\n',
      headers: { 'content-type': 'text/csv' },
    });
    expect(Object.keys(await client.list(instance)).sort()).toEqual(['app:same', 'file:same', 'table:same']);
  });
});

describe('what a write is based on', () => {
  const onRoot = (root: string) => ({ 'if-match': `"${root}"` });

  it('is the current state when nothing is said', async () => {
    await client.save(instance, 'a.md', '1');
    await client.save(instance, 'b.md', '2');
    expect((await client.save(instance, 'a.md', '3')).status).toBe(200);
    expect(await client.list(instance)).toEqual({ 'file:a.md': sha256('3'), 'file:b.md': sha256('2') });
  });

  it('is the root named by If-Match: 412 when it moved, and nothing changes', async () => {
    const first = (await client.save(instance, 'a.md', '1')).body.root;
    const put = (content: string, headers: Record<string, string>) =>
      client.send('PUT', putUrl('a.md'), { body: content, headers });
    const second = await put('2', onRoot(first));
    expect(second.status).toBe(200);
    const stale = await put('3', onRoot(first));
    const problem = expectProblem(stale, 412, 'moved');
    expect(problem.current).toBe(second.body.root);
    expect(await client.read(instance, 'a.md')).toBe('2');
    expect((await put('4', { 'if-match': '*' })).status).toBe(200);
    expectProblem(await put('6', { 'if-match': '"nonsense"' }), 412, 'moved');
    expectProblem(await put('6', { 'if-match': '' }), 412, 'moved');
  });

  it('holds for every kind of write', async () => {
    const base = `/v1/instances/${instance}`;
    const csv = { 'content-type': 'text/csv' };
    await client.save(instance, 'a.md', '1');
    await client.save(instance, 'extra.md', '1');
    await client.send('PUT', `${base}/tables/t`, { body: 'a\n1\n', headers: csv });
    await client.put(`${base}/apps/app`, { image: 'img@sha256:1' });
    const snapshot = (await client.post(`${base}/snapshots`, { name: 'S' })).body.id;
    const stale = await rootOf(client, instance);
    await client.save(instance, 'a.md', '2');
    const current = await rootOf(client, instance);
    const writes: Record<string, (headers: Record<string, string>) => Promise<{ status: number }>> = {
      putFile: (headers) => client.send('PUT', putUrl('a.md'), { body: '3', headers }),
      deleteFile: (headers) => client.send('DELETE', putUrl('extra.md'), { headers }),
      changes: (headers) =>
        client.post(`${base}/changes`, { ops: [{ op: 'delete', kind: 'file', path: 'a.md' }] }, headers),
      putTable: (headers) =>
        client.send('PUT', `${base}/tables/t`, { body: 'a\n2\n', headers: { ...csv, ...headers } }),
      appendRows: (headers) =>
        client.send('POST', `${base}/tables/t/rows`, { body: 'a\n3\n', headers: { ...csv, ...headers } }),
      putApp: (headers) => client.put(`${base}/apps/app`, { image: 'img@sha256:2' }, headers),
      deleteApp: (headers) => client.send('DELETE', `${base}/apps/app`, { headers }),
      deleteTable: (headers) => client.send('DELETE', `${base}/tables/t`, { headers }),
      snapshot: (headers) => client.post(`${base}/snapshots`, { name: 'T' }, headers),
      restore: (headers) => client.post(`${base}/restore`, { state: snapshot }, headers),
    };
    for (const [name, write] of Object.entries(writes))
      expect([name, (await write(onRoot(stale))).status]).toEqual([name, 412]);
    expect(await rootOf(client, instance)).toBe(current);
    for (const [name, write] of Object.entries(writes)) {
      const { status } = await write(onRoot(await rootOf(client, instance)));
      expect([name, status < 300]).toEqual([name, true]);
    }
  });

  it('lets one of two writers through who began from the same state', async () => {
    const { root } = (await client.save(instance, 'a.md', '0')).body;
    const tries = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        client.send('PUT', putUrl('a.md'), { body: `writer ${i}`, headers: onRoot(root) }),
      ),
    );
    expect(tries.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412, 412, 412, 412]);
  });
});

describe('a listing', () => {
  const paths = [
    'a.md',
    'a/1.md',
    'a/2.md',
    'a/b/3.md',
    'a-b.md',
    'c/4.md',
    'é.md',
    '.env',
    '.git/config',
    'z',
  ];

  const fill = async () => {
    const files = paths.map((path) => ({ path, parts: [Buffer.from(path)] }));
    await commit(client, instance, await upload(client, instance, files));
    await client.put(`/v1/instances/${instance}/apps/lab`, { image: 'img@sha256:1', config: { a: 1 } });
    await client.send('PUT', `/v1/instances/${instance}/tables/t`, {
      body: 'a,b\n1,2\n',
      headers: { 'content-type': 'text/csv' },
    });
  };
  const url = (query = '') => `/v1/instances/${instance}/states/current/entries${query}`;
  const names = (items: { path?: string; prefix?: string }[]) =>
    items.map(({ path, prefix }) => path ?? prefix);

  it('shows every entry with what tells its content', async () => {
    await fill();
    const items = await everyItem(client, url(), 100);
    expect(items).toHaveLength(paths.length + 2);
    expect(items).toContainEqual({
      kind: 'file',
      path: 'a/1.md',
      size: 6,
      sha256: sha256('a/1.md'),
      mediaType: 'text/markdown',
      executable: false,
    });
    expect(items).toContainEqual({ kind: 'app', path: 'lab', size: 7, image: 'img@sha256:1' });
    expect(items).toContainEqual({ kind: 'table', path: 't', size: expect.any(Number), rows: 1, columns: 2 });
    expect((await client.get(url())).headers.get('etag')).toBe(`"${await rootOf(client, instance)}"`);
  });

  it.each([
    ['', ''],
    ['of files', '?kind=file'],
    ['of tables', '?kind=table'],
    ['of apps', '?kind=app'],
    ['of a folder', '?kind=file&prefix=a/'],
    ['folded', '?delimiter=/'],
    ['of files, folded', '?kind=file&delimiter=/'],
    ['of a folder, folded', '?prefix=a/&delimiter=/'],
    ['of nothing', '?prefix=nothing'],
  ])('%s gives each line once, however small the pages', async (_, query) => {
    await fill();
    const whole = await everyItem(client, url(query), 1_000);
    for (const limit of [1, 2, 3, 5, 11]) expect(await everyItem(client, url(query), limit)).toEqual(whole);
  });

  it('of a kind shows that kind', async () => {
    await fill();
    expect(names(await everyItem(client, url('?kind=table'), 10))).toEqual(['t']);
    expect(names(await everyItem(client, url('?kind=app'), 10))).toEqual(['lab']);
    expect(names(await everyItem(client, url('?kind=file'), 100))).toHaveLength(paths.length);
  });

  it('by prefix shows what begins with it', async () => {
    await fill();
    const under = async (prefix: string) =>
      names(await everyItem(client, url(`?kind=file&prefix=${encodeURIComponent(prefix)}`), 100));
    expect(await under('a/')).toEqual(['a/1.md', 'a/2.md', 'a/b/3.md']);
    expect(await under('a')).toEqual(['a-b.md', 'a.md', 'a/1.md', 'a/2.md', 'a/b/3.md']);
    expect(await under('a/b')).toEqual(['a/b/3.md']);
    expect(await under('e\u0301')).toEqual(['é.md']);
    expect(await under('.')).toEqual(['.env', '.git/config']);
    expect(await under('A')).toEqual([]);
    expect(await under('z/')).toEqual([]);
  });

  it('folds folders into one line with their totals', async () => {
    await fill();
    const items = await everyItem(client, url('?kind=file&delimiter=/'), 100);
    expect(names(items)).toEqual(['.env', '.git/', 'a-b.md', 'a.md', 'a/', 'c/', 'z', 'é.md']);
    expect(items).toContainEqual({ kind: 'file', prefix: 'a/', entries: 3, bytes: 20 });
    const below = await everyItem(client, url('?prefix=a/&delimiter=/'), 100);
    expect(below).toMatchObject([
      { path: 'a/1.md' },
      { path: 'a/2.md' },
      { prefix: 'a/b/', entries: 1, bytes: 8 },
    ]);
    const partial = await everyItem(client, url('?kind=file&prefix=a&delimiter=/'), 100);
    expect(names(partial)).toEqual(['a-b.md', 'a.md', 'a/']);
  });

  it('of a thousand files in ten folders', async () => {
    const files = Array.from({ length: 1_000 }, (_, i) => ({
      path: `d${i % 10}/f${i}.txt`,
      parts: [Buffer.of(i % 7)],
    }));
    await commit(client, instance, await upload(client, instance, files));
    expect(new Set(names(await everyItem(client, url(), 77))).size).toBe(1_000);
    const folders = await everyItem(client, url('?delimiter=/'), 3);
    expect(folders).toHaveLength(10);
    for (const folder of folders) expect(folder).toMatchObject({ entries: 100, bytes: 100 });
    const page = await client.get(url());
    expect(page.body.items).toHaveLength(100);
  });

  it('refuses what it does not understand', async () => {
    const refused = async (query: string, pointer: string, code = 'bad-input') =>
      expectFault(await client.get(url(query)), 400, code, pointer);
    await refused('?limit=0', 'limit');
    await refused('?limit=1001', 'limit');
    await refused('?limit=1.5', 'limit');
    await refused('?limit=ten', 'limit');
    await refused('?limit=', 'limit');
    await refused('?kind=folder', 'kind');
    await refused('?delimiter=-', 'delimiter');
    await refused('?cursor=%21%21', 'cursor');
    await refused('?prefixx=a', 'prefixx');
    await refused('?prefix=/a', 'prefix', 'bad-path');
    await refused('?prefix=a/../b', 'prefix', 'bad-path');
    await refused('?prefix=a//', 'prefix', 'bad-path');
    await refused('?prefix=a%00', 'prefix', 'bad-path');
  });
});

describe('fifty writers at once', () => {
  it('lose nothing', async () => {
    const writers = Array.from({ length: 50 }, (_, i) => i);
    const saves = await Promise.all(writers.map((i) => client.save(instance, `w/${i}.md`, `text ${i}`)));
    expect(saves.map(({ status }) => status)).toEqual(writers.map(() => 201));
    expect(new Set(saves.map(({ body }) => body.version)).size).toBe(50);
    expect(await client.list(instance)).toEqual(
      Object.fromEntries(writers.map((i) => [`file:w/${i}.md`, sha256(`text ${i}`)])),
    );
    const verdict = await client.get(`/v1/instances/${instance}/journal/verify`);
    expect(verdict.body).toEqual({ ok: true, entries: 51 });
  });

  it('lose nothing, whatever each of them does', async () => {
    const base = `/v1/instances/${instance}`;
    const csv = { 'content-type': 'text/csv' };
    const each = Array.from({ length: 10 }, (_, i) => i);
    await client.send('PUT', `${base}/tables/t`, { body: 'n\n-1\n', headers: csv });
    const old = each.map((i) => ({ path: `old/${i}.md`, parts: [Buffer.from(`old ${i}`)] }));
    await commit(client, instance, await upload(client, instance, old));
    const replies = await Promise.all(
      each.flatMap((i) => [
        client.save(instance, `new/${i}.md`, `new ${i}`),
        client.send('POST', `${base}/tables/t/rows`, { body: `n\n${i}\n`, headers: csv }),
        client.post(`${base}/snapshots`, { name: `S${i}` }),
        client.post(`${base}/changes`, {
          ops: [{ op: 'move', kind: 'file', from: { path: `old/${i}.md` }, to: `moved/${i}.md` }],
        }),
        client.save(instance, 'contested.md', `writer ${i}`),
      ]),
    );
    for (const { status, text } of replies) expect(status, text).toBeLessThan(300);
    const { 'file:contested.md': contested, 'table:t': table, ...files } = await client.list(instance);
    expect(files).toEqual(
      Object.fromEntries(
        each.flatMap((i) => [
          [`file:new/${i}.md`, sha256(`new ${i}`)],
          [`file:moved/${i}.md`, sha256(`old ${i}`)],
        ]),
      ),
    );
    expect(each.map((i) => sha256(`writer ${i}`))).toContain(contested);
    expect(table).toBeDefined();
    const rows = await everyItem(client, `${base}/states/current/tables/t/rows`, 100);
    expect(rows.map(({ n }) => n).sort((a, b) => a - b)).toEqual([-1, ...each]);
    expect(await everyItem(client, `${base}/snapshots`, 100)).toHaveLength(10);
    expect((await client.get(`${base}/journal/verify`)).body).toEqual({ ok: true, entries: 53 });
  });
});
