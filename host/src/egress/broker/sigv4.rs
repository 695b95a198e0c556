//! `AWS_SIGV4`: AWS Signature Version 4 in the `Authorization` header.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use data_encoding::HEXLOWER;
use http::header::HeaderName;
use sha2::{Digest, Sha256};

use super::material::{Material, Reason};
use super::{Draft, EgressFailure, sensitive};
use crate::domain::{Secret, Timestamp};
use crate::egress::gate::SigningScope;

/// What signing sets.
pub(super) const OWNED_HEADERS: [&str; 4] =
    ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"];

/// An access key.
#[derive(Clone)]
pub(in crate::egress) struct AwsKeys {
    pub(in crate::egress) access_key_id: String,
    pub(in crate::egress) secret_access_key: Secret<String>,
    pub(in crate::egress) session_token: Option<Secret<String>>,
}

impl AwsKeys {
    pub(super) fn read(material: &Material<'_>) -> Result<Self, Reason> {
        Ok(Self {
            access_key_id: material.required("accessKeyId")?.expose().clone(),
            secret_access_key: material.required("secretAccessKey")?.clone(),
            session_token: material.credential("sessionToken").cloned(),
        })
    }
}

/// Signs `draft`: all headers that it has by now except `user-agent`, its body, its path and its query.
pub(in crate::egress) fn sign(
    draft: &mut Draft,
    keys: &AwsKeys,
    scope: &SigningScope,
    now: Timestamp,
) -> Result<(), EgressFailure> {
    let failed = || EgressFailure::Authentication("the request cannot be signed".to_owned());
    let session_token = keys.session_token.as_ref().map(|token| token.expose().clone());
    let identity = Credentials::from_keys(&keys.access_key_id, keys.secret_access_key.expose(), session_token).into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&scope.region)
        .name(&scope.service)
        .time(system_time(now))
        .settings(settings(&scope.service))
        .build()
        .map_err(|_| failed())?
        .into();
    let url = format!("{}{}", draft.target.origin(), draft.path_and_query());
    let headers = draft.headers.iter().map(|(name, value)| Ok((name.as_str(), value.to_str().map_err(|_| failed())?)));
    let headers = headers.collect::<Result<Vec<_>, EgressFailure>>()?;
    let body = SignableBody::Precomputed(HEXLOWER.encode(&Sha256::digest(&draft.body)));
    let request = SignableRequest::new(draft.method.as_str(), url, headers.into_iter(), body).map_err(|_| failed())?;
    // The signer traces requests with their headers: with no subscriber, nobody listens.
    let signed = tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
        aws_sigv4::http_request::sign(request, &parameters)
    });
    let (instructions, _signature) = signed.map_err(|_| failed())?.into_parts();
    for (name, value) in instructions.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| failed())?;
        draft.headers.insert(name, sensitive(value)?);
    }
    Ok(())
}

/// S3 alone takes paths as they are and wants the payload's hash as a header.
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

fn system_time(now: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(now.unix_ms()).unwrap_or(0))
}

#[cfg(test)]
mod tests;
