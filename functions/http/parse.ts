// From the raw parts of a request to what the endpoint declared, or to an error that names the field.

import type { z } from 'zod';
import { AppError, badInput, type FieldError } from '../../core/errors.ts';

export const bodyMaxBytes = 4 * 1024 * 1024;

const escapePointer = (segment: PropertyKey): string =>
  String(segment).replaceAll('~', '~0').replaceAll('/', '~1');
const asPointer = (path: readonly PropertyKey[]): string =>
  path.map((segment) => `/${escapePointer(segment)}`).join('');

/** The issues of a failed parse; of a union, those of the branch that came furthest. */
function issuesOf(issues: readonly z.core.$ZodIssue[], base: readonly PropertyKey[] = []): FieldError[] {
  return issues.flatMap((issue) => {
    const path = [...base, ...issue.path];
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const depth = (branch: readonly z.core.$ZodIssue[]) =>
        Math.max(...branch.map((inner) => inner.path.length));
      return issuesOf([...issue.errors].sort((a, b) => depth(b) - depth(a))[0]!, path);
    }
    return [{ pointer: asPointer(path), detail: issue.message }];
  });
}

export function parseAs<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = issuesOf(result.error.issues);
  const [first] = errors;
  throw new AppError('bad-input', `${what}: ${first?.pointer || 'as a whole'}: ${first?.detail}`, { errors });
}

export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badInput('', 'The body is not UTF-8.');
  }
  if (text.trim() === '') throw badInput('', 'The body is empty; send a JSON document.');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badInput('', `The body is not JSON: ${(error as Error).message}`);
  }
}

export function checkBodySize(size: number): void {
  if (size > bodyMaxBytes)
    throw new AppError(
      'too-large',
      `A body has at most ${bodyMaxBytes} bytes; send larger files by an upload.`,
    );
}

/** The media type of a request's body, without its parameters. */
export const mediaTypeOfRequest = (headers: Readonly<Record<string, string | undefined>>): string =>
  (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase();
