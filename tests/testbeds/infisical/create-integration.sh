curl --request POST \
  --url https://us.infisical.com/api/v1/integration \
  --header 'Authorization: Bearer <token>' \
  --header 'Content-Type: application/json' \
  --data '{
  "integrationAuthId": "<string>",
  "app": "<string>",
  "isActive": true,
  "appId": "<string>",
  "secretPath": "/",
  "sourceEnvironment": "<string>",
  "targetEnvironment": "<string>",
  "targetEnvironmentId": "<string>",
  "targetService": "<string>",
  "targetServiceId": "<string>",
  "owner": "<string>",
  "url": "<string>",
  "path": "<string>",
  "region": "<string>",
  "scope": "<string>",
  "metadata": {}
}'
