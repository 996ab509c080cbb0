// A file's media type follows from its name wherever the name tells, so that the same file saved by two clients is the
// same entry; what a client says counts only for names that tell nothing.

import type { FileEntry, Part } from './entry.ts';

const byExtension: Readonly<Record<string, string>> = {
  bib: 'application/x-bibtex',
  bz2: 'application/x-bzip2',
  c: 'text/x-c',
  cfg: 'text/plain',
  cpp: 'text/x-c',
  css: 'text/css',
  csv: 'text/csv',
  do: 'text/x-stata',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  gif: 'image/gif',
  gz: 'application/gzip',
  h: 'text/x-c',
  html: 'text/html',
  ipynb: 'application/x-ipynb+json',
  java: 'text/x-java',
  jl: 'text/x-julia',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript',
  json: 'application/json',
  md: 'text/markdown',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  ndjson: 'application/x-ndjson',
  parquet: 'application/vnd.apache.parquet',
  pdf: 'application/pdf',
  png: 'image/png',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  py: 'text/x-python',
  r: 'text/x-r',
  rmd: 'text/x-r-markdown',
  rs: 'text/x-rust',
  sh: 'application/x-sh',
  sql: 'application/sql',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  tex: 'application/x-tex',
  toml: 'application/toml',
  ts: 'text/x-typescript',
  tsv: 'text/tab-separated-values',
  txt: 'text/plain',
  wav: 'audio/wav',
  webp: 'image/webp',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
  zip: 'application/zip',
};

const unknown = 'application/octet-stream';
/** What HTTP clients say when nobody told them anything. */
const sayNothing = new Set([unknown, 'application/x-www-form-urlencoded']);
const wellFormed = /^[\w.+-]{1,100}\/[\w.+-]{1,100}$/;

export function mediaTypeOf(path: string, said?: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const known = byExtension[name.slice(name.lastIndexOf('.') + 1).toLowerCase()];
  if (known) return known;
  const [plain = ''] = (said ?? '').toLowerCase().split(/\s*;/);
  return wellFormed.test(plain) && !sayNothing.has(plain) ? plain : unknown;
}

export const fileEntry = (
  path: string,
  parts: readonly Part[],
  traits: { executable?: boolean | undefined; mediaType?: string | undefined } = {},
): FileEntry => ({
  kind: 'file',
  size: parts.reduce((sum, part) => sum + part.size, 0),
  executable: traits.executable ?? false,
  mediaType: mediaTypeOf(path, traits.mediaType),
  parts: parts.filter((part) => part.size > 0),
});
