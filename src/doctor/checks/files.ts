import { fail, ok, unknown } from '../finding.ts';
import type { Facts, FileFact, Finding } from '../port.ts';

/** Files that nobody else may read, and files that nobody else may change. */
export function checkFiles({ files, setting }: Pick<Facts, 'files' | 'setting'>): Finding[] {
  const problems = files.flatMap((file) => ofFile(file, setting.owner));
  if (problems.length > 0) return problems;
  const there = files.filter(({ stat }) => stat.ok && stat.value !== undefined).length;
  return [ok('files', `${there} files and directories have the right modes and owners`)];
}

function ofFile({ what, path, care, needed, stat }: FileFact, owner: number): Finding[] {
  const check = 'files';
  if (!stat.ok)
    return [unknown(check, `${what} ${path}: ${stat.why}`, 'run doctor as the user that Comptroller runs as')];
  if (stat.value === undefined)
    return needed ? [fail(check, `${what} ${path} is missing`, `put it there, or correct the flag that names it`)] : [];
  const { mode, uid, directory } = stat.value;
  const found: Finding[] = [];
  if (uid !== owner && uid !== 0)
    found.push(fail(check, `${what} ${path} belongs to user ${uid}`, `find out why; chown ${owner} ${path}`));
  const open = mode & (care === 'secret' ? 0o077 : 0o022);
  // Whoever may write into a sticky directory still cannot replace what is another's.
  if (open === 0 || (care === 'trusted' && directory && (mode & 0o1000) !== 0)) return found;
  const octal = (mode & 0o7777).toString(8).padStart(4, '0');
  if (care === 'trusted')
    return [...found, fail(check, `${what} ${path} has mode ${octal}: others could change it`, `chmod go-w ${path}`)];
  const remedy = `chmod ${directory ? '0700' : '0600'} ${path}${directory ? '' : '; if others may have read it, replace it'}`;
  return [...found, fail(check, `${what} ${path} has mode ${octal}: others could reach it`, remedy)];
}
