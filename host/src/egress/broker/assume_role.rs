//! `AWS_SIGV4` with `assumeRole`: the connection's own keys are exchanged for those of a role (STS `AssumeRole`).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::material::{Material, Reason};
use super::{AssumedRole, AwsKeys, Canaries, Draft, EgressFailure, RoleKey, sign};
use crate::domain::id::{ConnectionUid, TenantUid};
use crate::domain::{Secret, Timestamp};
use crate::egress::gate::Entry;
use crate::egress::policy::EgressPolicy;
use crate::ports::egress::InboundResponse;

/// An hour: what every role allows, and the most that a role assumed with another role's keys can have.
const DURATION_SECONDS: &str = "3600";

/// AWS allows 64 characters of a code; what is longer or odd is not repeated.
const ERROR_CODE_CHARS_MAX: usize = 64;

fn entries(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect()
}

/// How to get a role's keys.
pub(in crate::egress) struct AssumeRole {
    keys: AwsKeys,
    role_arn: Secret<String>,
    /// Made by the host for the tenant; without it a user of one tenant could name a role that trusts another's keys.
    external_id: String,
    /// The egress entries that the exchange may go through; the first whose settings are set is used.
    pub(in crate::egress) entries: Vec<String>,
}

impl AssumeRole {
    pub(super) fn read(material: &Material<'_>, external_id: Option<&str>) -> Result<Self, Reason> {
        Ok(Self {
            keys: AwsKeys::read(material)?,
            role_arn: material.required("roleArn")?.clone(),
            external_id: external_id.filter(|id| !id.is_empty()).ok_or("the tenant has no external id")?.to_owned(),
            entries: entries(material.setting("exchangeEntry").ok_or("the setting `exchangeEntry` is not set")?),
        })
    }

    /// What the cached keys belong to: any change of the credential makes another.
    pub(in crate::egress) fn key(&self, tenant: TenantUid, connection: Option<ConnectionUid>, origin: &str) -> RoleKey {
        let mut digest = Sha256::new();
        let session_token = self.keys.session_token.as_ref().map_or("", |token| token.expose());
        for part in [
            &self.keys.access_key_id,
            self.keys.secret_access_key.expose(),
            session_token,
            self.role_arn.expose(),
            &self.external_id,
            origin,
        ] {
            digest.update(part.len().to_be_bytes());
            digest.update(part.as_bytes());
        }
        RoleKey { tenant, connection, inputs: digest.finalize().into() }
    }

    /// The signed request to STS.
    pub(in crate::egress) fn request(
        &self,
        entry: &Entry,
        policy: &EgressPolicy,
        session_name: &str,
        now: Timestamp,
    ) -> Result<Draft, EgressFailure> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", self.role_arn.expose())
            .append_pair("RoleSessionName", session_name)
            .append_pair("ExternalId", &self.external_id)
            .append_pair("DurationSeconds", DURATION_SECONDS)
            .finish();
        let mut draft = entry.draft_exchange(policy, Bytes::from(body))?;
        draft
            .headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"));
        sign(&mut draft, &self.keys, entry.signing()?, now)?;
        Ok(draft)
    }
}

/// Reads the answer of STS.
pub(super) fn read_answer(answer: &InboundResponse) -> Result<AssumedRole, EgressFailure> {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status == 429 || answer.status >= 500 {
        return Err(EgressFailure::NotSent(format!("the role exchange answered with status {}", answer.status)));
    }
    if !(200..300).contains(&answer.status) {
        let code = error_code(&text).map(|code| format!(" ({code})")).unwrap_or_default();
        return Err(refused(format!("the role exchange answered with status {}{code}", answer.status)));
    }
    read_credentials(&text).ok_or_else(|| refused("the role exchange's answer is incomplete".to_owned()))
}

fn read_credentials(text: &str) -> Option<AssumedRole> {
    let credentials = element(text, "Credentials")?;
    let secret = |name: &str| element(credentials, name).map(|value| Secret::new(unescape(value.trim())));
    let secret_access_key = secret("SecretAccessKey")?;
    let session_token = secret("SessionToken")?;
    let expires: jiff::Timestamp = element(credentials, "Expiration")?.trim().parse().ok()?;
    let canaries = Canaries::new([secret_access_key.expose().as_str(), session_token.expose().as_str()]);
    let keys = AwsKeys {
        access_key_id: unescape(element(credentials, "AccessKeyId")?.trim()),
        secret_access_key,
        session_token: Some(session_token),
    };
    Some(AssumedRole { keys, canaries, expires: Timestamp::from_unix_ms(expires.as_millisecond()) })
}

/// The vendor's word for why, such as `AccessDenied`. Its sentence would name the role.
fn error_code(text: &str) -> Option<&str> {
    let code = element(text, "Code")?.trim();
    let is_word = code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
    (!code.is_empty() && code.len() <= ERROR_CODE_CHARS_MAX && is_word).then_some(code)
}

/// What stands between the first start tag of this name, which has no attributes in what STS sends, and its end tag.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner)
}

/// The five entities of XML 1.0 4.6.
fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

fn refused(reason: String) -> EgressFailure {
    EgressFailure::Authentication(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
        <AssumedRoleUser><AssumedRoleId>AROA:keyferry</AssumedRoleId></AssumedRoleUser>
        <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>se/cr&amp;et+key</SecretAccessKey>
        <SessionToken>token==</SessionToken><Expiration>2026-11-22T02:00:00Z</Expiration></Credentials>
        </AssumeRoleResult></AssumeRoleResponse>"#;

    fn answer(status: u16, body: &str) -> InboundResponse {
        InboundResponse { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn keys_are_read_from_the_answer() {
        let role = read_answer(&answer(200, ANSWER)).ok().unwrap();
        assert_eq!(role.keys.access_key_id, "ASIAEXAMPLE");
        assert_eq!(role.keys.secret_access_key.expose(), "se/cr&et+key");
        assert_eq!(role.keys.session_token.as_ref().unwrap().expose(), "token==");
        assert_eq!(role.expires, Timestamp::from_unix_ms(1_795_312_800_000));
    }

    #[test]
    fn incomplete_answers_are_refused() {
        for missing in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration", "Credentials"] {
            let failure = read_answer(&answer(200, &ANSWER.replace(missing, "Other"))).err().unwrap();
            assert!(matches!(failure, EgressFailure::Authentication(_)), "{missing}");
        }
        assert!(read_answer(&answer(200, "")).is_err());
    }

    #[test]
    fn refusals_tell_the_code_and_nothing_else() {
        let body =
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>arn:hunter2</Message></Error></ErrorResponse>";
        let failure = read_answer(&answer(403, body)).err().unwrap();
        assert_eq!(
            failure,
            EgressFailure::Authentication("the role exchange answered with status 403 (AccessDenied)".to_owned())
        );
        let odd = read_answer(&answer(403, "<Code>hunter2 hunter2</Code>")).err().unwrap();
        assert!(!odd.to_string().contains("hunter2"));
    }

    #[test]
    fn a_busy_exchange_is_worth_another_try() {
        for status in [429, 500, 503] {
            assert!(matches!(read_answer(&answer(status, "")), Err(EgressFailure::NotSent(_))), "{status}");
        }
    }
}
