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
const about = { party: { id: 'jia', name: '甲某' }, documentSha256: 'ab', withdrawal: null, now };

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
  const accept = (givenAt: string, of = '2026-03-02T01:29:00.000Z'): unknown =>
    acceptConsent({ ...given, givenAt }, { ...about, withdrawal: { at: '2026-03-02T01:30:00.500Z', givenAt: of } });

  test('what was given before counts no more', () => {
    expect(() => accept('2026-03-02T01:29:59.999Z')).toThrow('CONSENT_REQUIRED');
  });

  test('nor does the same consent, of a page whose clock runs ahead of this one', () => {
    const ahead = '2026-03-02T01:34:00.000Z';
    expect(() => accept(ahead, ahead)).toThrow('CONSENT_REQUIRED');
    expect(() => accept('2026-03-02T01:33:00Z', ahead)).toThrow('CONSENT_REQUIRED');
    expect(accept('2026-03-02T01:34:00.001Z', ahead)).toMatchObject({ noticeVersion: '1' });
  });

  test.each(['2026-03-02T01:30:00Z', '2026-03-02T01:30:00.600Z'])(
    'what is given anew counts, in whole seconds as pages write them: %s',
    (givenAt) => {
      expect(accept(givenAt)).toMatchObject({ givenAt: new Date(givenAt).toISOString() });
    },
  );
});

test.each(['noticeVersion', 'purpose'] as const)('blanks are no %s', (member) => {
  expect(() => acceptConsent({ ...given, [member]: ' \u3000' }, about)).toThrow(
    `BAD_REQUEST: consent.${member}: expected text, got blanks`,
  );
});

test('a guardian without a name consents to nothing', () => {
  const child = { ...about, party: { id: 'jia', name: '甲某', minor: true } };
  expect(() => acceptConsent({ ...given, guardian: { name: '  ' } }, child)).toThrow(
    'BAD_REQUEST: consent.guardian.name',
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
