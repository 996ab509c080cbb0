// A whole backend that is asked without sockets, and that can be hurt: a call of a port fails, or everything stops between
// two calls as if the process had been killed. What workflows do goes through the same gate as what requests do.

import { setImmediate as turn } from 'node:timers/promises';
import type { APIGatewayProxyStructuredResultV2, Context } from 'aws-lambda';
import { AppError } from '../../core/errors.ts';
import type { Ports, RecordWrite, Settings } from '../../core/ports.ts';
import { type HttpEvent, type HttpHandler, httpHandler } from '../../functions/http/handler.ts';
import { router } from '../../functions/http/router.ts';
import { endpoints } from '../../functions/routes.ts';
import { workflows } from '../../workflows/definitions.ts';
import type { Steps } from '../../workflows/steps.ts';
import type { Chance } from './soak-chance.ts';
import { type Client, clientOf, openWorld, type Send, type World } from './world.ts';

/** What an injected fault is known by. */
export const injected = 'injected by the test';

const guarded = ['records', 'pages', 'blobs'] as const;
const writing: ReadonlySet<string> = new Set([
  'write',
  'putMany',
  'condemn',
  'rescue',
  'deleteCondemned',
  'put',
  'deleteVersion',
  'promote',
  'discard',
]);

/** Between a process and its storage. */
export class Gate {
  /** Resolves when it is dead. */
  readonly death: Promise<void>;
  readonly #chance: Chance;
  #die!: () => void;
  #dead = false;
  readonly #wrapped = new WeakMap<Ports, Ports>();
  #writesToDeath = Number.POSITIVE_INFINITY;
  #writesToFault = Number.POSITIVE_INFINITY;
  #faultAfter = false;
  #doomed: (() => void) | undefined;
  #targetsToFail = 0;
  #writesToPause = Number.POSITIVE_INFINITY;
  #paused: { reached: () => void; released: Promise<void> } | undefined;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.death = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  get dead(): boolean {
    return this.#dead;
  }

  kill(): void {
    this.#dead = true;
    this.#die();
  }

  /** So many writes more; the next call finds everything dead. */
  killAfter(writes: number): void {
    this.#writesToDeath = writes;
  }

  /** One write fails, or does what it should and fails to say so. */
  failAfter(writes: number, done: boolean): void {
    this.#writesToFault = writes;
    this.#faultAfter = done;
  }

  /** So many targets of distributions cannot take what comes. */
  failTargets(count: number): void {
    this.#targetsToFail = count;
  }

  /** Resolves when the next blob is doomed. */
  nextDoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#doomed = resolve;
    return promise;
  }

  /** After so many writes one waits until it is released, while others go on. */
  pauseAfter(writes: number): { readonly reached: Promise<void>; readonly release: () => void } {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#writesToPause = writes;
    this.#paused = { reached: reached.resolve, released: released.promise };
    return { reached: reached.promise, release: released.resolve };
  }

  heal(): void {
    this.#writesToFault = Number.POSITIVE_INFINITY;
    this.#targetsToFail = 0;
    this.#writesToPause = Number.POSITIVE_INFINITY;
  }

  wrap(ports: Ports): Ports {
    const known = this.#wrapped.get(ports);
    if (known) return known;
    const wrapped: Ports = { ...ports };
    for (const name of guarded) Object.assign(wrapped, { [name]: this.#guard(ports[name]) });
    this.#wrapped.set(ports, wrapped);
    return wrapped;
  }

  #guard<T extends object>(port: T): T {
    const methods = new Map<string | symbol, unknown>();
    return new Proxy(port, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name, target);
        if (typeof method !== 'function') return method;
        if (!methods.has(name))
          methods.set(name, (...args: unknown[]) =>
            this.#pass(String(name), args, () => method.apply(target, args) as Promise<unknown>),
          );
        return methods.get(name);
      },
    });
  }

  async #pass(method: string, args: unknown[], go: () => Promise<unknown>): Promise<unknown> {
    if (this.#chance.is(0.1)) await turn();
    if (writing.has(method) && --this.#writesToDeath < 0) this.kill();
    if (this.#dead) throw new Error(`${injected}: killed`);
    if (!writing.has(method)) return go();
    if (--this.#writesToPause < 0) await this.#pause();
    if (method === 'write' && isDoom(args[0] as readonly RecordWrite[])) return this.#doom(go);
    if (this.#targetsToFail > 0 && method === 'write' && isDelivery(args[0] as readonly RecordWrite[])) {
      this.#targetsToFail--;
      throw new AppError('impossible', injected);
    }
    if (--this.#writesToFault >= 0) return go();
    this.#writesToFault = Number.POSITIVE_INFINITY;
    if (this.#faultAfter) await go();
    throw new Error(injected);
  }

  /** The moment after a blob is doomed and before it is deleted lasts a little. */
  async #doom(go: () => Promise<unknown>): Promise<unknown> {
    const answer = await go();
    this.#doomed?.();
    for (let turns = this.#chance.below(10); turns > 0; turns--) await turn();
    return answer;
  }

  async #pause(): Promise<void> {
    this.#writesToPause = Number.POSITIVE_INFINITY;
    this.#paused!.reached();
    await this.#paused!.released;
  }
}

const isDoom = (batch: readonly RecordWrite[]): boolean =>
  batch.some((write) => 'put' in write && (write.value as { doomed?: boolean }).doomed);

/** A delivery's entry in the journal of its target. */
const isDelivery = (batch: readonly RecordWrite[]): boolean =>
  batch.some((write) => {
    const { action, root } = ('put' in write && write.value) as { action?: string; root?: string };
    return root !== undefined && (action === 'distribute' || action === 'recall' || action === 'undo');
  });

export class Machine {
  #world: World;
  #gate: Gate;
  #handler: HttpHandler;
  #chance: Chance;
  readonly #settings: Settings;
  readonly #now: () => number;
  readonly #route = router(endpoints);

  private constructor(world: World, gate: Gate, settings: Settings, now: () => number, chance: Chance) {
    this.#settings = settings;
    this.#now = now;
    this.#chance = chance;
    this.#world = world;
    this.#gate = gate;
    this.#handler = httpHandler(endpoints, gate.wrap(world.backend.ports));
  }

  static async open(directory: string, settings: Settings, now: () => number, chance: Chance) {
    const gate = new Gate(chance);
    return new Machine(await openBehind(gate, directory, settings, now), gate, settings, now, chance);
  }

  /** Ends the process as it is, and starts another one on the same storage. */
  async restart(): Promise<void> {
    this.#gate.kill();
    const { directory } = this.#world;
    await this.#world[Symbol.asyncDispose]();
    this.#gate = new Gate(this.#chance);
    this.#world = await openBehind(this.#gate, directory, this.#settings, this.#now);
    this.#handler = httpHandler(endpoints, this.#gate.wrap(this.#world.backend.ports));
  }

  close(): Promise<void> {
    return Promise.resolve(this.#world[Symbol.asyncDispose]());
  }

  get gate(): Gate {
    return this.#gate;
  }

  /** The storage as it is, behind every cache and every fault. */
  get ports(): Ports {
    return this.#world.backend.ports;
  }

  get directory(): string {
    return this.#world.directory;
  }

  /** Lets all that is due run to its end, or to that of the process. */
  async settle(wake = true): Promise<void> {
    const { workflows: runner } = this.#world.backend;
    if (wake) runner.wake();
    await Promise.race([runner.idle(), this.#gate.death]);
  }

  client(user: string, manager = false): Client {
    return clientOf(user, this.#sendAs({ sub: user, manager }));
  }

  #sendAs =
    (claims: object): Send =>
    async (method, path, { json, body, headers } = {}) => {
      if (path.startsWith('http'))
        return this.#world.anonymous(method, path, { body: body!, headers: headers! });
      const [pathname = '', search = ''] = path.split('?');
      const match = this.#route(method, pathname);
      if (!match) throw new Error(`no endpoint ${method} ${pathname}`);
      const event = {
        version: '2.0',
        routeKey: match.routeKey,
        rawPath: pathname,
        rawQueryString: search,
        headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
        queryStringParameters: Object.fromEntries(new URLSearchParams(search)),
        pathParameters: match.params,
        requestContext: { requestId: 'soak', authorizer: { jwt: { claims } } },
        body: Buffer.from(json === undefined ? (body ?? '') : JSON.stringify(json)).toString('base64'),
        isBase64Encoded: true,
      } as unknown as HttpEvent;
      const result = await this.#handler(event, {} as Context);
      return replyOf(result as APIGatewayProxyStructuredResultV2);
    };
}

function replyOf({ statusCode, headers, body, isBase64Encoded }: APIGatewayProxyStructuredResultV2) {
  const bytes = Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8');
  const text = bytes.toString();
  const named = new Headers(headers as Record<string, string>);
  const isJson = /[/+]json/.test(named.get('content-type') ?? '');
  return {
    status: statusCode!,
    headers: named,
    bytes,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
  };
}

function openBehind(gate: Gate, directory: string, settings: Settings, now: () => number): Promise<World> {
  const behind = (steps: Steps): Steps =>
    Object.fromEntries(
      Object.entries(steps).map(([name, step]) => [name, (ports, input) => step(gate.wrap(ports), input)]),
    );
  const hurt = Object.fromEntries(
    Object.entries(workflows).map(([name, { asl, steps }]) => [name, { asl, steps: behind(steps) }]),
  );
  return openWorld({ directory, settings, now, workflows: hurt as typeof workflows });
}
