// The six laws of the state tree (DESIGN §3), and its golden digests.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareKeys } from '../core/model/path.ts';
import { diff } from '../core/tree/diff.ts';
import { type Edit, editTree } from '../core/tree/edit.ts';
import { listFolders } from '../core/tree/folders.ts';
import { emptyRoot, isLeaf, type Page, pageMaxBytes } from '../core/tree/page.ts';
import { getEntry, scan, totals } from '../core/tree/walk.ts';
import { fileOf, put, remove } from './support/entries.ts';
import { MemoryPages } from './support/memory-pages.ts';

class World {
  readonly pages = new MemoryPages();

  async edit(root: string, edits: readonly Edit[]) {
    const tree = await editTree(this.pages.reader(), root, edits);
    await this.pages.putMany(tree.pages);
    return tree;
  }

  build = (edits: readonly Edit[]) => this.edit(emptyRoot, edits);

  async keys(root: string, range = {}): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of scan(this.pages.reader(), root, range)) found.push(key);
    return found;
  }

  async reachable(root: string): Promise<Page[]> {
    const page = await this.pages.reader()(root);
    if (isLeaf(page)) return [page];
    const below = await Promise.all(
      page.items.map((link) => this.reachable('hash' in link ? link.hash : '')),
    );
    return [page, ...below.flat()];
  }
}

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

const names = fc.stringMatching(/^[a-cé😀/-]{1,6}$/u).filter((name) => !/^\/|\/$|\/\//.test(name));
const files = fc.dictionary(names, fc.string({ maxLength: 3 }), { maxKeys: 60 });
const editsOf = (dictionary: Record<string, string>): Edit[] =>
  Object.entries(dictionary).map(([path, content]) => put(path, content));
const numbered = (count: number, from = 0): Edit[] =>
  Array.from({ length: count }, (_, i) =>
    put(`folder-${(i + from) % 17}/file-${i + from}.md`, `text ${i + from}`),
  );

describe('canonical: the root depends on the set of entries alone', () => {
  it('whatever the order and the grouping of the edits', async () => {
    await fc.assert(
      fc.asyncProperty(
        files,
        fc.integer({ min: 1, max: 7 }),
        fc.infiniteStream(fc.nat()),
        async (set, step, noise) => {
          const world = new World();
          const edits = editsOf(set);
          const whole = await world.build(edits);
          const shuffled = edits
            .map((edit) => [noise.next().value, edit] as const)
            .sort((a, b) => a[0] - b[0]);
          let root = emptyRoot;
          for (let i = 0; i < shuffled.length; i += step)
            root = (
              await world.edit(
                root,
                shuffled.slice(i, i + step).map(([, edit]) => edit),
              )
            ).root;
          expect(root).toBe(whole.root);
        },
      ),
    );
  });

  it('in trees of many pages, by insertions, replacements and deletions in random batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(fc.nat(3_000), fc.nat(4)), { maxLength: 80 }), { maxLength: 6 }),
        async (batches) => {
          const world = new World();
          const model = new Map(numbered(2_000).map((edit) => [edit.key, edit]));
          let { root } = await world.build([...model.values()]);
          for (const batch of batches) {
            const edits = new Map<string, Edit>();
            for (const [at, action] of batch) {
              const path = `folder-${at % 17}/file-${at}.md`;
              const edit = action < 2 ? remove(path) : put(path, `edit ${action}`);
              edits.set(edit.key, edit);
            }
            root = (await world.edit(root, [...edits.values()])).root;
            for (const edit of edits.values())
              edit.entry ? model.set(edit.key, edit) : model.delete(edit.key);
          }
          const anew = await new World().build([...model.values()]);
          expect(root).toBe(anew.root);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('an edit and its undo give the old root again, and deleting everything the empty one', async () => {
    const world = new World();
    const { root } = await world.build(numbered(5_000));
    const edited = await world.edit(root, [put('folder-3/new.md', 'x'), remove('folder-4/file-4.md')]);
    const undone = await world.edit(edited.root, [
      remove('folder-3/new.md'),
      put('folder-4/file-4.md', 'text 4'),
    ]);
    expect(edited.root).not.toBe(root);
    expect(undone.root).toBe(root);
    const nothing = await world.edit(
      root,
      numbered(5_000).map(({ key }) => ({ key, entry: undefined })),
    );
    expect(nothing).toMatchObject({ root: emptyRoot, entries: 0, bytes: 0 });
  });

  it('lists the keys in the order of their UTF-8 bytes', async () => {
    await fc.assert(
      fc.asyncProperty(files, async (set) => {
        const world = new World();
        const { root } = await world.build(editsOf(set));
        const sorted = Object.keys(set)
          .map((path) => `files/${path}`)
          .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(await world.keys(root)).toEqual(sorted);
      }),
    );
  });
});

describe('local: k edits in n entries read and write O(k log n) pages', () => {
  it('one edit in 100,000 entries writes at most 4 pages', async () => {
    const world = new World();
    const { root, pages } = await world.build(numbered(100_000));
    expect(pages.length).toBeGreaterThan(500);
    const written: number[] = [];
    for (let i = 0; i < 50; i++) {
      world.pages.read.clear();
      const edited = await world.edit(root, [put(`folder-${i % 17}/file-${i * 1_999}.md`, 'changed')]);
      written.push(edited.pages.length);
      expect(world.pages.read.size).toBeLessThanOrEqual(8);
    }
    expect(Math.max(...written)).toBeLessThanOrEqual(4);
  }, 120_000);
});

describe('shared: diff visits only what differs', () => {
  it('finds exactly the edits, in order, and applying them to the old tree gives the new one', async () => {
    await fc.assert(
      fc.asyncProperty(files, files, async (before, after) => {
        const world = new World();
        const a = await world.build(editsOf(before));
        const b = await world.build(editsOf(after));
        const changes = await collect(diff(world.pages.reader(), a.root, b.root));
        const expected = [...new Set([...Object.keys(before), ...Object.keys(after)])]
          .filter((path) => before[path] !== after[path])
          .map((path) => `files/${path}`)
          .sort(compareKeys);
        expect(changes.map((change) => change.key)).toEqual(expected);
        const applied = await world.edit(
          a.root,
          changes.map(({ key, to }) => ({ key, entry: to })),
        );
        expect(applied.root).toBe(b.root);
      }),
    );
  });

  it('opens a handful of pages for one edit in 50,000 entries, and none for equal roots', async () => {
    const world = new World();
    const a = await world.build(numbered(50_000));
    const b = await world.edit(a.root, [
      put('folder-5/file-5.md', 'changed'),
      put('folder-5/file-5a.md', 'new'),
    ]);
    world.pages.read.clear();
    const changes = await collect(diff(world.pages.reader(), a.root, b.root));
    expect(changes.map((change) => change.key)).toEqual([
      'files/folder-5/file-5.md',
      'files/folder-5/file-5a.md',
    ]);
    expect(world.pages.read.size).toBeLessThanOrEqual(10);
    world.pages.read.clear();
    expect(await collect(diff(world.pages.reader(), a.root, a.root))).toEqual([]);
    expect(world.pages.read.size).toBe(0);
  });

  it('stays within the range it is asked for', async () => {
    const world = new World();
    const a = await world.build(numbered(3_000));
    const b = await world.edit(a.root, [
      put('folder-1/x', '1'),
      put('folder-2/x', '2'),
      put('folder-3/x', '3'),
    ]);
    const range = { from: 'files/folder-2/', to: 'files/folder-20' };
    const changes = await collect(diff(world.pages.reader(), a.root, b.root, range));
    expect(changes.map((change) => change.key)).toEqual(['files/folder-2/x']);
  });
});

describe('bounded: no page above 64 KiB, whatever names an adversary picks', () => {
  const draw = (level: number, key: string) =>
    createHash('sha256').update(`${level}\0${key}`).digest().readUInt32BE(0);
  const picked = (count: number, wanted: (value: number) => boolean): Edit[] => {
    const edits: Edit[] = [];
    for (let i = 0; edits.length < count; i++) {
      const path = `${i}-${'long'.repeat(40)}`;
      if (wanted(draw(0, `files/${path}`))) edits.push(put(path, String(i)));
    }
    return edits;
  };

  it.each([
    ['none of which ends a page', picked(1_000, (value) => value > 0.9 * 2 ** 32)],
    ['all of which end a page', picked(1_000, (value) => value < 0.02 * 2 ** 32)],
  ])('a thousand keys, %s', async (_, edits) => {
    const world = new World();
    const { root } = await world.build(edits);
    const pages = await world.reachable(root);
    for (const bytes of world.pages.stored.values()) expect(bytes.length).toBeLessThanOrEqual(pageMaxBytes);
    expect(Math.max(...pages.map((page) => page.level))).toBeLessThanOrEqual(3);
    expect(pages.length).toBeLessThan(edits.length / 4);
    expect(await world.keys(root)).toHaveLength(edits.length);
    const oneByOne = new World();
    let grown = emptyRoot;
    for (const edit of edits.slice(0, 300).reverse()) grown = (await oneByOne.edit(grown, [edit])).root;
    expect(grown).toBe((await oneByOne.build(edits.slice(0, 300))).root);
  });

  it('with keys of 1,024 bytes the tree stays shallow', async () => {
    const world = new World();
    const edits = Array.from({ length: 2_000 }, (_, i) => put(`${i}`.padEnd(1_024, 'x'), 'y'));
    const { root } = await world.build(edits);
    const pages = await world.reachable(root);
    expect(Math.max(...pages.map((page) => page.level))).toBeLessThanOrEqual(10);
    for (const bytes of world.pages.stored.values()) expect(bytes.length).toBeLessThanOrEqual(pageMaxBytes);
  });
});

describe('counted: totals need no walk', () => {
  it('gives the entries and bytes of any range, opening two pages a level at most', async () => {
    const world = new World();
    const { root, entries, bytes } = await world.build(numbered(20_000));
    expect(entries).toBe(20_000);
    expect(await totals(world.pages.reader(), root)).toEqual({ entries, bytes });
    world.pages.read.clear();
    const folder = await totals(world.pages.reader(), root, {
      from: 'files/folder-7/',
      to: 'files/folder-70',
    });
    expect(folder.entries).toBe(
      numbered(20_000).filter((edit) => edit.key.startsWith('files/folder-7/')).length,
    );
    expect(world.pages.read.size).toBeLessThanOrEqual(8);
  });

  it('folds folders with the right totals', async () => {
    await fc.assert(
      fc.asyncProperty(files, async (set) => {
        const world = new World();
        const { root } = await world.build(editsOf(set));
        const listed = await collect(listFolders(world.pages.reader(), root, 'files/', { delimiter: '/' }));
        const folders = new Map<string, number>();
        const plain: string[] = [];
        for (const path of Object.keys(set)) {
          const at = path.indexOf('/');
          if (at < 0) plain.push(`files/${path}`);
          else
            folders.set(
              `files/${path.slice(0, at + 1)}`,
              (folders.get(`files/${path.slice(0, at + 1)}`) ?? 0) + 1,
            );
        }
        const got = listed.map((item) => ('folder' in item ? [item.folder, item.entries] : [item.key, 1]));
        const wanted = [...folders, ...plain.map((key) => [key, 1] as [string, number])];
        expect(got).toEqual(wanted.sort((a, b) => compareKeys(a[0], b[0])));
      }),
    );
  });
});

describe('stable: the format does not drift', () => {
  const golden = JSON.parse(readFileSync(new URL('./golden.json', import.meta.url), 'utf8')) as Record<
    string,
    string
  >;

  it('the empty state has its golden digest', () => expect(emptyRoot).toBe(golden.empty));

  it('12,345 files have their golden digest', async () => {
    expect((await new World().build(numbered(12_345))).root).toBe(golden['12345 files']);
  });

  it('a state of all three kinds has its golden digest', async () => {
    const part = { sha256: 'a'.repeat(64), size: 10 };
    const { root } = await new World().build([
      put('été/naïve 😀.txt', 'hello'),
      { key: 'files/run.sh', entry: { ...fileOf('#!/bin/sh'), executable: true } },
      {
        key: 'tables/t',
        entry: {
          kind: 'table',
          columns: [{ name: 'x', type: 'int64' }],
          rows: 3,
          parts: [{ ...part, rows: 3 }],
        },
      },
      {
        key: 'apps/lab',
        entry: {
          kind: 'app',
          image: 'r@sha256:1',
          command: ['run'],
          resources: { memory: 2, cpu: 1 },
          packages: part,
          config: '{}',
        },
      },
    ]);
    expect(root).toBe(golden['three kinds']);
  });
});

it('looks up what was put, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(files, names, async (set, other) => {
      const world = new World();
      const { root } = await world.build(editsOf(set));
      for (const path of [...Object.keys(set), other]) {
        const expected = Object.hasOwn(set, path) ? fileOf(set[path]!) : undefined;
        expect(await getEntry(world.pages.reader(), root, `files/${path}`)).toEqual(expected);
      }
    }),
  );
});
