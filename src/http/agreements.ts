import { open } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import type { HttpDeps, NewMark } from './deps.ts';
import { bytes, clientGone, json, NO_CONTENT, sendFile, takePdfUploads, uploadOf } from './route.ts';
import type { Api } from './route.ts';
import {
  Agreement,
  AgreementChange,
  IdempotencyHeaders,
  IdParams,
  MarkInput,
  SealAnswer,
  SealRequest,
} from './schemas.ts';
import type { Shape } from './schemas.ts';

const PDF_PROBLEMS = [
  'PDF_UNREADABLE',
  'PDF_TRUNCATED',
  'PDF_ENCRYPTED',
  'PDF_SHAPE_UNSUPPORTED',
  'PDF_LIMIT',
  'PDF_SIGNED_LOCKED',
  'PDF_TIMEOUT',
] as const;
const PLACE_PROBLEMS = [
  'PAGE_OUT_OF_RANGE',
  'POSITION_OFF_PAGE',
  'KEYWORD_ABSENT',
  'KEYWORD_AMBIGUOUS',
  'FIELD_NOT_FOUND',
] as const;

/** The agreement a clerk works on: uploaded, described, marked, sealed, taken away. */
export function agreementRoutes(app: Api, { agreements, log }: HttpDeps): void {
  app.register(async (uploads: Api) => {
    takePdfUploads(uploads);
    uploads.post(
      '/v1/agreements',
      {
        schema: {
          operationId: 'createAgreement',
          tags: ['agreements'],
          summary: 'Uploads the agreement; its text is fixed from here on',
          response: {
            201: json(Agreement, 'Taken', { Location: { type: 'string', description: 'The agreement' } }),
          },
        },
        config: { body: 'application/pdf', problems: [...PDF_PROBLEMS, 'STATE_UNUSABLE'] },
      },
      async (request, reply) => {
        const agreement = await agreements.create(uploadOf(request), clientGone(reply));
        return reply.code(201).header('location', `/v1/agreements/${agreement.id}`).send(agreement);
      },
    );
  });

  app.get(
    '/v1/agreements/:id',
    {
      schema: {
        operationId: 'getAgreement',
        tags: ['agreements'],
        summary: 'The agreement and what is missing',
        params: IdParams,
        response: { 200: json(Agreement, 'The agreement') },
      },
      config: { problems: ['AGREEMENT_NOT_FOUND'] },
    },
    (request) => agreements.get(request.params.id),
  );

  app.patch(
    '/v1/agreements/:id',
    {
      schema: {
        operationId: 'changeAgreement',
        tags: ['agreements'],
        summary: 'Sets number, kind, parties or mediator',
        params: IdParams,
        body: AgreementChange,
        response: { 200: json(Agreement, 'The agreement') },
      },
      config: {
        body: 'application/json',
        problems: ['AGREEMENT_NOT_FOUND', 'AGREEMENT_SEALED', 'AGREEMENT_BUSY', 'STATE_UNUSABLE'],
      },
    },
    (request) => agreements.patch(request.params.id, request.body),
  );

  app.post(
    '/v1/agreements/:id/marks',
    {
      schema: {
        operationId: 'addMark',
        tags: ['agreements'],
        summary: 'A person’s fingerprint, signature or stamp, or that they signed on paper',
        params: IdParams,
        body: MarkInput,
        response: { 200: json(Agreement, 'The agreement') },
      },
      config: {
        body: 'application/json',
        problems: [
          'AGREEMENT_NOT_FOUND',
          'AGREEMENT_SEALED',
          'AGREEMENT_BUSY',
          'PARTY_NOT_FOUND',
          'MARK_NOT_ALLOWED',
          'COUNTERSEAL_CONTENT_FORBIDDEN',
          'CAPTURE_NOT_FOUND',
          'CAPTURE_NOT_DONE',
          'CAPTURE_GONE',
          'CONSENT_MISMATCH',
          'PICTURE_NOT_PNG',
          'PICTURE_TOO_LARGE',
          'PICTURE_BLANK',
          'STATE_UNUSABLE',
          ...PLACE_PROBLEMS,
        ],
      },
    },
    (request) => agreements.addMark(request.params.id, newMark(request.body)),
  );

  app.post(
    '/v1/agreements/:id/seal',
    {
      schema: {
        operationId: 'sealAgreement',
        tags: ['agreements'],
        summary: 'Puts all marks and the committee’s seal on the agreement and signs it',
        params: IdParams,
        headers: IdempotencyHeaders,
        body: SealRequest,
        response: { 200: json(SealAnswer, 'Sealed; the same answer again for the same key') },
      },
      config: {
        body: 'application/json',
        bodyOptional: true,
        problems: [
          'IDEMPOTENCY_KEY_REQUIRED',
          'IDEMPOTENCY_KEY_REUSED',
          'AGREEMENT_NOT_FOUND',
          'AGREEMENT_INCOMPLETE',
          'AGREEMENT_SEALED',
          'AGREEMENT_BUSY',
          'PAPER_ORIGINAL_REQUIRED',
          'COUNTERSEAL_CONTENT_FORBIDDEN',
          'EARLIER_SIGNATURE_BROKEN',
          'FIELD_AMBIGUOUS',
          'FIELD_NAME_TAKEN',
          'READER_SIMULATED',
          'SEAL_ABSENT',
          'SEAL_LOCKED',
          'SEAL_EXPIRED',
          'SEAL_NOT_YET_VALID',
          'SEAL_USAGE',
          'SEAL_FOREIGN',
          'SEAL_REVOKED',
          'SEAL_GLYPH_MISSING',
          'SEAL_LEVEL_UNSUPPORTED',
          'SEAL_SELF_CHECK',
          'SEAL_FAILED',
          // What marks are made of may be gone or changed by now, and the seal’s own picture is read here.
          'CAPTURE_GONE',
          'PICTURE_NOT_PNG',
          'PICTURE_TOO_LARGE',
          'PICTURE_BLANK',
          'PICTURE_RESOLUTION',
          'PICTURE_SVG_UNSUPPORTED',
          'FILE_UNREADABLE',
          'FILE_UNWRITABLE',
          'STATE_KEY_WRONG',
          'STATE_UNUSABLE',
          ...PLACE_PROBLEMS,
          ...PDF_PROBLEMS,
        ],
      },
      preValidation: (request, _reply, done) => {
        // Every wish may be left out, and so may the body.
        if (request.body === undefined) Object.assign(request, { body: {} });
        // A key that is missing has a code of its own, and so is looked for before the schema finds the header missing.
        const key = request.headers['idempotency-key'];
        if (key === undefined || key === '') done(new AppError('IDEMPOTENCY_KEY_REQUIRED'));
        else done();
      },
    },
    (request) => agreements.seal(request.params.id, request.body, request.headers['idempotency-key']),
  );

  app.get(
    '/v1/agreements/:id/pdf',
    {
      schema: {
        operationId: 'getAgreementPdf',
        tags: ['agreements'],
        summary: 'The document, sealed once it is sealed',
        params: IdParams,
        response: { 200: bytes('application/pdf', 'The document') },
      },
      config: { problems: ['AGREEMENT_NOT_FOUND', 'STATE_UNUSABLE'] },
    },
    async (request, reply) => {
      const { id } = request.params;
      const document = await agreements.document(id);
      const file = await open(document.path).catch(async (cause: unknown) => {
        await agreements.document(id); // says so where it was deleted just now
        throw cause;
      });
      await using handle = file;
      await sendFile(reply, handle, document.bytes, 'application/pdf').catch((error: unknown) => {
        log.error({ requestId: request.id, agreementId: id, error }, 'a download broke off');
      });
    },
  );

  app.delete(
    '/v1/agreements/:id',
    {
      schema: {
        operationId: 'deleteAgreement',
        tags: ['agreements'],
        summary: 'Destroys the upload and its samples; what was recorded of the seal’s use stays',
        params: IdParams,
        response: { 204: NO_CONTENT },
      },
      config: { problems: ['AGREEMENT_NOT_FOUND', 'AGREEMENT_BUSY', 'STATE_UNUSABLE'] },
    },
    async (request, reply) => {
      await agreements.delete(request.params.id);
      return reply.code(204).send(null);
    },
  );
}

function newMark(input: Shape<typeof MarkInput>): NewMark {
  switch (input.kind) {
    case 'fingerprint':
    case 'paper':
      return input;
    case 'signature':
    case 'stamp': {
      const { png, ...rest } = input;
      return { ...rest, png: Buffer.from(png, 'base64') };
    }
  }
}
