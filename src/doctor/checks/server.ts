import { fail, ok, unknown, warn } from '../finding.ts';
import type { CertificateFact, Facts, Finding, Known, ServerFact } from '../port.ts';

const DAY = 86_400_000;

/** Reachable, and of a release that this one's behaviour fits: its own minor or the next, as upstream's skew policy has it. */
export function checkServer({ server, setting }: Pick<Facts, 'server' | 'setting'>, kubernetes: string): Finding {
  const check = 'api-server';
  if (setting.server === undefined)
    return fail(check, server.ok ? '' : server.why, `correct ${setting.kubeconfig}: README, Install, step 5`);
  if (!server.ok)
    return fail(
      check,
      `${setting.server} does not answer (${server.why})`,
      `check that kube-apiserver runs there, and that the CA in ${setting.kubeconfig} signed its certificate: openssl s_client -connect ${setting.server.replace('https://', '')} -CAfile <that CA>`,
    );
  const { gitVersion } = server.value;
  if (gitVersion === '')
    return unknown(
      check,
      `${setting.server} answers, but does not tell its version to who asks`,
      'give --admin-kubeconfig',
    );
  const [wanted, found] = [minorOf(kubernetes), minorOf(gitVersion)];
  if (wanted === undefined || found === undefined)
    return unknown(check, `the version ${gitVersion} has no minor`, 'see what answers at that address');
  const says = `${setting.server} is ${gitVersion}, Comptroller has the behaviour of ${kubernetes}`;
  if (found === wanted) return ok(check, says);
  if (found === wanted + 1)
    return warn(
      check,
      says,
      'one minor newer is supported; upgrade Comptroller before the next upgrade of the cluster',
    );
  if (found < wanted)
    return fail(check, says, `upgrade kube-apiserver to a minor of ${wanted}, or run the Comptroller of ${found}`);
  return fail(check, says, `run a Comptroller with the behaviour of minor ${found} or ${found - 1}`);
}

function minorOf(version: string): number | undefined {
  const minor = /^v1\.(\d{1,4})\./.exec(version)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** The CA in the kubeconfig. */
export function checkServerCa({ serverCa, setting, now }: Pick<Facts, 'serverCa' | 'setting' | 'now'>): Finding {
  const check = 'api-server-ca';
  const renew = `put the API server's present CA into ${setting.kubeconfig}: kubectl config set-cluster ... --certificate-authority=FILE --embed-certs`;
  if (!serverCa.ok) return fail(check, serverCa.why, renew);
  const valid = serverCa.value.filter((one) => one.notBefore <= now && now < one.notAfter);
  if (valid.length === 0) return fail(check, 'no certificate of the CA is valid now', renew);
  const last = Math.max(...valid.map(({ notAfter }) => notAfter));
  const says = `${valid.length} of ${serverCa.value.length} valid, until ${dayOf(last)}`;
  return last - now < 30 * DAY ? warn(check, says, renew) : ok(check, says);
}

export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

const SKEW = { warn: 2_000, fail: 10_000 };
/** The server tells whole seconds, cut off. */
const RESOLUTION = 1_000;

/** The clocks differ at least by what neither the whole seconds nor the time of the request explain. */
export function checkClock({ server }: Pick<Facts, 'server'>): Finding {
  const check = 'clock';
  const skew = skewOf(server);
  const remedy = 'let chronyd or systemd-timesyncd set the clock on both machines: chronyc tracking; timedatectl';
  if (skew === undefined)
    return unknown(check, 'the API server did not tell its time', 'compare `date -u` on both machines');
  const says = `this machine and the API server differ by ${skew.toFixed(0)} ms at least`;
  if (skew > SKEW.fail) return fail(check, says, remedy);
  return skew > SKEW.warn ? warn(check, says, remedy) : ok(check, says);
}

function skewOf(server: Known<ServerFact>): number | undefined {
  if (!server.ok || server.value.there === undefined) return undefined;
  const { here, there, took } = server.value;
  const behind = there - here;
  const between = behind > 0 ? behind : Math.max(0, -behind - RESOLUTION);
  return Math.max(0, between - took / 2);
}

/** What the certificates of a PEM say, in a word. */
export function validity({ notBefore, notAfter }: CertificateFact, now: number): 'early' | 'valid' | 'short' | 'ended' {
  if (now < notBefore) return 'early';
  if (now >= notAfter) return 'ended';
  return notAfter - now < 30 * DAY ? 'short' : 'valid';
}
