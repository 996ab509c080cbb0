// What every `Blobs` must do, with the signed URLs as a client meets them. Bytes are random here, so that the suite may
// run over a store that others use. The opener says how a signed URL is reached.

import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobRef, Blobs, Digest, SignedPut } from '../../core/ports.ts';
import { sha256 } from '../../core/tree/digest.ts';

export interface OpenedBlobs extends AsyncDisposable {
  readonly blobs: Blobs;
  /** Another handle on the same blobs; the same one where a store has only one. */
  readonly other: Blobs;
  /** Does what a client does with a signed upload: a PUT with its headers. */
  send(signed: SignedPut, bytes: Uint8Array): Promise<Response>;
  /** Does what a client does with a signed download: a GET, perhaps with the header `Range`. */
  fetch(url: string, range?: string): Promise<Response>;
  /** Why two who promote the same bytes at once may both succeed, where the store behind the adapter is at fault. */
  readonly unguardedCopies?: string | undefined;
}

type Opened = Omit<OpenedBlobs, keyof AsyncDisposable>;

interface Content {
  readonly sha256: Digest;
  readonly size: number;
  readonly bytes: Buffer;
}

const contentOf = (bytes: Buffer): Content => ({ sha256: sha256(bytes), size: bytes.length, bytes });
const content = (size = 1_000): Content => contentOf(randomBytes(size));
const newSlot = (): string => `test-${randomUUID()}/0-0`;

const download = { mediaType: 'text/csv', fileName: 'grades.csv' };
/** Far enough from now that no clock and no slow machine matters. */
const later = (): number => Date.now() + 3_600_000;
const earlier = (): number => Date.now() - 3_600_000;

const damaged = { name: 'AppError', code: 'damaged' };
const absent = { name: 'AppError', code: 'not-found' };

const bytesOf = async (response: Response): Promise<Buffer> => Buffer.from(await response.arrayBuffer());
const isRefused = ({ status }: Response): boolean => status >= 400 && status < 500;

/** The greatest hash below this one, to list from. */
const before = (hash: Digest): Digest => (BigInt(`0x${hash}`) - 1n).toString(16).padStart(64, '0');

const listed = async (blobs: Blobs, hash: Digest): Promise<BlobRef[]> =>
  (await blobs.list(before(hash), 5)).filter((ref) => ref.sha256 === hash);

/** Signs and sends an upload. */
async function upload({ blobs, send }: Opened, slot: string, part: Content): Promise<void> {
  const { status } = await send(await blobs.signPut(slot, part, later()), part.bytes);
  expect(status).toBe(200);
}

export function blobsContract(name: string, open: () => Promise<OpenedBlobs>): void {
  describe(`blobs: ${name}`, () => {
    let opened: OpenedBlobs;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.[Symbol.asyncDispose]());
    const store: Opened = {
      get blobs() {
        return opened.blobs;
      },
      get other() {
        return opened.other;
      },
      send: (...request) => opened.send(...request),
      fetch: (...request) => opened.fetch(...request),
      get unguardedCopies() {
        return opened.unguardedCopies;
      },
    };
    describe('putting and getting', () => putCases(store));
    describe('listing', () => listCases(store));
    describe('deleting', () => deleteCases(store));
    describe('uploads to a signed URL', () => uploadCases(store));
    describe('what a signed upload refuses', () => refusalCases(store));
    describe('making a blob of an upload', () => promoteCases(store));
    describe('downloads from a signed URL', () => downloadCases(store));
  });
}

function putCases(store: Opened): void {
  it.each([0, 1, 1_000, 3_000_000])(
    'a blob of %i bytes comes back as it was, through every handle',
    async (size) => {
      const blob = content(size);
      const ref = await store.blobs.put(blob.sha256, blob.bytes);
      expect(ref).toMatchObject({ sha256: blob.sha256, version: expect.any(String) });
      expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
      expect(Buffer.from(await store.other.get(ref)).equals(blob.bytes)).toBe(true);
    },
  );

  it('the empty blob is a blob like others', async () => {
    const blob = content(0);
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    expect(await store.other.put(blob.sha256, blob.bytes)).toEqual(ref);
    expect(await store.blobs.get(ref)).toHaveLength(0);
  });

  it('the same bytes twice is success and one version', async () => {
    const blob = content();
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    expect(await store.blobs.put(blob.sha256, blob.bytes)).toEqual(ref);
    expect(await store.other.put(blob.sha256, blob.bytes)).toEqual(ref);
    expect(await listed(store.blobs, blob.sha256)).toEqual([ref]);
  });

  it('a hundred who put the same bytes at once get the same version', async () => {
    const blob = content(20_000);
    const puts = Array.from({ length: 100 }, (_, i) =>
      (i % 2 ? store.blobs : store.other).put(blob.sha256, blob.bytes),
    );
    const [first, ...refs] = await Promise.all(puts);
    for (const ref of refs) expect(ref).toEqual(first);
    expect(await listed(store.blobs, blob.sha256)).toEqual([first]);
    expect(Buffer.from(await store.blobs.get(first!)).equals(blob.bytes)).toBe(true);
  });

  it('bytes that are not those of the hash are refused, and nothing is stored', async () => {
    const blob = content();
    for (const bytes of [randomBytes(1_000), blob.bytes.subarray(1), Buffer.alloc(0)]) {
      const put = store.blobs.put(blob.sha256, bytes);
      await expect(put).rejects.toMatchObject({ name: 'AppError', code: 'checksum-mismatch' });
    }
    expect(await listed(store.blobs, blob.sha256)).toEqual([]);
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    const again = store.blobs.put(blob.sha256, randomBytes(1_000));
    await expect(again).rejects.toMatchObject({ code: 'checksum-mismatch' });
    expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
  });

  it('a blob that is not there is damage, and so is the version of another one', async () => {
    const [blob, stranger] = [content(), content()];
    const { version } = await store.blobs.put(blob.sha256, blob.bytes);
    const ref = { sha256: stranger.sha256, version };
    await expect(store.blobs.get(ref)).rejects.toMatchObject(damaged);
    await expect(store.blobs.get(ref, { offset: 0, length: 1 })).rejects.toMatchObject(damaged);
  });

  it.each([
    [0, 1],
    [0, 1_000],
    [1, 998],
    [500, 500],
    [999, 1],
  ])('answers the range from %i of %i bytes', async (offset, length) => {
    const blob = content(1_000);
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    const found = Buffer.from(await store.blobs.get(ref, { offset, length }));
    expect(found.equals(blob.bytes.subarray(offset, offset + length))).toBe(true);
  });

  it('a blob cannot be changed through the bytes that were put, or those that were answered', async () => {
    const blob = content();
    const given = Uint8Array.from(blob.bytes);
    const ref = await store.blobs.put(blob.sha256, given);
    given.fill(0);
    (await store.blobs.get(ref)).fill(1);
    (await store.blobs.get(ref, { offset: 10, length: 10 })).fill(2);
    expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
  });
}

function listCases(store: Opened): void {
  it('lists every blob once, in the order of hashes, in pages of any size', async () => {
    const all = Array.from({ length: 30 }, () => content(20));
    const refs = await Promise.all(all.map((blob) => store.blobs.put(blob.sha256, blob.bytes)));
    const seen: BlobRef[] = [];
    for (;;) {
      const page = await store.other.list(seen.at(-1)?.sha256, 7);
      expect(page.length).toBeLessThanOrEqual(7);
      if (page.length === 0) break;
      expect(seen, 'a page begins after the one before').not.toContainEqual(page[0]);
      seen.push(...page);
    }
    const hashes = seen.map((ref) => ref.sha256);
    expect(hashes).toEqual([...new Set(hashes)].sort());
    expect(seen).toEqual(expect.arrayContaining(refs));
  });

  it('starts after the hash it is given', async () => {
    const blob = content(20);
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    expect((await store.blobs.list(before(blob.sha256), 1))[0]).toEqual(ref);
    expect(await store.blobs.list(blob.sha256, 50)).not.toContainEqual(ref);
    expect(await store.blobs.list('f'.repeat(64))).toEqual([]);
  });

  it('does not list what was uploaded and not yet made a blob', async () => {
    const [blob, slot] = [content(), newSlot()];
    await upload(store, slot, blob);
    expect(await listed(store.blobs, blob.sha256)).toEqual([]);
    await store.blobs.discard(slot);
  });
}

function deleteCases(store: Opened): void {
  it('a deleted version is gone, and deleting it again is fine', async () => {
    const blob = content();
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    await store.blobs.deleteVersion(ref);
    await expect(store.other.get(ref)).rejects.toMatchObject(damaged);
    expect(await listed(store.other, blob.sha256)).toEqual([]);
    await store.blobs.deleteVersion(ref);
  });

  it('the same bytes put again are a new version, and the deleted one stays deleted', async () => {
    const blob = content();
    const old = await store.blobs.put(blob.sha256, blob.bytes);
    await store.blobs.deleteVersion(old);
    const ref = await store.other.put(blob.sha256, blob.bytes);
    expect(ref.version).not.toBe(old.version);
    await expect(store.blobs.get(old)).rejects.toMatchObject(damaged);
    await store.blobs.deleteVersion(old);
    expect(await listed(store.blobs, blob.sha256)).toEqual([ref]);
    expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
  });

  it('a doomed version counts as absent: the same bytes become a version that stays when it goes', async () => {
    const [blob, slot] = [content(), newSlot()];
    const doomed = await store.blobs.put(blob.sha256, blob.bytes);
    const ref = await store.blobs.put(blob.sha256, blob.bytes, doomed.version);
    expect(ref.version).not.toBe(doomed.version);
    expect(await store.other.put(blob.sha256, blob.bytes, doomed.version)).toEqual(ref);
    await upload(store, slot, blob);
    expect(await store.other.promote(slot, blob, doomed.version)).toEqual(ref);
    await store.blobs.discard(slot);
    expect(await listed(store.blobs, blob.sha256)).toEqual(expect.arrayContaining([doomed, ref]));
    await store.blobs.deleteVersion(doomed);
    expect(await listed(store.blobs, blob.sha256)).toEqual([ref]);
    expect(await store.blobs.put(blob.sha256, blob.bytes, doomed.version), 'it is gone already').toEqual(ref);
    expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
  });

  it('what was uploaded past a doomed version is a version of its own', async () => {
    const [blob, slot] = [content(), newSlot()];
    const doomed = await store.blobs.put(blob.sha256, blob.bytes);
    await upload(store, slot, blob);
    const ref = await store.blobs.promote(slot, blob, doomed.version);
    expect(ref.version).not.toBe(doomed.version);
    await store.blobs.deleteVersion(doomed);
    expect(Buffer.from(await store.other.get(ref)).equals(blob.bytes)).toBe(true);
    await store.blobs.discard(slot);
  });

  it('deleting one blob leaves the others', async () => {
    const [one, two] = [content(), content()];
    const gone = await store.blobs.put(one.sha256, one.bytes);
    const kept = await store.blobs.put(two.sha256, two.bytes);
    await store.blobs.deleteVersion(gone);
    expect(Buffer.from(await store.blobs.get(kept)).equals(two.bytes)).toBe(true);
  });
}

function uploadCases(store: Opened): void {
  it.each([0, 1, 1_000, 3_000_000])('%i bytes that were sent are a blob once promoted', async (size) => {
    const [blob, slot] = [content(size), newSlot()];
    await upload(store, slot, blob);
    const ref = await store.other.promote(slot, blob);
    expect(ref.sha256).toBe(blob.sha256);
    expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
    await store.blobs.discard(slot);
  });

  it('slots do not touch each other', async () => {
    const upload_ = `test-${randomUUID()}`;
    const parts = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const part = { slot: `${upload_}/${i % 2}-${i}`, blob: content(100) };
        await upload(store, part.slot, part.blob);
        return part;
      }),
    );
    for (const [i, { slot, blob }] of parts.entries()) {
      const ref = await store.blobs.promote(slot, blob);
      expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes), String(i)).toBe(true);
      await store.blobs.discard(slot);
    }
  });
}

function refusalCases(store: Opened): void {
  const refuses = async (
    change: (signed: SignedPut, blob: Content) => [SignedPut, Uint8Array],
    expiresAt: number,
  ) => {
    const [blob, slot] = [content(), newSlot()];
    const signed = await store.blobs.signPut(slot, blob, expiresAt);
    const response = await store.send(...change(signed, blob));
    expect(response.status).toSatisfy(() => isRefused(response));
    await expect(store.blobs.promote(slot, blob)).rejects.toMatchObject(absent);
    expect(await listed(store.blobs, blob.sha256)).toEqual([]);
  };

  it('other bytes of the same length', () =>
    refuses((signed, { size }) => [signed, randomBytes(size)], later()));

  it('other bytes without the headers that belong to the URL', () =>
    refuses(({ url }, { size }) => [{ url, headers: {} }, randomBytes(size)], later()));

  it('too few bytes', () => refuses((signed, { bytes }) => [signed, bytes.subarray(1)], later()));

  it('no bytes', () => refuses((signed) => [signed, Buffer.alloc(0)], later()));

  it('too many bytes', () =>
    refuses((signed, { bytes }) => [signed, Buffer.concat([bytes, Buffer.from('x')])], later()));

  it('the right bytes after the URL has expired', () =>
    refuses((signed, { bytes }) => [signed, bytes], earlier()));

  it('the right bytes to a URL that was changed', () =>
    refuses(({ url, headers }, { bytes }) => [{ url: forged(url), headers }, bytes], later()));

  it('a URL that is for downloading', async () => {
    const blob = content();
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    const url = await store.blobs.signGet([ref], download, later());
    expect(await store.send({ url, headers: {} }, blob.bytes)).toSatisfy(isRefused);
  });
}

/** The URL with another character at the end of its path. */
function forged(url: string): string {
  const [path = '', query] = url.split('?');
  const other = path.endsWith('0') ? '1' : '0';
  return path.slice(0, -1) + other + (query === undefined ? '' : `?${query}`);
}

function promoteCases(store: Opened): void {
  it('there is nothing to make a blob of before anything was sent, even if the blob is there already', async () => {
    const [blob, slot] = [content(), newSlot()];
    await expect(store.blobs.promote(slot, blob)).rejects.toMatchObject(absent);
    await store.blobs.signPut(slot, blob, later());
    await expect(store.blobs.promote(slot, blob)).rejects.toMatchObject(absent);
    await store.blobs.put(blob.sha256, blob.bytes);
    await expect(store.blobs.promote(slot, blob)).rejects.toMatchObject(absent);
  });

  it('can be repeated until the slot is discarded, and discarding can be repeated too', async () => {
    const [blob, slot] = [content(), newSlot()];
    await upload(store, slot, blob);
    const ref = await store.blobs.promote(slot, blob);
    expect(await store.other.promote(slot, blob)).toEqual(ref);
    await store.blobs.discard(slot);
    await expect(store.blobs.promote(slot, blob)).rejects.toMatchObject(absent);
    await store.blobs.discard(slot);
    await store.blobs.discard(newSlot());
    expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
  });

  it('discarding an upload that was never made a blob leaves nothing', async () => {
    const [blob, slot] = [content(), newSlot()];
    await upload(store, slot, blob);
    await store.blobs.discard(slot);
    await expect(store.blobs.promote(slot, blob)).rejects.toMatchObject(absent);
    expect(await listed(store.blobs, blob.sha256)).toEqual([]);
  });

  it('answers the version that is there when the bytes were put before', async () => {
    const [blob, slot] = [content(), newSlot()];
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    await upload(store, slot, blob);
    expect(await store.blobs.promote(slot, blob)).toEqual(ref);
    await store.blobs.discard(slot);
  });

  it('makes a new version when the blob was deleted meanwhile', async () => {
    const [blob, slot] = [content(), newSlot()];
    await upload(store, slot, blob);
    const old = await store.blobs.promote(slot, blob);
    await store.blobs.deleteVersion(old);
    const ref = await store.blobs.promote(slot, blob);
    expect(ref.version).not.toBe(old.version);
    expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
    await expect(store.blobs.get(old)).rejects.toMatchObject(damaged);
    await store.blobs.discard(slot);
  });

  it('two slots with the same bytes, promoted at once, are one version', async () => {
    const [blob, slots] = [content(), [newSlot(), newSlot()]];
    for (const slot of slots) await upload(store, slot, blob);
    const races = [store.blobs, store.other].flatMap((blobs) =>
      slots.map((slot) => blobs.promote(slot, blob)),
    );
    const refs = await Promise.all([...races, store.blobs.put(blob.sha256, blob.bytes)]);
    for (const slot of slots) await store.blobs.discard(slot);
    for (const ref of refs) expect(Buffer.from(await store.blobs.get(ref)).equals(blob.bytes)).toBe(true);
    if (store.unguardedCopies) return;
    for (const ref of refs) expect(ref).toEqual(refs[0]);
    expect(await listed(store.blobs, blob.sha256)).toEqual([refs[0]]);
  });

  it('never makes a blob under a hash that the bytes do not have', async () => {
    const [sent, claimed, slot] = [content(), content(), newSlot()];
    await upload(store, slot, sent);
    await expect(store.blobs.promote(slot, claimed)).rejects.toMatchObject({ name: 'AppError' });
    expect(await listed(store.blobs, claimed.sha256)).toEqual([]);
    await store.blobs.discard(slot);
  });
}

function downloadCases(store: Opened): void {
  const parts = [content(1_000), content(1), content(0), content(2_500)];
  const whole = Buffer.concat(parts.map(({ bytes }) => bytes));
  let refs: BlobRef[];
  beforeAll(async () => {
    refs = await Promise.all(parts.map((part) => store.blobs.put(part.sha256, part.bytes)));
  });
  const sign = (expiresAt = later()) => store.blobs.signGet(refs, download, expiresAt);

  it('answers the parts one after the other, as often as it is asked', async () => {
    const url = await sign();
    for (let i = 0; i < 2; i++) {
      const response = await store.fetch(url);
      expect(response.status).toBe(200);
      expect((await bytesOf(response)).equals(whole)).toBe(true);
    }
  });

  it('tells the media type and the file name', async () => {
    const blob = content();
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    const told = { mediaType: 'text/plain; charset=utf-8', fileName: "Übung 1 (Anna's) 😀.txt" };
    const { headers } = await store.fetch(await store.blobs.signGet([ref], told, later()));
    expect(headers.get('content-type')).toBe(told.mediaType);
    const [, encoded] =
      /filename\*=UTF-8''([\w!#$&+.^`|~%-]+)/.exec(headers.get('content-disposition') ?? '') ?? [];
    expect(decodeURIComponent(encoded ?? '')).toBe(told.fileName);
  });

  it.each<[range: string, from: number, to: number]>([
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=990-1009', 990, 1_010],
    ['bytes=999-1001', 999, 1_002],
    ['bytes=1000-1000', 1_000, 1_001],
    ['bytes=1001-1001', 1_001, 1_002],
    ['bytes=500-', 500, 3_501],
    ['bytes=-2600', 901, 3_501],
    ['bytes=0-99999', 0, 3_501],
  ])('answers %s over the boundaries of parts', async (range, from, to) => {
    const response = await store.fetch(await sign(), range);
    expect(response.status).toBe(206);
    expect((await bytesOf(response)).equals(whole.subarray(from, to))).toBe(true);
  });

  it('refuses a range that lies outside', async () => {
    expect(await store.fetch(await sign(), 'bytes=3501-')).toSatisfy(isRefused);
  });

  it('answers one blob, and an empty one', async () => {
    for (const part of [0, 2]) {
      const response = await store.fetch(await store.blobs.signGet([refs[part]!], download, later()));
      expect(response.status).toBe(200);
      expect((await bytesOf(response)).equals(parts[part]!.bytes)).toBe(true);
    }
  });

  it('refuses a URL that has expired, was changed, or is for uploading', async () => {
    expect(await store.fetch(await sign(earlier()))).toSatisfy(isRefused);
    expect(await store.fetch(forged(await sign()))).toSatisfy(isRefused);
    const { url } = await store.blobs.signPut(newSlot(), content(), later());
    expect(await store.fetch(url)).toSatisfy(isRefused);
  });

  it('refuses what was deleted after the URL was signed', async () => {
    const blob = content();
    const ref = await store.blobs.put(blob.sha256, blob.bytes);
    const url = await store.blobs.signGet([ref], download, later());
    await store.blobs.deleteVersion(ref);
    expect(await store.fetch(url)).toSatisfy(isRefused);
  });
}
