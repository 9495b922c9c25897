import { fail, ok, some, unknown, untold, warn } from '../finding.ts';
import type { CaFact, CertificateFact, Facts, Finding, IdentityFact } from '../port.ts';
import { dayOf, validity } from './server.ts';

type CaFacts = Pick<Facts, 'ca' | 'clientCas' | 'keeper' | 'setting' | 'now'>;

const NEW_CA =
  'make a new CA and its key (README, Install, step 2), add it to --client-ca-file, start Comptroller again';

const AS_USER = 'run doctor as the user that Comptroller runs as';

/** The CA of the identities: its files, its days, whether the API server believes it, whether the keeper uses it. */
export function checkCa(facts: CaFacts): Finding[] {
  const check = 'ca';
  const { ca, setting } = facts;
  if (setting.caCertFile === undefined) return keepersOwn(check, facts);
  if (!ca.ok && ca.why.endsWith('EACCES')) return [unknown(check, ca.why, AS_USER)];
  if (!ca.ok) return [fail(check, ca.why, `give the PEM files of the CA; ${NEW_CA}`)];
  const problems = [
    ...ofFiles(check, ca.value, facts),
    ...ofServer(check, ca.value.certificate, facts),
    ...ofKeeper(check, ca.value, facts),
  ];
  if (problems.length > 0) return problems;
  return [
    ok(
      check,
      `certificate and key match, valid until ${dayOf(ca.value.certificate.notAfter)}, known to the API server`,
    ),
  ];
}

/** Where only the keeper has the files, its word is what there is. */
function keepersOwn(check: string, facts: CaFacts): Finding[] {
  const { keeper, now } = facts;
  if (!keeper.ok)
    return [
      unknown(
        check,
        `no --keeper-ca-cert-file is given, and no keeper answers: ${keeper.why}`,
        'start the keeper, or give the files',
      ),
    ];
  const { certificate } = keeper.value;
  const problems = [...ofDays(check, certificate, now), ...ofServer(check, certificate, facts)];
  if (problems.length > 0) return problems;
  return [ok(check, `with the keeper, valid until ${dayOf(certificate.notAfter)}, known to the API server`)];
}

function ofFiles(check: string, { certificate, matches }: CaFact, { now, setting }: CaFacts): Finding[] {
  const found: Finding[] = [];
  if (!matches.ok) found.push(unknown(check, matches.why, AS_USER));
  else if (!matches.value)
    found.push(
      fail(
        check,
        `the key is not that of ${setting.caCertFile}`,
        `put back the files that belong together, or ${NEW_CA}`,
      ),
    );
  if (!certificate.ca) found.push(fail(check, `${setting.caCertFile} is no CA certificate`, NEW_CA));
  return [...found, ...ofDays(check, certificate, now)];
}

function ofDays(check: string, certificate: CertificateFact, now: number): Finding[] {
  const life = validity(certificate, now);
  const until = `from ${dayOf(certificate.notBefore)} to ${dayOf(certificate.notAfter)}`;
  if (life === 'ended') return [fail(check, `the CA has ended: ${until}`, NEW_CA)];
  if (life === 'early') return [fail(check, `the CA is not valid yet: ${until}`, `compare clocks, or ${NEW_CA}`)];
  return life === 'short' ? [warn(check, `the CA ends within 30 days: ${until}`, NEW_CA)] : [];
}

function ofServer(check: string, { fingerprint }: CertificateFact, { clientCas, setting }: CaFacts): Finding[] {
  if (!clientCas.ok) return [untold(check, `whether the API server believes it: ${clientCas.why}`)];
  if (clientCas.value.has(fingerprint)) return [];
  const remedy = `cat ${setting.caCertFile ?? '<its certificate>'} >> <the file in kube-apiserver's --client-ca-file>; it is read again within a minute`;
  return [fail(check, 'the API server does not believe this CA', remedy)];
}

function ofKeeper(check: string, { certificate }: CaFact, { keeper, setting }: CaFacts): Finding[] {
  if (!keeper.ok || keeper.value.certificate.fingerprint === certificate.fingerprint) return [];
  const found = `the running keeper signs with another CA than ${setting.caCertFile}`;
  return [
    fail(check, found, 'put the old files back, or start Comptroller again once the API server believes the new CA'),
  ];
}

type ProcessFacts = Pick<Facts, 'process' | 'generations' | 'keeper' | 'setting' | 'now'>;

/** The process on this machine, and the certificates that it says it has. */
export function checkProcess(facts: ProcessFacts, identities: readonly string[]): Finding[] {
  const { process, setting, keeper } = facts;
  if (!process.ok) return [unknown('process', process.why, AS_USER)];
  if (process.value === undefined)
    return [
      warn(
        'process',
        `none runs with the state directory ${setting.stateDir}`,
        'start comptroller run, or give the --state-dir of the one that runs',
      ),
    ];
  const found = [ok('process', `runs as process ${process.value.pid}`)];
  if (!keeper.ok) found.push(fail('keeper', keeper.why, 'start Comptroller again; its log says why the keeper ended'));
  else found.push(ok('keeper', 'answers'));
  return [...found, ...checkCertificates(facts, process.value.identities, identities)];
}

function checkCertificates(facts: ProcessFacts, found: readonly IdentityFact[], wanted: readonly string[]): Finding[] {
  const check = 'certificates';
  const missing = wanted.filter((name) => !found.some(({ identity }) => identity === name));
  const problems = found.flatMap((one) => ofIdentity(check, one, facts));
  if (missing.length > 0)
    problems.unshift(
      fail(
        check,
        `the process has none for ${some(missing)}`,
        'start Comptroller again: it is another version than this doctor',
      ),
    );
  if (problems.length > 0) return problems;
  const first = Math.min(...found.map(({ notAfter }) => notAfter));
  return [ok(check, `${found.length} identities, the first ends ${new Date(first).toISOString()}`)];
}

/** A renewal is tried again after at most five minutes. */
const LATE = 6 * 60_000;

function ofIdentity(check: string, one: IdentityFact, { now, generations, setting }: ProcessFacts): Finding[] {
  const { identity, notAfter, renewsAt, generation } = one;
  const renew = `comptroller certs renew ${identity} --state-dir ${setting.stateDir}; if it fails, the log says why`;
  if (notAfter <= now) return [fail(check, `that of ${identity} ended ${new Date(notAfter).toISOString()}`, renew)];
  const found: Finding[] = [];
  if (renewsAt + LATE < now)
    found.push(warn(check, `that of ${identity} was to be renewed ${new Date(renewsAt).toISOString()}`, renew));
  const wanted = generations.ok ? (generations.value.get(identity) ?? 1) : undefined;
  if (wanted !== undefined && generation !== undefined && generation !== wanted)
    found.push(fail(check, `that of ${identity} is of generation ${generation}, and ${wanted} is in force`, renew));
  return found;
}
