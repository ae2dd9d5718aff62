import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { SpecError } from '../base/errors.ts';

const RULES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EISDIR: 'it is a folder, not a file',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EEXIST: 'it is a file, not a folder',
  EACCES: 'this user may not open it',
  EPERM: 'this user may not open it',
  EROFS: 'it lies on a read-only file system',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's share of the disk is full",
  ENAMETOOLONG: 'its name is too long',
};

/** Runs `body` and says what the file system had against it. @throws SpecError */
export function onFile<T>(path: string, body: () => T): T {
  try {
    return body();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new SpecError({ where: `file "${path}"`, rule: RULES[code] ?? `it cannot be opened (${code})`, cause });
  }
}

/** @throws SpecError */
export function readBytes(path: string): Uint8Array<ArrayBuffer> {
  return onFile(path, () => new Uint8Array(readFileSync(path)));
}

/** @throws SpecError */
export function readText(path: string): string {
  return onFile(path, () => readFileSync(path, 'utf8'));
}

/** The text of a file, or null when there is none. @throws SpecError when it is there and cannot be read. */
export function readTextIfAny(path: string): string | null {
  return onFile(path, () => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
      throw error;
    }
  });
}

/** False where nothing is there, too. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Makes a folder and those above it where they are missing. @throws SpecError */
export function makeFolder(path: string): void {
  onFile(path, () => mkdirSync(path, { recursive: true }));
}

/** Puts a whole file in place at once: whoever reads `path` sees the old file or the new one, never a part. @throws SpecError */
export function writeWhole(path: string, data: string | ArrayBuffer): void {
  // Processes of several machines may share a folder, and a number.
  const draft = `${path}.part${randomUUID()}`;
  onFile(path, () => {
    try {
      const file = openSync(draft, 'w');
      try {
        const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);
        for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(draft, path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  });
}
