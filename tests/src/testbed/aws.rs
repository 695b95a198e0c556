//! Two emulators of AWS, made by different people, with authentication on. Where they differ, the vendor's document decides.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::python;
use super::server::{Server, free_port};

/// The region that both emulators are used in.
pub const REGION: &str = "eu-central-1";

/// Which emulator it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulator {
    /// Checks signatures as strictly as AWS and answers with its bodies; knows few limits of Parameter Store.
    Ministack,
    /// Knows more limits of Parameter Store; answers failed authentication in XML.
    Moto,
}

/// A key pair, with a token when it is temporary.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: Option<String>,
}

impl AwsCredentials {
    fn new(access_key_id: &str, secret_access_key: &str) -> Self {
        Self { access_key_id: access_key_id.into(), secret_access_key: secret_access_key.into(), session_token: None }
    }

    /// The same key with a secret that is not its own.
    #[must_use]
    pub fn with_wrong_secret(&self) -> Self {
        Self { secret_access_key: "A".repeat(40), ..self.clone() }
    }

    /// A key that no account has.
    #[must_use]
    pub fn unknown() -> Self {
        Self::new("AKIAUNKNOWNUNKNOWN00", &"A".repeat(40))
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// A call to an AWS service.
#[derive(Clone, Debug)]
pub struct AwsRequest {
    service: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl AwsRequest {
    /// An operation of Parameter Store, for instance `GetParameter`.
    #[must_use]
    pub fn ssm(operation: &str, body: &Value) -> Self {
        Self::json(("ssm", "AmazonSSM"), operation, body)
    }

    /// An operation of the key management service, for instance `CreateKey`.
    #[must_use]
    pub fn kms(operation: &str, body: &Value) -> Self {
        Self::json(("kms", "TrentService"), operation, body)
    }

    fn json((service, target): (&'static str, &str), operation: &str, body: &Value) -> Self {
        let headers = vec![
            ("content-type", "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target", format!("{target}.{operation}")),
        ];
        Self { service, headers, body: body.to_string() }
    }

    /// An operation of IAM or STS with its parameters.
    #[must_use]
    pub fn query(service: &'static str, operation: &str, parameters: &[(&str, &str)]) -> Self {
        let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", operation).append_pair("Version", version).extend_pairs(parameters);
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        // moto signs what Python would have sent, which differs from a browser's form in these two letters.
        let body = form.finish().replace('*', "%2A").replace("%7E", "~");
        Self { service, headers, body }
    }
}

/// The program that serves moto.
const MOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testbeds/moto_serial.py");

/// What a service answered.
#[derive(Clone, Debug)]
pub struct AwsReply {
    pub status: u16,
    pub body: String,
}

impl AwsReply {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none, with the body.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The text of an element of an XML body.
    fn element(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        rest.split_once('<').map(|(text, _)| text)
    }

    #[track_caller]
    fn expect_success(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }
}

/// A running emulator with an administrator.
#[derive(Debug)]
pub struct AwsBed {
    /// Which one it is.
    pub emulator: Emulator,
    /// For instance `http://127.0.0.1:41234`.
    pub endpoint: String,
    administrator: AwsCredentials,
    users: AtomicU64,
    #[expect(dead_code, reason = "the server runs as long as this is held")]
    server: Server,
}

impl AwsBed {
    /// The `ministack` of this process, which all of its tests share.
    pub async fn ministack() -> &'static Self {
        static SHARED: OnceCell<AwsBed> = OnceCell::const_new();
        SHARED.get_or_init(Self::start_ministack).await
    }

    /// The `moto` of this process, which all of its tests share.
    pub async fn moto() -> &'static Self {
        static SHARED: OnceCell<AwsBed> = OnceCell::const_new();
        SHARED.get_or_init(Self::start_moto).await
    }

    /// Both, for tests that hold for AWS itself.
    pub async fn both() -> [&'static Self; 2] {
        [Self::ministack().await, Self::moto().await]
    }

    /// A `ministack` of its own, for tests that look at all there is, or take it down.
    pub async fn start_ministack() -> Self {
        // The emulator does not check the root key's secret, so nothing but making users is done with it.
        let administrator = AwsCredentials::new("rootkey", "rootsecret");
        let programs = python::programs();
        let port = free_port();
        let server = Server::start(|_| {
            let mut command = Command::new(programs.join("ministack"));
            command.env("AUTH", "true").env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
            command.env("AWS_ACCESS_KEY_ID", "rootkey").env("AWS_SECRET_ACCESS_KEY", "rootsecret");
            command.env("MINISTACK_REGION", REGION);
            command
        });
        let endpoint = format!("http://127.0.0.1:{port}");
        server.wait_for(&endpoint, |_, _| true).await;
        Self { emulator: Emulator::Ministack, endpoint, administrator, users: AtomicU64::new(0), server }
    }

    /// A `moto` of its own.
    pub async fn start_moto() -> Self {
        let programs = python::programs();
        let port = free_port();
        let server = Server::start(|_| {
            let mut command = Command::new(programs.join("python"));
            command.args([MOTO, "-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        });
        let endpoint = format!("http://127.0.0.1:{port}");
        server.wait_for(&format!("{endpoint}/moto-api/data.json"), |status, _| status == 200).await;
        let anyone = AwsCredentials::new("anyone", "anyone");
        let mut bed =
            Self { emulator: Emulator::Moto, endpoint, administrator: anyone, users: AtomicU64::new(0), server };
        bed.administrator = bed.user(&allow(&["*"], &["*"])).await;
        // From the next request on, signatures and policies count.
        let enforce =
            reqwest::Client::new().post(format!("{}/moto-api/reset-auth", bed.endpoint)).body("0").send().await;
        assert!(enforce.is_ok_and(|reply| reply.status().is_success()), "moto does not enforce authentication");
        bed
    }

    /// A new user with this policy, and its key.
    pub async fn user(&self, policy: &Value) -> AwsCredentials {
        let name = format!("user-{}", self.users.fetch_add(1, Ordering::Relaxed));
        self.iam("CreateUser", &[("UserName", &name)]).await;
        let policy = policy.to_string();
        self.iam("PutUserPolicy", &[("UserName", &name), ("PolicyName", "own"), ("PolicyDocument", &policy)]).await;
        let key = self.iam("CreateAccessKey", &[("UserName", &name)]).await;
        let part = |name: &str| key.element(name).unwrap_or_else(|| panic!("no {name} in {key:?}"));
        AwsCredentials::new(part("AccessKeyId"), part("SecretAccessKey"))
    }

    /// A new role that may be taken on by whoever names the external id; returns its ARN.
    pub async fn role(&self, policy: &Value, external_id: &str) -> String {
        let name = format!("role-{}", self.users.fetch_add(1, Ordering::Relaxed));
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
        }]});
        let trust = trust.to_string();
        let role = self.iam("CreateRole", &[("RoleName", &name), ("AssumeRolePolicyDocument", &trust)]).await;
        let policy = policy.to_string();
        self.iam("PutRolePolicy", &[("RoleName", &name), ("PolicyName", "own"), ("PolicyDocument", &policy)]).await;
        role.element("Arn").unwrap_or_else(|| panic!("no Arn in {role:?}")).to_owned()
    }

    /// A key that may do everything, for looking at what a test has done.
    #[must_use]
    pub fn administrator(&self) -> &AwsCredentials {
        &self.administrator
    }

    /// Stores a parameter as somebody else would.
    pub async fn put_parameter(&self, name: &str, value: &str) {
        let body = json!({"Name": name, "Value": value, "Type": "SecureString", "Overwrite": true});
        self.administer(&AwsRequest::ssm("PutParameter", &body)).await;
    }

    /// Every parameter below a path with its opened value and version, in the order of names.
    pub async fn parameters(&self, path: &str) -> Vec<(String, String, u64)> {
        let mut found = Vec::new();
        let mut next = Value::Null;
        loop {
            let mut body = json!({"Path": path, "Recursive": true, "WithDecryption": true, "MaxResults": 10});
            if !next.is_null() {
                body["NextToken"] = next;
            }
            let page = self.administer(&AwsRequest::ssm("GetParametersByPath", &body)).await.json();
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let parameters = page["Parameters"].as_array().expect("a list").iter();
            found.extend(
                parameters.map(|one| (text(&one["Name"]), text(&one["Value"]), one["Version"].as_u64().unwrap_or(0))),
            );
            next = page["NextToken"].clone();
            if next.is_null() {
                found.sort();
                return found;
            }
        }
    }

    /// A new key of the account, by its alias.
    pub async fn key(&self) -> String {
        let made = self.administer(&AwsRequest::kms("CreateKey", &json!({}))).await;
        let alias = format!("alias/key-{}", self.users.fetch_add(1, Ordering::Relaxed));
        let body = json!({"AliasName": alias, "TargetKeyId": made.json()["KeyMetadata"]["KeyId"]});
        self.administer(&AwsRequest::kms("CreateAlias", &body)).await;
        alias
    }

    /// What a parameter is beside its value: tier, key and more, and its tags.
    pub async fn described(&self, name: &str) -> (Value, BTreeMap<String, String>) {
        let filter = json!({"ParameterFilters": [{"Key": "Name", "Option": "Equals", "Values": [name]}]});
        let described = self.administer(&AwsRequest::ssm("DescribeParameters", &filter)).await.json();
        let resource = json!({"ResourceType": "Parameter", "ResourceId": name});
        let tags = self.administer(&AwsRequest::ssm("ListTagsForResource", &resource)).await.json();
        let text = |tag: &Value, member: &str| tag[member].as_str().expect("a text").to_owned();
        let tags = tags["TagList"].as_array().expect("a list").iter();
        (described["Parameters"][0].clone(), tags.map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect())
    }

    async fn administer(&self, request: &AwsRequest) -> AwsReply {
        self.call(&self.administrator, request).await.expect_success()
    }

    async fn iam(&self, operation: &str, parameters: &[(&str, &str)]) -> AwsReply {
        self.administer(&AwsRequest::query("iam", operation, parameters)).await
    }

    /// Signs and sends one request.
    ///
    /// # Panics
    /// When there is no answer at all.
    pub async fn call(&self, credentials: &AwsCredentials, request: &AwsRequest) -> AwsReply {
        let url = format!("{}/", self.endpoint);
        let mut signed = http::Request::post(&url).body(request.body.clone()).expect("a valid request");
        for (name, value) in &request.headers {
            signed.headers_mut().insert(*name, value.parse().expect("a header value"));
        }
        sign_request(&mut signed, credentials, request.service);
        let signed = reqwest::Request::try_from(signed).expect("a valid request");
        let response = reqwest::Client::new().execute(signed).await.expect("the emulator answers");
        AwsReply { status: response.status().as_u16(), body: response.text().await.expect("the emulator answers") }
    }
}

fn sign_request(request: &mut http::Request<String>, credentials: &AwsCredentials, service: &str) {
    let token = credentials.session_token.clone();
    let identity =
        Credentials::new(&credentials.access_key_id, &credentials.secret_access_key, token, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .expect("all parameters are given");
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text")));
    let body = SignableBody::Bytes(request.body().as_bytes());
    let signable = SignableRequest::new(request.method().as_str(), request.uri().to_string(), headers, body);
    let signing = sign(signable.expect("a valid request"), &parameters.into()).expect("the request can be signed");
    signing.into_parts().0.apply_to_request_http1x(request);
}

/// A policy that allows actions on resources, both with `*` for any.
#[must_use]
pub fn allow(actions: &[&str], resources: &[&str]) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources}]})
}
