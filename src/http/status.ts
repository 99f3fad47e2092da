import type { HttpDeps } from './deps.ts';
import { json } from './route.ts';
import type { Api } from './route.ts';
import { Health, Status } from './schemas.ts';

/** Whether the daemon lives, for everyone, and how its parts are, for who holds the token. */
export function statusRoutes(app: Api, { clock, config, readers, seal, version }: HttpDeps): void {
  const startedAt = clock.monotonicMs();

  app.get(
    '/health',
    {
      schema: {
        operationId: 'getHealth',
        tags: ['status'],
        summary: 'Whether the daemon runs; needs no token',
        security: [],
        response: { 200: json(Health, 'It runs') },
      },
    },
    () => ({ status: 'ok', version }),
  );

  app.get(
    '/v1/status',
    {
      schema: {
        operationId: 'getStatus',
        tags: ['status'],
        summary: 'Committee, seal and readers at a glance',
        response: { 200: json(Status, 'How things are') },
      },
    },
    () => ({
      version,
      committee: { name: config.committee.name, shortName: config.committee.shortName },
      seal: { state: seal.info().state },
      readers: readers.list().map(({ id, state }) => ({ id, state })),
      uptimeSeconds: Math.round((clock.monotonicMs() - startedAt) / 100) / 10,
    }),
  );
}
