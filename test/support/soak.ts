// One long history: a space, its people and instances, a clock that stands until it is told otherwise, and the model that
// is kept beside it. Operations act through this and leave a line each, so that a failure can be told.

import { inRanges } from '../../core/model/scope.ts';
import type { Settings } from '../../core/ports.ts';
import { type Content, model as delivering } from './delivery-model.ts';
import { Chance } from './soak-chance.ts';
import { checkEmpty, checkNeeded, checkNothingElse, isSame, Reader, same } from './soak-check.ts';
import { Machine } from './soak-machine.ts';
import { Model, type Step } from './soak-model.ts';
import type { Client, Reply } from './world.ts';

export const settings: Settings = { historySeconds: 6 * 3_600, graceSeconds: 3_600 };
export const minute = 60_000;
export const hour = 60 * minute;
export const day = 24 * hour;

const linesKept = 60;
const workflowActions: ReadonlySet<string> = new Set(['distribute', 'recall', 'undo', 'capture']);

/** Stands where only the answer tells what an entry is made of. */
export const unknown = '?';

/** One change of one instance: what to ask, and what its state is then. */
export interface Change {
  readonly what: string;
  readonly instance: string;
  readonly ask: () => Promise<Reply>;
  readonly expected: Content;
  /** Told what each entry is made of that was not known before. */
  readonly learn?: (identity: string) => void;
  /** It may be refused, and then has done nothing. */
  readonly mayRefuse?: boolean;
  /** Told that it was made. */
  readonly done?: () => void;
}

export class Soak {
  readonly chance: Chance;
  readonly model = new Model(settings);
  readonly lines: string[] = [];
  readonly manager: Client;
  readonly space: string;
  readonly master: string;
  #nowMs: number;
  #machine: Machine;
  /** Changes that nobody knows of whether they were made, with the version that they began from. */
  readonly #cutOff: { readonly change: Change; readonly before: number }[] = [];
  operations = 0;

  private constructor(machine: Machine, chance: Chance, nowMs: number, space: string, master: string) {
    this.#machine = machine;
    this.chance = chance;
    this.#nowMs = nowMs;
    this.space = space;
    this.master = master;
    this.manager = machine.client('ines', true);
  }

  static async open(directory: string, seed: number): Promise<Soak> {
    const chance = new Chance(seed);
    const nowMs = Date.parse('2026-11-23T09:00:00Z');
    let soak: Soak | undefined;
    const machine = await Machine.open(directory, settings, () => soak?.nowMs ?? nowMs, chance);
    const made = await machine.client('ines', true).post('/v1/spaces', { name: 'Course', kind: 'course' });
    soak = new Soak(machine, chance, nowMs, made.body.id, made.body.masterInstanceId);
    await soak.observe();
    return soak;
  }

  get machine(): Machine {
    return this.#machine;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  say(line: string): void {
    this.lines.push(`${this.operations} ${new Date(this.#nowMs).toISOString()} ${line}`);
    if (this.lines.length > linesKept) this.lines.shift();
  }

  /** Makes a change, and sees that it did what it should; while something is broken, that or nothing. */
  async make(change: Change, broken = false): Promise<Reply> {
    const { what, instance, ask, expected, learn, mayRefuse, done } = change;
    const before = this.model.current(instance);
    const reply = await ask();
    this.say(`${what} of ${instance}: ${reply.status}`);
    if (reply.status >= 400 && !(broken || mayRefuse)) throw new Error(`${what}: ${reply.text}`);
    if (reply.status >= 500 && !broken) throw new Error(`${what}: ${reply.text}`);
    if (this.#machine.gate.dead) {
      this.#cutOff.push({ change, before: this.model.head(instance).sequence });
      return reply;
    }
    await this.observe(instance);
    const now = this.model.current(instance);
    if (reply.status >= 400 && isSame(now, before)) return reply;
    same(now, known(expected, now, learn), what);
    done?.();
    return reply;
  }

  /** Looks at one instance, or at everything, and checks what distributions and recalls have done. */
  async observe(instance?: string): Promise<void> {
    const { ports } = this.#machine;
    const steps = instance
      ? await this.model.observeInstance(ports, instance)
      : await this.model.observe(ports, this.space);
    for (const step of steps) this.#check(step);
  }

  #check({ instance, before, version }: Step): void {
    const { states, distributions } = this.model;
    const distribution = distributions.get(version.cause);
    if (!distribution) return;
    const now = states.get(version.root)!;
    if (distribution.kind === 'recall') {
      const left = [...now.keys()].filter((key) => inRanges(distribution.scope, key));
      if (left.length > 0) throw new Error(`${instance} still has ${left}`);
    }
    if (distribution.kind !== 'distribution') return;
    const { payload, strategies, createdAt } = distribution;
    const { content, delivered } = delivering({
      base: states.get(before.delivered)!,
      payload: states.get(payload.root)!,
      target: states.get(before.root)!,
      scope: payload.scope,
      strategies,
      day: createdAt.slice(0, 10),
    });
    same(now, content, `${version.cause} at ${instance}`);
    same(states.get(version.delivered)!, delivered, `what ${version.cause} delivered to ${instance}`);
  }

  /** Lets everything that is under way and due come to its end. */
  async settle(): Promise<void> {
    await this.#machine.settle();
    await this.observe();
  }

  async restart(): Promise<void> {
    await this.#machine.restart();
    await this.settle();
    for (const { change, before } of this.#cutOff.splice(0)) this.#checkCutOff(change, before);
  }

  /** A change that was cut off was made, or it was not. What a workflow did since says nothing of that. */
  #checkCutOff({ what, instance, expected, learn, done }: Change, before: number): void {
    const { journal } = this.model.instances.get(instance)!;
    const made = journal.filter(({ sequence, action }) => sequence > before && !workflowActions.has(action));
    if (made.length > 1) throw new Error(`${what} was made ${made.length} times.`);
    const after = journal.find(({ sequence }) => sequence > before);
    if (!made[0]) return;
    const now = this.model.states.get(made[0].root)!;
    const filled = known(expected, now, learn);
    if (after === made[0]) same(now, filled, `${what}, cut off`);
    done?.();
  }

  /** Asks for a reclaim and lets it end. What has come due happens besides, unless others write at the same time. */
  async reclaim(wake = true): Promise<Reply['body']> {
    this.model.expire(this.#nowMs);
    const asked = await this.manager.post('/v1/reclaims', {});
    if (asked.status !== 202) throw new Error(asked.text);
    if (wake) await this.settle();
    else await this.#machine.settle(false);
    const { body } = await this.manager.get(`/v1/reclaims/${asked.body.id}`);
    if (body.status !== 'completed') throw new Error(`The reclaim is ${body.status}: ${body.error}`);
    this.say(`reclaim: ${body.condemned} condemned, ${body.rescued} rescued, ${body.deleted} deleted`);
    return body;
  }

  checkNeeded = () => checkNeeded(this.#machine, this.model, this.#nowMs);

  /** Time passes until only what is kept for good is held; then exactly that is there, and all of it can be read. */
  async checkNothingElse(): Promise<void> {
    this.pass(8 * day);
    await this.settle();
    this.pass(day);
    await this.settle();
    await this.reclaim(); // ends what ends by itself, in the very moment in which it marks
    this.pass(minute);
    await this.reclaim();
    this.pass(2 * settings.graceSeconds * 1_000);
    await this.reclaim();
    this.model.forget(this.#nowMs);
    this.model.uploads.clear();
    await checkNothingElse(this.#machine, this.model, this.#nowMs);
    const { condemned, rescued, deleted } = await this.reclaim();
    if (condemned + rescued + deleted > 0) throw new Error('A reclaim after the last one found something.');
    await this.#machine.restart();
    await new Reader(this.model, this.manager).everything(this.#nowMs);
  }

  /** A deleted space comes back as it was; deleted for good, it leaves nothing. */
  async end(): Promise<void> {
    const remove = async () => {
      const reply = await this.manager.delete(`/v1/spaces/${this.space}?confirm=Course`);
      this.pass(minute);
      return reply;
    };
    const replies = [await remove()];
    await this.reclaim();
    this.pass(settings.graceSeconds * 1_000 - 3 * minute);
    await this.reclaim();
    replies.push(await this.manager.post(`/v1/deleted-spaces/${this.space}/undelete`));
    await this.settle();
    await new Reader(this.model, this.manager).everything(this.#nowMs);
    await this.checkNothingElse();
    replies.push(await remove());
    for (const { status, text } of replies) if (status !== 200) throw new Error(text);
    await this.reclaim();
    this.pass(2 * settings.graceSeconds * 1_000);
    await this.reclaim();
    await checkEmpty(this.#machine);
  }
}

/** What is expected, with what was not known taken from what there is. */
function known(expected: Content, now: Content, learn: ((identity: string) => void) | undefined): Content {
  const filled = new Map(expected);
  for (const [key, identity] of expected) {
    const found = now.get(key);
    if (identity !== unknown || found === undefined) continue;
    filled.set(key, found);
    learn?.(found);
  }
  return filled;
}
