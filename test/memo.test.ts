import { expect, it } from 'vitest';
import { Memo } from '../core/ops/memo.ts';
import type { Ports } from '../core/ports.ts';

function portsAt(clock: { now: number }, graceSeconds = 86_400): Ports {
  return { records: {}, now: () => clock.now, settings: { historySeconds: 0, graceSeconds } } as Ports;
}

it('makes each thing once in each store, until ten minutes later', async () => {
  const memo = new Memo<number>(10);
  const clock = { now: 0 };
  const [ports, others] = [portsAt(clock), portsAt(clock)];
  let made = 0;
  const make = async () => ++made;
  expect(await Promise.all([memo.once(ports, 'a', make), memo.once(ports, 'a', make)])).toEqual([1, 1]);
  expect(await memo.once(others, 'a', make)).toBe(2);
  clock.now += 599_999;
  expect(await memo.once(ports, 'a', make)).toBe(1);
  clock.now++;
  expect(await memo.once(ports, 'a', make)).toBe(3);
});

it('remembers nothing for longer than what it made may lie unheld', async () => {
  const memo = new Memo<number>(10);
  const clock = { now: 0 };
  const ports = portsAt(clock, 60);
  let made = 0;
  const make = async () => ++made;
  await memo.once(ports, 'a', make);
  clock.now = 59_999;
  expect(await memo.once(ports, 'a', make)).toBe(1);
  clock.now = 60_000;
  expect(await memo.once(ports, 'a', make)).toBe(2);
});

it('forgets the oldest first, and what failed', async () => {
  const memo = new Memo<string>(2);
  const ports = portsAt({ now: 0 });
  for (const name of ['a', 'b', 'c']) await memo.once(ports, name, async () => 'first');
  const again = (name: string) => memo.once(ports, name, async () => 'again');
  expect([await again('b'), await again('c'), await again('a')]).toEqual(['first', 'first', 'again']);
  await expect(memo.once(ports, 'd', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await again('d')).toBe('again');
});
