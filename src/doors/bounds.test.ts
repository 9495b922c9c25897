import { expect, test } from 'vitest';
import { fakeClock } from '#kit/fake-clock.ts';
import { createBuckets, peerOf } from './bounds.ts';
import { createReviews } from './reviews.ts';

test.each([
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:DB8::6', '2001:db8:0:0'],
  ['2001:db8:1:2::', '2001:db8:1:2'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['', ''],
])('the peer at %s', (address, peer) => expect(peerOf(address)).toBe(peer));

test('each has its own rate, and whoever was quiet for longest is forgotten first', () => {
  const clock = fakeClock();
  const buckets = createBuckets(clock, 1, 2, 2);
  const take = (...whom: readonly string[]): boolean[] => whom.map((who) => buckets.take(who));
  expect(take('a', 'a', 'a', 'b', 'b', 'b')).toEqual([true, true, false, true, true, false]);
  clock.advance(1000);
  expect(take('a', 'a', 'c', 'a', 'b')).toEqual([true, false, true, false, true]);
});

const alice = { name: 'alice', uid: '', groups: [], extra: new Map() };
const status = (path: string): object =>
  path.includes('tokenreviews') ? { authenticated: true, user: { username: 'alice' } } : { allowed: true };

test("strangers' tokens do not use up what may be asked about the rights of the known, nor the other way", async () => {
  const review = async (_: string, path: string) => ({ status: 201, body: { status: status(path) } });
  const flooded = createReviews({ review }, fakeClock());
  for (let at = 0; at < 60; at++) await flooded.token(`t-${at}`);
  expect(await flooded.token('another')).toBe('unavailable');
  expect(await flooded.access(alice, 'release', '/breaker/release')).toBe('allowed');
  const searched = createReviews({ review }, fakeClock());
  for (let at = 0; at < 60; at++) await searched.access(alice, 'get', `/breaker/holds/${at}`);
  expect(await searched.access(alice, 'get', '/another')).toBe('unavailable');
  expect(await searched.token('hers')).toMatchObject({ name: 'alice' });
});
