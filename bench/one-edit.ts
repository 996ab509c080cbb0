// One edit in a large instance, and the same edit as `git add` and `git commit` in a repository of the same files.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyChanges } from '../core/ops/changes.ts';
import { putFile } from '../core/ops/files.ts';
import { chance, emptyMaster, fill, pathOf, textOf, writeFolder } from './content.ts';
import { type Line, median, medianOf, openBench, type Row, target, whole } from './harness.ts';

const runs = 51;
const gitRuns = 11;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const files = scaled(100_000);
  const size = `${whole(files)} entries`;
  const encode = (text: string) => new TextEncoder().encode(text);
  {
    await using bench = await openBench();
    const master = await emptyMaster(bench);
    await fill(bench, master, files);
    const draw = chance();
    const pages = (calls: Record<string, number>) => calls['pages written'] ?? 0;
    const put = await medianOf(bench, runs, (nth) => {
      const path = pathOf(draw(files));
      return putFile(bench.call, master, { path, bytes: encode(textOf(nth, 2)) });
    });
    yield {
      what: 'PUT of new bytes at a path',
      size,
      ms: put.ms,
      cpuMs: put.cpuMs,
      calls: put.calls,
      found: `≤ ${pages(put.calls)} pages written`,
      targets: [target('≤ 4 page writes', pages(put.calls) <= 4), target('≤ 5 ms', put.ms <= 5)],
    };
    const copied = await medianOf(bench, runs, () => {
      const [path, to] = [pathOf(draw(files)), pathOf(draw(files))];
      return applyChanges(bench.call, master, { ops: [{ op: 'copy', kind: 'file', from: { path }, to }] });
    });
    yield {
      what: 'change of the tree alone (a copy over another path)',
      size,
      ms: copied.ms,
      cpuMs: copied.cpuMs,
      calls: copied.calls,
      found: `≤ ${pages(copied.calls)} pages written`,
      targets: [target('≤ 4 page writes', pages(copied.calls) <= 4), target('≤ 5 ms', copied.ms <= 5)],
    };
  }
  yield { what: 'beside it: git add + git commit', size, ms: await gitEdit(files) };
}

async function gitEdit(files: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'handout-bench-git-'));
  const identity = ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.org', '-c', 'gc.auto=0'];
  const git = (...args: string[]) =>
    execFileSync('git', [...identity, ...args], { cwd: folder, stdio: 'pipe' });
  try {
    await writeFolder(folder, files);
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '-m', 'all');
    git('repack', '-adq');
    const draw = chance(2);
    const times = Array.from({ length: gitRuns }, (_, nth) => {
      const path = pathOf(draw(files));
      writeFileSync(join(folder, path), textOf(nth, 2));
      const began = performance.now();
      git('add', path);
      git('commit', '-q', '-m', `edit ${nth}`);
      return performance.now() - began;
    });
    return median(times);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const oneEdit: Row = { name: 'one-edit', run };
