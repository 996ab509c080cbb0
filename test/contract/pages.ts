// What every `Pages` must do. Pages are random bytes here, so that the suite may run over a store that others use.

import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PageBytes, Pages } from '../../core/ports.ts';
import { sha256 } from '../../core/tree/digest.ts';
import { pageMaxBytes } from '../../core/tree/page.ts';

export interface OpenedPages extends AsyncDisposable {
  readonly pages: Pages;
  /** Another handle on the same pages; the same one where a store has only one. */
  readonly other: Pages;
}

function pageOf(size: number): PageBytes {
  const bytes = Uint8Array.from(randomBytes(size));
  return { hash: sha256(bytes), bytes };
}

const pagesOf = (count: number, size: number): PageBytes[] =>
  Array.from({ length: count }, () => pageOf(size));
const hashesOf = (pages: readonly PageBytes[]): string[] => pages.map(({ hash }) => hash);

/** By hash and in plain arrays, for a store may answer in any order and with any kind of bytes. */
const byHash = (pages: readonly PageBytes[]): Map<string, Buffer> =>
  new Map(pages.map(({ hash, bytes }) => [hash, Buffer.from(bytes)]));

export function pagesContract(name: string, open: () => Promise<OpenedPages>): void {
  describe(`pages: ${name}`, () => {
    let pages: Pages;
    let other: Pages;
    let opened: OpenedPages;
    beforeAll(async () => {
      opened = await open();
      ({ pages, other } = opened);
    });
    afterAll(() => opened?.[Symbol.asyncDispose]());
    const missing = { name: 'AppError', code: 'damaged' };

    it('a page that was put is found, through every handle, from then on', async () => {
      for (let i = 0; i < 20; i++) {
        const page = pageOf(1_000 + i);
        await pages.putMany([page]);
        expect(Buffer.from(await other.get(page.hash))).toEqual(Buffer.from(page.bytes));
        expect(Buffer.from(await pages.get(page.hash))).toEqual(Buffer.from(page.bytes));
      }
    });

    it('a page that was promised and is not there is damage, alone or among others', async () => {
      const [there, absent] = [pageOf(100), pageOf(100)];
      await pages.putMany([there]);
      await expect(pages.get(absent.hash)).rejects.toMatchObject(missing);
      await expect(pages.getMany([there.hash, absent.hash])).rejects.toMatchObject(missing);
    });

    it('putting a page again is fine, also twice in one call, and by many at once', async () => {
      const page = pageOf(5_000);
      await pages.putMany([page]);
      await pages.putMany([page]);
      const twice = pageOf(5_000);
      await pages.putMany([twice, page, twice]);
      const raced = pageOf(5_000);
      await Promise.all(
        Array.from({ length: 30 }, (_, i) => (i % 2 ? pages : other).putMany([raced, pageOf(50)])),
      );
      const found = await pages.getMany(hashesOf([page, twice, raced]));
      expect(byHash(found)).toEqual(byHash([page, twice, raced]));
    });

    it('takes and answers no pages at all', async () => {
      await pages.putMany([]);
      expect(await pages.getMany([])).toEqual([]);
    });

    it('keeps pages of every size up to the largest, byte for byte', async () => {
      const all = [0, 1, 2, 4_095, 4_096, 4_097, pageMaxBytes - 1, pageMaxBytes].map(pageOf);
      await pages.putMany(all);
      expect(byHash(await other.getMany(hashesOf(all)))).toEqual(byHash(all));
    });

    it('puts and answers 150 of the largest pages in one call', async () => {
      const all = pagesOf(150, pageMaxBytes);
      await pages.putMany(all);
      const found = await other.getMany(hashesOf(all));
      expect(found).toHaveLength(all.length);
      expect(hashesOf(found).toSorted()).toEqual(hashesOf(all).toSorted());
      expect(found.every(({ hash, bytes }) => sha256(bytes) === hash)).toBe(true);
    });

    it('puts 1,000 small pages in one call', async () => {
      const all = pagesOf(1_000, 40);
      await pages.putMany(all);
      expect(byHash(await pages.getMany(hashesOf(all)))).toEqual(byHash(all));
    });

    it('a stored page cannot be changed through the bytes that were put, or those that were answered', async () => {
      const { hash, bytes } = pageOf(300);
      const original = Buffer.from(bytes);
      await pages.putMany([{ hash, bytes }]);
      bytes.fill(0);
      (await pages.get(hash)).fill(1);
      for (const page of await pages.getMany([hash])) page.bytes.fill(2);
      expect(Buffer.from(await pages.get(hash))).toEqual(original);
    });

    it('takes bytes that are a stretch of a larger buffer', async () => {
      const large = randomBytes(10_000);
      const bytes = large.subarray(1_234, 5_678);
      const hash = sha256(bytes);
      await pages.putMany([{ hash, bytes }]);
      expect(Buffer.from(await pages.get(hash))).toEqual(Buffer.from(bytes));
    });

    describe('condemned pages', () => condemnedCases(() => ({ pages, other })));
  });
}

const listed = async (pages: Pages): Promise<Map<string, number | undefined>> => {
  const found = new Map<string, number | undefined>();
  for (let after: string | undefined; ; ) {
    const part = await pages.list(after, 50);
    for (const { hash, condemnedAt } of part) found.set(hash, condemnedAt);
    after = part.at(-1)?.hash;
    if (part.length < 50) return found;
  }
};

function condemnedCases(store: () => { pages: Pages; other: Pages }): void {
  it('every page is listed once, with the time at which it was condemned', async () => {
    const { pages, other } = store();
    const put = pagesOf(120, 30);
    const absent = pageOf(30);
    await pages.putMany(put);
    await pages.condemn([put[0]!.hash, absent.hash], 1_000);
    await other.condemn([put[0]!.hash, put[1]!.hash], 2_000);
    const found = await listed(other);
    expect(hashesOf(put).every((hash) => found.has(hash))).toBe(true);
    expect(found.get(put[0]!.hash), 'the first time stays').toBe(1_000);
    expect(found.get(put[1]!.hash)).toBe(2_000);
    expect(found.get(put[2]!.hash)).toBeUndefined();
    expect(found.has(absent.hash), 'condemning makes no page').toBe(false);
  });

  it('a condemned page reads like any other, and is deleted from its time on', async () => {
    const { pages, other } = store();
    const [early, late, free] = pagesOf(3, 200) as [PageBytes, PageBytes, PageBytes];
    await pages.putMany([early, late, free]);
    await pages.condemn([early.hash], 1_000);
    await pages.condemn([late.hash], 1_001);
    expect(Buffer.from(await other.get(early.hash))).toEqual(Buffer.from(early.bytes));
    expect(await other.deleteCondemned(hashesOf([early, late, free]), 1_000)).toEqual([early.hash]);
    await expect(pages.get(early.hash)).rejects.toMatchObject({ code: 'damaged' });
    expect(await pages.getMany([late.hash, free.hash])).toHaveLength(2);
    expect(await pages.deleteCondemned([early.hash], 1_000), 'it stays gone').toEqual([early.hash]);
  });

  it('putting it again rescues it, and so does saying so', async () => {
    const { pages, other } = store();
    const [again, rescued] = pagesOf(2, 200) as [PageBytes, PageBytes];
    await pages.putMany([again, rescued]);
    await pages.condemn(hashesOf([again, rescued]), 1_000);
    await other.putMany([again]);
    await other.rescue([rescued.hash, sha256(randomBytes(10))]);
    expect(await pages.deleteCondemned(hashesOf([again, rescued]), 5_000)).toEqual([]);
    await pages.condemn([again.hash], 6_000);
    expect(await pages.deleteCondemned([again.hash], 5_000), 'condemned anew, its time begins anew').toEqual(
      [],
    );
    expect(await pages.getMany(hashesOf([again, rescued]))).toHaveLength(2);
  });

  it('of deleting and putting again at once, what was put is there or is put after', async () => {
    const { pages, other } = store();
    for (let i = 0; i < 20; i++) {
      const page = pageOf(100);
      await pages.putMany([page]);
      await pages.condemn([page.hash], 1_000);
      const [gone] = await Promise.all([pages.deleteCondemned([page.hash], 1_000), other.putMany([page])]);
      expect(gone.length).toBeLessThanOrEqual(1);
      expect(Buffer.from(await other.get(page.hash))).toEqual(Buffer.from(page.bytes));
    }
  });
}
