import type { Command } from 'commander';
import { parseAuditId } from '#ledger/checkpoint.ts';
import { parseObject } from '#ledger/object-pattern.ts';
import { viewLogs } from '#ledger/records-view.ts';
import { type Deed, nameOf, type Why, why } from '#ledger/why.ts';
import { whyRecord } from '#ledger/why-record.ts';
import { EXIT, json, print, remark, subcommand, type Where } from './ledger-options.ts';
import { plain } from './ledger-output.ts';

export function whyCommand(): Command {
  return subcommand('why', 'explain an object, or one attempt: what was done or refused, by whom, and because of what')
    .argument('<kind>', 'a kind, plural or resource (ReplicaSet, pods, apps/replicasets), or an Audit-ID')
    .argument('[object]', 'namespace/name, or the name of what has no namespace')
    .action(async (kind: string, object: string | undefined, options: Where) => {
      const logs = await viewLogs(options.dir);
      const named = object === undefined ? parseAuditId(kind) : undefined;
      if (named !== undefined) {
        const found = await whyRecord(logs, named);
        if (found === undefined) return nothing(`no ledger here has the record ${kind}`);
        return print(options.output === 'json' ? json('why-record', found) : whyRecordText(found));
      }
      const found = await why(logs, parseObject(object === undefined ? kind : `${kind}/${object}`));
      if (found.counts.about + found.counts.because === 0) nothing('no ledger here knows this object');
      await print(options.output === 'json' ? json('why', { ...found }) : whyText(found));
    });
}

function nothing(what: string): void {
  remark(what);
  process.exitCode = EXIT.no;
}

const line = (name: string, text: string): string => `    ${name.padEnd(8)}${plain(text)}`;

/** What stands in the way first; then what was done; then where it all comes from. */
function whyText({ object, uids, about, because, chain, counts }: Why): string {
  const plural = object.resources[0]?.split('/')[1] ?? '';
  const name = [plural, object.namespace, object.name].filter(Boolean).join('/');
  const all = [...about, ...because];
  const denied = all.filter(({ decision }) => decision === 'denied');
  const head = `${name}: ${counts.about} attempts on it, ${counts.because} because of it, ${counts.denied} of them refused`;
  return `${[
    plain(head),
    ...(uids.length === 0 ? [] : [plain(`uid ${uids.join(', ')}`)]),
    ...(denied.length === 0 ? [] : ['', 'REFUSED', ...denied.flatMap(deniedText)]),
    ...section('DONE TO IT', about),
    ...section('DONE BECAUSE OF IT', because),
    ...(chain.length < 2
      ? []
      : [
          '',
          'CAUSES',
          ...chain.map(({ object, by, reason }) =>
            plain(`  ${object}${by === undefined ? '' : `, by ${by} (${reason}), because of`}`),
          ),
        ]),
  ].join('\n')}\n`;
}

export function deniedText(deed: Deed): string[] {
  const { controller, verb, resource, namespace, reason, trigger, count, first, last, rules, messages, standing } =
    deed;
  const where = namespace === '' ? '' : ` in ${namespace}`;
  const times = count === 1 ? `once, at ${first}` : `${count} times, from ${first} to ${last}`;
  return [
    plain(`  ${controller} may not ${verb} ${resource}${where} (${reason}, for ${nameOf(trigger)})`),
    line('when', times),
    ...rules.map(({ rule, title }) => line('rule', title === undefined ? rule : `${rule}: ${title}`)),
    ...messages.map((message) => line('says', message)),
    ...(deed.code === undefined ? [] : [line('code', `${deed.code}: ${deed.codeSays ?? ''}`)]),
    line('policy', policyOf(deed)),
    line('now', (standing ?? 0) > 0 ? 'it stands: no later attempt was allowed' : 'a later attempt was allowed'),
    line('records', deed.records.join(' ')),
  ];
}

function policyOf({ bundle, decidedBy }: Deed): string {
  return bundle === undefined
    ? `none was asked: ${decidedBy === 'built-in' ? 'a built-in rule' : 'the gate itself'} decided`
    : `bundle version ${bundle.version}, digest ${bundle.digest}`;
}

function section(title: string, deeds: readonly Deed[]): string[] {
  const done = deeds.filter(({ decision }) => decision === 'allowed');
  if (done.length === 0) return [];
  return ['', title, ...done.flatMap(doneText)];
}

function doneText(deed: Deed): string[] {
  const { controller, user, verb, resource, namespace, reason, count, first, last, outcome, names, records } = deed;
  const where = namespace === '' ? '' : ` in ${namespace}`;
  const code = deed.code === undefined ? '' : ` ${deed.code}`;
  const some = count > names.length ? ', ...' : '';
  return [
    plain(`  ${controller}: ${verb} ${resource}${where} (${reason}), ${count} ${outcome}${code}`),
    line('when', count === 1 ? first : `${first} to ${last}`),
    line('names', `${names.join(', ')}${some}`),
    line('as', `${user}, ${policyOf(deed)}`),
    line('records', records.slice(0, 1).join(' ')),
  ];
}

type Recorded = Exclude<Awaited<ReturnType<typeof whyRecord>>, undefined>;

function whyRecordText({ id, log, seq, time, type, deed, request, chain, resolved, outcome }: Recorded): string {
  const rules = deed.rules.map(({ rule, title }) => line('rule', title === undefined ? rule : `${rule}: ${title}`));
  return `${[
    plain(`${id}: ${type} ${seq} of the log ${log}, at ${time}`),
    plain(
      `  ${deed.controller} ${deed.decision === 'allowed' ? 'was allowed to' : 'may not'} ${deed.verb} ${deed.resource} ${request.object}`,
    ),
    line('why', `${deed.reason}, for ${nameOf(deed.trigger)} (queue ${request.loop}, key ${request.key})`),
    line('policy', policyOf(deed)),
    ...rules,
    ...deed.messages.map((message) => line('says', message)),
    ...(deed.user === '' ? [] : [line('as', `${deed.user}, certificate ${request.serial}`)]),
    line('sent', `${request.method} ${request.path}, ${request.bytes} bytes, ${request.digest}`),
    line('became', [deed.outcome, deed.code, outcome].filter(Boolean).join(', ')),
    ...(resolved === undefined ? [] : [line('later', resolved)]),
    ...(chain.length === 0 ? [] : [line('owners', chain.join(', '))]),
  ].join('\n')}\n`;
}
