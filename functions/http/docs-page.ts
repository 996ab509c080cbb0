// The reference as one HTML page without scripts or outside hosts, rendered from the OpenAPI document.

import type { OpenApiDocument } from './openapi.ts';

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430; }
  nav a { margin-right: 1rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #d5dbe3; }
  details { border: 1px solid #d5dbe3; border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem; }
  summary { cursor: pointer; } code, pre { font: 13px/1.5 ui-monospace, monospace; }
  pre { background: #f4f6f9; padding: .8rem; overflow: auto; border-radius: 6px; }
  .method { display: inline-block; min-width: 4rem; font-weight: 700; color: #0b5cad; }
  .muted { color: #5b6675; }
  @media (prefers-color-scheme: dark) { body { background: #12161c; color: #dde3ea; } pre { background: #1b212a; }
    details, h2 { border-color: #323b47; } .method { color: #6db3f2; } .muted { color: #94a0ae; } }`;

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

type Content = Readonly<Record<string, { readonly schema?: unknown }>>;

const json = (value: unknown): string => `<pre>${escapeHtml(JSON.stringify(value, null, 2))}</pre>`;

const contentOf = (content: Content = {}): string =>
  Object.entries(content)
    .map(([type, { schema }]) => `<p class="muted">${escapeHtml(type)}</p>${json(schema)}`)
    .join('');

function renderOperation(method: string, path: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: place, required }) =>
      `<li><code>${escapeHtml(name)}</code> <span class="muted">${place}${required ? ', required' : ''}</span></li>`,
  );
  const answers = Object.entries(operation.responses).map(
    ([status, { description, content }]) =>
      `<p><strong>${status}</strong> ${escapeHtml(description)}</p>${status === 'default' ? '' : contentOf(content)}`,
  );
  return `<details id="${operation.operationId}"><summary><span class="method">${method.toUpperCase()}</span>
    <code>${escapeHtml(path)}</code> ${escapeHtml(operation.summary ?? '')}</summary>
    <p class="muted">${escapeHtml(operation.description ?? '')}</p>
    ${parameters.length > 0 ? `<h4>Parameters</h4><ul>${parameters.join('')}</ul>` : ''}
    ${operation.requestBody ? `<h4>Body</h4>${contentOf(operation.requestBody.content)}` : ''}
    <h4>Answers</h4>${answers.join('')}</details>`;
}

export function docsPage(document: OpenApiDocument): string {
  const groups = new Map<string, string[]>();
  for (const [path, item] of Object.entries(document.paths ?? {}))
    for (const [method, operation] of Object.entries(item as Record<string, Operation>)) {
      const tag = operation.tags?.[0] ?? '';
      groups.set(tag, [...(groups.get(tag) ?? []), renderOperation(method, path, operation)]);
    }
  const links = [...groups.keys()].map((tag) => `<a href="#${tag}">${tag}</a>`).join('');
  const sections = [...groups]
    .map(([tag, rendered]) => `<h2 id="${tag}">${tag}</h2>${rendered.join('')}`)
    .join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${document.info.title} API</title>
    <meta name="viewport" content="width=device-width"><style>${style}</style></head>
    <body><h1>${document.info.title} API</h1><p>${escapeHtml(document.info.description ?? '')}
    The same as data: <a href="openapi.json">openapi.json</a>.</p><nav>${links}</nav>${sections}</body></html>`;
}
