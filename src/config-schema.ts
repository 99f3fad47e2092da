/** The settings, as one schema: what is allowed, what holds by default. `isPath`, `isPathOrUrl` and `isSecret` are read by config.ts. */
import { Type } from 'typebox';
import type { TObject, TSchema } from 'typebox';

const section = <T extends Record<string, TSchema>>(properties: T): TObject<T> =>
  Type.Object(properties, { additionalProperties: false, default: {} });

/** A path of a file or folder: made absolute. */
const PATH = Type.String({ minLength: 1, isPath: true });

/** Of an authority: only these are ever asked, whatever a certificate or a request names. */
const URL_OF_AUTHORITY = Type.String({ pattern: '^https?://[^\\s#]+$', maxLength: 2000 });

const LEVEL = Type.Union([Type.Literal('B-B'), Type.Literal('B-T'), Type.Literal('B-LT'), Type.Literal('B-LTA')], {
  default: 'B-B',
});

const ID = Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' });
const ORIGIN = Type.String({
  pattern: '^https?://[a-z0-9.-]+(:[0-9]{1,5})?$|^https?://\\[[0-9a-f:]+\\](:[0-9]{1,5})?$',
});

const Framing = section({
  /** The report id that starts every report; 0 where the device has none. */
  reportId: Type.Integer({ minimum: 0, maximum: 255, default: 0 }),
  /** Bytes of a report after the report id. */
  reportSize: Type.Integer({ minimum: 2, maximum: 1024, default: 64 }),
  /** Bytes at the start of a report that tell how many data bytes follow: 0, 1 or 2 (big-endian). */
  lengthPrefix: Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2)], { default: 0 }),
  /** The byte that fills a short report. */
  pad: Type.Integer({ minimum: 0, maximum: 255, default: 0 }),
});

const Simulated = section({
  /** Folder name under fixtures/readers: what the simulated device is. */
  device: Type.String({ pattern: '^[a-z0-9-]{1,64}$', default: 'as608' }),
  /** Whether bytes take as long as on the real wire. */
  paced: Type.Boolean({ default: false }),
  /** What is played: see fixtures/readers. */
  scenario: Type.String({ pattern: '^[a-z0-9-]{1,64}$', default: 'good' }),
  /** The simulated finger, a name under fixtures/prints; absent: a different finger each capture. */
  finger: Type.Optional(Type.String({ pattern: '^[a-z0-9-]{1,64}$' })),
});

const Reader = Type.Object(
  {
    id: Type.Optional(ID),
    driver: Type.String({ default: 'ef01' }),
    link: Type.Union([Type.Literal('serial'), Type.Literal('hid'), Type.Literal('simulated')], {
      default: 'simulated',
    }),
    /** Serial port; absent: found by the USB ids. */
    path: Type.Optional(Type.String({ minLength: 1 })),
    vendorId: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff })),
    productId: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff })),
    serialNumber: Type.Optional(Type.String({ minLength: 1 })),
    dialect: Type.Optional(Type.String({ pattern: '^[a-z0-9-]{1,32}$' })),
    password: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffffffff, isSecret: true })),
    address: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffffffff })),
    baud: Type.Integer({ minimum: 1200, maximum: 921600, default: 57600 }),
    stopBits: Type.Union([Type.Literal(1), Type.Literal(2)], { default: 1 }),
    framing: Framing,
    simulated: Simulated,
  },
  { additionalProperties: false, default: {} },
);

/** Every setting there is, with its bounds and what holds where it is not given. */
export const ConfigSchema = Type.Object(
  {
    listen: section({
      /** Loopback only. */
      port: Type.Integer({ minimum: 0, maximum: 65535, default: 17170 }),
      /** Also listen on ::1. */
      ipv6: Type.Boolean({ default: false }),
    }),
    /** Web origins allowed to call, exactly as the browser sends them. */
    origins: Type.Array(ORIGIN, { default: [], uniqueItems: true }),
    committee: section({
      name: Type.String({ maxLength: 100, default: '' }),
      shortName: Type.String({ maxLength: 20, default: '' }),
      numberTemplate: Type.String({ maxLength: 100, default: '（{year}）{short}人调字第{n}号' }),
    }),
    /** One reader, or a list of them. */
    reader: Type.Array(Reader, { default: [{}], maxItems: 8 }),
    seal: section({
      p12: Type.Optional(PATH),
      /** File whose first line is the passphrase; absent: asked for over POST /v1/seal/unlock. */
      passphraseFile: Type.Optional(PATH),
      /** Without a file: whether the terminal at which the daemon is started asks for it. */
      prompt: Type.Boolean({ default: false }),
      /** SHA-256 of the one certificate that is accepted, hexadecimal; absent: the subject's O or CN must be `committee.name`. */
      certificateSha256: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{64}$' })),
      /** PNG or SVG of the seal; absent: drawn from the committee's name. */
      picture: Type.Optional(PATH),
      diameterMm: Type.Number({ minimum: 38, maximum: 45, default: 42 }),
      /** The edge of the pages, as seen, that a paging seal is cut over. */
      pagingEdge: Type.Union([Type.Literal('right'), Type.Literal('left')], { default: 'right' }),
      /** PAdES level of a seal for which nobody asks for another: B-T needs `timestamp.url`, B-LT and B-LTA `revocation`, too. */
      level: LEVEL,
      /** Drops the key after so many minutes without use; 0 = never. */
      idleLockMinutes: Type.Integer({ minimum: 0, maximum: 1440, default: 0 }),
    }),
    marks: section({
      /** How fingerprints are shown: for the eye, or every pixel as captured, for who may compare them. */
      rendition: Type.Union([Type.Literal('display'), Type.Literal('forensic')], { default: 'display' }),
    }),
    trust: section({
      /** PEM or DER files of root certificates for verification. */
      roots: Type.Array(PATH, { default: [] }),
    }),
    timestamp: section({
      /** The authority that stamps (RFC 3161 over HTTP). */
      url: Type.Optional(URL_OF_AUTHORITY),
      /** PEM or DER files of the roots of its certificates; none: `trust.roots`. */
      roots: Type.Array(PATH, { default: [] }),
      username: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: '^[^:]+$' })),
      password: Type.Optional(Type.String({ maxLength: 200, isSecret: true })),
      /** Object identifier of the policy to stamp by; absent: the authority's own. */
      policy: Type.Optional(Type.String({ pattern: '^[0-2](\\.(0|[1-9][0-9]{0,9})){1,20}$' })),
      /** Longest that one answer may take; the seal is then without a timestamp, which is added later. */
      timeoutMs: Type.Integer({ minimum: 100, maximum: 120_000, default: 5000 }),
    }),
    revocation: section({
      /** The responder that tells whether a certificate is revoked (RFC 6960 over HTTP). */
      ocsp: Type.Optional(URL_OF_AUTHORITY),
      /** Lists of revoked certificates: files, or addresses (http, https) where the newest is. */
      crls: Type.Array(Type.String({ minLength: 1, maxLength: 2000, isPathOrUrl: true }), {
        default: [],
        maxItems: 16,
      }),
      timeoutMs: Type.Integer({ minimum: 100, maximum: 120_000, default: 5000 }),
    }),
    storage: section({
      /** The state folder; absent: where the operating system keeps such data. */
      folder: Type.Optional(PATH),
    }),
    retention: section({
      /** Samples of agreements not sealed by then are destroyed. */
      samplesHours: Type.Number({ minimum: 0.01, maximum: 720, default: 24 }),
    }),
    limits: section({
      uploadBytes: Type.Integer({ minimum: 1024, maximum: 2_000_000_000, default: 200_000_000 }),
      jsonBytes: Type.Integer({ minimum: 1024, maximum: 100_000_000, default: 8_000_000 }),
      connections: Type.Integer({ minimum: 1, maximum: 1000, default: 64 }),
      captures: Type.Integer({ minimum: 1, maximum: 64, default: 8 }),
      requestsPerMinute: Type.Integer({ minimum: 10, maximum: 1_000_000, default: 1200 }),
      headersTimeoutMs: Type.Integer({ minimum: 100, maximum: 120_000, default: 10_000 }),
      requestTimeoutMs: Type.Integer({ minimum: 100, maximum: 3_600_000, default: 300_000 }),
      /** Longest that one PDF may be read or searched. */
      pdfTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000, default: 10_000 }),
    }),
    log: section({
      level: Type.Union(
        [
          Type.Literal('fatal'),
          Type.Literal('error'),
          Type.Literal('warn'),
          Type.Literal('info'),
          Type.Literal('debug'),
          Type.Literal('trace'),
          Type.Literal('silent'),
        ],
        { default: 'info' },
      ),
      /** A log file is rolled over at this size. */
      maxMegabytes: Type.Integer({ minimum: 1, maximum: 1000, default: 10 }),
      /** How many rolled files are kept. */
      files: Type.Integer({ minimum: 1, maximum: 100, default: 5 }),
    }),
    /** Hands out fingerprint records and templates over the API. */
    exposeSamples: Type.Boolean({ default: false }),
  },
  { additionalProperties: false, default: {} },
);
