//! JSON Web Tokens (RFC 7519), by our own rules: the library only signs and checks signatures.
//!
//! Its own validation takes a token without audience or issuer, one that is not valid yet, and critical headers it does
//! not know. Every rule of ours has a row in the table of the tests, and every failure is the same to the caller.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::Timestamp;
use crate::records::access::SigningKey;

/// Checked before anything is decoded. Ours have about 400 bytes.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// How far clocks may be apart, in seconds.
const LEEWAY_S: u64 = 30;
/// The only kind of token that is an access token (RFC 9068).
const ACCESS_TOKEN: &str = "at+jwt";

/// Why a token is refused: for the log, never for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    #[error("the token is too long")]
    TooLong,
    #[error("the token is not of three parts, or a part is not base64url or not the expected JSON")]
    Malformed,
    #[error("the algorithm is not the issuer's")]
    Algorithm,
    #[error("the type is not that of an access token")]
    Type,
    #[error("the token has critical headers")]
    Critical,
    #[error("the key is not known")]
    Key,
    #[error("the signature does not fit")]
    Signature,
    #[error("the issuer is another")]
    Issuer,
    #[error("the audience is another")]
    Audience,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token lives longer than its issuer allows")]
    Lifetime,
}

/// What an issuer is held to. The algorithm is HS256 and is never taken from the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issuer {
    pub(crate) name: String,
    pub(crate) audience: String,
    /// The longest time from issue to expiry, in seconds.
    pub(crate) lifetime_max_s: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    /// Any value is one too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crit: Option<Value>,
}

/// The claims that must be there; more may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    aud: Audience,
    pub(crate) iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    pub(crate) exp: u64,
    pub(crate) jti: String,
    /// Tokens that follow each other by renewal share it. Absent, as are the next two, where a token was never to be renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    /// When the first of them was issued (OpenID Connect Core, section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<u64>,
    /// Until when renewals can reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_exp: Option<u64>,
}

/// Tokens that follow each other by renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    /// When the first of them was issued, in Unix seconds.
    pub(crate) began_at_s: u64,
    /// When the last of them ends at the latest, in Unix seconds.
    pub(crate) ends_at_s: u64,
}

impl Session {
    /// A new one that lasts so long.
    pub(crate) fn begin(now: Timestamp, lifetime_s: u64) -> Self {
        let began_at_s = unix_s(now);
        Self { id: Uuid::now_v7(), began_at_s, ends_at_s: began_at_s.saturating_add(lifetime_s) }
    }
}

impl Claims {
    /// The session that the token is of.
    ///
    /// # Errors
    /// [`TokenFault::Malformed`] when its id is none of ours.
    pub(crate) fn session(&self) -> Result<Session, TokenFault> {
        let id = Uuid::parse_str(self.sid.as_ref().unwrap_or(&self.jti)).map_err(|_| TokenFault::Malformed)?;
        let began_at_s = self.auth_time.unwrap_or(self.iat);
        Ok(Session { id, began_at_s, ends_at_s: self.session_exp.unwrap_or(self.exp) })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Signs an access token for `subject`, good from `now` for `lifetime_s`, but not beyond the end of its session. Answers the
/// token and how long it is good for, in seconds.
///
/// # Errors
/// [`TokenFault::Key`] when the library does not sign, which a working installation never sees.
pub(crate) fn issue(
    issuer: &Issuer,
    key: &SigningKey,
    (subject, session): (&str, &Session),
    now: Timestamp,
    lifetime_s: u64,
) -> Result<(String, u64), TokenFault> {
    let header = Header { alg: "HS256".into(), typ: ACCESS_TOKEN.into(), kid: key.id.clone(), crit: None };
    let issued_at_s = unix_s(now);
    let expires_at_s = issued_at_s.saturating_add(lifetime_s.min(issuer.lifetime_max_s)).min(session.ends_at_s);
    let claims = Claims {
        iss: issuer.name.clone(),
        sub: subject.to_owned(),
        aud: Audience::One(issuer.audience.clone()),
        iat: issued_at_s,
        nbf: None,
        exp: expires_at_s,
        jti: Uuid::now_v7().to_string(),
        sid: Some(session.id.to_string()),
        auth_time: Some(session.began_at_s),
        session_exp: Some(session.ends_at_s),
    };
    Ok((sign(&header, &claims, key)?, expires_at_s.saturating_sub(issued_at_s)))
}

fn sign<H: Serialize, C: Serialize>(header: &H, claims: &C, key: &SigningKey) -> Result<String, TokenFault> {
    let part = |json: Result<Vec<u8>, serde_json::Error>| json.map(|json| BASE64URL_NOPAD.encode(&json));
    let header = part(serde_json::to_vec(header)).map_err(|_| TokenFault::Malformed)?;
    let claims = part(serde_json::to_vec(claims)).map_err(|_| TokenFault::Malformed)?;
    let message = format!("{header}.{claims}");
    let secret = EncodingKey::from_secret(&key.key);
    let signature = crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).map_err(|_| TokenFault::Key)?;
    Ok(format!("{message}.{signature}"))
}

/// Checks a token against its issuer's rules.
///
/// # Errors
/// The first [`TokenFault`]; the caller must not tell it on.
pub(crate) fn verify(issuer: &Issuer, keys: &[SigningKey], token: &str, now: Timestamp) -> Result<Claims, TokenFault> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenFault::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(TokenFault::Malformed)?;
    let header: Header = decoded(header)?;
    if header.crit.is_some() {
        return Err(TokenFault::Critical);
    }
    if header.alg != "HS256" {
        return Err(TokenFault::Algorithm);
    }
    if !header.typ.eq_ignore_ascii_case(ACCESS_TOKEN) {
        return Err(TokenFault::Type);
    }
    let key = keys.iter().find(|key| key.id == header.kid).ok_or(TokenFault::Key)?;
    let secret = DecodingKey::from_secret(&key.key);
    match crypto::verify(signature, message.as_bytes(), &secret, Algorithm::HS256) {
        Ok(true) => {}
        _ => return Err(TokenFault::Signature),
    }
    let claims: Claims = decoded(claims)?;
    check(issuer, &claims, unix_s(now))?;
    Ok(claims)
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, TokenFault> {
    let json = BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| TokenFault::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenFault::Malformed)
}

fn check(issuer: &Issuer, claims: &Claims, now_s: u64) -> Result<(), TokenFault> {
    if claims.iss != issuer.name {
        return Err(TokenFault::Issuer);
    }
    let is_audience = |audience: &String| *audience == issuer.audience;
    let fits = match &claims.aud {
        Audience::One(audience) => is_audience(audience),
        Audience::Many(audiences) => audiences.iter().any(is_audience),
    };
    if !fits {
        return Err(TokenFault::Audience);
    }
    if claims.exp.checked_sub(claims.iat).is_none_or(|lifetime_s| lifetime_s > issuer.lifetime_max_s) {
        return Err(TokenFault::Lifetime);
    }
    if now_s >= claims.exp.saturating_add(LEEWAY_S) {
        return Err(TokenFault::Expired);
    }
    let earliest_s = now_s.saturating_add(LEEWAY_S);
    if claims.iat > earliest_s || claims.nbf.is_some_and(|nbf| nbf > earliest_s) {
        return Err(TokenFault::NotYet);
    }
    Ok(())
}

pub(super) fn unix_s(at: Timestamp) -> u64 {
    u64::try_from(at.unix_ms() / 1000).unwrap_or(0)
}

/// Signs and verifies once, so that a missing provider of the library shows at start-up.
///
/// # Errors
/// [`TokenFault`].
pub(crate) fn self_test(issuer: &Issuer, keys: &[SigningKey], now: Timestamp) -> Result<(), TokenFault> {
    let key = keys.last().ok_or(TokenFault::Key)?;
    let (token, _) = issue(issuer, key, ("self-test", &Session::begin(now, 60)), now, 60)?;
    verify(issuer, keys, &token, now).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW_S: u64 = 1_900_000_000;

    fn now() -> Timestamp {
        Timestamp::from_unix_ms(i64::try_from(NOW_S * 1000).expect("a date"))
    }

    fn issuer() -> Issuer {
        Issuer { name: "keyferry:test".into(), audience: "keyferry".into(), lifetime_max_s: 3600 }
    }

    fn key(byte: u8) -> SigningKey {
        SigningKey { id: format!("k{byte}"), key: [byte; 32], created_at: now() }
    }

    fn header() -> Value {
        json!({"alg": "HS256", "typ": "at+jwt", "kid": "k1"})
    }

    fn claims() -> Value {
        json!({"iss": "keyferry:test", "sub": "s", "aud": "keyferry", "iat": NOW_S, "exp": NOW_S + 60, "jti": "j"})
    }

    fn with(mut object: Value, name: &str, value: Value) -> Value {
        let members = object.as_object_mut().expect("an object");
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.to_owned(), value)),
        }
        object
    }

    fn verified(header: &Value, claims: &Value) -> Result<Claims, TokenFault> {
        let token = sign(header, claims, &key(1)).expect("it signs");
        verify(&issuer(), &[key(1)], &token, now())
    }

    #[test]
    fn what_is_issued_is_verified() {
        let session = Session::begin(now(), 1_000_000);
        let issued = issue(&issuer(), &key(2), ("subject", &session), now(), 1_000_000);
        let (token, lifetime_s) = issued.expect("it signs");
        assert_eq!(lifetime_s, 3600);
        let claims = verify(&issuer(), &[key(1), key(2)], &token, now()).expect("it is genuine");
        assert_eq!((claims.sub.as_str(), claims.exp - claims.iat), ("subject", 3600));
        assert_eq!(claims.session(), Ok(session));
        assert_eq!(verify(&issuer(), &[key(1)], &token, now()), Err(TokenFault::Key));
        assert!(self_test(&issuer(), &[key(1)], now()).is_ok());
    }

    #[test]
    fn no_token_outlives_its_session() {
        let session = Session::begin(now(), 100);
        for (after_s, expect_s) in [(0, 60), (40, 60), (70, 30), (100, 0), (200, 0)] {
            let at = now().after(std::time::Duration::from_secs(after_s));
            let (token, lifetime_s) = issue(&issuer(), &key(1), ("s", &session), at, 60).expect("it signs");
            assert_eq!(lifetime_s, expect_s, "{after_s}");
            let outcome = verify(&issuer(), &[key(1)], &token, at).map(|claims| claims.exp);
            let is_good = after_s < 100 + LEEWAY_S;
            let expect = if is_good { Ok(NOW_S + after_s + expect_s) } else { Err(TokenFault::Lifetime) };
            assert_eq!(outcome, expect, "{after_s}");
        }
    }

    #[test]
    fn a_token_without_a_session_is_one_of_its_own() {
        let id = "0198c0de-7a3b-7c11-9d2e-3f6a5b4c1d20";
        let alone = verified(&header(), &with(claims(), "jti", json!(id))).expect("it is genuine");
        let session = Session { id: Uuid::parse_str(id).expect("an id"), began_at_s: NOW_S, ends_at_s: NOW_S + 60 };
        assert_eq!(alone.session(), Ok(session));
        let strange = verified(&header(), &claims()).expect("it is genuine");
        assert_eq!(strange.session(), Err(TokenFault::Malformed));
    }

    #[test]
    fn every_rule_for_the_header_holds() {
        use TokenFault::{Algorithm, Critical, Key, Malformed, Type};
        for (name, value, expect) in [
            ("alg", json!("none"), Err(Algorithm)),
            ("alg", json!("HS512"), Err(Algorithm)),
            ("alg", json!("RS256"), Err(Algorithm)),
            ("alg", Value::Null, Err(Malformed)),
            ("typ", json!("JWT"), Err(Type)),
            ("typ", json!("id+jwt"), Err(Type)),
            ("typ", Value::Null, Err(Malformed)),
            ("typ", json!("AT+JWT"), Ok(())),
            ("kid", json!("k9"), Err(Key)),
            ("kid", Value::Null, Err(Malformed)),
            ("crit", json!(["exp"]), Err(Critical)),
            ("crit", json!([]), Err(Critical)),
            ("jku", json!("https://evil.example/keys"), Ok(())),
            ("jwk", json!({"kty": "oct", "k": "AAAA"}), Ok(())),
        ] {
            let outcome = verified(&with(header(), name, value.clone()), &claims()).map(|_| ());
            assert_eq!(outcome, expect, "{name}: {value}");
        }
    }

    #[test]
    fn every_rule_for_the_claims_holds() {
        use TokenFault::{Audience, Expired, Issuer, Lifetime, Malformed, NotYet};
        for (name, value, expect) in [
            ("iss", Value::Null, Err(Malformed)),
            ("iss", json!("keyferry:other"), Err(Issuer)),
            ("iss", json!(["evil", "keyferry:test"]), Err(Malformed)),
            ("iss", json!(5), Err(Malformed)),
            ("aud", Value::Null, Err(Malformed)),
            ("aud", json!("other"), Err(Audience)),
            ("aud", json!([]), Err(Audience)),
            ("aud", json!(["other", "keyferry"]), Ok(())),
            ("aud", json!(5), Err(Malformed)),
            ("sub", Value::Null, Err(Malformed)),
            ("exp", Value::Null, Err(Malformed)),
            ("exp", json!((NOW_S + 60).to_string()), Err(Malformed)),
            ("exp", json!(-1), Err(Malformed)),
            ("exp", json!(1.5e300), Err(Malformed)),
            ("exp", json!(NOW_S + 3601), Err(Lifetime)),
            ("exp", json!(NOW_S - 1), Err(Lifetime)),
            ("iat", Value::Null, Err(Malformed)),
            ("iat", json!(NOW_S + 31), Err(NotYet)),
            ("iat", json!(NOW_S + 30), Ok(())),
            ("nbf", json!(NOW_S + 31), Err(NotYet)),
            ("nbf", json!("soon"), Err(Malformed)),
            ("nbf", json!(NOW_S), Ok(())),
            ("other", json!({"any": "thing"}), Ok(())),
        ] {
            let outcome = verified(&header(), &with(claims(), name, value.clone())).map(|_| ());
            assert_eq!(outcome, expect, "{name}: {value}");
        }
        let expired = with(with(claims(), "iat", json!(NOW_S - 100)), "exp", json!(NOW_S - 30));
        assert_eq!(verified(&header(), &expired), Err(Expired));
        let just_in_time = with(with(claims(), "iat", json!(NOW_S - 100)), "exp", json!(NOW_S - 29));
        assert!(verified(&header(), &just_in_time).is_ok());
    }

    #[test]
    fn every_single_changed_byte_is_noticed() {
        let session = Session::begin(now(), 60);
        let (token, _) = issue(&issuer(), &key(1), ("subject", &session), now(), 60).expect("it signs");
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("it is ASCII");
            assert!(verify(&issuer(), &[key(1)], &changed, now()).is_err(), "byte {index}");
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        use TokenFault::{Malformed, TooLong};
        let claims_twice = |claims: &str| {
            let part = |json: &str| BASE64URL_NOPAD.encode(json.as_bytes());
            let message = format!("{}.{}", part(&header().to_string()), part(claims));
            let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(&[1; 32]), Algorithm::HS256);
            format!("{message}.{}", signature.expect("it signs"))
        };
        let text = claims().to_string();
        let duplicate = text.replacen('{', "{\"aud\":\"other\",", 1);
        for (token, expect) in [
            (String::new(), Malformed),
            ("a.b".into(), Malformed),
            ("a.b.c".into(), Malformed),
            ("..".into(), Malformed),
            ("x".repeat(TOKEN_BYTES_MAX + 1), TooLong),
            (claims_twice(&duplicate), Malformed),
        ] {
            assert_eq!(verify(&issuer(), &[key(1)], &token, now()), Err(expect), "{token}");
        }
        assert!(verify(&issuer(), &[key(1)], &claims_twice(&text), now()).is_ok());
    }
}
