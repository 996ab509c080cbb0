// Ports that count what is asked of them: calls by method, bytes of pages and blobs, records written. What no noise of
// the machine moves.

import type { PageBytes, Ports, RecordKey, RecordWrite } from '../core/ports.ts';

export class Counts {
  readonly calls = new Map<string, number>();

  add(what: string, by = 1): void {
    this.calls.set(what, (this.calls.get(what) ?? 0) + by);
  }

  get(what: string): number {
    return this.calls.get(what) ?? 0;
  }

  reset(): void {
    this.calls.clear();
  }

  asObject(): Record<string, number> {
    return Object.fromEntries([...this.calls].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** What some arguments of a call amount to, beyond the call itself. */
const measures: Readonly<Record<string, (counts: Counts, args: readonly unknown[]) => void>> = {
  'records.write': (counts, [batch]) => counts.add('records written', (batch as RecordWrite[]).length),
  'records.getMany': (counts, [keys]) => counts.add('records asked for', (keys as RecordKey[]).length),
  'pages.putMany': (counts, [pages]) => {
    counts.add('pages written', (pages as PageBytes[]).length);
    counts.add(
      'page bytes written',
      (pages as PageBytes[]).reduce((sum, page) => sum + page.bytes.length, 0),
    );
  },
  'blobs.put': (counts, [, bytes]) => counts.add('blob bytes written', (bytes as Uint8Array).length),
  'blobs.promote': (counts, [, part]) => counts.add('blob bytes written', (part as { size: number }).size),
};

function counted<T extends object>(port: T, name: string, counts: Counts): T {
  return new Proxy(port, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const method = `${name}.${String(property)}`;
        counts.add(method);
        measures[method]?.(counts, args);
        return (value as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

/** The same ports, counting into `counts`. */
export const countedPorts = (ports: Ports, counts: Counts): Ports => ({
  ...ports,
  records: counted(ports.records, 'records', counts),
  pages: counted(ports.pages, 'pages', counts),
  blobs: counted(ports.blobs, 'blobs', counts),
  workflows: counted(ports.workflows, 'workflows', counts),
});
