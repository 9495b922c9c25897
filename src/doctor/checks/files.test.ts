import { describe, expect, test } from 'vitest';
import { ills, unread, wellFacts } from '#kit/doctor.ts';
import type { FileFact } from '../port.ts';
import { checkFiles } from './files.ts';

const { setting } = wellFacts();
const file = (mode: number, more: Partial<FileFact> = {}, uid = 990, directory = false): FileFact => ({
  what: 'the key',
  path: '/k',
  care: 'secret',
  needed: true,
  stat: { ok: true, value: { mode, uid, directory } },
  ...more,
});
const of = (...files: FileFact[]): string[] => ills(checkFiles({ files, setting }));
const trusted = { care: 'trusted', what: 'the bundle' } as const;
const absent = { stat: { ok: true, value: undefined } } as const;

describe('files', () => {
  test.each([
    ['a secret of its owner', file(0o600)],
    ['a secret of root', file(0o400, {}, 0)],
    ['a directory of its owner', file(0o700, {}, 990, true)],
    ['a trusted file that all may read', file(0o644, trusted)],
    ['a directory like /tmp', file(0o1777, trusted, 0, true)],
    ['one that need not be there yet', file(0, { ...absent, needed: false })],
  ])('%s is well', (_, one) => {
    expect(of(one)).toEqual([]);
  });

  test.each([
    [
      'a secret that others read',
      file(0o644),
      /^fail files: the key \/k has mode 0644: others could reach it -> chmod 0600 \/k; if others/,
    ],
    ['a secret of the group', file(0o640), /mode 0640.* -> chmod 0600/],
    [
      'a directory that others enter',
      file(0o711, {}, 990, true),
      /mode 0711: others could reach it -> chmod 0700 \/k$/,
    ],
    [
      'a trusted file that the group writes',
      file(0o664, trusted),
      /^fail files: the bundle \/k has mode 0664: others could change it -> chmod go-w \/k/,
    ],
    ['a sticky file is no directory', file(0o1666, trusted), /others could change it/],
    [
      "somebody else's",
      file(0o600, {}, 1000),
      /^fail files: the key \/k belongs to user 1000 -> find out why; chown 990 \/k/,
    ],
    ['missing', file(0, absent), /^fail files: the key \/k is missing -> put it there/],
    ['cannot be looked at', file(0, { stat: unread }), /^unknown files: the key \/k: .* -> run doctor as the user/],
  ])('%s', (_, one, said) => {
    expect(of(file(0o600), one)).toEqual([expect.stringMatching(said)]);
  });
});
