import { describe, expect, test } from 'vitest';
import { acceptConsent, sampleExpiry } from '../../src/agreement/consent.ts';
import type { GivenConsent } from '../../src/agreement/consent.ts';

const now = new Date('2026-03-02T01:30:00.700Z');
const given: GivenConsent = {
  noticeVersion: '1',
  purpose: 'x',
  retentionDays: 1,
  givenAt: '2026-03-02T09:30:00+08:00',
};
const about = { party: { id: 'jia', name: '甲某' }, documentSha256: 'ab', withdrawnAt: null, now };

test('is kept with times in UTC and with the document it is for', () => {
  expect(acceptConsent({ ...given, guardian: { name: '己某' } }, about)).toEqual({
    documentSha256: 'ab',
    purpose: 'x',
    retentionDays: 1,
    noticeVersion: '1',
    givenAt: '2026-03-02T01:30:00.000Z',
    guardian: '己某',
    recordedAt: '2026-03-02T01:30:00.700Z',
  });
});

describe('after a withdrawal', () => {
  const accept = (givenAt: string): unknown =>
    acceptConsent({ ...given, givenAt }, { ...about, withdrawnAt: '2026-03-02T01:30:00.500Z' });

  test('what was given before counts no more', () => {
    expect(() => accept('2026-03-02T01:29:59.999Z')).toThrow('CONSENT_REQUIRED');
  });

  test.each(['2026-03-02T01:30:00Z', '2026-03-02T01:30:00.600Z'])(
    'what is given anew counts, in whole seconds as pages write them: %s',
    (givenAt) => {
      expect(accept(givenAt)).toMatchObject({ givenAt: new Date(givenAt).toISOString() });
    },
  );
});

test('a page’s clock may run a little ahead', () => {
  acceptConsent({ ...given, givenAt: '2026-03-02T01:35:00Z' }, about);
  expect(() => acceptConsent({ ...given, givenAt: '2026-03-02T01:35:01Z' }, about)).toThrow('CONSENT_REQUIRED');
});

test.each([
  [24, 1, 24],
  [24, 30, 24],
  [72, 1, 24],
  [72, 2, 48],
  [72, 0, 24],
  [0.5, 1, 0.5],
])('of %d hours configured and %d days consented to, %d hours hold', (samplesHours, retentionDays, hours) => {
  const expiry = sampleExpiry(now, acceptConsent({ ...given, retentionDays }, about), samplesHours);
  expect(expiry.getTime() - now.getTime()).toBe(hours * 3_600_000);
});
