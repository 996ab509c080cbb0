// Alarms by a clock that is handed in. `setTimeout` alone would not do: it ends at once when asked for more than 24.8
// days, and it does not see a clock that was set forward. So one timer sleeps until the first alarm, for a minute at
// most, and then looks at the clock. It does not keep the process alive: what is due must also be written down elsewhere.

export interface Alarms {
  /** Calls `ring` once, when the clock has come to `due` (epoch ms). The same name again replaces the alarm. */
  set(name: string, due: number, ring: () => void): void;
  clear(name: string): void;
  /** Looks at the clock now, and rings what is due. */
  wake(): void;
  /** Drops all alarms and takes no more. */
  close(): void;
}

const LONGEST_SLEEP_MS = 60_000;

export function openAlarms(now: () => number): Alarms {
  const alarms = new Map<string, { readonly due: number; readonly ring: () => void }>();
  let timer: NodeJS.Timeout | undefined;
  let first = Number.POSITIVE_INFINITY;
  let closed = false;

  const sleepUntil = (due: number) => {
    clearTimeout(timer);
    first = due;
    if (due === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(wake, Math.min(due - now(), LONGEST_SLEEP_MS)).unref();
  };

  const wake = () => {
    const time = now();
    const ripe = [...alarms].filter(([, { due }]) => due <= time).sort(([, a], [, b]) => a.due - b.due);
    for (const [name] of ripe) alarms.delete(name);
    sleepUntil(alarms.values().reduce((least, { due }) => Math.min(least, due), Number.POSITIVE_INFINITY));
    for (const [, { ring }] of ripe) ring();
  };

  return {
    set(name, due, ring) {
      if (closed) return;
      alarms.set(name, { due, ring });
      if (due < first) sleepUntil(due);
    },
    clear: (name) => void alarms.delete(name),
    wake,
    close() {
      closed = true;
      alarms.clear();
      clearTimeout(timer);
    },
  };
}
