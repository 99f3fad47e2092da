/**
 * Every shape that crosses the port, once: requests are validated by it, answers are typed by it, /openapi.json is made of it.
 * A schema with a `title` becomes a component of the OpenAPI document under that name.
 *
 * Times are RFC 3339 with offset, lengths millimetres, positions the centre of a mark from the top left of the page as seen.
 * Requests are closed: an unknown member is refused.
 */
import { Type } from 'typebox';
import type { Static, TObject, TProperties, TSchema } from 'typebox';

/** What a schema describes, as a reader gets it. */
export type Shape<T extends TSchema> = DeepReadonly<Static<T>>;
type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

interface About {
  readonly title?: string;
  readonly description?: string;
  readonly examples?: unknown[];
}

const closed = <T extends TProperties>(properties: T, about: About = {}): TObject<T> =>
  Type.Object(properties, { ...about, additionalProperties: false });

// --- members that recur -------------------------------------------------------------------------------------------------

const ID = {
  pattern: '^[A-Za-z0-9._-]{1,64}$',
  description: 'Letters, digits, dot, underscore and hyphen; at most 64',
};
const Id = Type.String(ID);
const Time = Type.String({
  format: 'date-time',
  description: 'RFC 3339 with offset',
  examples: ['2023-06-15T15:04:05+08:00'],
});
const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256, hexadecimal' });
const PersonName = Type.String({ minLength: 1, maxLength: 100 });
const Chinese = Type.String({ description: 'The same in Chinese' });

const Finding = { code: Type.String(), message: Type.String(), messageZh: Chinese };

export const Notice = Type.Object(Finding, { title: 'Notice', description: 'Something to know that stops nothing' });

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'A URN that names the code' }),
    title: Type.String(),
    titleZh: Chinese,
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    code: Type.String({ pattern: '^[A-Z][A-Z0-9_]*$', description: 'What to branch on' }),
    detail: Type.String({ description: 'For people: expected and got, with the path of the member' }),
    remedy: Type.String({ description: 'What to do about it' }),
    remedyZh: Chinese,
  },
  {
    title: 'Problem',
    description: 'RFC 9457 problem details; some codes add members, such as `missing` or `candidates`',
  },
);

export const IdParams = closed({ id: Type.String({ minLength: 1, maxLength: 64 }) });

// --- status -------------------------------------------------------------------------------------------------------------

export const Health = Type.Object(
  { status: Type.Literal('ok'), version: Type.String({ examples: ['0.1.0'] }) },
  { title: 'Health' },
);

const Committee = Type.Object(
  {
    name: Type.String({ examples: ['示例市示例镇示例村人民调解委员会'] }),
    shortName: Type.String({ examples: ['示'] }),
  },
  { title: 'Committee' },
);

const SealState = Type.Enum(['locked', 'unlocked', 'absent'], { type: 'string' });
const ReaderState = Type.Enum(['ready', 'busy', 'gone', 'error'], { type: 'string' });

export const Status = Type.Object(
  {
    version: Type.String(),
    committee: Committee,
    seal: Type.Object({ state: SealState }),
    readers: Type.Array(Type.Object({ id: Type.String(), state: ReaderState })),
    uptimeSeconds: Type.Number({ minimum: 0 }),
  },
  { title: 'Status' },
);

// --- readers ------------------------------------------------------------------------------------------------------------

export const Reader = Type.Object(
  {
    id: Type.String({ examples: ['window'] }),
    name: Type.String(),
    driver: Type.String({ examples: ['ef01'] }),
    link: Type.Enum(['serial', 'hid', 'simulated'], { type: 'string' }),
    vendorId: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff })),
    productId: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff })),
    serialNumber: Type.Optional(Type.String()),
    state: ReaderState,
    capabilities: Type.Object({
      image: Type.Boolean(),
      template: Type.Union([Type.Literal('iso-19794-2'), Type.Literal('opaque'), Type.Null()]),
      width: Type.Integer({ minimum: 0, description: 'Pixels' }),
      height: Type.Integer({ minimum: 0, description: 'Pixels' }),
      dpi: Type.Integer({ minimum: 0 }),
    }),
    /** Present in the state `error`, and there only. */
    error: Type.Optional(Problem),
  },
  { title: 'Reader' },
);

// --- captures -----------------------------------------------------------------------------------------------------------

const Consent = closed(
  {
    noticeVersion: Type.String({ minLength: 1, maxLength: 64, examples: ['2023-1'] }),
    purpose: Type.String({ minLength: 1, maxLength: 200, examples: ['人民调解协议书按指印'] }),
    retentionDays: Type.Integer({ minimum: 0, maximum: 36_500 }),
    givenAt: Time,
    guardian: Type.Optional(closed({ name: PersonName }, { description: 'Who consents for a child under 14' })),
  },
  { title: 'Consent', description: 'The separate consent of the person whose finger is read' },
);

export const CaptureRequest = closed(
  {
    agreementId: Id,
    partyId: Id,
    readerId: Type.Optional(Type.String({ ...ID, description: 'Absent: the one that is ready' })),
    finger: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10,
        description: 'Finger position of ISO/IEC 19794-2: 0 unknown, 1 right thumb',
      }),
    ),
    timeoutSeconds: Type.Optional(
      Type.Number({ minimum: 1, maximum: 300, description: 'How long to wait for a finger' }),
    ),
    consent: Consent,
  },
  {
    title: 'CaptureRequest',
    examples: [
      {
        agreementId: 'k3v9x2m1',
        partyId: 'jia',
        finger: 2,
        consent: {
          noticeVersion: '2023-1',
          purpose: '人民调解协议书按指印',
          retentionDays: 1,
          givenAt: '2023-06-15T15:04:05+08:00',
        },
      },
    ],
  },
);

export const CaptureQuery = closed({
  wait: Type.Optional(
    Type.Number({ minimum: 0, maximum: 60, description: 'Seconds to wait for the capture to end', examples: [30] }),
  ),
});

export const Capture = Type.Object(
  {
    id: Type.String(),
    readerId: Type.String(),
    state: Type.Enum(['waiting', 'imaging', 'done', 'failed', 'cancelled'], { type: 'string' }),
    progress: Type.Number({ minimum: 0, maximum: 1 }),
    prompt: Type.Optional(Type.Enum(['place', 'hold', 'lift', 'again'], { type: 'string' })),
    quality: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
    image: Type.Optional(
      Type.Object({ width: Type.Integer(), height: Type.Integer(), dpi: Type.Integer(), sha256: Sha256 }),
    ),
    template: Type.Optional(Type.Object({ format: Type.String(), bytes: Type.Integer(), sha256: Sha256 })),
    error: Type.Optional(Problem),
  },
  { title: 'Capture' },
);

// --- agreements ---------------------------------------------------------------------------------------------------------

const level = (description: string) => Type.Enum(['B-B', 'B-T', 'B-LT', 'B-LTA'], { type: 'string', description });
const Level = level('PAdES baseline level');

const Party = closed(
  { id: Id, name: PersonName, minor: Type.Optional(Type.Boolean({ description: 'A child under 14' })) },
  { title: 'Party' },
);
const Mediator = closed({ id: Id, name: PersonName }, { title: 'Mediator' });
const Kind = Type.Enum(['general', 'marriage', 'adoption', 'inheritance'], { type: 'string' });
const MarkKind = Type.Enum(['fingerprint', 'signature', 'stamp', 'paper'], { type: 'string' });

const SPOT = {
  page: Type.Integer({ minimum: 1 }),
  xMm: Type.Number(),
  yMm: Type.Number(),
  widthMm: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1000 })),
};
const WORDS = {
  keyword: Type.String({ minLength: 1, maxLength: 200 }),
  occurrence: Type.Optional(Type.Integer({ minimum: 1 })),
  dxMm: Type.Optional(Type.Number()),
  dyMm: Type.Optional(Type.Number()),
};

export const Placement = Type.Union(
  [
    closed({
      ...SPOT,
      rotation: Type.Optional(Type.Number({ minimum: -360, maximum: 360, description: 'Degrees, clockwise as seen' })),
    }),
    closed(WORDS),
    closed({ field: Type.String({ minLength: 1, maxLength: 200 }) }),
  ],
  { title: 'Placement', examples: [{ page: 3, xMm: 150, yMm: 220 }, { keyword: '（印章）' }, { field: 'Seal1' }] },
);

export const Agreement = Type.Object(
  {
    id: Type.String(),
    sha256: Sha256,
    bytes: Type.Integer(),
    pages: Type.Array(
      Type.Object({
        widthMm: Type.Number({ description: 'As seen' }),
        heightMm: Type.Number({ description: 'As seen' }),
        rotation: Type.Integer({ description: '0, 90, 180 or 270 degrees' }),
      }),
    ),
    signatures: Type.Integer({
      minimum: 0,
      description: 'How many the document had when it was uploaded: where it had any, its pages take no more marks',
    }),
    openFields: Type.Array(Type.String(), {
      description: 'Names of the empty signature fields that could be filled when it was uploaded, at most 100',
    }),
    state: Type.Enum(['draft', 'marked', 'sealed'], { type: 'string' }),
    level: Type.Optional(level('PAdES baseline level of the sealed document as it is now')),
    pendingLevel: Type.Optional(
      Type.Object(
        {
          level: Level,
          since: Time,
          attempts: Type.Integer({ minimum: 1 }),
          nextAttemptAt: Time,
          problem: Problem,
        },
        { description: 'A level that could not be reached yet; the daemon tries again by itself' },
      ),
    ),
    number: Type.Optional(Type.String()),
    kind: Type.Optional(Kind),
    parties: Type.Array(Party),
    mediator: Type.Union([Mediator, Type.Null()]),
    marks: Type.Array(
      Type.Object(
        {
          partyId: Type.String(),
          kind: MarkKind,
          captureId: Type.Optional(Type.String()),
          placement: Type.Optional(Placement),
        },
        { title: 'Mark' },
      ),
    ),
    missing: Type.Array(Type.String(), {
      description: 'Ids of who has made no mark yet; `parties` and `mediator` where none is named',
    }),
  },
  { title: 'Agreement' },
);

export const AgreementChange = closed(
  {
    number: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['（2023）示人调字第12号'] })),
    kind: Type.Optional(Kind),
    paperOriginal: Type.Optional(Type.Boolean({ description: 'A paper original exists' })),
    parties: Type.Optional(Type.Array(Party, { maxItems: 50 })),
    mediator: Type.Optional(Mediator),
  },
  {
    title: 'AgreementChange',
    description: 'Members that are absent stay as they are',
    examples: [
      {
        number: '（2023）示人调字第12号',
        kind: 'general',
        parties: [
          { id: 'jia', name: '甲某' },
          { id: 'yi', name: '乙某' },
        ],
        mediator: { id: 'mediator', name: '丙某' },
      },
    ],
  },
);

const PNG_BASE64 = Type.String({
  pattern: '^[A-Za-z0-9+/]+={0,2}$',
  contentEncoding: 'base64',
  contentMediaType: 'image/png',
  description: 'A PNG picture, base64 (RFC 4648 section 4)',
});

export const MarkInput = Type.Union(
  [
    closed({
      partyId: Id,
      kind: Type.Literal('fingerprint'),
      captureId: Id,
      placement: Type.Optional(Placement),
    }),
    closed({
      partyId: Id,
      kind: Type.Enum(['signature', 'stamp'], { type: 'string' }),
      png: PNG_BASE64,
      placement: Type.Optional(Placement),
    }),
    closed({ partyId: Id, kind: Type.Literal('paper') }),
  ],
  {
    title: 'MarkInput',
    description: 'A party is complete with any one of these; the mediator with `signature` or `paper`',
    examples: [
      { partyId: 'jia', kind: 'fingerprint', captureId: 'c7q0z4t8' },
      { partyId: 'yi', kind: 'paper' },
    ],
  },
);

const ExpectedSeal = closed(
  {
    name: Type.String({
      pattern: '^[^.\\u0000-\\u001f\\u007f]+$',
      maxLength: 100,
      description: 'Of the field that is kept for it: what it is called as `placement.field`; no full stop',
      examples: ['示例市第二人民调解委员会'],
    }),
    placement: Type.Union([closed(SPOT), closed(WORDS)]),
  },
  { title: 'ExpectedSeal', description: 'A seal that another committee is to put on the document after this one' },
);

export const SealRequest = closed(
  {
    placement: Type.Optional(Placement),
    paging: Type.Optional(
      Type.Boolean({
        description:
          'Also a paging seal across the pages’ edges (`seal.pagingEdge`): marks of the document, drawn before it is signed. A single page takes none',
      }),
    ),
    level: Type.Optional(
      level(
        'PAdES baseline level; absent: as configured. Where an authority cannot be reached the seal is of a lower level, the answer says so, and the rest is added later',
      ),
    ),
    final: Type.Optional(
      Type.Boolean({
        description:
          'Nothing may follow this seal but timestamps and what proves it later (levels B-LT and B-LTA, which Adobe Acrobat takes for a change then)',
      }),
    ),
    expect: Type.Optional(
      Type.Array(ExpectedSeal, {
        maxItems: 10,
        description:
          'Seals that are to follow: each gets an empty signature field, which this seal leaves open; all else is locked',
      }),
    ),
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  },
  {
    title: 'SealRequest',
    description:
      'Without a placement: astride the year and month of the date; on a document that is signed, the field that was kept for this seal',
    examples: [
      {},
      { expect: [{ name: '示例市第二人民调解委员会', placement: { page: 3, xMm: 150, yMm: 220 } }] },
      { placement: { field: '示例市第二人民调解委员会' } },
      { final: true },
    ],
  },
);

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.String({
    pattern: '^[\\x21-\\x7e]{1,255}$',
    description: 'Fresh for each new sealing, the same when it is repeated',
    examples: ['5e1d0b1c-8a54-4c5e-9d1f-0d9b7e0e6f11'],
  }),
});

export const SealAnswer = Type.Object(
  {
    agreementId: Type.String(),
    sha256: Sha256,
    bytes: Type.Integer(),
    sealedAt: Time,
    level: Level,
    ledger: Type.Object({ n: Type.Integer({ minimum: 1 }), hash: Sha256 }),
    effectiveAt: Time,
    judicialConfirmationDeadline: Time,
    warnings: Type.Array(Notice),
  },
  {
    title: 'SealAnswer',
    description:
      'The document as it was sealed. A higher level is reached later by adding to it: its first `bytes` bytes keep this hash, and the same answer is given again',
  },
);

// --- the seal -----------------------------------------------------------------------------------------------------------

export const Seal = Type.Object(
  {
    state: SealState,
    committee: Type.String({ description: 'Its name', examples: ['示例市示例镇示例村人民调解委员会'] }),
    certificate: Type.Optional(
      Type.Object({
        subject: Type.String(),
        issuer: Type.String(),
        serial: Type.String({ description: 'Hexadecimal' }),
        notBefore: Time,
        notAfter: Time,
        sha256: Sha256,
      }),
    ),
    warnings: Type.Array(Notice),
  },
  { title: 'Seal' },
);

export const UnlockRequest = closed(
  { passphrase: Type.String({ maxLength: 1024, format: 'password' }) },
  { title: 'UnlockRequest', examples: [{ passphrase: '…' }] },
);

// --- verification -------------------------------------------------------------------------------------------------------

const TRUST = ['TRUSTED', 'UNTRUSTED'] as const;
const INTEGRITY = ['INTACT', 'BROKEN'] as const;
const DistinguishedName = Type.Union([Type.String(), Type.Null()], { description: 'Null where it cannot be read' });

export const VerificationReport = Type.Object(
  {
    verdict: Type.Enum(['VALID', 'INVALID', 'INDETERMINATE', 'NO_SIGNATURE', 'UNREADABLE'], { type: 'string' }),
    integrity: Type.Enum([...INTEGRITY, 'NONE'], { type: 'string' }),
    trust: Type.Enum([...TRUST, 'NONE'], { type: 'string' }),
    reasons: Type.Array(Type.Object(Finding, { title: 'Finding' })),
    signatures: Type.Array(
      Type.Object({
        field: Type.String(),
        kind: Type.Enum(['seal', 'timestamp'], { type: 'string' }),
        signer: DistinguishedName,
        certificateSha256: Type.Optional(Type.String({ description: 'Of the signer’s certificate, hexadecimal' })),
        issuer: DistinguishedName,
        claimedAt: Type.Optional(Time),
        provenAt: Type.Optional(Time),
        integrity: Type.Enum([...INTEGRITY], { type: 'string' }),
        trust: Type.Enum([...TRUST], { type: 'string' }),
        revocation: Type.Optional(
          Type.Object({ status: Type.Enum(['GOOD', 'REVOKED', 'UNKNOWN'], { type: 'string' }), ...Finding }),
        ),
        coversWholeFile: Type.Boolean(),
        changesAfter: Type.Array(
          Type.Object({ ...Finding, page: Type.Optional(Type.Integer({ minimum: 1 })), allowed: Type.Boolean() }),
        ),
      }),
    ),
    revisions: Type.Array(Type.Unknown()),
  },
  { title: 'VerificationReport' },
);
