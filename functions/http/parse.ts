// From the raw parts of a request to what the endpoint declared, or to an error that names the field.

import type * as z from 'zod';
import { AppError, badInput, type FieldError } from '../../core/errors.ts';

export const bodyMaxBytes = 4 * 1024 * 1024;

type Path = readonly PropertyKey[];

const escapePointer = (segment: PropertyKey): string =>
  String(segment).replaceAll('~', '~0').replaceAll('/', '~1');
/** Where a fault is in a JSON document. */
const asPointer = (path: Path): string => path.map((segment) => `/${escapePointer(segment)}`).join('');
/** Where a fault is among parameters. */
const asName = (path: Path): string => path.map(String).join('/');

/** The issues of a failed parse, with their places; of a union, those of the branch that came furthest. */
function issuesOf(issues: readonly z.core.$ZodIssue[], base: Path = []): [place: Path, detail: string][] {
  return issues.flatMap((issue): [Path, string][] => {
    const path = [...base, ...issue.path];
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const depth = (branch: readonly z.core.$ZodIssue[]) =>
        Math.max(...branch.map((inner) => inner.path.length));
      return issuesOf([...issue.errors].sort((a, b) => depth(b) - depth(a))[0]!, path);
    }
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => [[...path, key], 'This is not known here; leave it out.']);
    return [[path, issue.message]];
  });
}

export function parseAs<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
  asPlace = asPointer,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = issuesOf(result.error.issues).map(
    ([path, detail]): FieldError => ({ pointer: asPlace(path), detail }),
  );
  const [first] = errors;
  throw new AppError('bad-input', `${what}: ${first?.pointer || 'as a whole'}: ${first?.detail}`, { errors });
}

/** The parameters of a path or a query. */
export const parseParameters = <S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> =>
  parseAs(schema, value, what, asName);

/** Deeper nesting would exhaust the stack of whoever walks the document. */
const maxDepth = 100;

function checkDepth(document: unknown): void {
  let level = [document];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) throw badInput('', `The body is nested more than ${maxDepth} levels deep.`);
    level = level.flatMap((value) => (typeof value === 'object' && value ? Object.values(value) : []));
  }
}

export function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw badInput('', 'The body is not UTF-8.');
  }
  if (text.trim() === '') throw badInput('', 'The body is empty; send a JSON document.');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw badInput('', `The body is not JSON: ${(error as Error).message}`);
  }
  checkDepth(document);
  return document;
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
