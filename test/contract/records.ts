// What every `Records` must do, in the words of those who keep documents in it. Each case has partitions of its own, so
// the suite may run over a store that others use, and over one that is not emptied between runs.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  Condition,
  RecordKey,
  RecordQuery,
  Records,
  RecordWrite,
  StoredRecord,
} from '../../core/ports.ts';

export interface OpenedRecords extends AsyncDisposable {
  readonly records: Records;
  /** Another handle on the same records; the same one where a store has only one. */
  readonly other: Records;
}

/** The store of the suite, opened before its first case. */
type Opened = Pick<OpenedRecords, 'records' | 'other'>;

export function recordsContract(name: string, open: () => Promise<OpenedRecords>): void {
  describe(`records: ${name}`, () => {
    let opened: OpenedRecords;
    beforeAll(async () => {
      opened = await open();
    });
    afterAll(() => opened?.[Symbol.asyncDispose]());
    const store: Opened = {
      get records() {
        return opened.records;
      },
      get other() {
        return opened.other;
      },
    };
    describe('one record', () => singleCases(store));
    describe('conditions', () => conditionCases(store));
    describe('batches', () => batchCases(store));
    describe('races', () => raceCases(store));
    describe('queries', () => queryCases(store));
    describe('long queries', () => longQueryCases(store));
    describe('many keys', () => manyCases(store));
  });
}

/** A partition that no other case has, and keys in it. */
function partition() {
  const name = `test#${randomUUID()}`;
  return { name, key: (sort: string): RecordKey => ({ partition: name, sort }) };
}

const utf8Order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const sortsOf = (found: readonly StoredRecord[]): string[] => found.map(({ sort }) => sort);

async function putAll(records: Records, keys: readonly RecordKey[], value: unknown = null): Promise<void> {
  for (let at = 0; at < keys.length; at += 100)
    await records.write(keys.slice(at, at + 100).map((put) => ({ put, value })));
}

/** The record that must be there. */
async function there<T>(records: Records, key: RecordKey): Promise<StoredRecord<T>> {
  const record = await records.get<T>(key);
  if (!record) throw new Error(`no record ${key.sort}`);
  return record;
}

/** Pages through a query, and answers every page. */
async function pagesOf(records: Records, query: RecordQuery & { limit: number }): Promise<string[][]> {
  const pages: string[][] = [];
  for (let after = query.after; ; ) {
    const found = sortsOf(await records.query({ ...query, ...(after !== undefined && { after }) }));
    if (found.length === 0) return pages;
    expect(found, 'a page begins after the one before').not.toContain(after);
    pages.push(found);
    after = found.at(-1)!;
  }
}

function singleCases(store: Opened): void {
  it('nothing is found where nothing was put', async () => {
    const { key } = partition();
    expect(await store.records.get(key('a'))).toBeUndefined();
  });

  it('nor where nothing can be, as the name is longer than any', async () => {
    const { name, key } = partition();
    await store.records.write([{ put: key('a'), value: 1 }]);
    const long = 'x'.repeat(5_000);
    expect(await store.records.get(key(long))).toBeUndefined();
    expect(await store.records.get({ partition: long, sort: 'a' })).toBeUndefined();
    expect(await store.records.getMany([key(long), key('a')])).toHaveLength(1);
    expect(await store.records.query({ partition: name, prefix: long })).toEqual([]);
    expect(await store.records.query({ partition: name, prefix: '', after: long })).toEqual([]);
    expect(await store.records.query({ partition: long, prefix: '' })).toEqual([]);
  });

  it('what was put is found, through every handle, as soon as the write is answered', async () => {
    const { key } = partition();
    for (let count = 0; count < 20; count++) {
      await store.records.write([{ put: key('a'), value: { count } }]);
      expect(await store.other.get(key('a'))).toMatchObject({ ...key('a'), value: { count } });
    }
  });

  it('the same sort in two partitions is two records', async () => {
    const [one, two] = [partition(), partition()];
    await store.records.write([
      { put: one.key('a'), value: 1 },
      { put: two.key('a'), value: 2 },
    ]);
    expect((await there(store.records, one.key('a'))).value).toBe(1);
    expect((await there(store.records, two.key('a'))).value).toBe(2);
  });

  it('every write gives a new revision, even when the value stays, and reading gives none', async () => {
    const { key } = partition();
    const revisions = new Set<string>();
    for (let i = 0; i < 5; i++) {
      await store.records.write([{ put: key('a'), value: 'same' }]);
      revisions.add((await there(store.records, key('a'))).revision);
      revisions.add((await there(store.other, key('a'))).revision);
    }
    expect(revisions.size).toBe(5);
  });

  it('a record is gone once deleted, and deleting it again is fine', async () => {
    const { key } = partition();
    await store.records.write([{ put: key('a'), value: 1 }]);
    await store.records.write([{ delete: key('a') }]);
    expect(await store.other.get(key('a'))).toBeUndefined();
    await store.records.write([{ delete: key('a') }]);
    await store.records.write([{ delete: key('never was') }]);
  });

  it.each<[what: string, value: unknown]>([
    ['nested values', { a: [{ b: { c: [[], {}, null, [1, [2, [3]]]] } }], 'key.with "marks"': true, '': '' }],
    ['numbers', [0, -1, 0.1, -1.5e-7, 1e21, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 5e-324]],
    [
      'letters of all kinds',
      ['é', 'e\u0301', '日本', '😀', '\ue000', '\u{10ffff}', '\u0000\u001f\n\\"', '\u2028'],
    ],
    ['a text alone', 'text'],
    ['nothing', null],
    ['an empty list', []],
    ['200 KB of text', { text: 'größer '.repeat(25_000) }],
    ['2,000 members', Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`member-${i}`, { i }]))],
  ])('values come back as they were put: %s', async (_, value) => {
    const { name, key } = partition();
    await store.records.write([{ put: key('a'), value }]);
    expect((await there(store.other, key('a'))).value).toStrictEqual(value);
    expect((await store.records.query({ partition: name, prefix: '' }))[0]?.value).toStrictEqual(value);
    expect((await store.records.getMany([key('a')]))[0]?.value).toStrictEqual(value);
  });

  it('a stored value cannot be changed through the object that was put, or one that was answered', async () => {
    const { name, key } = partition();
    const value = { list: [1] };
    await store.records.write([{ put: key('a'), value }]);
    value.list.push(2);
    (await there<typeof value>(store.records, key('a'))).value.list.push(3);
    for (const record of await store.records.getMany<typeof value>([key('a')])) record.value.list.push(4);
    for (const record of await store.records.query<typeof value>({ partition: name, prefix: '' }))
      record.value.list.push(5);
    expect((await there(store.records, key('a'))).value).toEqual({ list: [1] });
  });
}

type Verb = 'put' | 'delete' | 'check';

const writeOf = (verb: Verb, key: RecordKey, condition: Condition): RecordWrite => {
  if (verb === 'put') return { put: key, value: 'new', if: condition };
  return verb === 'delete' ? { delete: key, if: condition } : { check: key, if: condition };
};

const after: Record<Verb, (before: unknown) => unknown> = {
  put: () => 'new',
  delete: () => undefined,
  check: (before) => before,
};

function conditionCases(store: Opened): void {
  for (const verb of ['put', 'delete', 'check'] as const) {
    it.each<[condition: string, before: 'there' | 'not there', holds: boolean]>([
      ['absent', 'there', false],
      ['present', 'there', true],
      ['current', 'there', true],
      ['stale', 'there', false],
      ['absent', 'not there', true],
      ['present', 'not there', false],
      ['current', 'not there', false],
    ])(`${verb} if %s, of a record that is %s: %s`, async (wanted, before, holds) => {
      const { key } = partition();
      const revisions: Record<string, string> = {};
      for (const name of ['stale', 'current']) {
        await store.records.write([{ put: key('a'), value: 'old' }]);
        revisions[name] = (await there(store.records, key('a'))).revision;
      }
      if (before === 'not there') await store.records.write([{ delete: key('a') }]);
      const untouched = await store.records.get(key('a'));
      const condition =
        wanted in revisions ? { revision: revisions[wanted]! } : (wanted as 'absent' | 'present');
      const written = store.records.write([writeOf(verb, key('a'), condition)]);
      if (holds) {
        await written;
        expect((await store.other.get(key('a')))?.value).toBe(after[verb](untouched?.value));
      } else {
        await expect(written).rejects.toMatchObject({ name: 'AppError', code: 'conflict' });
        expect(await store.other.get(key('a'))).toEqual(untouched);
      }
    });
  }

  it('a record that was deleted and put again is another one, even with the same value', async () => {
    const { key } = partition();
    await store.records.write([{ put: key('a'), value: 1 }]);
    const { revision } = await there(store.records, key('a'));
    await store.records.write([{ delete: key('a') }]);
    await store.records.write([{ put: key('a'), value: 1 }]);
    const late = store.records.write([{ put: key('a'), value: 2, if: { revision } }]);
    await expect(late).rejects.toMatchObject({ code: 'conflict' });
  });

  it('checking changes nothing, the revision included', async () => {
    const { key } = partition();
    await store.records.write([{ put: key('a'), value: 1 }]);
    const before = await there(store.records, key('a'));
    await store.records.write([
      { check: key('a'), if: { revision: before.revision } },
      { check: key('b'), if: 'absent' },
    ]);
    expect(await store.records.get(key('a'))).toEqual(before);
    expect(await store.records.get(key('b'))).toBeUndefined();
  });
}

function batchCases(store: Opened): void {
  it('puts, deletes and checks in several partitions happen together', async () => {
    const [one, two] = [partition(), partition()];
    await store.records.write([
      { put: one.key('old'), value: 1 },
      { put: two.key('guard'), value: 2 },
    ]);
    await store.records.write([
      { put: one.key('new'), value: 3, if: 'absent' },
      { delete: one.key('old'), if: 'present' },
      { check: two.key('guard'), if: 'present' },
      { put: two.key('new'), value: 4 },
    ]);
    const found = await store.other.getMany(
      ['old', 'new', 'guard'].flatMap((sort) => [one.key(sort), two.key(sort)]),
    );
    expect(found.map(({ value }) => value).sort()).toEqual([2, 3, 4]);
  });

  const good = (key: (sort: string) => RecordKey): RecordWrite[] => [
    { put: key('fresh'), value: 'new' },
    { put: key('one'), value: 'new' },
    { delete: key('two') },
    { check: key('three'), if: 'present' },
    { put: key('four'), value: 'new', if: 'present' },
  ];
  const bad = (key: RecordKey): [kind: string, write: RecordWrite][] => [
    ['put', { put: key, value: 'bad', if: 'absent' }],
    ['delete', { delete: key, if: { revision: 'never given' } }],
    ['check', { check: key, if: 'absent' }],
  ];

  it.each([0, 1, 2, 3, 4, 5])(
    'a condition that fails at place %i leaves everything as it was',
    async (place) => {
      const { name, key } = partition();
      await putAll(store.records, ['one', 'two', 'three', 'four', 'taken'].map(key), 'old');
      const before = await store.records.query({ partition: name, prefix: '' });
      for (const [kind, failing] of bad(key('taken'))) {
        const written = store.records.write(good(key).toSpliced(place, 0, failing));
        await expect(written, kind).rejects.toMatchObject({ name: 'AppError', code: 'conflict' });
        expect(await store.other.query({ partition: name, prefix: '' }), kind).toEqual(before);
      }
    },
  );

  it('takes a hundred writes at once, all or nothing', async () => {
    const { name, key } = partition();
    const batch = (value: string): RecordWrite[] =>
      Array.from({ length: 100 }, (_, i) => ({
        put: key(`${i}`),
        value,
        if: value === 'first' ? 'absent' : 'present',
      }));
    await store.records.write(batch('first'));
    expect(await store.records.query({ partition: name, prefix: '' })).toHaveLength(100);
    const failing: RecordWrite = { check: key('nothing'), if: 'present' };
    await expect(store.records.write([...batch('second').slice(1), failing])).rejects.toMatchObject({
      code: 'conflict',
    });
    const values = (await store.other.query({ partition: name, prefix: '' })).map(({ value }) => value);
    expect(new Set(values)).toEqual(new Set(['first']));
  });

  it('refuses more than a hundred writes, and a key that comes twice, and changes nothing', async () => {
    const { name, key } = partition();
    const tooMany = Array.from({ length: 101 }, (_, i) => ({ put: key(`${i}`), value: i }));
    await expect(store.records.write(tooMany)).rejects.toThrow();
    await expect(store.records.write([{ put: key('a'), value: 1 }, { delete: key('a') }])).rejects.toThrow();
    expect(await store.records.query({ partition: name, prefix: '' })).toEqual([]);
  });

  it('a batch that need not be durable at once is otherwise like any other', async () => {
    const { name, key } = partition();
    await store.records.write([{ put: key('a'), value: 1, if: 'absent' }], 'soon');
    expect(await store.other.get(key('a'))).toMatchObject({ value: 1 });
    const clash = store.records.write(
      [
        { put: key('b'), value: 2 },
        { delete: key('a'), if: 'absent' },
      ],
      'soon',
    );
    await expect(clash).rejects.toMatchObject({ name: 'AppError', code: 'conflict' });
    expect(sortsOf(await store.other.query({ partition: name, prefix: '' }))).toEqual(['a']);
  });

  it('a batch of nothing is fine', async () => {
    await store.records.write([]);
  });
}

function raceCases(store: Opened): void {
  it('a hundred writers that count up a record by its revision lose nothing', async () => {
    const { key } = partition();
    await store.records.write([{ put: key('counter'), value: 0 }]);
    const countUp = async (records: Records, attempts = 1_000): Promise<void> => {
      const { value, revision } = await there<number>(records, key('counter'));
      try {
        await records.write([{ put: key('counter'), value: value + 1, if: { revision } }]);
      } catch (error) {
        expect(error).toMatchObject({ code: 'conflict' });
        expect(attempts, 'somebody wins each race').toBeGreaterThan(0);
        await countUp(records, attempts - 1);
      }
    };
    await Promise.all(Array.from({ length: 100 }, (_, i) => countUp(i % 2 ? store.records : store.other)));
    expect((await there(store.records, key('counter'))).value).toBe(100);
  });

  it('of many who create a record, one does', async () => {
    const { key } = partition();
    const tries = Array.from({ length: 30 }, (_, value) =>
      (value % 2 ? store.records : store.other).write([{ put: key('a'), value, if: 'absent' }]),
    );
    const settled = await Promise.allSettled(tries);
    const winners = settled.flatMap(({ status }, value) => (status === 'fulfilled' ? [value] : []));
    expect(winners).toEqual([(await there(store.records, key('a'))).value]);
  });

  it('two batches that want the same records never mix', async () => {
    const { name, key } = partition();
    const sorts = ['a', 'b', 'c', 'd'];
    await putAll(store.records, sorts.map(key), -1);
    const writers = Array.from({ length: 20 }, async (_, value) => {
      const order = value % 2 ? sorts : sorts.toReversed();
      await store.records.write(order.map((sort) => ({ put: key(sort), value }))).catch(() => undefined);
    });
    await Promise.all(writers);
    const values = (await store.other.query({ partition: name, prefix: '' })).map(({ value }) => value);
    expect(new Set(values).size).toBe(1);
  });
}

/** Sorts that are easily put in a wrong order, or taken for one another. */
const trickySorts = [
  ...['a', 'A', 'Z', 'aa', 'ab', 'a#', 'a#1', 'a#10', 'a#2', 'a$', 'a b', 'b', '0', '10', '9', '~', '#', ' '],
  ...['a%', 'a%b', 'a_', 'a_b', 'a*', 'a?', 'a[', 'a]', "a'", 'a"', 'a\\', 'a\\b', 'a-', 'a/', 'a/b', 'a\tb'],
  ...[
    'é',
    'éa',
    'e\u0301',
    'z',
    '日本',
    '日本語',
    '\ud7ff',
    '\ud7ffa',
    '\ue000',
    '\ue000a',
    '\uf8ff',
    '\ufffd',
    '\uffff',
  ],
  ...[
    '😀',
    '😀a',
    '😁',
    '𝒳',
    '\u{10000}',
    '\u{10ffff}',
    '\u{10ffff}a',
    '\u{10ffff}\u{10ffff}',
    'a\u{10ffff}',
    'x'.repeat(900),
  ],
];

function queryCases(store: Opened): void {
  const tricky = partition();
  const query = (rest: Partial<RecordQuery>) =>
    store.records.query({ partition: tricky.name, prefix: '', ...rest }).then(sortsOf);
  const ordered = trickySorts.toSorted(utf8Order);
  beforeAll(() => putAll(store.records, trickySorts.map(tricky.key)));

  it('answers in the order of UTF-8 bytes, forwards and backwards', async () => {
    expect(await query({})).toEqual(ordered);
    expect(await query({ reverse: true })).toEqual(ordered.toReversed());
  });

  it('finds nothing in a partition of which nothing was ever heard', async () => {
    expect(await store.records.query({ partition: partition().name, prefix: '' })).toEqual([]);
  });

  it('a prefix means just these characters, whatever they mean elsewhere, and is not confused with a neighbour', async () => {
    const prefixes = new Set(trickySorts.flatMap((sort) => [sort, [...sort][0]!, `${sort}x`]));
    for (const prefix of prefixes) {
      const expected = ordered.filter((sort) => sort.startsWith(prefix));
      expect(await query({ prefix }), JSON.stringify(prefix)).toEqual(expected);
      expect(await query({ prefix, reverse: true }), JSON.stringify(prefix)).toEqual(expected.toReversed());
    }
  });

  it('goes on after any sort, one that is there or not, inside of the prefix or outside', async () => {
    for (const prefix of ['', 'a', 'a#', '\u{10ffff}'])
      for (const after of [...trickySorts, 'a#15', '!', '\u{10ffff}\u{10ffff}\u{10ffff}']) {
        const inside = ordered.filter((sort) => sort.startsWith(prefix));
        const later = inside.filter((sort) => utf8Order(sort, after) > 0);
        const earlier = inside.filter((sort) => utf8Order(sort, after) < 0).reverse();
        const what = JSON.stringify({ prefix, after });
        expect(await query({ prefix, after }), what).toEqual(later);
        expect(await query({ prefix, after, reverse: true, limit: 3 }), what).toEqual(earlier.slice(0, 3));
      }
  });

  it('answers whole records', async () => {
    const { name, key } = partition();
    await store.records.write([{ put: key('a'), value: { x: 1 } }]);
    expect(await store.other.query({ partition: name, prefix: 'a' })).toEqual([
      await store.records.get(key('a')),
    ]);
  });

  it('deleting what was answered does not disturb the rest of the pages', async () => {
    const { name, key } = partition();
    const sorts = Array.from({ length: 300 }, (_, i) => String(i).padStart(3, '0'));
    await putAll(store.records, sorts.map(key));
    const seen: string[] = [];
    for (;;) {
      const after = seen.at(-1);
      const page = { partition: name, prefix: '', limit: 70, ...(after !== undefined && { after }) };
      const found = sortsOf(await store.records.query(page));
      if (found.length === 0) break;
      expect(found, 'a page begins after the one before').not.toContain(after);
      seen.push(...found);
      await store.records.write(found.map((sort) => ({ delete: key(sort) })));
    }
    expect(seen).toEqual(sorts);
    expect(await store.records.query({ partition: name, prefix: '' })).toEqual([]);
  });
}

function longQueryCases(store: Opened): void {
  const { name, key } = partition();
  const sorts = Array.from({ length: 2_500 }, (_, i) => `entry#${String(i).padStart(5, '0')}`);
  const all = { partition: name, prefix: 'entry#' };
  beforeAll(() => putAll(store.records, ['entry', ...sorts, 'entry$'].map(key)));

  it('pages through 2,500 records, forwards and backwards, without a gap or a repeat', async () => {
    const forwards = await pagesOf(store.records, { ...all, limit: 173 });
    expect(forwards.flat()).toEqual(sorts);
    expect(forwards.slice(0, -1).every((page) => page.length === 173)).toBe(true);
    const backwards = await pagesOf(store.records, { ...all, limit: 173, reverse: true });
    expect(backwards.flat()).toEqual(sorts.toReversed());
  });

  it('answers a thousand when no limit is asked for, and more when more is asked for', async () => {
    expect(sortsOf(await store.records.query(all))).toEqual(sorts.slice(0, 1_000));
    expect(sortsOf(await store.records.query({ ...all, limit: 5_000 }))).toEqual(sorts);
  });

  it('finds the last record at once', async () => {
    expect(sortsOf(await store.records.query({ ...all, reverse: true, limit: 1 }))).toEqual([sorts.at(-1)]);
  });

  it('answers large records in full number: 60 of 60 KB', async () => {
    const large = partition();
    const text = 'x'.repeat(60_000);
    const keys = Array.from({ length: 60 }, (_, i) => large.key(String(i)));
    for (let at = 0; at < 60; at += 20) await putAll(store.records, keys.slice(at, at + 20), { text });
    const found = await store.records.query<{ text: string }>({ partition: large.name, prefix: '' });
    expect(found.map(({ value }) => value.text.length)).toEqual(keys.map(() => 60_000));
    expect(await store.records.getMany(keys)).toHaveLength(60);
  });
}

function manyCases(store: Opened): void {
  it('of many keys, answers the records that exist, from every partition', async () => {
    const [one, two] = [partition(), partition()];
    await store.records.write([
      { put: one.key('a'), value: 1 },
      { put: two.key('b'), value: 2 },
    ]);
    const asked = [one.key('a'), one.key('b'), two.key('a'), two.key('b'), partition().key('a')];
    const found = await store.other.getMany(asked);
    expect(found.toSorted((a, b) => utf8Order(a.sort, b.sort))).toEqual([
      await store.records.get(one.key('a')),
      await store.records.get(two.key('b')),
    ]);
  });

  it('takes no key, 250 keys, and the same key twice, which is answered once', async () => {
    const { key } = partition();
    const keys = Array.from({ length: 250 }, (_, i) => key(`${i}`));
    await putAll(store.records, keys);
    expect(await store.records.getMany([])).toEqual([]);
    const found = await store.records.getMany([...keys, ...keys.slice(0, 40)]);
    expect(new Set(sortsOf(found))).toEqual(new Set(keys.map(({ sort }) => sort)));
    expect(found).toHaveLength(250);
  });
}
