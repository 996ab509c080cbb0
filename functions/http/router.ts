// Finds the endpoint of a request on one machine, the way API Gateway does on AWS.

import { badInput } from '../../core/errors.ts';
import { type Endpoint, isOpen, routeKey } from './endpoint.ts';

export interface Match {
  readonly routeKey: string;
  /** Whether no token is asked for. */
  readonly open: boolean;
  readonly params: Readonly<Record<string, string>>;
}

/**
 * Names the path of a request, percent-encoded, where its URL cannot: an HTTP API decodes the paths of URLs twice and cuts
 * them at a `?` (docs/decisions/0012). The URL then has to lead to the same endpoint, with anything in its place.
 */
export const pathHeader = 'x-handout-path';

type Route = { readonly endpoint: Endpoint; readonly pattern: RegExp };

/** `path` is as it came on the wire: segments are decoded one by one. */
export type Router = (method: string, path: string) => Match | undefined;

export function router(endpoints: readonly Endpoint[]): Router {
  const table: Route[] = endpoints.map((endpoint) => ({ endpoint, pattern: patternOf(endpoint.path) }));
  return (method, path) => {
    for (const { endpoint, pattern } of table) {
      const found = endpoint.method === method ? pattern.exec(path) : null;
      if (!found) continue;
      const params = Object.entries(found.groups ?? {}).map(([name, text]) => [name, decodePath(text)]);
      return { routeKey: routeKey(endpoint), open: isOpen(endpoint), params: Object.fromEntries(params) };
    }
    return undefined;
  };
}

function patternOf(path: string): RegExp {
  const source = path
    .replaceAll('.', '\\.')
    .replaceAll(/\{(\w+)\+\}/g, '(?<$1>.+)')
    .replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)');
  return new RegExp(`^${source}$`);
}

function decodePath(text: string): string {
  return text
    .split('/')
    .map((segment) => {
      let decoded: string;
      try {
        decoded = decodeURIComponent(segment);
      } catch {
        throw badInput('path', `"${segment}" is not percent-encoded UTF-8.`, 'bad-path');
      }
      if (decoded.includes('/'))
        throw badInput('path', 'An encoded slash cannot be part of a name.', 'bad-path');
      return decoded;
    })
    .join('/');
}
