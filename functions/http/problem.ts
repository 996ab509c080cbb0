// Errors as problem documents (RFC 9457). One table from the kind of an error to its status; what is not one of ours is
// answered with an id and nothing else, and logged under that id.

import { AppError, codes, type ErrorKind } from '../../core/errors.ts';

const statuses: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  gone: 410,
  precondition: 412,
  'too-large': 413,
  range: 416,
  impossible: 422,
  throttled: 429,
  internal: 500,
};

export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export const problemType = 'application/problem+json';

export function problemOf(error: unknown, path: string, requestId: string): Problem {
  const known = error instanceof AppError && codes[error.code].kind !== 'internal' ? error : undefined;
  const status = known ? statuses[codes[known.code].kind] : 500;
  const code = known?.code ?? 'internal';
  const headers: Record<string, string> = { 'content-type': problemType };
  if (status === 429) headers['retry-after'] = '1';
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  if (known?.code === 'bad-range') headers['content-range'] = `bytes */${String(known.data.extra?.size)}`;
  return {
    status,
    headers,
    body: {
      type: `urn:handout:problem:${code}`,
      title: known ? codes[known.code].title : 'Something went wrong here',
      status,
      detail: known ? known.message : `The failure is logged under ${requestId}.`,
      instance: path,
      code,
      requestId,
      ...(known?.data.errors && { errors: known.data.errors }),
      ...known?.data.extra,
    },
  };
}
