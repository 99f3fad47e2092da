import { Type } from 'typebox';
import { problemOf } from '../errors.ts';
import type { AttachedReaderView, HttpDeps, ReaderView } from './deps.ts';
import { json } from './route.ts';
import type { Api } from './route.ts';
import { IdParams, Reader } from './schemas.ts';

export function readerRoutes(app: Api, { readers }: HttpDeps): void {
  app.get(
    '/v1/readers',
    {
      schema: {
        operationId: 'listReaders',
        tags: ['readers'],
        summary: 'The fingerprint readers that are attached',
        response: { 200: json(Type.Array(Reader), 'All readers') },
      },
    },
    () => readers.list().map(publicView),
  );

  app.get(
    '/v1/readers/:id',
    {
      schema: {
        operationId: 'getReader',
        tags: ['readers'],
        summary: 'One reader',
        params: IdParams,
        response: { 200: json(Reader, 'The reader') },
      },
      config: { problems: ['READER_NOT_FOUND'] },
    },
    (request) => publicView(readers.get(request.params.id)),
  );
}

/** A service's reader knows more than a web page is told. */
function publicView(reader: AttachedReaderView): ReaderView {
  const { id, name, driver, link, vendorId, productId, serialNumber, state, capabilities } = reader;
  const { image, template, width, height, dpi } = capabilities;
  return {
    id,
    name,
    driver,
    link,
    ...(vendorId === undefined ? {} : { vendorId }),
    ...(productId === undefined ? {} : { productId }),
    ...(serialNumber === undefined ? {} : { serialNumber }),
    state,
    capabilities: { image, template, width, height, dpi },
    ...(reader.error === undefined ? {} : { error: problemOf(reader.error) }),
  };
}
