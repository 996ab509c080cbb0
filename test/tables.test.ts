// Tables in and out: what a column becomes, where an error is, and the laws of parts.

import { createHash } from 'node:crypto';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { toCsv } from '../adapters/tables/csv.ts';
import { tables } from '../adapters/tables/tables.ts';
import { AppError } from '../core/errors.ts';
import type { TableFormat } from '../core/model/table.ts';
import type { Cell, Column, ParsedTable, PartSource } from '../core/ports.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const csv = (text: string, columns?: readonly Column[]) => tables.parse(bytesOf(text), 'csv', columns);
const ndjson = (text: string, columns?: readonly Column[]) => tables.parse(bytesOf(text), 'ndjson', columns);
const foreign = (options: Parameters<typeof parquetWriteBuffer>[0]) =>
  new Uint8Array(parquetWriteBuffer(options));
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A part in memory that counts what is read of it. */
function sourceOf(bytes: Uint8Array): PartSource & { readonly bytesRead: number; readonly reads: number } {
  let [bytesRead, reads] = [0, 0];
  return {
    size: bytes.length,
    get bytesRead() {
      return bytesRead;
    },
    get reads() {
      return reads;
    },
    async read({ offset, length }) {
      expect(offset >= 0 && length >= 0 && offset + length <= bytes.length).toBe(true);
      bytesRead += length;
      reads += 1;
      return bytes.subarray(offset, offset + length);
    },
  };
}

async function rowsOf({ columns, parts }: ParsedTable): Promise<Cell[][]> {
  const read = parts.map(({ bytes, rows }) => tables.rows(sourceOf(bytes), columns, 0, rows));
  return (await Promise.all(read)).flat();
}

const typesOf = ({ columns }: ParsedTable): string => columns.map(({ type }) => type).join(' ');
const namesOf = ({ columns }: ParsedTable): string => columns.map(({ name }) => name).join(' ');

async function column(text: string): Promise<{ type: string | undefined; cells: unknown[] }> {
  const table = await csv(
    `x,y\n${text
      .split(' ')
      .map((cell) => `${cell},1`)
      .join('\n')}\n`,
  );
  return { type: table.columns[0]?.type, cells: (await rowsOf(table)).map(([cell]) => cell) };
}

async function failure(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return error;
  throw new Error('an AppError was expected', { cause: error });
}

describe('what a CSV column becomes', () => {
  it('a column of ids with leading zeros stays text', async () => {
    expect(await column('007 012 100')).toEqual({ type: 'string', cells: ['007', '012', '100'] });
  });
  it('a column of ids beyond 2^53 stays text', async () => {
    expect(await column('9007199254740993 1')).toEqual({ type: 'string', cells: ['9007199254740993', '1'] });
    expect((await column('9007199254740993 0.5')).type).toBe('string');
  });
  it('whole numbers are whole numbers', async () => {
    expect(await column('0 -5 9007199254740991')).toEqual({
      type: 'int64',
      cells: [0, -5, 9007199254740991],
    });
  });
  it('a single decimal makes the column decimal', async () => {
    expect(await column('1 2.5 -1e3 .5')).toEqual({ type: 'double', cells: [1, 2.5, -1000, 0.5] });
  });
  it('words for missing and endless numbers are text', async () => {
    for (const word of ['NaN', 'NA', 'inf', 'Infinity', '1e999', '+5', '1.', '0x10', '1;5'])
      expect((await column(`1 ${word}`)).type, word).toBe('string');
  });
  it('true and false in one spelling are booleans, in several they are text', async () => {
    expect(await column('true false')).toEqual({ type: 'boolean', cells: [true, false] });
    expect(await column('TRUE FALSE')).toEqual({ type: 'boolean', cells: [true, false] });
    expect(await column('False True')).toEqual({ type: 'boolean', cells: [false, true] });
    expect((await column('true FALSE')).type).toBe('string');
  });
  it('real days are dates, impossible ones are text', async () => {
    expect(await column('2024-02-29 1999-12-31')).toEqual({
      type: 'date',
      cells: ['2024-02-29', '1999-12-31'],
    });
    expect((await column('2023-02-29 2023-01-01')).type).toBe('string');
    expect((await column('2023-1-1 2023-01-01')).type).toBe('string');
  });
  it('times with a zone are kept in UTC, without one they are text', async () => {
    expect(await column('2026-11-23T10:00:00Z 2026-11-23T10:00:00.5+02:00')).toEqual({
      type: 'timestamp',
      cells: ['2026-11-23T10:00:00.000Z', '2026-11-23T08:00:00.500Z'],
    });
    expect((await column('2026-11-23T10:00:00')).type).toBe('string');
    expect((await column('2026-11-23T24:00:00Z')).type).toBe('string');
    expect((await column('0000-01-01T00:00:00+01:00')).type).toBe('string');
  });
  it('times finer than a millisecond stay text, because they would lose something', async () => {
    expect((await column('2026-11-23T10:00:00.123456Z')).type).toBe('string');
    expect((await column('2026-11-23T10:00:00.123000Z')).type).toBe('timestamp');
  });
  it('an empty cell is null and does not change the type', async () => {
    const table = await csv('a,b,c\n1,,x\n,,""\n3,,z\n');
    expect(typesOf(table)).toBe('int64 string string');
    expect(await rowsOf(table)).toEqual([
      [1, null, 'x'],
      [null, null, null],
      [3, null, 'z'],
    ]);
  });
  it('a header alone is an empty table of text columns without parts', async () => {
    const table = await csv('a,b');
    expect(typesOf(table)).toBe('string string');
    expect(table.parts).toEqual([]);
  });
  it('byte order mark, Windows lines, old Mac lines, blank lines, commas and quotes in quotes', async () => {
    for (const text of [
      '\ufeffa,b\r\n"x, ""y""\r\nz",2\r\n\r\n',
      '\n\na,b\n\n"x, ""y""\r\nz",2',
      'a,b\r"x, ""y""\r\nz",2\r',
    ]) {
      const table = await csv(text);
      expect(namesOf(table)).toBe('a b');
      expect(await rowsOf(table)).toEqual([['x, "y"\r\nz', 2]]);
    }
  });
});

describe('a CSV that cannot be read says where and what to do', () => {
  const cases: [name: string, text: string, pointer: string, detail: RegExp][] = [
    ['nothing at all', '', 'line 1', /header row/],
    ['a byte order mark alone', '\ufeff\n', 'line 1', /header row/],
    ['a row with too few fields', 'a,b,c\n1,2,3\n4,5\n', 'line 3, column 3', /2 fields and the header 3/],
    ['a row with too many fields', 'a,b\n1,2\n\n3,4,5\n', 'line 4, column 3', /3 fields and the header 2/],
    ['a quote that is never closed', 'a,b\n1,2\n3,"4\n5,6\n7,8\n', 'line 3, column 2', /never closed/],
    ['text after a closing quote', 'a,b\n1,"x"y\n', 'line 2, column 2', /closing quote/],
    ['a quote inside an unquoted text', 'a,b\n1,x"y\n', 'line 2, column 2', /unquoted/],
    ['a fault after quoted lines', 'a,b\r\n"1\r\n2\r\n3",x\r\n4\r\n', 'line 5, column 2', /1 fields/],
    ['a column without a name', 'a,,c\n1,2,3\n', 'line 1, column 2', /no name/],
    ['two columns of one name', 'a,b,a\n1,2,3\n', 'line 1, column 3', /second column "a"/],
    [
      'too many columns',
      Array.from({ length: 1001 }, (_, i) => `c${i}`).join(','),
      'line 1, column 1001',
      /at most 1000/,
    ],
  ];
  it.each(cases)('%s', async (_name, text, pointer, detail) => {
    const error = await failure(csv(text));
    expect(error.code).toBe('bad-table');
    expect(error.data.errors?.[0]?.pointer).toBe(pointer);
    expect(error.message).toMatch(detail);
    expect(error.message.toLowerCase()).toContain(`${pointer}: `);
  });
  it('a header of a million columns', async () => {
    expect((await failure(csv(','.repeat(1_000_000)))).code).toBe('bad-table');
  });
  it('a file in another encoding', async () => {
    const latin = Uint8Array.from([...bytesOf('a,b\n1,2\ncaf'), 0xe9, ...bytesOf(',3\n')]);
    const error = await failure(tables.parse(latin, 'csv'));
    expect(error.data.errors?.[0]?.pointer).toBe('line 3');
    expect(error.message).toMatch(/UTF-8/);
    const wide = new Uint8Array(Buffer.from('\ufeffa,b\n1,2\n', 'utf16le'));
    expect((await failure(tables.parse(wide, 'csv'))).message).toMatch(/Line 1: This is not UTF-8/);
  });
});

describe('what NDJSON becomes', () => {
  it('columns are the keys in the order in which they appear, and a missing key is null', async () => {
    const table = await ndjson('{"b":1}\n\n{"a":"x","b":2.5}\r\n  \n{"c":null,"a":"y"}');
    expect(table.columns).toEqual([
      { name: 'b', type: 'double' },
      { name: 'a', type: 'string' },
      { name: 'c', type: 'string' },
    ]);
    expect(await rowsOf(table)).toEqual([
      [1, null, null],
      [2.5, 'x', null],
      [null, 'y', null],
    ]);
  });
  it('numbers are whole if all are, lists and objects and mixtures are JSON', async () => {
    const table = await ndjson(
      '{"n":1,"l":[1,{"a":null}],"m":1,"t":true}\n{"n":-2,"l":{},"m":"one","t":false}\n',
    );
    expect(typesOf(table)).toBe('int64 json json boolean');
    expect(await rowsOf(table)).toEqual([
      [1, [1, { a: null }], 1, true],
      [-2, {}, 'one', false],
    ]);
  });
  it('text is never taken for a date or a number, and empty text is not null', async () => {
    const table = await ndjson('{"d":"2026-11-23","n":"5","e":""}\n');
    expect(typesOf(table)).toBe('string string string');
    expect(await rowsOf(table)).toEqual([['2026-11-23', '5', '']]);
  });
  it('a key called __proto__ is a key like any other', async () => {
    const table = await ndjson('{"__proto__":1,"j":{"__proto__":[]}}\n');
    expect(namesOf(table)).toBe('__proto__ j');
    expect(JSON.stringify(await rowsOf(table))).toBe('[[1,{"__proto__":[]}]]');
  });

  const broken: [name: string, text: string, pointer: string][] = [
    ['a comma is missing', '{"a":1}\n{"a":1 "b":2}\n', 'line 2, column 8'],
    ['a value is missing', '{"a":1,"b":}', 'line 1, column 12'],
    ['a word is not known', '{"a":[1, 2, nul]}', 'line 1, column 13'],
    ['single quotes', "\n\n{'a':1}", 'line 3, column 2'],
    ['a text is not closed', '{"a":"x', 'line 1, column 6'],
    ['a trailing comma', '{"a":1,}', 'line 1, column 8'],
    ['the line ends early', '{"a":{"b":1}', 'line 1, column 13'],
    ['something follows', '{"a":1}}', 'line 1, column 8'],
    ['a number with a leading zero', '{"a":01}', 'line 1, column 7'],
    ['a list instead of an object', '[1,2]', 'line 1, column 1'],
    ['a number no computer holds', '{"a":1}\n{"a":1e999}', 'line 2, column 1'],
    ['a key that is empty', '{"a":1}\n{"":1}', 'line 2, column 2'],
    ['nesting without end', `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`, 'line 1, column 1'],
  ];
  it.each(broken)('an error says where: %s', async (_name, text, pointer) => {
    const error = await failure(ndjson(text));
    expect(error.code).toBe('bad-table');
    expect(error.data.errors?.[0]?.pointer).toBe(pointer);
  });
  it('a file without any key has no columns', async () => {
    for (const text of ['', '\n\n', '{}\n{}\n'])
      expect((await failure(ndjson(text))).message).toMatch(/no columns/);
  });
});

describe('what a Parquet file becomes', () => {
  const columnData = [
    { name: 'id', type: 'INT32' as const, data: [1, null, 3] },
    { name: 'long', type: 'INT64' as const, data: [1n, -5n, 9007199254740991n] },
    { name: 'half', type: 'FLOAT' as const, data: [0.5, Number.NaN, null] },
    { name: 'text', type: 'STRING' as const, data: ['a', '', '\ufeffé'] },
    { name: 'yes', type: 'BOOLEAN' as const, data: [true, false, null] },
    {
      name: 'when',
      type: 'TIMESTAMP' as const,
      data: [new Date(0), null, new Date('2026-11-23T10:00:00.123Z')],
    },
    { name: 'any', type: 'JSON' as const, data: [{ a: [1] }, null, 'x'] },
  ];
  const expected = [
    [1, 1, 0.5, 'a', true, '1970-01-01T00:00:00.000Z', { a: [1] }],
    [null, -5, null, '', false, null, null],
    [3, 9007199254740991, null, '\ufeffé', null, '2026-11-23T10:00:00.123Z', 'x'],
  ];
  it('columns keep the types they declare, whatever the compression', async () => {
    const compressors = {
      GZIP: (page: Uint8Array) => gzipSync(page),
      BROTLI: (page: Uint8Array) => brotliCompressSync(page),
    };
    const digests = new Set<string>();
    for (const codec of ['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI'] as const) {
      const table = await tables.parse(
        foreign({ columnData, codec, compressors, rowGroupSize: 2 }),
        'parquet',
      );
      expect(typesOf(table)).toBe('int64 int64 double string boolean timestamp json');
      expect(await rowsOf(table)).toEqual(expected);
      digests.add(digest(table.parts[0]!.bytes));
    }
    expect(digests.size).toBe(1);
  });
  it('decimals are the decimals that were written, not a multiple of a tenth', async () => {
    const element = {
      name: 'price',
      type: 'INT32',
      converted_type: 'DECIMAL',
      scale: 1,
      precision: 9,
    } as const;
    const schema = [
      { name: 'root', num_children: 1 },
      { ...element, repetition_type: 'OPTIONAL' as const },
    ];
    const table = await tables.parse(
      foreign({ schema, columnData: [{ name: 'price', data: [0.3, 12.7, null] }] }),
      'parquet',
    );
    expect(typesOf(table)).toBe('double');
    expect(await rowsOf(table)).toEqual([[0.3], [12.7], [null]]);
  });
  it('nested columns become JSON', async () => {
    const schema = [
      { name: 'root', num_children: 1 },
      { name: 'list', num_children: 1, converted_type: 'LIST', repetition_type: 'OPTIONAL' },
      { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
      { name: 'element', type: 'INT64', repetition_type: 'OPTIONAL' },
    ] as const;
    const file = foreign({ schema: [...schema], columnData: [{ name: 'list', data: [[1n, 2n], null, []] }] });
    const table = await tables.parse(file, 'parquet');
    expect(typesOf(table)).toBe('json');
    expect((await rowsOf(table))[0]).toEqual([[1, 2]]);
  });
  it('whole numbers beyond 2^53 make their column text, digit for digit', async () => {
    const table = await tables.parse(
      foreign({ columnData: [{ name: 'n', type: 'INT64', data: [1n, 2n ** 60n + 1n] }] }),
      'parquet',
    );
    expect(typesOf(table)).toBe('string');
    expect(await rowsOf(table)).toEqual([['1'], ['1152921504606846977']]);
  });
  it('bytes and endless numbers are refused by column', async () => {
    const raw = foreign({
      columnData: [{ name: 'raw', type: 'BYTE_ARRAY', data: [Uint8Array.of(0xff, 0xfe)] }],
    });
    expect((await failure(tables.parse(raw, 'parquet'))).message).toMatch(/Column 1: "raw"/);
    const endless = foreign({
      columnData: [{ name: 'x', type: 'DOUBLE', data: [1, Number.POSITIVE_INFINITY] }],
    });
    expect((await failure(tables.parse(endless, 'parquet'))).message).toMatch(/Row 2, column 1: Infinity/);
  });
  it('a part that is sent back is the same part', async () => {
    const table = await ndjson('{"a":1,"b":"x","c":[1],"d":1.5,"e":true}\n{"a":null}\n');
    const again = await tables.parse(table.parts[0]!.bytes, 'parquet');
    expect(again).toEqual(table);
  });
});

describe('rows that are appended must fit the columns', () => {
  const columns: Column[] = [
    { name: 'id', type: 'int64' },
    { name: 'score', type: 'double' },
    { name: 'note', type: 'string' },
    { name: 'day', type: 'date' },
    { name: 'more', type: 'json' },
  ];
  it('a CSV may leave columns out, in any order; whole numbers fit decimals, anything fits text', async () => {
    const table = await csv('note,score,more\n007,5,"[1,2]"\ntrue,,null\n', columns);
    expect(table.columns).toEqual(columns);
    expect(await rowsOf(table)).toEqual([
      [null, 5, '007', null, [1, 2]],
      [null, null, 'true', null, null],
    ]);
  });
  it('an NDJSON value fits by its type', async () => {
    const table = await ndjson('{"score":5,"day":"2026-11-23","more":"x"}\n{"id":1}\n', columns);
    expect(await rowsOf(table)).toEqual([
      [null, 5, null, '2026-11-23', 'x'],
      [1, null, null, null, null],
    ]);
  });
  it('a Parquet file may come from anywhere', async () => {
    const file = foreign({
      columnData: [
        { name: 'score', type: 'INT32', data: [5] },
        { name: 'day', data: ['2026-11-23'] },
      ],
    });
    expect(await rowsOf(await tables.parse(file, 'parquet', columns))).toEqual([
      [null, 5, null, '2026-11-23', null],
    ]);
  });
  it('nothing appended is nothing', async () => {
    expect(await csv('id\n', columns)).toEqual({ columns, parts: [] });
    expect(await ndjson('', columns)).toEqual({ columns, parts: [] });
  });

  const misfits: [name: string, format: 'csv' | 'ndjson', text: string, pointer: string, detail: RegExp][] = [
    ['a column the table does not have', 'csv', 'id,extra\n1,2\n', 'line 1, column 2', /no column "extra"/],
    [
      'text where a number belongs',
      'csv',
      'id,note\n1,x\n\n"two","a\nb"\n',
      'line 4, column 1',
      /"two" is not a whole number/,
    ],
    ['a fraction where a whole number belongs', 'csv', 'id\n1.5\n', 'line 2, column 1', /"1.5"/],
    ['a day that is not', 'csv', 'day\n2023-02-29\n', 'line 2, column 1', /a day such as/],
    ['broken JSON', 'csv', 'more\n{\n', 'line 2, column 1', /JSON/],
    [
      'a key the table does not have',
      'ndjson',
      '{"id":1}\n{"id":2,"extra":1}\n',
      'line 2, column 2',
      /no column "extra"/,
    ],
    [
      'a number where text belongs',
      'ndjson',
      '{"note":"x"}\n{"note":5}\n',
      'line 2, column 1',
      /5 is not text/,
    ],
    [
      'a list where a number belongs',
      'ndjson',
      '{"id":[1]}\n',
      'line 1, column 1',
      /A list is not a whole number/,
    ],
  ];
  it.each(misfits)('refused: %s', async (_name, format, text, pointer, detail) => {
    const error = await failure(tables.parse(bytesOf(text), format, columns));
    expect(error.code).toBe('bad-table');
    expect(error.data.errors?.[0]?.pointer).toBe(pointer);
    expect(error.message).toMatch(detail);
  });
});

describe('parts', () => {
  /** Rows that do not compress away. */
  const lines = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, at) => from + at)
      .map((i) => `${i},${(i * 7919) % 1_000_003}.25,name ${(i * 104_729) % 999_983}\n`)
      .join('');
  const head = 'id,score,name\n';

  it('are cut at 500,000 rows', async () => {
    const table = await csv(`n\n${'1\n'.repeat(500_001)}`);
    expect(table.parts.map(({ rows }) => rows)).toEqual([500_000, 1]);
  });
  it('a few rows are read without reading the part', async () => {
    const { columns, parts } = await csv(head + lines(0, 300_000));
    for (const from of [0, 150_000, 299_950]) {
      const source = sourceOf(parts[0]!.bytes);
      const rows = await tables.rows(source, columns, from, from + 50);
      expect(rows.map(([id]) => id)).toEqual(Array.from({ length: 50 }, (_, i) => from + i));
      expect(source.bytesRead).toBeLessThan(source.size / 8);
      expect(source.reads).toBeLessThanOrEqual(3);
    }
  });
  it('a range is clamped to the rows there are', async () => {
    const { columns, parts } = await csv('n\n1\n2\n3\n');
    const read = (from: number, to: number) => tables.rows(sourceOf(parts[0]!.bytes), columns, from, to);
    expect(await read(1, 2)).toEqual([[2]]);
    expect(await read(2, 99)).toEqual([[3]]);
    expect(await read(-5, 1)).toEqual([[1]]);
    expect(await read(3, 9)).toEqual([]);
    expect(await read(2, 1)).toEqual([]);
  });
  it('columns can be chosen, in any order', async () => {
    const { columns, parts } = await csv('a,b,c\n1,2,3\n');
    const chosen = [columns[2]!, columns[0]!];
    expect(await tables.rows(sourceOf(parts[0]!.bytes), chosen, 0, 1)).toEqual([[3, 1]]);
  });
  it('several join to what they would have been as one', async () => {
    const { columns, parts } = await csv(head + lines(0, 30_000));
    const pieces = [lines(0, 1), lines(1, 10_000), lines(10_000, 30_000)].map((rows) =>
      csv(head + rows, columns),
    );
    const sources = (await Promise.all(pieces)).flatMap((piece) =>
      piece.parts.map(({ bytes }) => sourceOf(bytes)),
    );
    const joined = await tables.join(sources, columns);
    expect(joined.rows).toBe(30_000);
    expect(digest(joined.bytes)).toBe(digest(parts[0]!.bytes));
  });
  it('the bytes of a small table are what they have always been', async () => {
    const { parts } = await ndjson('{"a":1,"b":"x","c":[1],"d":1.5,"e":true}\n{"a":null,"b":"é"}\n');
    expect(digest(parts[0]!.bytes)).toBe('f21f7e0198f253ae23130e0749b4c450f6dfdd24d4eb47987b24b83b1ab14a42');
  });
});

describe('rows as CSV', () => {
  it('has a header, quotes what needs it, and leaves null empty', () => {
    const columns: Column[] = [
      { name: 'a "name"', type: 'string' },
      { name: 'n', type: 'double' },
      { name: 'j', type: 'json' },
    ];
    const rows: Cell[][] = [
      ['x,y', 1.5, { a: 1 }],
      [null, 1e20, 'text'],
      ['', true, [null]],
    ];
    expect(toCsv(columns, rows)).toBe(
      '"a ""name""",n,j\n"x,y",1.5,"{""a"":1}"\n,1e+20,"""text"""\n"",true,[null]\n',
    );
  });
  it('a null alone on its line is still a row', async () => {
    const columns: Column[] = [{ name: 'a', type: 'int64' }];
    expect(toCsv(columns, [[1], [null]])).toBe('a\n1\n""\n');
    expect(await rowsOf(await csv(toCsv(columns, [[1], [null]])))).toEqual([[1], [null]]);
  });
});

const instant = fc.date({
  min: new Date('0000-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});
const values = {
  boolean: fc.boolean(),
  int64: fc.maxSafeInteger(),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  // The letter keeps it from looking like anything else.
  string: fc.string({ unit: 'binary' }).map((text) => `s${text}`),
  date: instant.map((time) => time.toISOString().slice(0, 10)),
  timestamp: instant.map((time) => time.toISOString()),
};
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
const table = fc
  .uniqueArray(
    fc.record({ name, type: fc.constantFrom(...(Object.keys(values) as (keyof typeof values)[])) }),
    {
      minLength: 1,
      maxLength: 6,
      selector: (column) => column.name,
    },
  )
  .chain((columns) =>
    fc.record({
      columns: fc.constant(columns as Column[]),
      rows: fc.array(fc.tuple(...columns.map(({ type }) => fc.option(values[type] as fc.Arbitrary<Cell>))), {
        maxLength: 30,
      }),
    }),
  );

describe('laws', () => {
  it('rows that go out as CSV and come in again are the same rows', async () => {
    await fc.assert(
      fc.asyncProperty(table, async ({ columns, rows }) => {
        const parsed = await csv(toCsv(columns, rows));
        expect(parsed.columns.map(({ name }) => name)).toEqual(columns.map(({ name }) => name));
        expect(await rowsOf(parsed)).toEqual(rows);
      }),
    );
  });
  it('objects that come in as NDJSON are the same values', async () => {
    const key = fc.constantFrom('a', 'b', 'c d', '"', '__proto__');
    const object = fc.uniqueArray(fc.tuple(key, fc.jsonValue()), {
      selector: ([name]) => name,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(object), async (objects) => {
        fc.pre(objects.some((entries) => entries.length > 0));
        const lines = objects.map((entries) => JSON.stringify(Object.fromEntries(entries)));
        const parsed = await ndjson(lines.join('\n'));
        const keys = [...new Set(lines.flatMap((line) => Object.keys(JSON.parse(line))))];
        expect(parsed.columns.map(({ name }) => name)).toEqual(keys);
        const expected = lines.map((line) =>
          keys.map((key) => new Map(Object.entries(JSON.parse(line))).get(key) ?? null),
        );
        expect(JSON.stringify(await rowsOf(parsed))).toBe(JSON.stringify(expected));
      }),
    );
  });
  it('two halves that are appended and joined are the whole, byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.nat(), async ({ columns, rows }, cut) => {
        const whole = await csv(toCsv(columns, rows), columns);
        const at = rows.length === 0 ? 0 : cut % rows.length;
        const halves = [rows.slice(0, at), rows.slice(at)].map((half) => csv(toCsv(columns, half), columns));
        const parts = (await Promise.all(halves)).flatMap((half) => half.parts);
        expect((await Promise.all(halves.map(async (half) => rowsOf(await half)))).flat()).toEqual(rows);
        const joined = await tables.join(
          parts.map(({ bytes }) => sourceOf(bytes)),
          columns,
        );
        expect(joined.rows).toBe(rows.length);
        expect(rows.length === 0 || digest(joined.bytes) === digest(whole.parts[0]!.bytes)).toBe(true);
      }),
    );
  });
  it('the same bytes twice are the same parts', async () => {
    await fc.assert(
      fc.asyncProperty(table, async ({ columns, rows }) => {
        const text = toCsv(columns, rows);
        expect(await csv(text)).toEqual(await csv(text));
      }),
    );
  });
  it('garbage is refused as a bad table and as nothing else', async () => {
    const good = foreign({
      columnData: [
        { name: 'a', type: 'INT32', data: Array.from({ length: 100 }, (_, i) => (i % 7 ? i : null)) },
        { name: 'b', data: Array.from({ length: 100 }, (_, i) => `s${i % 5}`) },
      ],
    });
    const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
    const damaged = damage.map((changes) => {
      const bytes = good.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      return bytes;
    });
    const footed = fc.uint8Array({ maxLength: 200 }).map((noise) => {
      const bytes = Uint8Array.from([...bytesOf('PAR1'), ...noise, 0, 0, 0, 0, ...bytesOf('PAR1')]);
      new DataView(bytes.buffer).setUint32(bytes.length - 8, noise.length, true);
      return bytes;
    });
    const punctuation = fc.array(
      fc.constantFrom('"', ',', '\n', '\r', 'a', '{', '}', '[', ':', '1', '\\', '\0'),
    );
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      damaged,
      footed,
      punctuation.map((all) => bytesOf(all.join(''))),
    );
    const format = fc.constantFrom<TableFormat>('csv', 'ndjson', 'parquet');
    await fc.assert(
      fc.asyncProperty(garbage, format, async (bytes, format) => {
        const error = await tables.parse(bytes, format).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error === undefined || (error instanceof AppError && error.code === 'bad-table')).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
