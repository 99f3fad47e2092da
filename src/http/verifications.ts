import type { HttpDeps } from './deps.ts';
import { clientGone, json, takePdfUploads, uploadOf } from './route.ts';
import type { Api } from './route.ts';
import { VerificationReport } from './schemas.ts';

/** Checks any PDF; nothing of it is kept. */
export function verificationRoutes(app: Api, { verifier }: HttpDeps): void {
  app.register(async (uploads: Api) => {
    takePdfUploads(uploads);
    uploads.post(
      '/v1/verifications',
      {
        schema: {
          operationId: 'verify',
          tags: ['verification'],
          summary: 'Checks the seals of a PDF',
          response: { 200: json(VerificationReport, 'What was found') },
        },
        config: { body: 'application/pdf', problems: ['CERTIFICATE_INVALID', 'FILE_UNREADABLE', 'FILE_UNWRITABLE'] },
      },
      (request, reply) => verifier.verify(uploadOf(request), clientGone(reply)),
    );
  });
}
