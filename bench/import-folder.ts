// A large folder comes in once; then it is looked at, edited, compared and restored by the page.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diffStates, listEntries } from '../core/ops/entries.ts';
import { putFile } from '../core/ops/files.ts';
import { currentOf } from '../core/ops/journal.ts';
import { restore, takeSnapshot } from '../core/ops/snapshots.ts';
import { importFolder as importInto } from '../functions/demo/import-folder.ts';
import { chance, emptyMaster, pathOf, textOf, writeFolder } from './content.ts';
import {
  type Bench,
  exact,
  type Line,
  type Measured,
  measured,
  openBench,
  type Row,
  target,
  whole,
} from './harness.ts';

const edits = 100;

async function* run({ scaled }: Parameters<Row['run']>[0]): AsyncGenerator<Line> {
  const files = scaled(100_000);
  const size = `${whole(files)} files`;
  const folder = mkdtempSync(join(tmpdir(), 'handout-bench-folder-'));
  try {
    await writeFolder(folder, files);
    await using bench = await openBench();
    const master = await emptyMaster(bench);
    const { ms, cpuMs, calls } = await measured(bench, () =>
      importInto(bench.call, master, folder, { tables: false }),
    );
    yield {
      what: 'import a folder',
      size,
      ms,
      cpuMs,
      calls,
      found: `${exact((ms * 1_000) / files, 0)} µs a file`,
    };
    yield* looks(bench, master, size);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* looks(bench: Bench, master: string, size: string): AsyncGenerator<Line> {
  const { call, ports } = bench;
  const { root: before } = await currentOf(ports, master);
  const line = (what: string, most: number, { ms, cpuMs, calls }: Measured<unknown>): Line => {
    const opened = calls['pages.get'] ?? 0;
    const found = `${opened} pages opened, nothing cached`;
    return { what, size, ms, cpuMs, calls, found, targets: [target(`≤ ${most} pages`, opened <= most)] };
  };
  const list = (prefix: string, delimiter?: string) =>
    measured(bench, () => listEntries(bench.cold(), before, { kind: 'file', prefix, delimiter, limit: 100 }));
  yield line('list 100 entries', 10, await list('unit-50/'));
  yield line('list the root folder, 100 folders folded', 320, await list('', '/'));
  const snapshot = await takeSnapshot(call, master, { name: 'Before' });
  const draw = chance(3);
  const { entries } = await currentOf(ports, master);
  const saved = await measured(bench, async () => {
    for (let nth = 0; nth < edits; nth++) {
      const bytes = new TextEncoder().encode(textOf(nth, 2));
      await putFile(call, master, { path: pathOf(draw(entries)), bytes });
    }
  });
  yield { what: `${edits} edits, one after the other`, size, ms: saved.ms, cpuMs: saved.cpuMs };
  const { root: after } = await currentOf(ports, master);
  const roots = { from: before, to: after };
  const compared = await measured(bench, () => diffStates(bench.cold(), roots, 1_000, undefined));
  const changes = compared.result.items.length;
  yield line(`compare the states: ${changes} changes`, 8 * edits, compared);
  const restored = await measured(bench, () =>
    restore(bench.cold(), master, { state: snapshot.id, from: master, safetySnapshot: true }),
  );
  yield line('restore the state before', 0, restored);
}

export const importFolder: Row = { name: 'import-folder', run };
