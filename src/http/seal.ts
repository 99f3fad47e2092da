import type { HttpDeps } from './deps.ts';
import { json } from './route.ts';
import type { Api } from './route.ts';
import { Seal, UnlockRequest } from './schemas.ts';

/** The committee's seal: whether it is there, and whether it may be used. */
export function sealRoutes(app: Api, { seal }: HttpDeps): void {
  const answer = { 200: json(Seal, 'The seal') };

  app.get(
    '/v1/seal',
    { schema: { operationId: 'getSeal', tags: ['seal'], summary: 'The seal and its certificate', response: answer } },
    () => seal.info(),
  );

  app.post(
    '/v1/seal/unlock',
    {
      schema: {
        operationId: 'unlockSeal',
        tags: ['seal'],
        summary: 'Opens the seal with its passphrase',
        body: UnlockRequest,
        response: answer,
      },
      config: {
        body: 'application/json',
        problems: [
          'SEAL_ABSENT',
          'SEAL_PASSPHRASE_WRONG',
          'FILE_UNREADABLE',
          'SEAL_FILE_INVALID',
          'SEAL_KEY_UNSUPPORTED',
          'SEAL_KEY_MISMATCH',
          'SEAL_EXPIRED',
          'SEAL_NOT_YET_VALID',
          'SEAL_USAGE',
          'SEAL_FOREIGN',
        ],
      },
    },
    async (request) => {
      await seal.unlock(request.body.passphrase);
      return seal.info();
    },
  );

  app.post(
    '/v1/seal/lock',
    {
      schema: { operationId: 'lockSeal', tags: ['seal'], summary: 'Drops the key', response: answer },
    },
    () => {
      seal.lock();
      return seal.info();
    },
  );
}
