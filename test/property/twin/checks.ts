import type { RecordedRequest } from '#api/port.ts';
import type { Cache } from '#cache/port.ts';
import type { Controller, Input } from '#core/controller.ts';
import { listedBy, watchesAll } from '#core/controller.ts';
import type { Deployment, Lease, OwnerReference, Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf } from '#core/owner.ts';
import { isActive } from '#core/pod.ts';
import { keyOf } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { compareRV, covers } from '#core/rv.ts';
import { digestThatMatters } from '#gate/park.ts';
import { anchorOf } from '#leader/lease.ts';
import { sha256 } from '#ledger/caps.ts';
import { textOf } from '#ledger/leaf.ts';
import { sentText } from '#ledger/records.ts';
import type { Decision, PolicyInput } from '#policy/port.ts';
import type { ApiServer, Arrived, Place, Served } from './api-server.ts';
import type { SimulatedDisk } from './disk.ts';
import { FOREGROUND, type Stored } from './objects.ts';
import { LEASE } from './replica.ts';
import type { Travels } from './wire.ts';

/** A promise of the product that was broken. Its message is what a person reads first. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** What a key's next run must be able to see. */
interface OwnWrite {
  readonly resource: Resource;
  readonly verb: string;
  readonly namespace: string | undefined;
  readonly name: string;
  /** Undefined while the server has not decided. */
  state: 'open' | 'void' | 'done';
  uid: string;
  rv: string;
}

/** The promises, checked at the moment they could be broken. */
export class Checks {
  violation: Violation | undefined;
  /** After a restore to an older snapshot, counts and versions of before say nothing. */
  restored = false;
  /** By machine, as in the names of its processes: `p0` of `p0-1`. */
  readonly disks = new Map<string, SimulatedDisk>();
  readonly #server: ApiServer;
  /** Where the Lease was last told that the ledger of a machine stands. */
  readonly #told = new Map<string, { readonly log: string; readonly size: number }>();
  /** Processes that lead on a ledger that was put back, until a person has looked. */
  readonly #waits = new Set<string>();
  /** The most that was ever wished, by the uid of ReplicaSet or Deployment. */
  readonly #wished = new Map<string, number>();
  /** Who is, or was once, deleted after its dependents: it takes them along, whatever still holds itself. */
  readonly #ending = new Set<string>();
  readonly #own = new Map<string, OwnWrite[]>();
  readonly #denied = new Set<string>();
  /** When each process won, as the server's revision. */
  readonly #won = new Map<string, string>();
  readonly #caughtUp = new Set<string>();

  constructor(server: ApiServer) {
    this.#server = server;
    server.witness = {
      before: (request, place, target) => this.#before(request, place, target),
      after: (request, place, answer) => this.#after(request, place, answer),
    };
    server.objects.onEvent(({ object }) => {
      const { replicas } = (object.spec ?? {}) as { replicas?: number };
      const { uid, finalizers = [] } = object.metadata;
      if (finalizers.includes(FOREGROUND)) this.#ending.add(uid);
      if (replicas !== undefined) this.#wished.set(uid, Math.max(replicas, this.#wished.get(uid) ?? 0));
    });
  }

  fail(what: string): void {
    this.violation ??= new Violation(what);
  }

  /** The Lease that tells of ledgers is gone. */
  forgetTold(): void {
    this.#told.clear();
  }

  /** A person has looked at what is held, and lets it go. */
  looked(): void {
    this.#waits.clear();
  }

  /** I1: in the turn in which bytes leave, their record of an allow is on the disk. */
  sending(process: string, disk: SimulatedDisk, { request, auditId }: RecordedRequest): Travels {
    const found = disk.intents.get(auditId);
    if (found === undefined) this.fail(`I1: ${request.verb} ${request.path} left without a durable record`);
    else if (textOf(found.leaf.data, 'digest') !== `sha256:${sha256(sentText(request))}`)
      this.fail(`I1: ${request.verb} ${request.path} left with other bytes than were recorded`);
    const { target, verb } = request;
    const own: OwnWrite = {
      resource: target.resource,
      verb,
      namespace: target.namespace,
      name: target.name ?? '',
      state: 'open',
      uid: target.uid ?? '',
      rv: '',
    };
    const data = found?.leaf.data;
    const key = `${process} ${textOf(data, 'controller')} ${textOf(data, 'loop')} ${textOf(data, 'key')}`;
    if (request.class === 'write') this.#own.set(key, [...(this.#own.get(key) ?? []), own]);
    return travelsOf(own);
  }

  /** I8: a run sees all that its key has written, and nothing of it may still be on its way. */
  reconciling(
    process: string,
    { name, rbac }: Controller,
    loop: string,
    { key }: Input<Resource, ApiObject>,
    cache: Cache,
  ): void {
    // Who works on everything looks live at what it decides on.
    if (this.restored || watchesAll(rbac)) return;
    this.#checkWon(process, listedBy(rbac), cache);
    const at = `${process} ${name} ${loop} ${key}`;
    const left = (this.#own.get(at) ?? []).filter((own) => {
      if (own.state === 'void') return false;
      const seen = own.state === 'done' && isSeen(own, cache, this.#server);
      if (!seen) this.fail(`I8: ${at} decides while its own ${own.verb} of ${own.name} is ${own.state} and not seen`);
      return !covers(cache.syncedRV(own.resource), own.rv);
    });
    this.#own.set(at, left);
  }

  /** I8: and all that was there when leadership was won. */
  #checkWon(process: string, listed: readonly Resource[], cache: Cache): void {
    const won = this.#won.get(process);
    if (won === undefined) this.fail(`I10: ${process} decides without having won`);
    for (const resource of listed) {
      const id = `${process} ${resource}`;
      if (this.#caughtUp.has(id)) continue;
      this.#caughtUp.add(id);
      const last = this.#server.objects.log.findLast(
        (event) => event.resource === resource && event.rv <= Number(won ?? 0),
      );
      if (last !== undefined && !covers(cache.syncedRV(resource), String(last.rv)))
        this.fail(`I8: ${process} decides on ${resource} of before it won`);
    }
  }

  /** I11: what was refused is asked again only if something that matters changed. */
  decided(process: string, input: PolicyInput, decision: Decision): void {
    if (decision.kind !== 'deny' || input.write.class === 'event') return;
    const id = `${process} ${decision.bundle.version} ${input.cause.trigger?.uid} ${digestThatMatters(input)}`;
    if (this.#denied.has(id)) this.fail(`I11: ${input.write.verb} ${input.write.name} is judged again, unchanged`);
    this.#denied.add(id);
  }

  #before(request: Arrived, place: Place, target: Stored | undefined): void {
    const isLease = place.resource === 'coordination.k8s.io/leases';
    if (!isLease) this.#checkFence(request);
    if (request.method === 'DELETE' && this.#waits.has(request.process))
      this.fail(`I16: ${request.process} deletes ${request.path}, though its ledger was put back`);
    if (!request.user.endsWith(':garbage-collector') || target === undefined) return;
    if (request.method === 'DELETE') this.#checkCollected(request, target);
  }

  /** I10: whatever is done, is done before anybody else leads. */
  #checkFence({ process, method, path }: Arrived): void {
    const lease = this.#server.objects.get('coordination.k8s.io/leases', keyOf(LEASE)) as Lease | undefined;
    const holder = lease?.spec?.holderIdentity ?? '';
    if (holder !== process && holder !== '' && !this.restored)
      this.fail(`I10: ${method} ${path} of ${process} is done while ${holder} leads`);
  }

  #checkCollected({ body = '{}' }: Arrived, target: Stored): void {
    const { preconditions } = JSON.parse(body) as { preconditions?: { uid?: string; resourceVersion?: string } };
    const { uid, resourceVersion, ownerReferences = [], name } = target.metadata;
    // Only then the API server refuses it: what names no version is carried out, whatever it is of.
    const refuses = (wanted: string | undefined, is: string | undefined) => wanted !== undefined && wanted !== is;
    if (refuses(preconditions?.uid, uid) || refuses(preconditions?.resourceVersion, resourceVersion)) return;
    const living = ownerReferences.filter((reference) => this.#lives(reference));
    if (ownerReferences.length === 0) this.fail(`the garbage collector deletes ${name}, which had no owner`);
    if (living.length > 0) this.fail(`the garbage collector deletes ${name}, whose owner ${living[0]?.name} lives`);
  }

  #lives({ uid }: OwnerReference): boolean {
    return this.#server.objects.byUid(uid) !== undefined && !this.#ending.has(uid);
  }

  #after({ method, process }: Arrived, { resource }: Place, { status, body }: Served): void {
    if (status >= 300) return;
    const object = body as Stored;
    if (resource === 'coordination.k8s.io/leases') this.#noteLease(process, object as Lease);
    if (this.restored) return;
    if (resource === 'core/pods' && method === 'POST') this.#checkPods(object);
    if (resource === 'apps/replicasets' && (method === 'PATCH' || method === 'POST')) this.#checkSurge(object);
  }

  #noteLease(process: string, { spec, metadata }: Lease): void {
    const rv = metadata?.resourceVersion ?? '';
    const machine = machineOf(process);
    if (spec?.holderIdentity === process && !this.#won.has(process)) {
      this.#won.set(process, rv);
      if (this.#wentBack(machine)) this.#waits.add(process);
    }
    const { origin, size } = anchorOf({ metadata } as Lease) ?? { origin: '', size: 0 };
    this.#told.set(machine, { log: origin.slice(origin.lastIndexOf('/') + 1), size });
  }

  #wentBack(machine: string): boolean {
    const told = this.#told.get(machine);
    if (this.restored) return false;
    return told !== undefined && (this.disks.get(machine)?.recordsOf(told.log) ?? 0) < told.size;
  }

  /** No pod more than was ever wished. */
  #checkPods(pod: Stored): void {
    const owner = controllerOf(pod);
    if (owner === undefined) return;
    const pods = this.#ownedBy('core/pods', owner.uid).filter((one) => isActive(one as Pod));
    const wished = this.#wished.get(owner.uid) ?? 0;
    if (pods.length > wished) this.fail(`${owner.name} has ${pods.length} pods, and never wished more than ${wished}`);
  }

  /** All revisions together wish no more than the Deployment and its surge, which is a quarter, rounded up. */
  #checkSurge(replicaSet: Stored): void {
    const owner = controllerOf(replicaSet);
    const deployment = owner && (this.#server.objects.byUid(owner.uid) as Deployment | undefined);
    if (owner === undefined || deployment === undefined) return;
    const wished = this.#wished.get(owner.uid) ?? 0;
    const sum = this.#ownedBy('apps/replicasets', owner.uid).reduce(
      (total, one) => total + ((one as ReplicaSet).spec.replicas ?? 1),
      0,
    );
    if (sum > wished + Math.ceil(wished / 4))
      this.fail(`${owner.name} wishes ${sum} pods in all, and never more than ${wished}`);
  }

  #ownedBy(resource: 'core/pods' | 'apps/replicasets', uid: string): readonly Stored[] {
    return this.#server.objects.all(resource).filter((object) => controllerOf(object)?.uid === uid);
  }
}

const machineOf = (process: string): string => process.slice(0, process.indexOf('-'));

function travelsOf(own: OwnWrite): Travels {
  return {
    arrived({ status, body }) {
      own.state = status < 300 ? 'done' : 'void';
      const { uid, resourceVersion } = (body as ApiObject).metadata ?? {};
      if (uid !== undefined) own.uid = uid;
      own.rv = resourceVersion ?? '';
    },
    vanished() {
      own.state = 'void';
    },
    answered() {},
  };
}

function isSeen({ resource, namespace, name, uid, rv, verb }: OwnWrite, cache: Cache, server: ApiServer): boolean {
  if (rv !== '' && covers(cache.syncedRV(resource), rv)) return true;
  const shown = cache.view([resource]).get(resource, { namespace, name } as never) as ApiObject | undefined;
  const same = shown !== undefined && shown.metadata?.uid === uid;
  if (verb === 'delete') return !same || shown.metadata?.deletionTimestamp !== undefined;
  if (same) return compareRV(shown.metadata?.resourceVersion ?? '', rv) >= 0;
  return server.objects.byUid(uid) === undefined;
}
