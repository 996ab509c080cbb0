// What a class takes on the disk beyond the course itself, and which records it is.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { distributeAll, enrol, openCourse } from './class.ts';
import { exact, type Line, openBench, type Row, target, whole } from './harness.ts';

const mostBytes = 2_048;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const students = scaled(10_000);
  const size = `${whole(students)} students`;
  await using bench = await openBench();
  const space = await openCourse(bench, 1_000);
  const course = measure(bench.directory);
  yield { what: 'the course once', size: '1,000 entries', found: words(course, 1) };
  await enrol(bench, space, students);
  const enrolled = measure(bench.directory);
  yield { what: 'enrolled, a student', size, found: words(without(enrolled, course), students) };
  await distributeAll(bench, space);
  const first = measure(bench.directory);
  const perStudent = (first.disk - course.disk) / students;
  yield {
    what: 'with the first distribution, a student',
    size,
    found: words(without(first, course), students),
    targets: [target('≤ 2 KiB a student', perStudent <= mostBytes)],
  };
}

interface Usage {
  /** The database after a checkpoint, and the blobs. */
  readonly disk: number;
  readonly parts: Readonly<Record<string, number>>;
}

/** By kind of record: the bytes of its columns. The rest of the file is SQLite's own. */
function measure(directory: string): Usage {
  const file = join(directory, 'handout.db');
  using database = disposable(new DatabaseSync(file));
  database.handle.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const sums = database.handle
    .prepare(
      `SELECT substr(partition, 1, instr(partition || '#', '#') - 1) || ' ' ||
              substr(sort, 1, instr(sort || '#', '#') - 1) AS part,
              sum(length(partition) + length(sort) + length(CAST(value AS BLOB))) AS bytes
       FROM (SELECT partition, sort, revision || value AS value FROM records
             UNION ALL SELECT partition, sort, value FROM long_values)
       GROUP BY part
       UNION ALL SELECT 'pages', sum(length(hash) + length(bytes)) FROM pages`,
    )
    .all() as { part: string; bytes: number | null }[];
  const parts = Object.fromEntries(sums.map(({ part, bytes }) => [part, bytes ?? 0]));
  return { disk: statSync(file).size + folderSize(join(directory, 'blobs')), parts };
}

const disposable = (handle: DatabaseSync) => ({ handle, [Symbol.dispose]: () => handle.close() });

function folderSize(folder: string): number {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true });
    return files
      .filter((file) => file.isFile())
      .reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
  } catch {
    return 0;
  }
}

const without = (usage: Usage, before: Usage): Usage => ({
  disk: usage.disk - before.disk,
  parts: Object.fromEntries(
    Object.entries(usage.parts).map(([part, bytes]) => [part, bytes - (before.parts[part] ?? 0)]),
  ),
});

function words({ disk, parts }: Usage, by: number): string {
  const each = Object.entries(parts)
    .sort(([, a], [, b]) => b - a)
    .filter(([, bytes]) => bytes / by >= 1)
    .map(([part, bytes]) => `${part} ${exact(bytes / by, 0)}`);
  return `${exact(disk / by, 0)} bytes on disk: ${each.join(', ')}`;
}

export const classStorage: Row = { name: 'class-storage', run };
