import { fail, ok, unknown, warn } from '../finding.ts';
import type { Facts, Finding, LedgerFact } from '../port.ts';

const SIGN = (bundle: string): string => `comptroller policy sign --bundle ${bundle} --key <your signing key>`;

/** What puts a refused bundle right, by why it was refused. */
function bundleRemedy(fault: string, bundle: string): string {
  switch (fault) {
    case 'missing':
    case 'too-large':
    case 'malformed':
      return `put a whole bundle there: cp -r policies/build ${bundle}, then ${SIGN(bundle)}`;
    case 'digest':
      return `a file was changed after the bundle was made: find out by whom; put the bundle back as it was signed, or build it anew and sign it`;
    case 'signature':
      return `${SIGN(bundle)} with the private key of one of --policy-key, or configure the key that signed it`;
    case 'expired':
      return `review the bundle and sign it again: ${SIGN(bundle)}`;
    case 'version':
      return 'roll back by giving the old rules a new, higher version: comptroller policy build --bundle-version <n>, then comptroller policy sign';
    case 'self-test':
      return 'its own cases fail: comptroller policy test says which; put the last good bundle back';
    default:
      return 'build it with the OPA that this release names, and sign it';
  }
}

export function checkBundle({ bundle, setting }: Pick<Facts, 'bundle' | 'setting'>): Finding[] {
  const check = 'policy-bundle';
  if (!bundle.ok)
    return [fail(check, bundle.why, 'give --policy-bundle and --policy-key; without them every write is refused')];
  const { loaded, highest } = bundle.value;
  if (!loaded.ok) return [fail(check, `${loaded.fault}: ${loaded.why}`, bundleRemedy(loaded.fault, setting.bundle))];
  const says = `version ${loaded.version} (${loaded.digest.slice(0, 12)}), signed, its self-test passes`;
  if (!highest.ok)
    return [
      ok(check, says),
      unknown(check, `the ledger's highest version: ${highest.why}`, 'run doctor as the user that Comptroller runs as'),
    ];
  if (loaded.version >= highest.value) return [ok(check, `${says}; the ledger has seen ${highest.value}`)];
  const found = `version ${loaded.version} is below ${highest.value}, which the ledger has seen`;
  return [fail(check, found, bundleRemedy('version', setting.bundle))];
}

const MIB = 1024 * 1024;
const FREE = { warn: 1024 * MIB, fail: 128 * MIB };

export function checkLedger({ ledger, setting, process }: Pick<Facts, 'ledger' | 'setting' | 'process'>): Finding[] {
  if (!ledger.ok) return [unknown('ledger', ledger.why, 'run doctor as the user that Comptroller runs as')];
  return [
    ofLog(ledger.value, setting.ledgerDir),
    ofSpace(ledger.value, setting.ledgerDir),
    ofLock(ledger.value, process, setting.ledgerDir),
  ];
}

function ofLog({ log }: LedgerFact, directory: string): Finding {
  const check = 'ledger';
  if (log === undefined)
    return warn(
      check,
      `${directory} holds no log yet`,
      'comptroller run makes one; give the --ledger-dir of the process that runs',
    );
  const by = log.trust === 'keeper' ? 'the key of the running keeper' : 'the key beside the logs, as no keeper answers';
  if (log.wrong !== undefined)
    return fail(
      check,
      `log ${log.id}: ${log.wrong}`,
      `comptroller ledger verify --dir ${directory}; keep a copy of the directory before anything else`,
    );
  return ok(check, `log ${log.id}: ${log.size} records under a checkpoint signed by ${by}; ledger verify checks all`);
}

function ofSpace({ freeBytes }: LedgerFact, directory: string): Finding {
  const check = 'ledger-space';
  const says = `${Math.floor(freeBytes / MIB)} MiB are free at ${directory}`;
  const remedy = 'make room, or move --ledger-dir to a larger disk: a full disk ends every write to the cluster';
  if (freeBytes < FREE.fail) return fail(check, says, remedy);
  return freeBytes < FREE.warn ? warn(check, says, remedy) : ok(check, says);
}

function ofLock({ lock }: LedgerFact, process: Facts['process'], directory: string): Finding {
  const check = 'ledger-lock';
  const runs = process.ok && process.value !== undefined;
  if (lock === 'abandoned')
    return warn(
      check,
      `${directory}/lock is of a process that is gone`,
      'find out why it ended; the next start takes the lock by itself',
    );
  if (lock === 'held') return ok(check, 'held by a live process');
  if (!runs) return ok(check, 'free');
  return fail(
    check,
    'a process runs, and nobody holds the lock',
    'its ledger is elsewhere, or the file was removed: start Comptroller again, with the same --ledger-dir here',
  );
}
