// The dependency rule: imports point inwards only, `infra → functions, workflows → adapters → core`.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const top = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const rooms = ['core', 'adapters', 'functions', 'workflows', 'infra', 'bench'].filter((room) =>
  readdirSync(top).includes(room),
);

/** Which rooms each room may import from, besides itself. */
const allowed: Record<string, readonly string[]> = {
  core: [],
  adapters: ['core'],
  workflows: ['adapters', 'core'],
  functions: ['adapters', 'core'],
  infra: ['functions', 'workflows', 'adapters'],
  bench: ['functions', 'workflows', 'adapters', 'core'],
};

/** The packages that core may use; the others are for the outside. */
const corePackages = ['zod', 'cborg', 'node:crypto'];
/** Puts the one-machine server together, and so knows every room. */
const compositionRoots = ['functions/server.ts'];

const sources = rooms.flatMap((room) =>
  readdirSync(join(top, room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(room, file)),
);

const importsOf = (file: string): string[] =>
  [...readFileSync(join(top, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    (match) => match[1]!,
  );

const roomOf = (file: string): string => file.split('/')[0]!;

describe('imports point inwards only', () => {
  it('finds the sources', () => expect(sources.length).toBeGreaterThan(50));

  it.each(rooms)('in %s', (room) => {
    for (const file of sources.filter((source) => roomOf(source) === room)) {
      for (const target of importsOf(file)) {
        if (target.startsWith('.')) {
          const other = roomOf(relative(top, resolve(top, dirname(file), target)));
          if (other === room || compositionRoots.includes(file)) continue;
          expect(allowed[room], `${file} imports ${target}`).toContain(other);
        } else if (room === 'core') expect(corePackages, `${file} imports ${target}`).toContain(target);
      }
    }
  });
});

it('core never loads an SDK, a clock or chance of its own', () => {
  for (const file of sources.filter((source) => roomOf(source) === 'core')) {
    const text = readFileSync(join(top, file), 'utf8');
    expect(text, file).not.toMatch(/Date\.now|new Date\(\)|randomUUID|randomBytes/);
  }
});

it('the environment is read in adapters/config.ts alone', () => {
  const readers = sources.filter((file) => readFileSync(join(top, file), 'utf8').includes('process.env'));
  expect(readers).toEqual(['adapters/config.ts']);
});

it('no source file is longer than 300 lines', () => {
  const long = sources.filter((file) => readFileSync(join(top, file), 'utf8').split('\n').length > 301);
  expect(long).toEqual([]);
});
