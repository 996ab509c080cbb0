// `npm run bench -- [row…] [--quick] [--json FILE]`: runs the rows and prints one table. Exits with 1 when a target is
// not met, so that a change that costs more is seen. With `--quick` sizes are a tenth, and nothing is judged.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { classStatus } from './class-status.ts';
import { classStorage } from './class-storage.ts';
import { concurrentWriters } from './concurrent-writers.ts';
import { correction } from './correction.ts';
import { distribute } from './distribute.ts';
import { diverged } from './diverged.ts';
import { handIns } from './hand-ins.ts';
import type { Row } from './harness.ts';
import { httpThroughput } from './http-throughput.ts';
import { importFolder } from './import-folder.ts';
import { machine } from './machine.ts';
import { members } from './members.ts';
import { oneEdit } from './one-edit.ts';
import { reclaim } from './reclaim.ts';
import { snapshotRestore } from './snapshot-restore.ts';
import { storage } from './storage.ts';
import { type Named, short, table } from './table.ts';

const rows: readonly Row[] = [
  machine,
  snapshotRestore,
  oneEdit,
  importFolder,
  members,
  distribute,
  correction,
  diverged,
  classStorage,
  concurrentWriters,
  httpThroughput,
  handIns,
  classStatus,
  storage,
  reclaim,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' } },
});

const { quick } = values;
const scaled = (size: number): number => (quick ? Math.ceil(size / 10) : size);
const unknown = positionals.find((name) => !rows.some((row) => row.name === name));
if (unknown !== undefined) {
  console.error(`There is no row "${unknown}". Rows: ${rows.map((row) => row.name).join(', ')}`);
  process.exit(2);
}

const began = new Date().toISOString();
const wanted = positionals.length === 0 ? rows : rows.filter((row) => positionals.includes(row.name));
const lines: Named[] = [];
for (const row of wanted)
  for await (const line of row.run({ scaled })) {
    lines.push({ row: row.name, ...line });
    console.error(short(lines.at(-1)!));
  }

console.log(table(lines, !quick));
const [cpu] = cpus();
const report = {
  began,
  quick,
  machine: { node: process.version, cpu: cpu?.model, cpus: cpus().length, load: loadavg() },
  lines,
};
const results = join(import.meta.dirname, 'results');
mkdirSync(results, { recursive: true });
const file = values.json ?? join(results, `${began.replaceAll(/[:.]/g, '-')}.json`);
writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
console.log(`\nWritten to ${file}`);
process.exitCode = !quick && lines.some((line) => line.targets?.some(({ met }) => !met)) ? 1 : 0;
