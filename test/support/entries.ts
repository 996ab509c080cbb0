// Entries for tests: a file whose content is the text itself.

import type { Entry, FileEntry } from '../../core/model/entry.ts';
import { sha256 } from '../../core/tree/digest.ts';
import type { Edit } from '../../core/tree/edit.ts';

export const fileOf = (content: string): FileEntry => ({
  kind: 'file',
  size: content.length,
  executable: false,
  mediaType: 'text/plain',
  parts: content === '' ? [] : [{ sha256: sha256(content), size: content.length }],
});

export const put = (path: string, content: string): Edit => ({
  key: `files/${path}`,
  entry: fileOf(content),
});
export const remove = (path: string): Edit => ({ key: `files/${path}`, entry: undefined });

export const contentId = (entry: Entry | undefined): string | undefined =>
  entry === undefined ? undefined : JSON.stringify(entry);
