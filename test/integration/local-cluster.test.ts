import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { withCluster } from '#kit/cluster.ts';

const POD = { spec: { containers: [{ name: 'main', image: 'example.test/main:1' }] } };

function isReady(pod: { status?: { conditions?: readonly { type: string; status: string }[] } } | undefined): boolean {
  return pod?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

describe('a local cluster', () => {
  const use = withCluster({ name: 'boot' });

  it('runs a bare pod on a simulated node', async () => {
    const { admin } = use;
    // Nobody runs here who would make it.
    await admin.create('core/serviceaccounts', { metadata: { name: 'default', namespace: 'default' } });
    await admin.create('core/pods', { metadata: { name: 'bare', namespace: 'default' }, ...POD });
    const pod = await admin.waitFor('core/pods', { namespace: 'default', name: 'bare' }, isReady, { why: 'Ready' });
    expect(pod?.status?.phase).toBe('Running');
    expect(pod?.status?.podIP).toMatch(/^10\.244\./);
  });

  it('writes down each request under the Audit-ID that the client chose', async () => {
    const { admin, cluster } = use;
    const auditId = 'chosen-by-the-client-1';
    await admin.create(
      'core/configmaps',
      { metadata: { name: 'audited', namespace: 'default' } },
      {},
      { headers: { 'Audit-ID': auditId } },
    );
    const events = readFileSync(cluster.auditLog, 'utf8').trim().split('\n');
    const found = events.map((line) => JSON.parse(line)).filter((event) => event.auditID === auditId);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      stage: 'ResponseComplete',
      level: 'Metadata',
      verb: 'create',
      user: { username: 'local:admin' },
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'audited' },
      responseStatus: { code: 201 },
    });
  });
});
