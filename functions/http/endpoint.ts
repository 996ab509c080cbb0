// An endpoint is a declaration: where it answers, who may call it, what it takes, what it answers, and the operation
// behind it. Everything else (identity, parsing, errors, idempotency) is done once, in `handler.ts`.

import type * as z from 'zod';
import type { Action } from '../../core/model/access.ts';
import type { Assignment } from '../../core/model/assignment.ts';
import type { Distribution } from '../../core/model/distribution.ts';
import type { HandIn } from '../../core/model/hand-in.ts';
import type { Instance, Space } from '../../core/model/space.ts';
import type { Call } from '../../core/ops/call.ts';

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';

/** One Lambda each on AWS. */
export type Context =
  | 'service'
  | 'spaces'
  | 'content'
  | 'snapshots'
  | 'storage'
  | 'distributions'
  | 'assignments';

type Schema = z.ZodType;
type Parsed<S> = S extends Schema ? z.output<S> : undefined;

/** What the action is about, looked up and authorized: it follows from the action's name. */
type Thing<A extends Action> = A extends `space.${string}`
  ? Space
  : A extends `instance.${string}`
    ? Instance
    : A extends `distribution.${string}`
      ? Distribution
      : A extends `assignment.${string}`
        ? Assignment
        : A extends `handIn.${string}`
          ? HandIn
          : undefined;

export interface Asked<A extends Action = Action, Q = unknown, B = unknown> {
  readonly call: Call;
  readonly thing: Thing<A>;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  /** The JSON body, parsed; undefined when the body is of another media type. */
  readonly body: B;
  /** The body as it came. */
  readonly bytes: Uint8Array;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, unless it is bytes or text with a media type of its own in the headers. */
  readonly body?: unknown;
}

export interface Declaration<A extends Action, Q extends Schema | undefined, B extends Schema | undefined> {
  /** The operation's name in the OpenAPI document. */
  readonly name: string;
  readonly summary: string;
  readonly method: Method;
  /** Parameters in braces; `{path+}` takes the rest of the path. */
  readonly path: string;
  readonly action: A;
  readonly query?: Q;
  readonly body?: B;
  /** Media types of a body that is not JSON, or the range of all of them. */
  readonly takes?: readonly string[];
  /** What each status answers: a schema for JSON, or a sentence. */
  readonly answers: Readonly<Record<number, Schema | string>>;
  readonly handle: (asked: Asked<A, Parsed<Q>, Parsed<B>>) => Promise<Answer>;
}

/** A declaration whose types were checked where it was written. */
export interface Endpoint
  extends Omit<Declaration<Action, Schema | undefined, Schema | undefined>, 'handle'> {
  readonly handle: (asked: Asked) => Promise<Answer>;
}

export const endpoint = <
  A extends Action,
  Q extends Schema | undefined = undefined,
  B extends Schema | undefined = undefined,
>(
  declaration: Declaration<A, Q, B>,
): Endpoint => declaration as unknown as Endpoint;

/** Whether an endpoint needs no token. */
export const isOpen = ({ action }: Pick<Endpoint, 'action'>): boolean => action === 'service.look';

/** Whether a request may come without a body: all that it could say has a default. */
export const mayBeLeftOut = ({ method, body }: Pick<Endpoint, 'method' | 'body'>): boolean =>
  method === 'POST' && (body?.safeParse({}).success ?? true);

export const routeKey = ({ method, path }: Pick<Endpoint, 'method' | 'path'>): string => `${method} ${path}`;

export const ok = (body: unknown, headers?: Record<string, string>): Answer => ({
  status: 200,
  body,
  ...(headers && { headers }),
});
export const created = (body: unknown): Answer => ({ status: 201, body });
export const accepted = (body: unknown): Answer => ({ status: 202, body });
export const noContent: Answer = { status: 204 };
