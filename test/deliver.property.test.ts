// Delivering a payload, against a plain model over maps; the laws of DESIGN §6; what it costs; and the names of copies.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryRecords } from '../adapters/memory/records.ts';
import { besideKey, besideOf } from '../core/model/beside.ts';
import type { Entry, FileEntry } from '../core/model/entry.ts';
import { fromKey, type Kind, kinds, maxPathBytes, parseKindPath } from '../core/model/path.ts';
import { everything, inRanges, joinRanges, type Range, rangeOf, type Selector } from '../core/model/scope.ts';
import type { Instance } from '../core/model/space.ts';
import { noCounts, type Strategy } from '../core/model/strategy.ts';
import { newCall } from '../core/ops/call.ts';
import { newInstance } from '../core/ops/instances.ts';
import { freeze, type StageItem } from '../core/ops/stage.ts';
import type { Ports } from '../core/ports.ts';
import { deliver } from '../core/tree/deliver.ts';
import type { Delivery } from '../core/tree/delivery.ts';
import { editTree } from '../core/tree/edit.ts';
import { emptyRoot } from '../core/tree/page.ts';
import { cachedReader } from '../core/tree/reader.ts';
import { remove } from '../core/tree/remove.ts';
import { scan } from '../core/tree/walk.ts';
import { type Case, type Content, clash, isBelow, model } from './support/delivery-model.ts';
import { fileOf } from './support/entries.ts';
import { MemoryPages } from './support/memory-pages.ts';

class World {
  readonly pages = new MemoryPages();
  readonly #readPage = cachedReader(this.pages, 4_000);

  /** A tree of this content, built upon another one. */
  async build(content: Content | Record<string, string>, upon = emptyRoot): Promise<string> {
    const items = content instanceof Map ? [...content] : Object.entries(content);
    const edits = items.map(([key, text]) => ({ key, entry: fileOf(text) }));
    const { root, pages } = await editTree(this.#readPage, upon, edits);
    await this.pages.putMany(pages);
    return root;
  }

  async read(root: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for await (const { key, entry } of scan(this.#readPage, root)) found.set(key, textOf(entry));
    return found;
  }

  async deliver(input: Parameters<typeof deliver>[1], read = this.#readPage): Promise<Delivery> {
    const delivery = await deliver(read, input);
    await this.pages.putMany(delivery.pages);
    return delivery;
  }
}

/** Every text that the tests use has a length of its own, so an entry tells its text. */
const texts = ['x', 'yy', 'zzz', 'mine', 'other', 'filler'];
const textOf = (entry: Entry): string => texts.find((text) => text.length === (entry as FileEntry).size)!;

const day = '2026-11-23';
const laterDay = '2026-12-01';

/** A few keys that get in each other's way: files against folders, and names that copies would take. */
const universe = [
  ...['a', 'a/b', 'a/b/c', 'a/d.md', 'a.md', 'a.md/x', 'b.md', 'b', 'é/a.md'].map((path) => `files/${path}`),
  ...[`a (handout ${day})`, `a (handout ${day})/b`, `a (handout ${day}).md`, `a (handout ${day} 2).md`].map(
    (path) => `files/${path}`,
  ),
  ...[
    'a (handout 2026-01-01).md',
    `a (handout ${day}).md/x`,
    'a (handout notes).md',
    `a/d (handout ${day}).md`,
  ].map((path) => `files/${path}`),
  ...['t', `t (handout ${day})`, 'u'].map((name) => `tables/${name}`),
  ...['app', `app (handout ${day} 2)`].map((name) => `apps/${name}`),
];

/** Nothing may be both an entry and a folder: of two that clash, the later key is left out. */
function consistent(items: readonly (readonly [string, string])[]): Map<string, string> {
  const content = new Map<string, string>();
  for (const [key, text] of items)
    if (![...content.keys()].some((other) => clash(key, other))) content.set(key, text);
  return content;
}

const texted = fc.constantFrom(...texts.slice(0, 3));
const someKeys = fc.shuffledSubarray(universe, { minLength: 0, maxLength: universe.length });
const state = fc
  .tuple(someKeys, fc.array(texted, { minLength: universe.length, maxLength: universe.length }))
  .map(([keys, chosen]) => consistent(keys.map((key, i) => [key, chosen[i]!])));
/** Delivered at any time in the past, so it may hold a file and a folder of one name. */
const anyBase = fc
  .tuple(someKeys, fc.array(texted, { minLength: universe.length, maxLength: universe.length }))
  .map(([keys, chosen]) => new Map(keys.map((key, i) => [key, chosen[i]!])));
const filler = new Map(
  Array.from({ length: 120 }, (_, i) => [`files/m/${i}-${'long'.repeat(12)}`, 'filler']),
);

const strategy = fc.constantFrom<Strategy>('merge', 'overwrite', 'keep', 'rename', 'mirror', 'none');
const strategiesOf = (chosen: fc.Arbitrary<Strategy>) =>
  fc.record({ file: chosen, table: chosen, app: chosen });
const selector: fc.Arbitrary<Selector> = fc.constantFrom<Selector>(
  { kind: 'file', prefix: '' },
  { kind: 'table', prefix: '' },
  { kind: 'app', prefix: '' },
  { kind: 'file', prefix: 'a' },
  { kind: 'file', prefix: 'a/' },
  { kind: 'file', path: 'a' },
  { kind: 'file', path: 'a.md' },
  { kind: 'file', prefix: 'a.md/' },
  { kind: 'file', prefix: 'm/1' },
  { kind: 'table', path: 't' },
);
const scopeOf = fc.oneof(
  fc.constant(everything),
  fc
    .array(selector, { minLength: 1, maxLength: 4 })
    .map((selectors) => joinRanges(selectors.map((one) => rangeOf(one, '')))),
);

const cases = (
  chosen: fc.Arbitrary<Strategy> = strategy,
  scopes: fc.Arbitrary<readonly Range[]> = scopeOf,
): fc.Arbitrary<Case> =>
  fc
    .record({
      base: anyBase,
      payload: state,
      target: state,
      scope: scopes,
      strategies: strategiesOf(chosen),
      day: fc.constant(day),
      large: fc.nat(4).map((n) => n === 0),
    })
    .map(({ large, base, payload, target, scope, ...rest }) => {
      const filled = (content: Content) => (large ? new Map([...content, ...filler]) : content);
      // A payload holds only what its scope speaks for.
      const inScope = new Map([...filled(payload)].filter(([key]) => inRanges(scope, key)));
      return { ...rest, scope, base: filled(base), payload: inScope, target: filled(target) };
    });

async function run(world: World, { base, payload, target, scope, strategies, day }: Case) {
  const [b, p, t] = await Promise.all([world.build(base), world.build(payload), world.build(target)]);
  const roots = { base: b, payload: p, target: t };
  const delivery = await world.deliver({ ...roots, scope, strategies, day });
  return {
    roots,
    delivery,
    content: await world.read(delivery.root),
    delivered: await world.read(delivery.delivered),
  };
}

const speaksFor = ({ scope, strategies }: Case, key: string): boolean =>
  inRanges(scope, key) && strategies[fromKey(key).kind] !== 'none';

describe('delivering', () => {
  it('does what the model does', async () => {
    await fc.assert(
      fc.asyncProperty(cases(), async (given) => {
        const expected = model(given);
        const { delivery, content, delivered } = await run(new World(), given);
        expect(content).toEqual(expected.content);
        expect(delivered).toEqual(expected.delivered);
        expect(delivery.counts).toEqual(expected.counts);
        expect(delivery.exceptions).toEqual(expected.exceptions);
        expect(delivery.entries).toBe(content.size);
      }),
      { numRuns: 1_000 },
    );
  });

  it('counts every entry of the payload in scope once, and what was deleted besides', async () => {
    await fc.assert(
      fc.asyncProperty(cases(), async (given) => {
        const { delivery } = await run(new World(), given);
        const { deleted, ...rest } = delivery.counts;
        const spoken = [...given.payload.keys()].filter((key) => speaksFor(given, key));
        expect(Object.values(rest).reduce((sum, count) => sum + count, 0)).toBe(spoken.length);
        expect(delivery.exceptions.filter(({ outcome }) => outcome === 'deleted')).toHaveLength(deleted);
      }),
      { numRuns: 300 },
    );
  });

  it('leaves no key both a file and a folder', async () => {
    await fc.assert(
      fc.asyncProperty(cases(), async (given) => {
        const { content } = await run(new World(), given);
        for (const key of content.keys())
          for (let at = key.indexOf('/', 7); at !== -1; at = key.indexOf('/', at + 1))
            expect(content.has(key.slice(0, at)), `${key} and ${key.slice(0, at)}`).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('a second time changes nothing, on the same day or another, and puts no second copy beside', async () => {
    await fc.assert(
      fc.asyncProperty(cases(), fc.constantFrom(day, laterDay), async (given, again) => {
        const world = new World();
        const { roots, delivery } = await run(world, given);
        const { root: target, delivered: base } = delivery;
        const second = await world.deliver({ ...given, ...roots, target, base, day: again });
        expect(second.root).toBe(delivery.root);
        expect(second.delivered).toBe(delivery.delivered);
        const { created, updated, renamed, replaced, deleted } = second.counts;
        expect({ created, updated, renamed, replaced, deleted }).toEqual({
          created: 0,
          updated: 0,
          renamed: 0,
          replaced: 0,
          deleted: 0,
        });
      }),
      { numRuns: 1_000 },
    );
  });

  it('changes nothing outside the scope, except what stands in the way of an overwrite', async () => {
    await fc.assert(
      fc.asyncProperty(cases(), async (given) => {
        const { content, delivery } = await run(new World(), given);
        const removed = new Set(
          delivery.exceptions
            .filter(({ outcome }) => outcome === 'deleted')
            .map(({ kind, path }) => `${kind}s/${path}`),
        );
        for (const [key, text] of given.target) {
          if (speaksFor(given, key)) continue;
          const overwritten =
            removed.has(key) &&
            [...given.payload.keys()].some((other) => speaksFor(given, other) && clash(key, other));
          if (overwritten) expect(['overwrite', 'mirror']).toContain(given.strategies[fromKey(key).kind]);
          else expect(content.get(key)).toBe(text);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('nothing of the target is lost', () => {
  it('keep and rename leave every entry as it is', async () => {
    await fc.assert(
      fc.asyncProperty(cases(fc.constantFrom<Strategy>('keep', 'rename', 'none')), async (given) => {
        const { content } = await run(new World(), given);
        for (const [key, text] of given.target) expect(content.get(key)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('merge leaves every entry that is not exactly as it was delivered', async () => {
    await fc.assert(
      fc.asyncProperty(cases(fc.constant('merge')), async (given) => {
        const { content } = await run(new World(), given);
        for (const [key, text] of given.target)
          if (given.base.get(key) !== text) expect(content.get(key)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('and nothing of the payload is: merge and rename bring all of it, unless it was brought before', async () => {
    await fc.assert(
      fc.asyncProperty(cases(fc.constantFrom<Strategy>('merge', 'rename')), async (given) => {
        const { content } = await run(new World(), given);
        const holds = new Set(content.values());
        for (const [key, text] of given.payload)
          if (given.base.get(key) !== text)
            expect(content.get(key) === text || holds.has(text), key).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

it('merging into an untouched target is laying the payload over it', async () => {
  await fc.assert(
    fc.asyncProperty(cases(fc.constant('merge'), fc.constant(everything)), async (given) => {
      const { content } = await run(new World(), { ...given, base: given.target });
      const overlay = new Map(
        [...given.target].filter(([key]) => ![...given.payload.keys()].some((other) => clash(key, other))),
      );
      for (const [key, text] of given.payload) overlay.set(key, text);
      expect(content).toEqual(overlay);
    }),
    { numRuns: 300 },
  );
});

it('overwriting brings all of the payload; mirroring leaves exactly the payload in scope', async () => {
  await fc.assert(
    fc.asyncProperty(cases(fc.constantFrom<Strategy>('overwrite', 'mirror')), async (given) => {
      const { content } = await run(new World(), given);
      for (const [key, text] of given.payload) expect(content.get(key)).toBe(text);
      for (const key of content.keys())
        if (inRanges(given.scope, key) && given.strategies[fromKey(key).kind] === 'mirror')
          expect(given.payload.has(key), key).toBe(true);
    }),
    { numRuns: 500 },
  );
});

it('a class that edits between distributions keeps its edits, whatever the order of pushes and edits', async () => {
  const step = fc.oneof(
    fc.record({ payload: state, day: fc.constantFrom(day, laterDay) }),
    fc.record({ edit: fc.constantFrom(...universe.filter((key) => !key.includes('handout'))) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const world = new World();
      let content = new Map<string, string>();
      let roots = { target: emptyRoot, base: emptyRoot };
      const edited = new Set<string>();
      for (const [nth, next] of steps.entries()) {
        if ('edit' in next) {
          if ([...content.keys()].some((other) => clash(next.edit, other))) continue;
          content.set(next.edit, 'mine');
          edited.add(next.edit);
          roots = { ...roots, target: await world.build(content) };
        } else {
          const payload = await world.build(next.payload);
          const input = { ...roots, payload, scope: everything, day: `2026-11-${10 + nth}` };
          const delivery = await world.deliver({
            ...input,
            strategies: { file: 'merge', table: 'merge', app: 'merge' },
          });
          roots = { target: delivery.root, base: delivery.delivered };
          content = await world.read(delivery.root);
        }
        for (const key of edited) expect(content.get(key)).toBe('mine');
      }
    }),
    { numRuns: 300 },
  );
});

describe('the cost follows the edits', () => {
  const course = (count: number, changes: Record<string, string> = {}) => ({
    ...Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`files/week-${i % 40}/file-${i}.md`, 'filler']),
    ),
    ...changes,
  });
  const correction = { 'files/week-7/file-4007.md': 'x' };
  const merge = { file: 'merge', table: 'merge', app: 'merge' } as const;

  const pagesRead = async (world: World, input: Parameters<typeof deliver>[1]) => {
    world.pages.read.clear();
    const delivery = await world.deliver(input, world.pages.reader());
    return { delivery, pages: world.pages.read.size };
  };

  it('a correction of one file in 20,000 opens a handful of pages, whole course or that file staged', async () => {
    const world = new World();
    const base = await world.build(course(20_000));
    const whole = await world.build(course(20_000, correction));
    const one = await world.build(correction);
    const target = await world.build(
      course(20_000, { 'files/week-3/file-3.md': 'mine', 'files/notes.md': 'mine' }),
    );
    for (const [payload, scope] of [
      [whole, everything],
      [one, [rangeOf({ kind: 'file', path: 'week-7/file-4007.md' }, '')]],
    ] as const) {
      const untouched = await pagesRead(world, {
        base,
        payload,
        target: base,
        scope,
        strategies: merge,
        day,
      });
      expect(untouched.delivery.counts.updated).toBe(1);
      expect(untouched.pages).toBeLessThanOrEqual(12);
      const edited = await pagesRead(world, { base, payload, target, scope, strategies: merge, day });
      expect(edited.delivery.counts.updated).toBe(1);
      expect(edited.pages).toBeLessThanOrEqual(24);
    }
  });

  it('grows with the edits, not with the course', async () => {
    const world = new World();
    const base = await world.build(course(20_000));
    const payload = await world.build(course(20_000, correction));
    const target = async (edits: number) =>
      world.build(
        course(
          20_000,
          Object.fromEntries(
            Array.from({ length: edits }, (_, i) => [`files/week-${i % 40}/file-${i}.md`, 'mine']),
          ),
        ),
      );
    const few = await pagesRead(world, {
      base,
      payload,
      target: await target(1),
      scope: everything,
      strategies: merge,
      day,
    });
    const many = await pagesRead(world, {
      base,
      payload,
      target: await target(100),
      scope: everything,
      strategies: merge,
      day,
    });
    expect(many.delivery.counts).toEqual({ ...noCounts(), updated: 1, kept: 100, same: 19_899 });
    expect(many.pages).toBeLessThanOrEqual(few.pages + 100 * 4);
  });

  it('a file in the way of a folder of 2,000 files does not make it look at all of them for each', async () => {
    const world = new World();
    const payload = await world.build(
      Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`files/lab/${i}.md`, 'x'])),
    );
    const target = await world.build({ 'files/lab': 'mine' });
    const rename = { file: 'rename', table: 'rename', app: 'rename' } as const;
    const first = await world.deliver({
      base: emptyRoot,
      payload,
      target,
      scope: everything,
      strategies: rename,
      day,
    });
    expect(first.counts.renamed).toBe(2_000);
    const again = await world.deliver({
      base: first.delivered,
      payload,
      target: first.root,
      scope: everything,
      strategies: rename,
      day: laterDay,
    });
    expect(again.counts.kept).toBe(2_000);
    expect(again.root).toBe(first.root);
  });
});

describe('names beside', () => {
  const put = async (given: {
    target: Record<string, string>;
    payload: Record<string, string>;
    base?: Record<string, string>;
    strategy?: Strategy;
    day?: string;
  }) => {
    const world = new World();
    const [base, payload, target] = await Promise.all(
      [given.base ?? {}, given.payload, given.target].map((content) => world.build(content)),
    );
    const chosen = given.strategy ?? 'merge';
    const input = {
      base: base!,
      payload: payload!,
      target: target!,
      scope: everything,
      day: given.day ?? day,
    };
    const delivery = await world.deliver({
      ...input,
      strategies: { file: chosen, table: chosen, app: chosen },
    });
    return { world, delivery, content: Object.fromEntries(await world.read(delivery.root)) };
  };
  const first = (key: string) => besideKey(besideOf(key), day, 1);

  it.each([
    ['files/plan.md', 'files/plan (handout 2026-11-23).md'],
    ['files/week 1/plan.md', 'files/week 1/plan (handout 2026-11-23).md'],
    ['files/Makefile', 'files/Makefile (handout 2026-11-23)'],
    ['files/.gitignore', 'files/.gitignore (handout 2026-11-23)'],
    ['files/.config/.env', 'files/.config/.env (handout 2026-11-23)'],
    ['files/.env.local', 'files/.env (handout 2026-11-23).local'],
    ['files/data.tar.gz', 'files/data.tar (handout 2026-11-23).gz'],
    ['files/v1.2/notes', 'files/v1.2/notes (handout 2026-11-23)'],
    ['files/dot.', 'files/dot (handout 2026-11-23).'],
    ['files/naïve 😀.txt', 'files/naïve 😀 (handout 2026-11-23).txt'],
    ['files/plan (handout 2026-11-20).md', 'files/plan (handout 2026-11-20) (handout 2026-11-23).md'],
    ['tables/prices.v2', 'tables/prices (handout 2026-11-23).v2'],
    ['apps/lab', 'apps/lab (handout 2026-11-23)'],
  ])('%s', async (key, beside) => {
    expect(first(key)).toBe(beside);
    const { content, delivery } = await put({ target: { [key]: 'mine' }, payload: { [key]: 'x' } });
    expect(content).toEqual({ [key]: 'mine', [beside]: 'x' });
    expect(delivery.exceptions).toEqual([
      { ...fromKey(key), outcome: 'renamed', renamedTo: fromKey(beside).path },
    ]);
  });

  it('go around files of that very name, whoever made them', async () => {
    const { content } = await put({
      target: {
        'files/plan.md': 'mine',
        [first('files/plan.md')]: 'other',
        'files/plan (handout 2026-11-23 2).md': 'yy',
      },
      payload: { 'files/plan.md': 'x' },
    });
    expect(content).toEqual({
      'files/plan.md': 'mine',
      'files/plan (handout 2026-11-23).md': 'other',
      'files/plan (handout 2026-11-23 2).md': 'yy',
      'files/plan (handout 2026-11-23 3).md': 'x',
    });
  });

  it('use a file of that name that already holds this very content', async () => {
    const target = { 'files/plan.md': 'mine', 'files/plan (handout 2026-01-01 7).md': 'x' };
    const { content, delivery } = await put({ target, payload: { 'files/plan.md': 'x' } });
    expect(content).toEqual(target);
    expect(delivery.exceptions).toEqual([
      { kind: 'file', path: 'plan.md', outcome: 'kept', renamedTo: 'plan (handout 2026-01-01 7).md' },
    ]);
  });

  it("go around the payload's own files and folders of such a name", async () => {
    for (const own of ['files/plan (handout 2026-11-23).md', 'files/plan (handout 2026-11-23).md/x']) {
      const payload = { 'files/plan.md': 'x', [own]: 'yy' };
      const { content } = await put({ target: { 'files/plan.md': 'mine' }, payload });
      expect(content).toEqual({
        'files/plan.md': 'mine',
        [own]: 'yy',
        'files/plan (handout 2026-11-23 2).md': 'x',
      });
    }
    // The payload's own file takes the place of an untouched copy, so the copy does not count as being there.
    const { content } = await put({
      base: { 'files/plan (handout 2026-11-20).md': 'x' },
      target: { 'files/plan.md': 'mine', 'files/plan (handout 2026-11-20).md': 'x' },
      payload: { 'files/plan.md': 'x', 'files/plan (handout 2026-11-20).md': 'yy' },
    });
    expect(content).toEqual({
      'files/plan.md': 'mine',
      'files/plan (handout 2026-11-20).md': 'yy',
      'files/plan (handout 2026-11-23).md': 'x',
    });
  });

  it('go around folders, and files in the way of the folder beside', async () => {
    const folder = await put({
      target: { 'files/a': 'mine', 'files/a (handout 2026-11-23)/own': 'mine' },
      payload: { 'files/a': 'x' },
    });
    expect(folder.content['files/a (handout 2026-11-23 2)']).toBe('x');
    const file = await put({
      target: { 'files/a': 'mine', 'files/a (handout 2026-11-23)': 'mine' },
      payload: { 'files/a/b': 'x', 'files/a/c': 'yy' },
    });
    expect(file.content).toMatchObject({
      'files/a (handout 2026-11-23 2)/b': 'x',
      'files/a (handout 2026-11-23 2)/c': 'yy',
    });
  });

  it('a file where the payload has a folder, and a folder where it has a file, on one day and the next', async () => {
    for (const [target, payload, beside] of [
      [{ 'files/lab.d': 'mine' }, { 'files/lab.d/x/y.md': 'x' }, 'files/lab (handout 2026-11-23).d/x/y.md'],
      [{ 'files/lab/y.md': 'mine' }, { 'files/lab': 'x' }, 'files/lab (handout 2026-11-23)'],
    ] as [Record<string, string>, Record<string, string>, string][]) {
      for (const chosen of ['merge', 'rename'] as const) {
        const once = await put({ target, payload, strategy: chosen });
        expect(once.content).toEqual({ ...target, [beside]: 'x' });
        const twice = await put({ target: once.content, payload, strategy: chosen, day: laterDay });
        expect(twice.content).toEqual(once.content);
      }
      expect((await put({ target, payload, strategy: 'keep' })).content).toEqual(target);
      expect((await put({ target, payload, strategy: 'overwrite' })).content).toEqual(payload);
      expect((await put({ target, payload, base: target })).content).toEqual(payload);
    }
  });

  const long = (bytes: number, sample: string, end = ''): string => {
    let text = '';
    while (Buffer.byteLength(text + sample + end) <= bytes) text += sample;
    return text + 'x'.repeat(bytes - Buffer.byteLength(text + end)) + end;
  };

  it.each([
    ['at the limit', `files/${long(maxPathBytes, 'a', '.md')}`],
    ['at the limit, of several bytes a character', `files/${long(maxPathBytes, '漢', '.txt')}`],
    ['at the limit, of surrogate pairs', `files/${long(maxPathBytes, '😀')}`],
    ['at the limit, with combining marks', `files/${long(maxPathBytes, 'q\u0323', '.md')}`],
    ['at the limit, below folders', `files/${long(900, 'folder/')}/${long(123, 'é', '.md')}`],
    ['in a folder that leaves no room', `files/${long(1_015, 'deep/').replace(/\/$/, 'x')}/plan.md`],
    ['with an extension that leaves no room', `files/a.${long(1_000, 'é')}`],
    ['of a table at its limit', `tables/${long(255, 'é')}`],
    ['of a table with an extension that leaves no room', `tables/t.${long(250, 'v')}`],
    ['of an application at its limit', `apps/${long(255, '😀')}`],
  ])('a name %s stays storable, and is found again on another day', async (_, key) => {
    const { kind, path } = fromKey(key);
    expect(parseKindPath(kind, path, '')).toBe(path);
    for (const attempt of [1, 2, 10, 9_999]) {
      const beside = fromKey(besideKey(besideOf(key), day, attempt));
      expect(beside.kind).toBe(kind);
      expect(parseKindPath(kind, beside.path, '')).toBe(beside.path);
      expect(beside.path).toContain('(handout 2026-11-23');
    }
    const target = { [key]: 'mine', [first(key)]: 'other' };
    const once = await put({ target, payload: { [key]: 'x' }, strategy: 'rename' });
    expect(once.delivery.counts.renamed).toBe(1);
    expect(Object.keys(once.content)).toHaveLength(3);
    const twice = await put({
      target: once.content,
      payload: { [key]: 'x' },
      strategy: 'rename',
      day: laterDay,
    });
    expect(twice.content).toEqual(once.content);
  });

  it('a path that fits below a file, but not below the copy of it, goes beside the file by its own name', async () => {
    const key = `files/a/${long(1_022, 'deep/', 'plan.md')}`;
    const { content } = await put({ target: { 'files/a': 'mine' }, payload: { [key]: 'x' } });
    const [beside] = Object.keys(content).filter((other) => other !== 'files/a');
    expect(beside).toMatch(/^files\/[^/]*plan \(handout 2026-11-23\)\.md$/);
    expect(content[beside!]).toBe('x');
  });

  it('go when their path is recalled, unless they were edited', async () => {
    const target = { 'files/plan.md': 'mine', 'files/lab': 'mine' };
    const payload = { 'files/plan.md': 'x', 'files/lab/a.md': 'x', 'files/lab/b.md': 'x' };
    const { world, delivery, content } = await put({ target, payload });
    const beside = ['files/lab (handout 2026-11-23)/a.md', 'files/lab (handout 2026-11-23)/b.md'];
    expect(Object.keys(content).sort()).toEqual(
      [...Object.keys(target), ...beside, first('files/plan.md')].sort(),
    );
    const edited = await world.build({ [beside[1]!]: 'mine' }, delivery.root);
    const scope = [
      rangeOf({ kind: 'file', path: 'plan.md' }, ''),
      rangeOf({ kind: 'file', prefix: 'lab/' }, ''),
    ];
    const recalled = await remove(cachedReader(world.pages, 100), edited, delivery.delivered, scope);
    await world.pages.putMany(recalled.pages);
    expect(Object.fromEntries(await world.read(recalled.root))).toEqual({
      'files/lab': 'mine',
      [beside[1]!]: 'mine',
    });
    expect(recalled.counts).toEqual({ ...noCounts(), deleted: 3 });
  });

  it('are storable paths whatever the key', () => {
    const segment = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });
    const name = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join('/'));
    fc.assert(
      fc.property(
        fc.constantFrom<Kind>(...kinds),
        name,
        name,
        fc.integer({ min: 1, max: 9_999 }),
        (kind, text, below, attempt) => {
          const valid = (path: string) => {
            try {
              return parseKindPath(kind, path, '');
            } catch {
              return undefined;
            }
          };
          const path = valid(text);
          if (path === undefined) return;
          const check = (key: string) => expect(valid(fromKey(key).path)).toBe(fromKey(key).path);
          check(besideKey(besideOf(`${kind}s/${path}`), day, attempt));
          const deeper = valid(`${path}/${below}`);
          if (deeper !== undefined)
            check(besideKey(besideOf(`${kind}s/${deeper}`, `${kind}s/${path}`), day, attempt));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('relocation: what is staged lands where it is told to', () => {
  const items = fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant<Kind>('file'),
        prefix: fc.constantFrom('', 'a', 'a/', 'a/b/', 'é/'),
        as: fc.option(fc.constantFrom('', 'new/', 'b', 'a/', 'x/y/'), { nil: undefined }),
      }),
      fc.record({
        kind: fc.constant<Kind>('file'),
        path: fc.constantFrom('a', 'a.md', 'a/b', 'b.md'),
        as: fc.option(fc.constantFrom('c.md', 'n/a', 'a'), { nil: undefined }),
      }),
      fc.record({
        kind: fc.constant<Kind>('table'),
        path: fc.constantFrom('t', 'u'),
        as: fc.option(fc.constantFrom('v'), { nil: undefined }),
      }),
    ),
    { minLength: 1, maxLength: 3 },
  );

  it('the payload is the moved selection, or the request is refused', async () => {
    await fc.assert(
      fc.asyncProperty(state, items, async (content, wanted) => {
        const world = new World();
        const records = new MemoryRecords();
        const ports = {
          records,
          pages: world.pages,
          now: () => 0,
          random: () => new Uint8Array(16),
        } as unknown as Ports;
        const call = newCall(ports, { user: 'ines', manager: false });
        const instance: Instance = {
          id: call.newId('instance'),
          spaceId: '',
          kind: 'master',
          name: '',
          createdAt: '',
          createdBy: '',
        };
        const root = await world.build(content);
        const origin = { state: { root, delivered: emptyRoot, entries: content.size, bytes: 0 } };
        await records.write(newInstance(call, instance, origin));

        let fails = false;
        const moved = new Map<string, string>();
        for (const { kind, as, ...which } of wanted) {
          const selected = [...content].filter(([key]) =>
            'path' in which ? key === `${kind}s/${which.path}` : key.startsWith(`${kind}s/${which.prefix}`),
          );
          if (selected.length === 0 && !('prefix' in which && which.prefix === '')) fails = true;
          for (const [key, text] of selected) {
            const tail = 'prefix' in which ? key.slice(`${kind}s/${which.prefix}`.length) : '';
            const to = as === undefined ? key : `${kind}s/${as}${tail}`;
            if (moved.has(to) || to.endsWith('/') || to.includes('//')) fails = true;
            moved.set(to, text);
          }
        }
        if ([...moved.keys()].some((key) => [...moved.keys()].some((other) => isBelow(key, other))))
          fails = true;
        if (moved.size === 0) fails = true;

        const frozen = freeze(
          call,
          instance.id,
          wanted.map((item) => ({ ...item, state: 'current' })) as StageItem[],
        );
        if (fails) {
          await expect(frozen).rejects.toThrow();
          return;
        }
        const payload = await frozen;
        expect(await world.read(payload.root)).toEqual(moved);
        expect(payload.entries).toBe(moved.size);
        for (const key of moved.keys()) expect(inRanges(payload.scope, key)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });
});
