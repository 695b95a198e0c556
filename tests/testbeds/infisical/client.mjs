// Does with the official client what its users do, and prints what came of each step as JSON. Takes a folder with the client
// installed, and as JSON the address, the credentials and the project.

import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, given] = process.argv.slice(2);
const { InfisicalSDK } = createRequire(join(folder, "package.json"))("@infisical/sdk");
const { siteUrl, project, writer, reader } = JSON.parse(given);

const results = {};

async function step(name, act) {
  try {
    results[name] = (await act()) ?? null;
  } catch (error) {
    results[name] = { error: error.message, kind: error.name };
  }
  return results[name];
}

const at = (environment, secretPath) => ({ projectId: project, environment, secretPath });
const app = at("dev", "/app");

const nobody = new InfisicalSDK({ siteUrl });
await step("unauthenticated", () => nobody.secrets().listSecrets(app));
await step("badPair", () => nobody.auth().universalAuth.login({ ...writer, clientSecret: "wrong" }));
await step("badToken", () => new InfisicalSDK({ siteUrl }).auth().accessToken("x.y.z").secrets().listSecrets(app));

const client = await new InfisicalSDK({ siteUrl }).auth().universalAuth.login(writer);
const first = client.auth().getAccessToken();
await client.auth().universalAuth.renew();
await step("renewed", () => ({ differs: client.auth().getAccessToken() !== first }));

await step("environment", () => client.environments().create({ name: "Quality", slug: "qa", projectId: project, position: 4 }));
await step("folder", () => client.folders().create({ name: "inner", path: "/app", projectId: project, environment: "dev" }));
await step("folders", () => client.folders().listFolders({ environment: "dev", projectId: project, path: "/app" }));

const create = (name, secretValue, more) => client.secrets().createSecret(name, { ...app, secretValue, ...more });
await step("created", () => create("HOST", "db.internal", { secretComment: "where it is" }));
await step("referring", () => create("URL", "postgres://${HOST}/main"));
await step("lines", () => create("LINES", "one\n\"two\" & 'é' {{x}} %41"));
await step("deep", () => client.secrets().createSecret("DEEP", { ...at("dev", "/app/inner"), secretValue: "below" }));
await step("createdTwice", () => create("HOST", "again"));
await step("emptyRequest", () => client.secrets().createSecret("HOST", { secretValue: "nowhere" }));

const get = (secretName, more) => client.secrets().getSecret({ ...app, secretName, ...more });
await step("expanded", () => get("URL"));
await step("raw", () => get("URL", { expandSecretReferences: false }));
await step("read", () => get("LINES"));
await step("hidden", () => get("HOST", { viewSecretValue: false }));
await step("imported", () => get("SHARED", { includeImports: true }));
await step("absent", () => get("NOTHING"));
await step("otherProject", () => client.secrets().listSecrets({ ...app, projectId: "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20" }));

await step("listed", () => client.secrets().listSecrets(app));
await step("withImports", () => client.secrets().listSecrets({ ...app, includeImports: true }));
await step("merged", () => client.secrets().listSecretsWithImports(app));
await step("recursive", () => client.secrets().listSecrets({ ...at("dev", "/"), recursive: true }));
await step("environmentOfProcess", async () => {
  await client.secrets().listSecrets({ ...app, includeImports: true, attachToProcessEnv: true });
  return { URL: process.env.URL, SHARED: process.env.SHARED };
});

await step("updated", () => client.secrets().updateSecret("HOST", { ...app, secretValue: "db2.internal" }));
await step("followed", () => get("URL"));
await step("firstVersion", () => get("HOST", { version: 1 }));
await step("renamed", () => client.secrets().updateSecret("LINES", { ...app, newSecretName: "TEXT" }));
await step("oldName", () => get("LINES"));
await step("newName", () => get("TEXT"));
await step("deleted", () => client.secrets().deleteSecret("TEXT", app));
await step("gone", () => get("TEXT"));

const looking = await new InfisicalSDK({ siteUrl }).auth().universalAuth.login(reader);
await step("notRevealed", () => looking.secrets().getSecret({ ...app, secretName: "HOST" }));
await step("forbidden", () => looking.secrets().createSecret("MINE", { ...app, secretValue: "x" }));

console.log(JSON.stringify(results));
