// One call of the service by someone. Ids made within a call may be seeded, so that repeating a call that was cut off
// makes the same ids again and finds what the first try already did.

import type { Actor } from '../model/access.ts';
import { type IdKind, makeId } from '../model/ids.ts';
import type { Ports } from '../ports.ts';
import { digestOf, hexToBytes } from '../tree/digest.ts';
import { type ReadPage, readerOf } from '../tree/reader.ts';

export interface Call {
  readonly ports: Ports;
  readonly actor: Actor;
  /** The cause under which this call's own saves are journalled. */
  readonly id: string;
  /** A new id; things made in no fixed order are told apart by what they are `of`. */
  readonly newId: (kind: IdKind, of?: string) => string;
  /** Set when the call may have been made before: when it was first made (epoch ms). */
  readonly firstAt?: number;
}

export function newCall(ports: Ports, actor: Actor): Call {
  const newId = (kind: IdKind) => makeId(kind, ports.now(), ports.random());
  return { ports, actor, newId, id: newId('request') };
}

/** A call whose ids follow from `seed` and the time at which it was first made. */
export function seededCall(ports: Ports, actor: Actor, seed: string, firstAtMs: number): Call {
  let made = 0;
  const newId = (kind: IdKind, of?: string) =>
    makeId(kind, firstAtMs, hexToBytes(digestOf([seed, kind, of ?? made++])));
  return { ports, actor, newId, id: newId('request'), firstAt: firstAtMs };
}

/** The service itself, acting on behalf of `user`. */
export const systemCall = (ports: Ports, user: string): Call => newCall(ports, { user, manager: false });

export const reader = (call: Call): ReadPage => readerOf(call.ports.pages);
export const nowText = (call: Call): string => new Date(call.ports.now()).toISOString();
