// What a user of a generated client does: `node walk.js {"url": ..., "token": ...}`; prints what came back.

import { client } from './client/client.gen';
import { environmentsCreate, secretsList, secretsSet, tenantsCreate, tenantsRead } from './client/sdk.gen';
import type { Problem, Secret, Tenant } from './client/types.gen';

declare const process: { argv: string[]; exitCode: number };

async function walk(): Promise<Record<string, unknown>> {
    const { url, token } = JSON.parse(process.argv[2] ?? '') as { url: string; token: string };
    client.setConfig({ baseUrl: url, auth: (scheme) => (scheme.scheme === 'bearer' ? token : undefined) });

    const created = await tenantsCreate({ body: { id: 'generated', displayName: 'Generated' }, throwOnError: true });
    const tenant: Tenant = created.data;
    await environmentsCreate({ path: { tenant: tenant.id }, body: { slug: 'prod' }, throwOnError: true });
    const path = { tenant: tenant.id, environment: 'prod', secret: 'app/db/URL' };
    const set = await secretsSet({ path, body: { value: 'postgres://' }, throwOnError: true });
    const listed = await secretsList({ path, query: { path: '/app', recursive: true, view: 'value' }, throwOnError: true });
    const names: string[] = listed.data.items.map((secret: Secret) => `${secret.path}/${secret.name}=${secret.value}`);

    const missing = await tenantsRead({ path: { tenant: 'nobody' } });
    const problem: Problem | undefined = missing.error;
    return { tenant: tenant.displayName, version: set.data.version, names, code: problem?.code };
}

walk().then(
    (found) => console.log(JSON.stringify(found)),
    (problem: unknown) => {
        console.error(problem);
        process.exitCode = 1;
    },
);
