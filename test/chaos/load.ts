/** Deployments and namespaces that come, roll, scale and go all the time, by an administrator that passes no proxy. */
import { setTimeout as pause } from 'node:timers/promises';
import { pathOf } from '#core/resource.ts';
import { type Admin, AdminError } from '#kit/admin.ts';
import { until } from '#kit/wait.ts';
import type { CallAnswer } from '#local/client.ts';
import { deployment } from '../demo/objects.ts';
import type { Draw, Load } from './fault.ts';
import { complaints, type Found, imageOf, type Wish } from './wishes.ts';

/** Light on purpose: what is measured is how faults are borne, not throughput. */
const LIMITS = { namespaces: 4, deployments: 10, replicas: 6, pods: 40 } as const;
/** Between two changes. */
const EVERY = 200;
const RETRY = 200;
/** Between two looks whether all is as wished: each lists everything. */
const LOOK = 300;
/** An API server that accepts connections and says nothing must not hold the load for longer. */
const ANSWER = 10_000;
const MARK = 'chaos.comptroller.dev/load';

interface Request {
  readonly method: 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body: object;
}

export class Churn implements Load {
  readonly #admin: Admin;
  readonly #draw: Draw;
  readonly #every: number;
  readonly #wishes: Wish[] = [];
  readonly #namespaces = new Set<string>();
  #serial = 0;
  #changes = 0;
  #running: Promise<void> | undefined;
  #stopping = false;
  #closed = false;
  /** A refusal that nothing explains: told by the next `settle`. */
  #trouble: unknown;

  constructor(admin: Admin, draw: Draw, every = EVERY) {
    this.#admin = admin;
    this.#draw = draw;
    this.#every = every;
  }

  get changes(): number {
    return this.#changes;
  }

  resume(): void {
    if (this.#running !== undefined) return;
    this.#stopping = false;
    this.#running = this.#churn();
  }

  async settle({ timeout }: { readonly timeout: number } = { timeout: 60_000 }): Promise<void> {
    const late = pause(timeout, 'late', { ref: false });
    if ((await Promise.race([this.#stop(), late])) === 'late')
      throw new Error(`after ${timeout} ms the API server had not answered the load's last change`);
    if (this.#trouble !== undefined) throw this.#trouble;
    // Of a paused Deployment nobody can say what is wished while a rollout stands half-way.
    for (const wish of this.#wishes.filter(({ paused }) => paused)) await this.#pause(wish, false);
    let wrong: readonly string[] = [];
    const asWished = async (): Promise<boolean> => {
      wrong = await this.#look();
      return wrong.length === 0;
    };
    await until(asWished, { timeout, every: LOOK, why: 'everything to be as wished' }).catch(() => {
      const more = wrong.length > 8 ? ` and ${wrong.length - 8} more` : '';
      throw new Error(`after ${timeout} ms not as wished: ${wrong.slice(0, 8).join('; ')}${more}`);
    });
  }

  async adopt(): Promise<void> {
    await this.#stop();
    this.#trouble = undefined;
    const { namespaces, deployments } = await this.#find();
    this.#namespaces.clear();
    this.#wishes.length = 0;
    for (const { metadata } of namespaces) {
      const name = metadata?.name ?? '';
      if (metadata?.deletionTimestamp === undefined) this.#namespaces.add(name);
      this.#serial = Math.max(this.#serial, Number(name.split('-')[1]));
    }
    for (const { metadata, spec } of deployments) {
      const { namespace = '', name = '' } = metadata ?? {};
      this.#serial = Math.max(this.#serial, Number(name.split('-')[1]));
      if (!this.#namespaces.has(namespace) || metadata?.deletionTimestamp !== undefined) continue;
      const tag = Number(spec?.template?.spec?.containers?.[0]?.image?.split(':')[1]);
      this.#wishes.push({ namespace, name, replicas: spec?.replicas ?? 0, tag, paused: spec?.paused ?? false });
    }
  }

  /** For the end of an arena: nothing is proven. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#stop();
  }

  /** The change under way comes to its end first, and for that it needs an API server. */
  async #stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
    this.#running = undefined;
  }

  async #churn(): Promise<void> {
    try {
      while (!this.#stopping) {
        await this.#change();
        this.#changes += 1;
        await pause(this.#every);
      }
    } catch (error) {
      this.#trouble = error;
    }
  }

  /** One change that is possible now. */
  async #change(): Promise<void> {
    const { deployments, namespaces, pods } = LIMITS;
    const draw = this.#draw;
    if (this.#namespaces.size < 2 || (this.#namespaces.size < namespaces && draw.chance(0.05)))
      return this.#createNamespace();
    if (this.#namespaces.size > 2 && draw.chance(0.04)) return this.#deleteNamespace();
    const wished = this.#wishes.reduce((sum, { replicas }) => sum + replicas, 0);
    const full = this.#wishes.length >= deployments || wished >= pods;
    if (this.#wishes.length < 3 || (!full && draw.chance(0.2)))
      return this.#create(draw.of([...this.#namespaces]), `web-${++this.#serial}`);
    const wish = draw.of(this.#wishes);
    if (draw.chance(full ? 0.3 : 0.1)) return this.#delete(wish);
    return this.#alter(wish);
  }

  #alter(wish: Wish): Promise<void> {
    const draw = this.#draw;
    if (wish.paused || draw.chance(0.1)) return this.#pause(wish, !wish.paused);
    if (draw.chance(0.4)) {
      wish.tag += 1;
      const containers = [{ name: 'main', image: imageOf(wish) }];
      return this.#patch(wish, { template: { spec: { containers } } });
    }
    wish.replicas = draw.int(0, LIMITS.replicas);
    return this.#patch(wish, { replicas: wish.replicas });
  }

  async #createNamespace(): Promise<void> {
    const name = `load-${++this.#serial}`;
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { [MARK]: 'yes' } } };
    await this.#insist({ method: 'POST', path: pathOf('core/namespaces'), body }, [201, 409]);
    // A write in each namespace that is not ours: else nobody could tell whether an attempt that a kill cut off never
    // arrived in it, or whether the audit log hides what happens there.
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'of-the-load' } };
    const path = pathOf('core/configmaps', { namespace: name });
    await this.#insist({ method: 'POST', path, body: map }, [201, 409]);
    this.#namespaces.add(name);
  }

  async #deleteNamespace(): Promise<void> {
    const name = this.#draw.of([...this.#namespaces]);
    this.#namespaces.delete(name);
    for (const wish of this.#wishes.filter(({ namespace }) => namespace === name)) this.#forget(wish);
    // Asked again it may be on its way already.
    await this.#insist({ method: 'DELETE', path: pathOf('core/namespaces', { name }), body: {} }, [200, 202, 404, 409]);
  }

  async #create(namespace: string, name: string): Promise<void> {
    const wish: Wish = { namespace, name, replicas: this.#draw.int(1, LIMITS.replicas), tag: 1, paused: false };
    const body = { apiVersion: 'apps/v1', kind: 'Deployment', ...deployment(namespace, name, wish.replicas) };
    await this.#insist({ method: 'POST', path: pathOf('apps/deployments', { namespace }), body }, [201, 409]);
    this.#wishes.push(wish);
  }

  /** At times the children go first, and at times another one of the same name comes at once. */
  async #delete(wish: Wish): Promise<void> {
    const { namespace, name } = wish;
    this.#forget(wish);
    const foreground = this.#draw.chance(0.3);
    const body = { propagationPolicy: foreground ? 'Foreground' : 'Background' };
    const path = pathOf('apps/deployments', { namespace, name });
    await this.#insist({ method: 'DELETE', path, body }, [200, 202, 404]);
    if (!foreground && this.#draw.chance(0.3)) await this.#create(namespace, name);
  }

  async #pause(wish: Wish, paused: boolean): Promise<void> {
    wish.paused = paused;
    await this.#patch(wish, { paused });
  }

  async #patch({ namespace, name }: Wish, spec: object): Promise<void> {
    const path = pathOf('apps/deployments', { namespace, name });
    await this.#insist({ method: 'PATCH', path, body: { spec } }, [200]);
  }

  #forget(wish: Wish): void {
    this.#wishes.splice(this.#wishes.indexOf(wish), 1);
  }

  /**
   * Asks until there is a yes or a no: the API server may be away, and an answer may be lost. Every change says what
   * shall be, so that asking twice is harmless.
   */
  async #insist({ method, path, body }: Request, fine: readonly number[]): Promise<void> {
    const contentType = method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json';
    for (;;) {
      const signal = AbortSignal.timeout(ANSWER);
      const answer = await this.#admin.call(method, path, { body, contentType, signal }).catch(() => undefined);
      if (answer !== undefined && fine.includes(answer.status)) return;
      if (answer !== undefined && !isPassing(answer)) throw new AdminError(method, path, answer);
      if (this.#closed) return;
      await pause(RETRY);
    }
  }

  async #look(): Promise<readonly string[]> {
    try {
      return complaints(this.#wishes, this.#namespaces, await this.#find());
    } catch (error) {
      return [`the API server does not tell: ${error instanceof Error ? error.message : String(error)}`];
    }
  }

  async #find(): Promise<Found> {
    const admin = this.#admin;
    const namespaces = await admin.list('core/namespaces', { selector: MARK });
    const ours = new Set(namespaces.map(({ metadata }) => metadata?.name ?? ''));
    const isOurs = ({ metadata }: { readonly metadata?: { readonly namespace?: string } }): boolean =>
      ours.has(metadata?.namespace ?? '');
    const [deployments, replicaSets, pods, accounts, maps] = await Promise.all([
      admin.list('apps/deployments'),
      admin.list('apps/replicasets'),
      admin.list('core/pods'),
      admin.list('core/serviceaccounts'),
      admin.list('core/configmaps', { fields: 'metadata.name=kube-root-ca.crt' }),
    ]);
    const at = ({ metadata }: { readonly metadata?: { readonly namespace?: string; readonly name?: string } }) =>
      `${metadata?.namespace}/${metadata?.name}`;
    return {
      namespaces,
      deployments: deployments.filter(isOurs),
      replicaSets: replicaSets.filter(isOurs),
      pods: pods.filter(isOurs),
      equipment: new Set([...accounts, ...maps].map(at)),
    };
  }
}

/** The API server is away, busy or ending: it may answer otherwise in a moment. */
const isPassing = ({ status }: CallAnswer): boolean => status === 429 || status >= 500;
