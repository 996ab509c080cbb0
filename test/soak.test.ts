// Long random histories against a plain model: what is needed is always there, and what nothing needs any more goes, all of
// it. `npm run soak -- 100000` goes on for longer; `SOAK_SEED` repeats the choices of a run (not what ran at the same time).

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Soak } from './support/soak.ts';
import { injected } from './support/soak-machine.ts';
import { operate } from './support/soak-operations.ts';
import { onAws } from './support/world.ts';

const seed = Number(process.env.SOAK_SEED ?? 20_261_123);
const operations = Number(process.env.SOAK_OPERATIONS ?? (onAws ? 300 : 10_000));
/** Operations of one history: what it keeps for good, its journals and hand-ins, makes each reclaim longer. */
const perHistory = 500;
const histories = Math.ceil(operations / perHistory);
console.log(`soak.test.ts: SOAK_SEED=${seed}`);

/** In memory where a machine has a folder there: this is about what is stored, and not about disks. */
const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** What was injected is not worth a line, nor is what finds the database closed. */
const noise = new RegExp(`${injected}|database is not open|statement has been finalized`);

beforeAll(() => {
  const say = console.error;
  vi.spyOn(console, 'error').mockImplementation((...what) => {
    if (!what.some((part) => noise.test(String(part)))) say(...what);
  });
});
afterAll(() => vi.restoreAllMocks());

const done: Record<string, number> = {};

async function live(nth: number): Promise<void> {
  const directory = mkdtempSync(join(place, 'handout-soak-'));
  const soak = await Soak.open(directory, seed + nth);
  try {
    const count = Math.min(perHistory, operations - nth * perHistory);
    for (let i = 0; i < count; i++) {
      const name = await operate(soak);
      done[name] = (done[name] ?? 0) + 1;
      if (i % 250 === 125) await soak.checkNothingElse();
    }
    await soak.checkNothingElse();
    await soak.end();
  } catch (error) {
    console.log(`SOAK_SEED=${seed + nth} failed after\n${soak.lines.join('\n')}`);
    throw error;
  } finally {
    await soak.machine.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

it(
  `${operations} operations: what is needed is there, and nothing else stays`,
  async () => {
    for (let nth = 0; nth < histories; nth++) await live(nth);
    console.log(
      Object.entries(done)
        .map(([name, count]) => `${count} ${name}`)
        .join(', '),
    );
    expect(Object.values(done).reduce((sum, count) => sum + count, 0)).toBe(operations);
  },
  Math.max(300_000, operations * 60), // several times what it takes
);
