// Tables over HTTP: in as CSV, NDJSON or Parquet, out as JSON, CSV or Parquet parts.

import { parquetReadObjects } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
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
import { type Client, openCourse, openWorld, type Reply, type World } from '../support/world.ts';

let world: World;
let space: string;
let client: Client;
let token: string;
let instance: string;

beforeAll(async () => {
  world = await openWorld();
  ({ space, instructor: client } = await openCourse(world, 0));
  token = await world.token('ines', true);
});
beforeEach(async () => {
  instance = await newProject(client, space);
});
afterAll(() => world[Symbol.asyncDispose]());

const csv = 'text/csv';
const ndjson = 'application/x-ndjson';
const parquet = 'application/vnd.apache.parquet';

const tableUrl = (table: string) => `/v1/instances/${instance}/tables/${encodeURIComponent(table)}`;
const stateUrl = (table: string, state = 'current') =>
  `/v1/instances/${instance}/states/${state}/tables/${encodeURIComponent(table)}`;
const put = (table: string, body: string | Uint8Array, type = csv): Promise<Reply> =>
  client.send('PUT', tableUrl(table), { body, headers: { 'content-type': type } });
const append = (table: string, body: string | Uint8Array, type = csv): Promise<Reply> =>
  client.send('POST', `${tableUrl(table)}/rows`, { body, headers: { 'content-type': type } });
const rows = (table: string, query = '', headers = {}) =>
  client.get(`${stateUrl(table)}/rows${query}`, headers);

const gauges =
  'day,gauge,level,wet\n2026-01-01,north,1.5,true\n2026-01-02,"south, lower",2,false\n2026-01-03,,3.25,true\n';
const gaugeRows = [
  { day: '2026-01-01', gauge: 'north', level: 1.5, wet: true },
  { day: '2026-01-02', gauge: 'south, lower', level: 2, wet: false },
  { day: '2026-01-03', gauge: null, level: 3.25, wet: true },
];
const gaugeColumns = [
  { name: 'day', type: 'date' },
  { name: 'gauge', type: 'string' },
  { name: 'level', type: 'double' },
  { name: 'wet', type: 'boolean' },
];

describe('a table', () => {
  it('from CSV has columns with types, and rows', async () => {
    const reply = await put('gauges', gauges);
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({ columns: gaugeColumns, rows: 3, bytes: expect.any(Number) });
    const table = await client.get(stateUrl('gauges'));
    expect(table.body).toEqual({
      ...reply.body,
      parts: [{ url: expect.any(String), rows: 3, size: reply.body.bytes }],
    });
    const read = await rows('gauges');
    expect(read.body).toEqual({ columns: gaugeColumns, items: gaugeRows, next: null, total: 3 });
  });

  it('from NDJSON', async () => {
    const lines = '{"id":1,"name":"a","tags":["x"]}\n\n{"id":2,"more":{"b":true}}\n';
    const reply = await put('notes', lines, ndjson);
    expect(reply.body.columns).toEqual([
      { name: 'id', type: 'int64' },
      { name: 'name', type: 'string' },
      { name: 'tags', type: 'json' },
      { name: 'more', type: 'json' },
    ]);
    expect((await rows('notes')).body.items).toEqual([
      { id: 1, name: 'a', tags: ['x'], more: null },
      { id: 2, name: null, tags: null, more: { b: true } },
    ]);
    expect((await put('notes', '{"a":1}', 'application/jsonl')).status).toBe(200);
  });

  it('from Parquet', async () => {
    const file = parquetWriteBuffer({
      columnData: [
        { name: 'n', data: [1n, 2n, 3n], type: 'INT64' },
        { name: 's', data: ['a', 'b', 'c'], type: 'STRING' },
      ],
    });
    const reply = await put('p', new Uint8Array(file), parquet);
    expect(reply.status, reply.text).toBe(200);
    expect((await rows('p')).body.items).toEqual([
      { n: 1, s: 'a' },
      { n: 2, s: 'b' },
      { n: 3, s: 'c' },
    ]);
  });

  it('may be read as Parquet, part by part, without a token', async () => {
    await put('gauges', gauges);
    await append('gauges', 'day,gauge,level,wet\n2026-01-04,west,4,false\n');
    const { parts } = (await client.get(stateUrl('gauges'))).body;
    expect(parts).toMatchObject([{ rows: 3 }, { rows: 1 }]);
    const read = await world.anonymous('GET', parts[1].url);
    expect(read.bytes.length).toBe(parts[1].size);
    const file = new Uint8Array(read.bytes).buffer;
    expect(await parquetReadObjects({ file })).toMatchObject([{ gauge: 'west', level: 4, wet: false }]);
  });

  it('is replaced whole', async () => {
    await put('t', gauges);
    await put('t', 'a\n1\n');
    expect((await rows('t')).body).toMatchObject({ items: [{ a: 1 }], total: 1 });
  });

  it('sent twice is the same table, and no new version', async () => {
    await put('t', gauges);
    const root = await rootOf(client, instance);
    await put('t', gauges);
    expect(await rootOf(client, instance)).toBe(root);
  });

  it('may have no rows', async () => {
    expect((await put('empty', 'a,b\n')).body).toMatchObject({
      rows: 0,
      columns: [{ name: 'a' }, { name: 'b' }],
    });
    expect((await rows('empty')).body).toMatchObject({ items: [], next: null, total: 0 });
    expect((await rows('empty', '', { accept: csv })).text).toBe('a,b\n');
  });

  it('is removed', async () => {
    await put('t', gauges);
    expect((await client.delete(tableUrl('t'))).status).toBe(204);
    expectProblem(await client.get(stateUrl('t')), 404, 'not-found');
    expectProblem(await client.delete(tableUrl('t')), 404, 'not-found');
  });

  it('is what it was in a snapshot', async () => {
    await put('t', 'a\n1\n');
    const { id } = (await client.post(`/v1/instances/${instance}/snapshots`, { name: 'S' })).body;
    await append('t', 'a\n2\n');
    const then = await client.get(`${stateUrl('t', id)}/rows`);
    expect(then.body.items).toEqual([{ a: 1 }]);
    expect((await rows('t')).body.items).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('has a name of one segment', async () => {
    for (const name of ['Übung 1', 'a.b', '100%', '#1', 'e\u0301'])
      expect((await put(name, 'a\n1\n')).status).toBe(200);
    expect((await client.get(stateUrl('\u00e9'))).status).toBe(200);
    for (const name of ['a\\b', 'a\u0000', 'x'.repeat(256)])
      expectFault(await put(name, 'a\n1\n'), 400, 'bad-path', 'table');
    for (const name of ['..', '.', '%2e%2e'])
      expect(
        (await sendRaw(world, `/v1/instances/${instance}/states/current/tables/${name}`, { token })).body
          .code,
      ).toBe('bad-path');
  });
});

describe('a table from a file that is there', () => {
  it('takes its format from the name of the file', async () => {
    await client.save(instance, 'data/gauges.CSV', gauges);
    await client.save(instance, 'data/notes.ndjson', '{"a":1}\n');
    await client.save(instance, 'data/lines.jsonl', '{"a":2}\n');
    expect((await client.put(tableUrl('g'), { from: { path: 'data/gauges.CSV' } })).body).toMatchObject({
      rows: 3,
    });
    expect((await client.put(tableUrl('n'), { from: { path: 'data/notes.ndjson' } })).body).toMatchObject({
      rows: 1,
    });
    const more = await client.post(`${tableUrl('n')}/rows`, { from: { path: 'data/lines.jsonl' } });
    expect(more.body).toMatchObject({ rows: 2 });
    expect((await rows('n')).body.items).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('takes it from a snapshot too', async () => {
    await client.save(instance, 'd.csv', 'a\n1\n');
    const { id } = (await client.post(`/v1/instances/${instance}/snapshots`, { name: 'S' })).body;
    await client.save(instance, 'd.csv', 'a\n2\n');
    await client.put(tableUrl('t'), { from: { state: id, path: 'd.csv' } });
    expect((await rows('t')).body.items).toEqual([{ a: 1 }]);
  });

  it('of more than 4 MiB, in parts', async () => {
    const lines = Array.from({ length: 300_000 }, (_, i) => `${i},${i % 7},name ${i % 100}`);
    const text = Buffer.from(`id,n,name\n${lines.join('\n')}\n`);
    expect(text.length).toBeGreaterThan(4 * 1024 * 1024);
    const parts = [text.subarray(0, 2_000_001), text.subarray(2_000_001)];
    await commit(client, instance, await upload(client, instance, [{ path: 'big.csv', parts }]));
    const reply = await client.put(tableUrl('big'), { from: { path: 'big.csv' } });
    expect(reply.body).toMatchObject({ rows: 300_000 });
    const page = await rows('big', '?offset=299998&limit=10');
    expect(page.body.items).toEqual([
      { id: 299_998, n: 299_998 % 7, name: 'name 98' },
      { id: 299_999, n: 299_999 % 7, name: 'name 99' },
    ]);
  });

  it('is refused where there is no such file, state or format', async () => {
    await client.save(instance, 'a.txt', 'a\n1\n');
    const from = (wanted: object) => client.put(tableUrl('t'), { from: wanted });
    expectProblem(await from({ path: 'none.csv' }), 404, 'not-found');
    expectFault(await from({ path: 'a.txt' }), 400, 'bad-input', '/from/path');
    expectFault(await from({ path: '../a.csv' }), 400, 'bad-path', '/from/path');
    expectFault(await from({ path: 'a.csv', state: 'then' }), 400, 'bad-input', '/from/state');
    expectFault(await from({ path: 1 }), 400, 'bad-input', '/from/path');
    expectFault(await from({}), 400, 'bad-input', '/from/path');
  });
});

describe('rows', () => {
  const count = 250;
  const numbers = `n,square,text\n${Array.from({ length: count }, (_, i) => `${i},${i * i},t${i}`).join('\n')}\n`;

  it('come by limit, offset and cursor: each once', async () => {
    await put('n', numbers.slice(0, numbers.indexOf('\n100,') + 1));
    await append('n', `n,square,text\n${numbers.slice(numbers.indexOf('\n100,') + 1)}`);
    const whole = await everyItem(client, `${stateUrl('n')}/rows`, 1_000);
    expect(whole).toHaveLength(count);
    expect(whole[249]).toEqual({ n: 249, square: 249 * 249, text: 't249' });
    for (const limit of [7, 50, 100, 125, 250])
      expect(await everyItem(client, `${stateUrl('n')}/rows`, limit)).toEqual(whole);
    const page = await rows('n', '?offset=95&limit=10');
    expect(page.body.items).toEqual(whole.slice(95, 105));
    expect(page.body.total).toBe(count);
    expect((await rows('n', '?offset=249')).body).toMatchObject({ items: [{ n: 249 }], next: null });
    expect((await rows('n', '?offset=250')).body).toMatchObject({ items: [], next: null });
    expect((await rows('n', `?offset=${Number.MAX_SAFE_INTEGER}`)).body).toMatchObject({
      items: [],
      next: null,
    });
    expect((await rows('n')).body.items).toHaveLength(100);
  });

  it('come with the columns asked for, in that order', async () => {
    await put('n', numbers);
    const reply = await rows('n', '?columns=text,n&limit=2');
    expect(reply.body.columns.map(({ name }: { name: string }) => name)).toEqual(['text', 'n']);
    expect(reply.body.items).toEqual([
      { text: 't0', n: 0 },
      { text: 't1', n: 1 },
    ]);
    expect((await rows('n', '?columns=text,n&limit=2', { accept: csv })).text).toBe('text,n\nt0,0\nt1,1\n');
    expectFault(await rows('n', '?columns=nothing'), 400, 'bad-input', 'columns');
    expectFault(await rows('n', '?columns='), 400, 'bad-input', 'columns');
    expectFault(await rows('n', '?columns=n,n'), 400, 'bad-input', 'columns');
  });

  it('come as CSV by Accept, which reads back as the same table', async () => {
    await put('gauges', gauges);
    const reply = await rows('gauges', '', { accept: 'text/csv' });
    expect(reply.headers.get('content-type')).toMatch(/^text\/csv/);
    expect(reply.text).toBe(
      'day,gauge,level,wet\n2026-01-01,north,1.5,true\n2026-01-02,"south, lower",2,false\n2026-01-03,,3.25,true\n',
    );
    await put('copy', reply.text);
    const [copy, original] = [await client.get(stateUrl('copy')), await client.get(stateUrl('gauges'))];
    expect(copy.body.columns).toEqual(original.body.columns);
    expect((await rows('copy')).body).toEqual((await rows('gauges')).body);
    for (const accept of ['application/json', '*/*', 'application/json, text/csv;q=0.5', 'text/csv;q=0'])
      expect((await rows('gauges', '', { accept })).body?.items).toHaveLength(3);
  });

  it('refuse what they do not understand', async () => {
    await put('n', numbers);
    const cursor = (text: string) => Buffer.from(text).toString('base64url');
    for (const [query, pointer] of [
      ['limit=0', 'limit'],
      ['limit=1001', 'limit'],
      ['offset=-1', 'offset'],
      ['offset=1.5', 'offset'],
      ['offset=x', 'offset'],
      ['page=2', 'page'],
      [`cursor=${cursor('x')}`, 'cursor'],
      [`cursor=${cursor('-5')}`, 'cursor'],
      [`cursor=${cursor('1.5')}`, 'cursor'],
      ['cursor=%00', 'cursor'],
    ])
      expectFault(await rows('n', `?${query}`), 400, 'bad-input', pointer!);
  });
});

describe('an append', () => {
  it('adds a part and keeps the others', async () => {
    await put('t', 'a,b\n1,x\n');
    const before = (await client.get(stateUrl('t'))).body;
    const reply = await append('t', 'b,a\ny,2\n');
    expect(reply.body).toMatchObject({ rows: 2, columns: before.columns });
    expect(reply.body.bytes).toBeGreaterThan(before.bytes);
    expect((await client.get(stateUrl('t'))).body.parts).toMatchObject([
      { rows: 1, size: before.bytes },
      { rows: 1 },
    ]);
    expect((await rows('t')).body.items).toEqual([
      { a: 1, b: 'x' },
      { a: 2, b: 'y' },
    ]);
    await append('t', '{"a":3}\n', ndjson);
    expect((await rows('t', '?offset=2')).body.items).toEqual([{ a: 3, b: null }]);
  });

  it('of rows that do not fit is refused with the place, and changes nothing', async () => {
    await put('t', 'a,b\n1,x\n');
    const root = await rootOf(client, instance);
    expectFault(await append('t', 'a,b\n2,y\nthree,z\n'), 400, 'bad-table', 'line 3, column 1');
    expectFault(await append('t', 'a,c\n2,y\n'), 400, 'bad-table', 'line 1, column 2');
    expectFault(await append('t', '{"a":"2"}', ndjson), 400, 'bad-table', 'line 1, column 1');
    expect(await rootOf(client, instance)).toBe(root);
  });

  it('to a table that is not there finds none', async () => {
    expectProblem(await append('none', 'a\n1\n'), 404, 'not-found');
  });

  it('by twenty writers at once loses no row', async () => {
    await put('t', 'who\n0\n');
    const writers = Array.from({ length: 20 }, (_, i) => i + 1);
    const replies = await Promise.all(writers.map((i) => append('t', `who\n${i}\n`)));
    expect(replies.map(({ status }) => status)).toEqual(writers.map(() => 200));
    expect(replies.map(({ body }) => body.rows).sort((a, b) => a - b)).toEqual(writers.map((i) => i + 1));
    const read = (await rows('t')).body.items.map(({ who }: { who: number }) => who);
    expect(read.sort((a: number, b: number) => a - b)).toEqual([0, ...writers]);
  });

  it('done more often than a table may have parts joins them', async () => {
    await put('t', 'n\n0\n');
    for (let i = 1; i <= 130; i++) await append('t', `n\n${i}\n`);
    const { parts, rows: total } = (await client.get(stateUrl('t'))).body;
    expect(total).toBe(131);
    expect(parts.length).toBeLessThanOrEqual(128);
    const read = await everyItem(client, `${stateUrl('t')}/rows`, 100);
    expect(read.map(({ n }) => n)).toEqual(Array.from({ length: 131 }, (_, i) => i));
  });
});

describe('data that cannot be read as a table is refused with the place', () => {
  const cases: [what: string, body: string | Uint8Array, type: string, pointer: string][] = [
    ['CSV with a field too many', 'a,b\n1,2\n3,4,5\n', csv, 'line 3, column 3'],
    ['CSV with a field too few', 'a,b\n1,2\n3\n', csv, 'line 3, column 2'],
    ['CSV with an open quote', 'a,b\n1,"2\n3,4\n', csv, 'line 2, column 2'],
    ['CSV with text after a quote', 'a,b\n1,2\n"x"y,4\n', csv, 'line 3, column 1'],
    ['CSV with one column name twice', 'a,b,a\n1,2,3\n', csv, 'line 1, column 3'],
    ['CSV with a column without a name', 'a,,c\n1,2,3\n', csv, 'line 1, column 2'],
    ['CSV without anything', '', csv, 'line 1'],
    ['CSV in Latin-1', Buffer.from('name\nM\u00fcller\n', 'latin1'), csv, 'line 2'],
    ['NDJSON that is none', '{"a":1}\n{"a":\n', ndjson, 'line 2, column 6'],
    ['NDJSON with a list', '{"a":1}\n[1]\n', ndjson, 'line 2, column 1'],
  ];

  it.each(cases)('%s', async (_, body, type, pointer) => {
    expectFault(await put('t', body, type), 400, 'bad-table', pointer);
    expectProblem(await client.get(stateUrl('t')), 404, 'not-found');
  });

  it('with more or longer columns than a table has', async () => {
    const columns = (count: number, length = 5) =>
      Array.from({ length: count }, (_, i) => String(i).padStart(length, 'c')).join(',');
    expect((await put('wide', `${columns(1_000)}\n`)).status).toBe(200);
    expectFault(await put('wider', `${columns(1_001)}\n`), 400, 'bad-table', 'line 1, column 1001');
    expectProblem(await put('wordy', `${columns(200, 200)}\n`), 413, 'too-large');
    expectProblem(await client.get(stateUrl('wordy')), 404, 'not-found');
  });

  it('Parquet that is none', async () => {
    expectProblem(await put('t', noise(500), parquet), 400, 'bad-table');
    expectProblem(await put('t', '', parquet), 400, 'bad-table');
    expectProblem(await put('t', 'PAR1PAR1', parquet), 400, 'bad-table');
  });

  it('of another media type, or of none', async () => {
    expectFault(await put('t', 'a\n1\n', 'text/plain'), 400, 'bad-input', 'Content-Type');
    const none = await client.send('PUT', tableUrl('t'), { body: Buffer.from('a\n1\n') });
    expectFault(none, 400, 'bad-input', 'Content-Type');
    const json = await client.send('PUT', tableUrl('t'), {
      body: '{"from"',
      headers: { 'content-type': 'application/json' },
    });
    expectProblem(json, 400, 'bad-input');
  });
});
