// What a space may choose about what it keeps: how long, and how much.

import { AppError } from '../errors.ts';
import type { InstanceEntry, State } from '../model/journal.ts';
import { keys } from '../model/keys.ts';
import { historyFrom } from '../model/retention.ts';
import type { Instance, Space } from '../model/space.ts';
import type { Ports } from '../ports.ts';
import type { Call } from './call.ts';
import { appendToSpace, spaceEvent } from './journal.ts';
import { inTurn, untilSettled } from './retry.ts';

export interface SettingsWanted {
  readonly name?: string | undefined;
  /** Each: null goes back to what holds when nothing is said. */
  readonly historySeconds?: number | null | undefined;
  readonly safetySnapshotSeconds?: number | null | undefined;
  readonly quotaBytes?: number | null | undefined;
}

/** Changes what is named. A longer history window begins with what the shorter one had kept. */
export async function changeSpace(call: Call, { id }: Space, wanted: SettingsWanted): Promise<Space> {
  const { records, settings, now } = call.ports;
  const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
  const chosen = Object.fromEntries(given.map(([key, value]) => [key, value ?? undefined]));
  return inTurn(records, id, () =>
    untilSettled(async () => {
      const { value: space, revision } = (await records.get<Space>(keys.space(id)))!;
      const since = 'historySeconds' in chosen && {
        historySince: new Date(historyFrom(space, settings, now())).toISOString(),
      };
      const value: Space = { ...space, ...chosen, ...since };
      const cause = call.newId('request');
      const { write } = await spaceEvent(call, id, 'settings', cause, Object.fromEntries(given));
      await records.write([write, { put: keys.space(id), value, if: { revision } }]);
      return value;
    }),
  );
}

/** Sets what one instance may hold, in place of its space's quota; null is no limit, undefined the space's again. */
export async function changeQuota(
  call: Call,
  instance: Instance,
  quotaBytes: number | null | undefined,
): Promise<Instance> {
  const { id, spaceId } = instance;
  const { quotaBytes: _, ...rest } = instance;
  const changed: Instance = quotaBytes === undefined ? rest : { ...rest, quotaBytes };
  const details = { instance: id, quotaBytes: quotaBytes ?? null };
  await appendToSpace(call, spaceId, 'quota', call.newId('request'), details, [
    { put: keys.instance(id), value: changed, if: 'present' },
    { put: keys.spaceInstance(spaceId, id), value: changed, if: 'present' },
  ]);
  return changed;
}

/** The most that the current state of an instance may hold; undefined where there is no limit. The master has none of its space's. */
export function quotaOf({ kind, quotaBytes }: Instance, space: Space): number | undefined {
  if (quotaBytes !== undefined) return quotaBytes ?? undefined;
  return kind === 'master' || kind === 'distributed' ? undefined : space.quotaBytes;
}

/**
 * Refuses a state that is larger than the one before and than the quota. What gets smaller is always taken, and so is what
 * a distribution brings: it is not the student who asked for it. Two reads, and only when something grows.
 */
export async function requireQuota(
  { records }: Ports,
  id: string,
  head: InstanceEntry,
  state: State,
): Promise<void> {
  if (state.bytes <= head.bytes) return;
  const instance = (await records.get<Instance>(keys.instance(id)))!.value;
  const space = (await records.get<Space>(keys.space(instance.spaceId)))!.value;
  const quota = quotaOf(instance, space);
  if (quota === undefined || state.bytes <= quota) return;
  const left = Math.max(0, quota - head.bytes);
  throw new AppError(
    'over-quota',
    `The instance may hold ${quota} bytes and holds ${head.bytes}: ${left} are left, and this takes ${state.bytes - head.bytes} more. Deleting files, tables or applications from the current state makes room; snapshots do not count.`,
    { extra: { quota, used: head.bytes, left, needed: state.bytes - head.bytes } },
  );
}
