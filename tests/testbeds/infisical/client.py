"""Does with the official client what its users do, and prints what came of each step as JSON. Takes as JSON the address, the
credentials and the project."""

import json
import sys

from infisical_sdk import InfisicalSDKClient
from infisical_sdk.infisical_requests import APIError

given = json.loads(sys.argv[1])
host, project = given["siteUrl"], given["project"]
results = {}


def shown(value):
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return value


def step(name, act):
    try:
        results[name] = shown(act())
    except APIError as error:
        results[name] = {"error": str(error), "status": error.status_code, "response": error.response}


def client(credentials):
    made = InfisicalSDKClient(host=host, cache_ttl=None)
    made.auth.universal_auth.login(credentials["clientId"], credentials["clientSecret"])
    return made


nobody = InfisicalSDKClient(host=host, cache_ttl=None)
step("badPair", lambda: nobody.auth.universal_auth.login(given["writer"]["clientId"], "wrong"))
step("unauthenticated", lambda: nobody.secrets.list_secrets("dev", "/app", project_id=project))
bad_token = InfisicalSDKClient(host=host, token="x.y.z", cache_ttl=None)
step("badToken", lambda: bad_token.secrets.list_secrets("dev", "/app", project_id=project))

writer = client(given["writer"])
secrets, folders = writer.secrets, writer.folders
app = {"environment_slug": "dev", "secret_path": "/app", "project_id": project}
by_slug = {"environment_slug": "dev", "secret_path": "/app", "project_slug": "acme"}

step("folder", lambda: folders.create_folder("inner", "dev", project, path="/app", description="below"))
inner = results["folder"].get("id", "none")
step("folderById", lambda: folders.get_folder_by_id(inner))
step("folders", lambda: folders.list_folders(project, "dev", "/app"))
step("foldersBelow", lambda: folders.list_folders(project, "dev", "/", recursive=True))
step("folderRenamed", lambda: folders.update_folder(inner, "outer", "dev", project, path="/app"))
step("folderDeleted", lambda: folders.delete_folder(inner, "dev", project, path="/app"))
step("folderGone", lambda: folders.get_folder_by_id(inner))

metadata = [{"key": "team", "value": "core"}]
step("created", lambda: secrets.create_secret_by_name(
    "HOST", secret_value="db.internal", secret_comment="where it is", secret_metadata=metadata, **app))
step("referring", lambda: secrets.create_secret_by_name("URL", secret_value="postgres://${HOST}/main", **by_slug))
step("lines", lambda: secrets.create_secret_by_name("LINES", secret_value="one\n\"two\" & 'é' {{x}} %41", **app))
step("createdTwice", lambda: secrets.create_secret_by_name("HOST", secret_value="again", **app))

step("expanded", lambda: secrets.get_secret_by_name("URL", **app))
step("raw", lambda: secrets.get_secret_by_name("URL", expand_secret_references=False, **app))
step("read", lambda: secrets.get_secret_by_name("LINES", **by_slug))
step("imported", lambda: secrets.get_secret_by_name("SHARED", **app))
step("absent", lambda: secrets.get_secret_by_name("NOTHING", **app))
step("emptyRequest", lambda: secrets.list_secrets("", "/app", project_id=project))
step("otherProject", lambda: secrets.list_secrets("dev", "/app", project_slug="nobody"))

step("listed", lambda: secrets.list_secrets(include_imports=False, **app))
step("withImports", lambda: secrets.list_secrets(**app))
step("recursive", lambda: secrets.list_secrets("dev", "/", project_id=project, recursive=True, include_imports=False))

step("updated", lambda: secrets.update_secret_by_name("HOST", secret_value="db2.internal", **app))
step("followed", lambda: secrets.get_secret_by_name("URL", **app))
step("firstVersion", lambda: secrets.get_secret_by_name("HOST", version="1", **app))
step("renamed", lambda: secrets.update_secret_by_name("LINES", new_secret_name="TEXT", **app))
step("oldName", lambda: secrets.get_secret_by_name("LINES", **app))
step("deleted", lambda: secrets.delete_secret_by_name("TEXT", **app))
step("gone", lambda: secrets.get_secret_by_name("TEXT", **app))

reader = client(given["reader"])
step("forbidden", lambda: reader.secrets.create_secret_by_name("MINE", secret_value="x", **app))

# With its cache, which is on when nobody says otherwise.
cached = InfisicalSDKClient(host=host)
cached.auth.universal_auth.login(given["writer"]["clientId"], given["writer"]["clientSecret"])
step("cachedFirst", lambda: cached.secrets.get_secret_by_name("HOST", **app))
secrets.update_secret_by_name("HOST", secret_value="db3.internal", **app)
step("cachedAgain", lambda: cached.secrets.get_secret_by_name("HOST", **app))
cached.close()

print(json.dumps(results))
