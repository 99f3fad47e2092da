import { Readable } from 'node:stream';
import { AppError } from '../errors.ts';
import type { HttpDeps } from './deps.ts';
import { eventStream } from './event-stream.ts';
import { bytes, clientGone, json, NO_CONTENT } from './route.ts';
import type { Api } from './route.ts';
import { Capture, CaptureQuery, CaptureRequest, IdParams } from './schemas.ts';

const LOCATION = { Location: { type: 'string', description: 'Where to follow it' } } as const;

/** Taking one print: started here, followed by polling or as events, seen as a picture. */
export function captureRoutes(app: Api, { captures, clock, log }: HttpDeps, closing: AbortSignal): void {
  app.post(
    '/v1/captures',
    {
      schema: {
        operationId: 'startCapture',
        tags: ['captures'],
        summary: 'Starts a capture for one party, who has consented to it',
        body: CaptureRequest,
        response: { 202: json(Capture, 'Started', LOCATION) },
      },
      config: {
        body: 'application/json',
        problems: [
          'CONSENT_REQUIRED',
          'GUARDIAN_CONSENT_REQUIRED',
          'AGREEMENT_NOT_FOUND',
          'AGREEMENT_SEALED',
          'AGREEMENT_BUSY',
          'PARTY_NOT_FOUND',
          'MARK_NOT_ALLOWED',
          'COUNTERSEAL_CONTENT_FORBIDDEN',
          'READER_NOT_FOUND',
          'READER_ABSENT',
          'READER_BUSY',
          'TOO_MANY_CAPTURES',
          'STATE_UNUSABLE',
        ],
      },
      // A consent that is missing has a code of its own, and so is looked for before the schema finds the member missing.
      preValidation: (request, _reply, done) => {
        const { consent } = Object(request.body) as { readonly consent?: unknown };
        done(
          consent === undefined || consent === null
            ? new AppError('CONSENT_REQUIRED', 'body: missing consent')
            : undefined,
        );
      },
    },
    async (request, reply) => {
      const capture = await captures.start(request.body);
      return reply.code(202).header('location', `/v1/captures/${capture.id}`).send(capture);
    },
  );

  app.get(
    '/v1/captures/:id',
    {
      schema: {
        operationId: 'getCapture',
        tags: ['captures'],
        summary: 'The capture, at once, or when it has ended or the time to wait is over',
        params: IdParams,
        querystring: CaptureQuery,
        response: { 200: json(Capture, 'The capture') },
      },
      config: { problems: ['CAPTURE_NOT_FOUND'] },
    },
    (request, reply) => {
      const { wait = 0 } = request.query;
      const capture = captures.get(request.params.id);
      if (wait === 0) return capture;
      return captures.wait(request.params.id, wait * 1000, AbortSignal.any([clientGone(reply), closing]));
    },
  );

  app.get(
    '/v1/captures/:id/events',
    {
      schema: {
        operationId: 'followCapture',
        tags: ['captures'],
        summary: 'The capture now and at each change, as server-sent events whose data is a Capture',
        params: IdParams,
        response: { 200: bytes('text/event-stream', 'Events until the capture ends') },
      },
      config: { problems: ['CAPTURE_NOT_FOUND'] },
      exposeHeadRoute: false,
    },
    (request, reply) => {
      const { id } = request.params;
      captures.get(id);
      const signal = AbortSignal.any([clientGone(reply), closing]);
      const events = eventStream(captures.events(id, signal), {
        clock,
        signal,
        onError: (error) => log.error({ captureId: id, error }, 'events broke off'),
      });
      return reply.type('text/event-stream').send(Readable.from(events));
    },
  );

  app.get(
    '/v1/captures/:id/image',
    {
      schema: {
        operationId: 'getCaptureImage',
        tags: ['captures'],
        summary: 'The print as a picture, for the clerk to look at until the agreement is sealed',
        params: IdParams,
        response: { 200: bytes('image/png', 'The print') },
      },
      config: { problems: ['CAPTURE_NOT_FOUND', 'CAPTURE_NOT_DONE', 'CAPTURE_GONE', 'STATE_KEY_WRONG'] },
    },
    async (request, reply) => reply.type('image/png').send(await captures.image(request.params.id)),
  );

  const sampleProblems = [
    'SAMPLES_NOT_EXPOSED',
    'CAPTURE_NOT_FOUND',
    'CAPTURE_NOT_DONE',
    'CAPTURE_GONE',
    'STATE_KEY_WRONG',
  ] as const;

  app.get(
    '/v1/captures/:id/record',
    {
      schema: {
        operationId: 'getCaptureRecord',
        tags: ['captures'],
        summary: 'The ISO/IEC 19794-4 record, where the configuration hands samples out',
        params: IdParams,
        response: { 200: bytes('application/octet-stream', 'The record') },
      },
      config: { problems: sampleProblems },
    },
    async (request, reply) => reply.type('application/octet-stream').send(await captures.record(request.params.id)),
  );

  app.get(
    '/v1/captures/:id/template',
    {
      schema: {
        operationId: 'getCaptureTemplate',
        tags: ['captures'],
        summary: 'The template, where the configuration hands samples out; its format is told by the capture',
        params: IdParams,
        response: { 200: bytes('application/octet-stream', 'The template') },
      },
      config: { problems: [...sampleProblems, 'NOT_FOUND'] },
    },
    async (request, reply) => {
      const template = await captures.template(request.params.id);
      return reply.type('application/octet-stream').send(template.bytes);
    },
  );

  app.delete(
    '/v1/captures/:id',
    {
      schema: {
        operationId: 'cancelCapture',
        tags: ['captures'],
        summary: 'Cancels the capture, or destroys its sample',
        params: IdParams,
        response: { 204: NO_CONTENT },
      },
      config: { problems: ['CAPTURE_NOT_FOUND', 'AGREEMENT_BUSY', 'STATE_UNUSABLE'] },
    },
    async (request, reply) => {
      await captures.cancel(request.params.id);
      return reply.code(204).send(null);
    },
  );
}
