// From the words of a request to a state: `current`, a snapshot's id, or `at:<time>`.

import { AppError, badInput, notFound } from '../errors.ts';
import { isId } from '../model/ids.ts';
import type { State } from '../model/journal.ts';
import { keys } from '../model/keys.ts';
import { historyFrom } from '../model/retention.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Ports } from '../ports.ts';
import { findSpace, getInstance } from './access.ts';
import type { Call } from './call.ts';
import { currentOf, entryAt } from './journal.ts';

export interface ResolvedState extends State {
  /** The journal sequence whose state this is. */
  readonly version: number;
  readonly mutable: boolean;
}

export async function resolveState(
  call: Call,
  instance: string,
  state: string,
  pointer = 'state',
): Promise<ResolvedState> {
  if (state === 'current') {
    const entry = await currentOf(call.ports, instance);
    return { ...entry, version: entry.sequence, mutable: true };
  }
  if (isId('snapshot', state)) return { ...(await getSnapshot(call, instance, state)), mutable: false };
  if (state.startsWith('at:')) return stateAtTime(call, instance, state.slice(3), pointer);
  throw badInput(pointer, 'A state is "current", a snapshot\'s id (snp_…), or "at:" and an RFC 3339 time.');
}

export async function getSnapshot(call: Call, instance: string, id: string): Promise<Snapshot> {
  const record = isId('snapshot', id)
    ? await call.ports.records.get<Snapshot>(keys.snapshot(instance, id))
    : undefined;
  if (!record || record.value.deletedAt) throw notFound('snapshot with that id');
  return record.value;
}

/** Refuses what needs the states of a time that the history window of the space has left. */
export async function requireHistory(ports: Ports, spaceId: string, at: string): Promise<void> {
  const space = (await findSpace(ports, spaceId))!;
  const from = historyFrom(space, ports.settings, ports.now());
  if (Date.parse(at) >= from) return;
  const since = new Date(from).toISOString();
  throw new AppError('gone', `Past states are kept since ${since}. Take a snapshot to keep one for good.`);
}

const timePattern = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

async function stateAtTime(
  call: Call,
  instance: string,
  time: string,
  pointer: string,
): Promise<ResolvedState> {
  const atMs = timePattern.test(time) ? Date.parse(time) : Number.NaN;
  if (Number.isNaN(atMs))
    throw badInput(pointer, `"${time}" is not an RFC 3339 time such as 2026-11-23T10:00:00Z.`);
  const found = await entryAt(call.ports, instance, atMs);
  if (!found) throw notFound('state of that time: the instance is younger');
  const { entry, next } = found;
  const { spaceId } = await getInstance(call, instance);
  if (next) await requireHistory(call.ports, spaceId, next.at);
  return { ...entry, version: entry.sequence, mutable: false };
}
