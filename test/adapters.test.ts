// The contracts of storage, over memory and over one machine; and what can go wrong with one machine in particular:
// kills, damaged files, two handles on one file, writes that share a commit.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, truncateSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryBlobs } from '../adapters/memory/blobs.ts';
import { MemoryPages } from '../adapters/memory/pages.ts';
import { MemoryRecords } from '../adapters/memory/records.ts';
import { AppError } from '../core/errors.ts';
import type { SignedPut } from '../core/ports.ts';
import { sha256 } from '../core/tree/digest.ts';
import { blobsContract } from './contract/blobs.ts';
import { pagesContract } from './contract/pages.ts';
import { recordsContract } from './contract/records.ts';
import { partitions, roundOf } from './support/crash-storage.ts';
import {
  type LocalStore,
  openLocalStore,
  serveLocalStore,
  temporaryDirectory,
} from './support/local-store.ts';

const nothingToClose: AsyncDisposable = { [Symbol.asyncDispose]: async () => undefined };

/** Two handles on one fresh directory. */
function twoHandles() {
  const directory = temporaryDirectory();
  const [one, two] = [openLocalStore(directory.path), openLocalStore(directory.path)];
  const close = async () => {
    await two[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  };
  return { one, two, [Symbol.asyncDispose]: close };
}

const put = ({ url, headers }: SignedPut, body: Uint8Array): Promise<Response> =>
  fetch(url, { method: 'PUT', headers, body: Uint8Array.from(body) });

const get = (url: string, range?: string): Promise<Response> =>
  fetch(url, range === undefined ? {} : { headers: { range } });

/** What a server would answer. */
async function answer(work: () => Promise<Response | undefined>): Promise<Response> {
  try {
    return (await work()) ?? new Response();
  } catch (error) {
    if (error instanceof AppError) return new Response(error.message, { status: 400 });
    throw error;
  }
}

recordsContract('memory', async () => {
  const records = new MemoryRecords();
  return { records, other: records, ...nothingToClose };
});

pagesContract('memory', async () => {
  const pages = new MemoryPages();
  return { pages, other: pages, ...nothingToClose };
});

blobsContract('memory', async () => {
  const blobs = new MemoryBlobs();
  return {
    blobs,
    other: blobs,
    send: ({ url, headers }, bytes) => answer(() => blobs.receive(url, headers, bytes).then(() => undefined)),
    fetch: (url, range) => answer(() => blobs.fetch(url, range)),
    ...nothingToClose,
  };
});

recordsContract('one machine', async () => {
  const { one, two, ...closing } = twoHandles();
  return { records: one.records, other: two.records, ...closing };
});

pagesContract('one machine', async () => {
  const { one, two, ...closing } = twoHandles();
  return { pages: one.pages, other: two.pages, ...closing };
});

blobsContract('one machine', async () => {
  const handles = twoHandles();
  const { one, two } = handles;
  const server = await serveLocalStore(one);
  one.urls.origin = server.origin;
  two.urls.origin = server.origin;
  const close = async () => {
    await server[Symbol.asyncDispose]();
    await handles[Symbol.asyncDispose]();
  };
  return { blobs: one.blobs, other: two.blobs, send: put, fetch: get, [Symbol.asyncDispose]: close };
});

describe('one machine', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let store: LocalStore;
  beforeEach(() => {
    directory = temporaryDirectory();
    store = openLocalStore(directory.path);
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    directory[Symbol.dispose]();
  });

  describe('a file that is opened again', () => {
    it('has everything that was answered', async () => {
      const [{ keys, page, blob }, other] = [roundOf('kept-1'), roundOf('kept-2')];
      await store.records.write(keys.map((put) => ({ put, value: 1 })));
      await store.pages.putMany([page]);
      const refs = [
        await store.blobs.put(blob.sha256, blob.bytes),
        await store.blobs.put(other.blob.sha256, other.blob.bytes),
      ];
      const before = await store.records.getMany(keys);
      await store[Symbol.asyncDispose]();
      store = openLocalStore(directory.path);
      expect(await store.records.getMany(keys)).toEqual(before);
      expect(await store.pages.get(page.hash)).toEqual(Uint8Array.from(page.bytes));
      for (const [i, ref] of refs.entries())
        expect(sha256(await store.blobs.get(ref))).toEqual([blob, other.blob][i]!.sha256);
      expect(await store.blobs.list()).toEqual(expect.arrayContaining(refs));
    });

    it('has a write that was asked for before closing; closing twice is fine, and writing after it is refused', async () => {
      const key = { partition: 'p', sort: 's' };
      const written = store.records.write([{ put: key, value: 1 }]);
      await store[Symbol.asyncDispose]();
      await written;
      await store[Symbol.asyncDispose]();
      await expect(store.records.write([{ delete: key }])).rejects.toThrow();
      store = openLocalStore(directory.path);
      expect(await store.records.get(key)).toMatchObject({ value: 1 });
    });
  });

  describe('writes that share a commit', () => {
    const key = (sort: string) => ({ partition: 'p', sort });

    it('one that fails does not harm its neighbours, and later ones see the earlier', async () => {
      await store.records.write([{ put: key('taken'), value: 'old' }]);
      const settled = await Promise.allSettled([
        store.records.write([{ put: key('first'), value: 1, if: 'absent' }]),
        store.records.write([
          { put: key('half'), value: 2 },
          { put: key('taken'), value: 2, if: 'absent' },
        ]),
        store.pages.putMany([roundOf('x').page]),
        store.database.write(() => {
          throw new Error('a mistake');
        }),
        store.records.write([{ put: key('first'), value: 5, if: 'absent' }]),
        store.records.write([
          { put: key('last'), value: 6 },
          { check: key('first'), if: 'present' },
        ]),
      ]);
      const fates = settled.map(({ status }) => (status === 'fulfilled' ? 1 : 0));
      expect(fates).toEqual([1, 0, 1, 0, 0, 1]);
      const found = await store.records.query({ partition: 'p', prefix: '' });
      expect(found.map(({ sort, value }) => [sort, value])).toEqual([
        ['first', 1],
        ['last', 6],
        ['taken', 'old'],
      ]);
      expect(await store.pages.get(roundOf('x').page.hash)).toHaveLength(roundOf('x').page.bytes.length);
    });

    it('are all refused when the commit itself fails, and the next ones are taken', async () => {
      const lost = Promise.allSettled([
        store.records.write([{ put: key('a'), value: 1 }]),
        store.database.write(() => store.database.handle.exec('ROLLBACK')),
        store.records.write([{ put: key('b'), value: 1 }]),
      ]);
      expect((await lost).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      expect(await store.records.query({ partition: 'p', prefix: '' })).toEqual([]);
      await store.records.write([{ put: key('c'), value: 1 }]);
      expect(await store.records.query({ partition: 'p', prefix: '' })).toHaveLength(1);
    });

    it('are seen by another handle only together', async () => {
      await using other = openLocalStore(directory.path);
      const batches = Array.from({ length: 200 }, (_, i) =>
        store.records.write([
          { put: key('x'), value: i },
          { put: key('y'), value: i },
        ]),
      );
      for (const batch of batches) {
        await batch;
        const found = await other.records.query({ partition: 'p', prefix: '' });
        expect(new Set(found.map(({ value }) => value)).size).toBe(1);
      }
    });
  });

  describe('blob files', () => {
    const bytes = randomBytes(500_000);
    const hash = sha256(bytes);

    it('one that was cut short or changed is reported as damaged', async () => {
      const ref = await store.blobs.put(hash, bytes);
      truncateSync(store.blobs.pathOf(ref), 400_000);
      const damaged = { name: 'AppError', code: 'damaged' };
      await expect(store.blobs.get(ref)).rejects.toMatchObject(damaged);
      await expect(store.blobs.get(ref, { offset: 350_000, length: 100_000 })).rejects.toMatchObject(damaged);
      truncateSync(store.blobs.pathOf(ref), 500_000);
      await expect(store.blobs.get(ref)).rejects.toMatchObject(damaged);
    });

    it('a download of one that was cut short is refused, not cut short', async () => {
      await using server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const ref = await store.blobs.put(hash, bytes);
      const download = { mediaType: 'text/plain', fileName: 'a' };
      const url = await store.blobs.signGet([ref], download, Date.now() + 60_000);
      truncateSync(store.blobs.pathOf(ref), 400_000);
      expect((await get(url)).status).toBe(400);
    });

    it('leave no trace of puts that lost, were refused, or were discarded', async () => {
      await using server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const [first] = await Promise.all(Array.from({ length: 20 }, () => store.blobs.put(hash, bytes)));
      const slot = 'upload/0-0';
      const signed = await store.blobs.signPut(
        slot,
        { sha256: hash, size: bytes.length },
        Date.now() + 60_000,
      );
      expect((await put(signed, randomBytes(500_000))).status).toBe(400);
      expect((await put(signed, bytes)).status).toBe(200);
      await store.blobs.promote(slot, { sha256: hash, size: bytes.length });
      await store.blobs.discard(slot);
      expect(filesBelow(directory.path)).toEqual([store.blobs.pathOf(first!)]);
      await store.blobs.deleteVersion(first!);
      expect(filesBelow(directory.path)).toEqual([]);
    });

    it('a blob does not change when its slot is filled again', async () => {
      await using server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const part = { sha256: hash, size: bytes.length };
      const signed = await store.blobs.signPut('upload/0-0', part, Date.now() + 60_000);
      await put(signed, bytes);
      const ref = await store.blobs.promote('upload/0-0', part);
      const other = randomBytes(500_000);
      const again = { sha256: sha256(other), size: 500_000 };
      await put(await store.blobs.signPut('upload/0-0', again, Date.now() + 60_000), other);
      expect(await store.blobs.get(ref)).toEqual(bytes);
    });
  });

  it('a long value leaves nothing behind when it gets short, or goes', async () => {
    const [one, other] = [
      { partition: 'p', sort: 'one' },
      { partition: 'p', sort: 'other' },
    ];
    const long = 'long '.repeat(1_000);
    const kept = () => store.database.handle.prepare('SELECT sort, length(value) FROM long_values').all();
    await store.records.write([
      { put: one, value: long },
      { put: other, value: long },
    ]);
    await store.records.write([{ put: one, value: `${long}again` }]);
    expect((await store.records.query({ partition: 'p', prefix: '' })).map(({ value }) => value)).toEqual([
      `${long}again`,
      long,
    ]);
    expect(kept()).toHaveLength(2);
    await store.records.write([{ put: one, value: 'short' }, { delete: other }]);
    expect(await store.records.getMany([one, other])).toMatchObject([{ value: 'short' }]);
    expect(kept()).toEqual([]);
  });

  describe('blobs that are rows', () => {
    const bytes = randomBytes(1_000);
    const hash = sha256(bytes);
    const run = (sql: string) => store.database.handle.prepare(sql).run();
    const rows = () => store.database.handle.prepare('SELECT version FROM contents').all();

    it('one that was cut short or changed is reported as damaged', async () => {
      await using server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const ref = await store.blobs.put(hash, bytes);
      const url = await store.blobs.signGet(
        [ref],
        { mediaType: 'text/plain', fileName: 'a' },
        Date.now() + 60_000,
      );
      run('UPDATE contents SET bytes = zeroblob(1000)');
      await expect(store.blobs.get(ref)).rejects.toMatchObject({ code: 'damaged' });
      run('UPDATE contents SET bytes = zeroblob(900)');
      await expect(store.blobs.get(ref, { offset: 800, length: 200 })).rejects.toMatchObject({
        code: 'damaged',
      });
      expect((await get(url)).status).toBe(400);
    });

    it('leave no trace of puts that lost, and none once deleted', async () => {
      const [ref] = await Promise.all(Array.from({ length: 20 }, () => store.blobs.put(hash, bytes)));
      expect(rows()).toMatchObject([{ version: ref!.version }]);
      await store.blobs.deleteVersion(ref!);
      expect(rows()).toEqual([]);
      expect(filesBelow(directory.path)).toEqual([]);
    });

    it('one that is uploaded to a signed URL is the version that was put, and the other way round', async () => {
      await using server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const part = { sha256: hash, size: bytes.length };
      await put(await store.blobs.signPut('upload/0-0', part, Date.now() + 60_000), bytes);
      const sent = await store.blobs.promote('upload/0-0', part);
      expect(await store.blobs.put(hash, bytes)).toEqual(sent);
      await store.blobs.deleteVersion(sent);
      const ref = await store.blobs.put(hash, bytes);
      expect(await store.blobs.promote('upload/0-0', part)).toEqual(ref);
    });
  });

  it('a write that could not begin does not make later ones less durable', async () => {
    const synchronous = () => store.database.handle.prepare('PRAGMA synchronous').get();
    const full = synchronous();
    await using other = openLocalStore(directory.path);
    other.database.handle.exec('BEGIN IMMEDIATE');
    store.database.handle.exec('PRAGMA busy_timeout = 0');
    await expect(store.pages.putMany([roundOf('x-1').page])).rejects.toThrow('locked');
    expect(synchronous()).toEqual(full);
    other.database.handle.exec('ROLLBACK');
    await store.pages.putMany([roundOf('x-1').page]);
    expect(synchronous()).toEqual(full);
  });

  describe('signed URLs', () => {
    const download = { mediaType: 'text/plain', fileName: 'large.txt' };
    const later = () => Date.now() + 60_000;

    it('a download of 512 parts has a URL that every client takes, and is the same after a restart', async () => {
      const parts = Array.from({ length: 512 }, (_, i) => Buffer.from(`part ${i}\n`));
      const refs = await Promise.all(parts.map((part) => store.blobs.put(sha256(part), part)));
      const path = new URL(await store.blobs.signGet(refs, download, later())).pathname;
      expect(path.length).toBeLessThan(8_000);
      await store[Symbol.asyncDispose]();
      store = openLocalStore(directory.path);
      await using server = await serveLocalStore(store);
      expect(await (await get(server.origin + path)).text()).toBe(parts.join(''));
    });

    it('one that was cut short, or says something else than what was signed, is refused', async () => {
      await using server = await serveLocalStore(store);
      const bytes = Buffer.from('some text');
      const ref = await store.blobs.put(sha256(bytes), bytes);
      const { pathname } = new URL(await store.blobs.signGet([ref], download, later()));
      const [, payload = '', mac = ''] = /^\/signed\/(.+)\.(.+)$/.exec(pathname) ?? [];
      const said = JSON.parse(Buffer.from(payload, 'base64url').toString());
      const forged = Buffer.from(JSON.stringify({ ...said, expiresAt: said.expiresAt + 1 })).toString(
        'base64url',
      );
      for (const path of [
        `${payload}.${mac.slice(0, -1)}`,
        `${payload}.`,
        payload,
        `${forged}.${mac}`,
        '.',
        '',
      ])
        expect((await get(`${server.origin}/signed/${path}`)).status, path).toBe(400);
      expect((await get(server.origin + pathname)).status).toBe(200);
    });

    it('a file without parts is an empty download', async () => {
      await using server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const response = await get(await store.blobs.signGet([], download, later()));
      expect([response.status, await response.text()]).toEqual([200, '']);
    });

    it('HEAD tells the length and sends nothing; other methods are refused', async () => {
      await using server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const bytes = Buffer.from('some text');
      const url = await store.blobs.signGet([await store.blobs.put(sha256(bytes), bytes)], download, later());
      const head = await fetch(url, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '9', '']);
      expect((await fetch(url, { method: 'DELETE' })).status).toBe(400);
      expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(400);
    });

    it('an upload that does not say its length is refused', async () => {
      await using server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const bytes = randomBytes(1_000);
      const part = { sha256: sha256(bytes), size: bytes.length };
      const { url } = await store.blobs.signPut('upload/0-0', part, later());
      const request = { method: 'PUT', body: new Blob([bytes]).stream(), duplex: 'half' } as RequestInit;
      expect((await fetch(url, request)).status).toBe(400);
      await expect(store.blobs.promote('upload/0-0', part)).rejects.toMatchObject({ code: 'not-found' });
    });

    it('a download that the client breaks off is no fault', async () => {
      const server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const bytes = randomBytes(10_000_000);
      const url = await store.blobs.signGet([await store.blobs.put(sha256(bytes), bytes)], download, later());
      const client = httpRequest(url, (response) => response.once('data', () => response.destroy()));
      await once(client.end(), 'close');
      await server[Symbol.asyncDispose]();
    });

    it('an upload that breaks off leaves nothing', async () => {
      const server = await serveLocalStore(store);
      store.urls.origin = server.origin;
      const bytes = randomBytes(1_000_000);
      const part = { sha256: sha256(bytes), size: bytes.length };
      const { url } = await store.blobs.signPut('upload/0-0', part, later());
      const headers = { 'content-length': bytes.length, expect: '100-continue' };
      const upload = httpRequest(url, { method: 'PUT', headers });
      upload.on('continue', () => upload.write(bytes.subarray(0, 500_000), () => upload.destroy()));
      await expect(once(upload, 'close')).rejects.toThrow();
      await server[Symbol.asyncDispose]();
      expect(filesBelow(directory.path)).toEqual([]);
    });
  });

  it('a process that is killed leaves every write that was answered, and no half batch', async () => {
    const script = join(import.meta.dirname, 'support', 'crash-storage.ts');
    const answered: string[] = [];
    for (const run of ['one', 'two', 'three']) {
      const child = spawn(process.execPath, [script, directory.path, run], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const closed = once(child, 'close');
      let lines = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        answered.push(line);
        if (++lines === 100) child.kill('SIGKILL');
      }
      expect((await closed)[1]).toBe('SIGKILL');
    }
    await using after = openLocalStore(directory.path);
    for (const line of answered) {
      const [name = '', version = ''] = line.split(' ');
      const { keys, page, blob } = roundOf(name);
      expect((await after.records.getMany(keys)).map(({ value }) => value)).toEqual([name, name, name]);
      expect(await after.pages.get(page.hash)).toEqual(Uint8Array.from(page.bytes));
      expect(sha256(await after.blobs.get({ sha256: blob.sha256, version }))).toBe(blob.sha256);
    }
    const kept = await Promise.all(
      partitions.map((partition) => after.records.query({ partition, prefix: '', limit: 100_000 })),
    );
    const [names, ...others] = kept.map((found) => found.map(({ sort }) => sort));
    for (const other of others) expect(other).toEqual(names);
    expect(names!.length).toBeGreaterThanOrEqual(answered.length);
    for (const ref of await after.blobs.list(undefined, 100_000)) await after.blobs.get(ref);
  });
});

const filesBelow = (directory: string): string[] =>
  ['blobs', 'uploads'].flatMap((folder) =>
    readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
