// Appending to an instance's journal, and reading it. Creating the next sequence if it is absent is the compare-and-set;
// a loser reads the new head, bases its change on that, and tries again.

import { AppError, notFound } from '../errors.ts';
import {
  type Chained,
  chain,
  type InstanceAction,
  type InstanceEntry,
  type SpaceAction,
  type SpaceEvent,
  type State,
  timeAfter,
  type Verdict,
  verifyChain,
} from '../model/journal.ts';
import { keys, padded, partitions, prefixes } from '../model/keys.ts';
import type { Counts } from '../model/strategy.ts';
import type { PageBytes, Ports, RecordKey, RecordWrite } from '../ports.ts';
import type { Call } from './call.ts';
import { eachRecord, firstValues } from './paging.ts';
import { inTurn, untilSettled } from './retry.ts';

/** What an append changes, given the head it is based on. */
export interface Change {
  readonly state: State;
  /** New pages of the state; stored before the entry. */
  readonly pages?: readonly PageBytes[];
  /** Records written in the same batch as the entry. */
  readonly also?: readonly RecordWrite[];
  readonly counts?: Counts;
  readonly message?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface Append {
  readonly action: InstanceAction;
  readonly cause: string;
  /** The root the caller worked from; `moved` when the current one is another. */
  readonly ifMatch?: string | undefined;
  /**
   * A record that the same batch creates, so that the entry is appended once however often it is asked, and how that
   * record tells the entry's sequence.
   */
  readonly once?: { readonly key: RecordKey; readonly sequenceOf: (value: never) => number };
}

export const stateOf = ({ root, delivered, entries, bytes }: State): State => ({
  root,
  delivered,
  entries,
  bytes,
});

async function head<E extends Chained>(ports: Ports, partition: string): Promise<E | undefined> {
  const [last] = await ports.records.query<E>({
    partition,
    prefix: prefixes.journal,
    reverse: true,
    limit: 1,
  });
  return last?.value;
}

/** The last entry of an instance's journal: its current state. */
export async function currentOf(ports: Ports, instance: string): Promise<InstanceEntry> {
  const entry = await head<InstanceEntry>(ports, partitions.instance(instance));
  if (!entry) throw notFound('instance with that id');
  return entry;
}

/**
 * Appends what `change` makes of the head, at the time it is told; `undefined` means that there is nothing to change, and
 * answers the head.
 * A call that is repeated finds the entry of its first try.
 */
export function append(
  call: Call,
  instance: string,
  { action, cause, ifMatch, once }: Append,
  change: (head: InstanceEntry, atMs: number) => Promise<Change | undefined>,
): Promise<InstanceEntry> {
  const { ports, actor } = call;
  return inTurn(ports.records, instance, async () => {
    let since = call.firstAt;
    return untilSettled(async () => {
      const before = await currentOf(ports, instance);
      const done = once
        ? await findOnce(ports, instance, once)
        : since === undefined
          ? undefined
          : await findCause<InstanceEntry>(ports, partitions.instance(instance), cause, since);
      if (done) return done;
      since = Date.parse(before.at);
      if (ifMatch !== undefined && ifMatch !== before.root)
        throw new AppError('moved', `The current state is ${before.root}.`, {
          extra: { current: before.root },
        });
      const atMs = timeAfter(before, ports.now());
      const changed = await change(before, atMs);
      if (!changed) return before;
      const { state, pages = [], also = [], ...rest } = changed;
      if (pages.length > 0) await ports.pages.putMany(pages);
      const entry = chain<InstanceEntry>(instance, before, atMs, {
        action,
        cause,
        actor: actor.user,
        ...stateOf(state),
        ...rest,
      });
      const key = keys.journal(partitions.instance(instance), entry.sequence);
      await ports.records.write([{ put: key, value: entry, if: 'absent' }, ...also]);
      return entry;
    });
  });
}

/** The entry that was appended together with a once-record, if it was. */
async function findOnce(
  ports: Ports,
  instance: string,
  { key, sequenceOf }: NonNullable<Append['once']>,
): Promise<InstanceEntry | undefined> {
  const marker = await ports.records.get<never>(key);
  const entryKey = marker && keys.journal(partitions.instance(instance), sequenceOf(marker.value));
  return entryKey && (await ports.records.get<InstanceEntry>(entryKey))?.value;
}

/** The entry that `cause` made at or after a time. Reads the entries since then, newest first. */
async function findCause<E extends Chained>(
  ports: Ports,
  partition: string,
  cause: string,
  sinceMs: number,
): Promise<E | undefined> {
  const journal = { ...journalOf(partition), reverse: true };
  for await (const { value: entry } of eachRecord<E>(ports.records, journal)) {
    if (entry.cause === cause) return entry;
    if (Date.parse(entry.at) < sinceMs) return undefined;
  }
  return undefined;
}

/** A page of the journal, oldest first, after a sequence. */
export const listJournal = (
  ports: Ports,
  instance: string,
  after: number,
  limit: number,
): Promise<InstanceEntry[]> =>
  firstValues<InstanceEntry>(ports.records, journalOf(partitions.instance(instance)), padded(after), limit);

const journalOf = (partition: string) => ({ partition, prefix: prefixes.journal });

/** Reads the whole journal of an instance and checks its chain. */
export const verifyJournal = (ports: Ports, instance: string): Promise<Verdict> =>
  verifyJournalOf(ports, instance, partitions.instance(instance));

/** The same for the journal of that name, wherever it is kept. */
export const verifyJournalOf = (ports: Ports, name: string, partition: string): Promise<Verdict> =>
  verifyChain(name, chainOf(ports, partition));

async function* chainOf(ports: Ports, partition: string): AsyncGenerator<Chained> {
  for await (const { value } of eachRecord<Chained>(ports.records, journalOf(partition))) yield value;
}

/**
 * The entry that was current at a time: a binary search over sequences, as times never go back.
 * Opens about log2(entries) records.
 */
export async function entryAt(
  ports: Ports,
  instance: string,
  atMs: number,
): Promise<{ entry: InstanceEntry; next: InstanceEntry | undefined } | undefined> {
  const entryOf = async (sequence: number): Promise<InstanceEntry | undefined> =>
    (await ports.records.get<InstanceEntry>(keys.journal(partitions.instance(instance), sequence)))?.value;
  const last = await currentOf(ports, instance);
  if (Date.parse(last.at) <= atMs) return { entry: last, next: undefined };
  let low = 0;
  let high = last.sequence;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (Date.parse((await entryOf(middle))!.at) <= atMs) low = middle;
    else high = middle;
  }
  if (low === 0) return undefined;
  return { entry: (await entryOf(low))!, next: await entryOf(high) };
}

/** The writes that append an event to a space's journal, after the head as it is now. */
export async function spaceEvent(
  call: Call,
  space: string,
  action: SpaceAction,
  cause: string,
  details: Readonly<Record<string, unknown>>,
): Promise<{ event: SpaceEvent; write: RecordWrite }> {
  const { ports, actor } = call;
  const partition = partitions.space(space);
  const before = await head<SpaceEvent>(ports, partition);
  const event = chain<SpaceEvent>(space, before, ports.now(), { action, cause, actor: actor.user, details });
  return { event, write: { put: keys.journal(partition, event.sequence), value: event, if: 'absent' } };
}

/** Appends an event to a space's journal, with `also` in the same batch. A call that may have been made before finds its event. */
export const appendToSpace = (
  call: Call,
  space: string,
  action: SpaceAction,
  cause: string,
  details: Readonly<Record<string, unknown>>,
  also: readonly RecordWrite[] = [],
): Promise<SpaceEvent> =>
  inTurn(call.ports.records, space, () =>
    untilSettled(async () => {
      const { ports, firstAt } = call;
      const done =
        firstAt === undefined
          ? undefined
          : await findCause<SpaceEvent>(ports, partitions.space(space), cause, firstAt);
      if (done) return done;
      const { event, write } = await spaceEvent(call, space, action, cause, details);
      await ports.records.write([write, ...also]);
      return event;
    }),
  );
