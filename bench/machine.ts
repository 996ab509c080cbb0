// What the machine itself costs: a durable write, below which nothing durable can be, and the hash that names all content.

import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../core/tree/digest.ts';
import { type Line, median, type Row } from './harness.ts';

const runs = 100;

async function* run(): AsyncGenerator<Line> {
  const folder = mkdtempSync(join(tmpdir(), 'handout-bench-'));
  const timed = (work: (nth: number) => void): number =>
    median(
      Array.from({ length: runs }, (_, nth) => {
        const began = performance.now();
        work(nth);
        return performance.now() - began;
      }),
    );
  yield {
    what: 'fsync of a new file',
    size: '1 byte',
    ms: timed((nth) => {
      const file = openSync(join(folder, String(nth)), 'wx');
      writeSync(file, 'x');
      fsyncSync(file);
      closeSync(file);
    }),
  };
  const mebibyte = Buffer.alloc(1024 * 1024, 7);
  yield { what: 'SHA-256', size: '1 MiB', ms: timed(() => void sha256(mebibyte)) };
  rmSync(folder, { recursive: true });
}

export const machine: Row = { name: 'machine', run };
