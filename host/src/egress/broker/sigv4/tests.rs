//! The cases that AWS publishes for Signature Version 4, as far as a request can reach the signer in that form.

use http::Method;
use http::header::{HeaderMap, HeaderValue};
use url::Url;

use super::*;
use crate::egress::pattern::Target;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// 2015-08-30T12:36:00Z
const NOW: Timestamp = Timestamp::from_unix_ms(1_440_938_160_000);

struct Case {
    name: &'static str,
    method: Method,
    path_and_query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signed_headers: &'static str,
    signature: &'static str,
}

const PLAIN: Case = Case {
    name: "get-vanilla",
    method: Method::GET,
    path_and_query: "/",
    headers: &[],
    body: "",
    signed_headers: "host;x-amz-date",
    signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
};

fn cases() -> Vec<Case> {
    let get = |name, path_and_query, signature| Case { name, path_and_query, signature, ..PLAIN };
    let post = |name, path_and_query, signature| Case { method: Method::POST, ..get(name, path_and_query, signature) };
    let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let unreserved_path: &str = Box::leak(format!("/{unreserved}").into_boxed_str());
    let unreserved_query: &str = Box::leak(format!("/?{unreserved}={unreserved}").into_boxed_str());
    let mut cases = vec![
        PLAIN,
        get(
            "get-vanilla-query-order-key-case",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        get(
            "get-vanilla-query-order-encoded",
            "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        get(
            "get-vanilla-query-unreserved",
            unreserved_query,
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        get("get-vanilla-utf8-query", "/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        get("get-unreserved", unreserved_path, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        get(
            "get-slashes-normalized",
            "//example//",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        get(
            "get-slash-pointless-dot-normalized",
            "/./example",
            "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
        ),
        get("get-relative-normalized", "/example/..", PLAIN.signature),
        get("get-relative-relative-normalized", "/example1/example2/../..", PLAIN.signature),
        post("post-vanilla", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        post(
            "post-vanilla-query",
            "/?Param1=value1",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
    ];
    cases.extend(cases_with_headers());
    cases
}

fn cases_with_headers() -> Vec<Case> {
    let one = |name, method, headers, signature| Case {
        name,
        method,
        headers,
        signed_headers: "host;my-header1;x-amz-date",
        signature,
        ..PLAIN
    };
    vec![
        one(
            "get-header-key-duplicate",
            Method::GET,
            &[("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        one(
            "get-header-value-order",
            Method::GET,
            &[("My-Header1", "value4"), ("My-Header1", "value1"), ("My-Header1", "value3"), ("My-Header1", "value2")],
            "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
        ),
        Case {
            signed_headers: "host;my-header1;my-header2;x-amz-date",
            ..one(
                "get-header-value-trim",
                Method::GET,
                &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            )
        },
        one(
            "post-header-key-sort",
            Method::POST,
            &[("My-Header1", "value1")],
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        ),
        one(
            "post-header-value-case",
            Method::POST,
            &[("My-Header1", "VALUE1")],
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        ),
        Case {
            signed_headers: "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
            body: "Param1=value1",
            ..one(
                "post-x-www-form-urlencoded",
                Method::POST,
                &[
                    ("Content-Type", "application/x-www-form-urlencoded"),
                    ("Content-Length", "13"),
                    ("X-Amz-Content-Sha256", "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"),
                ],
                "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
            )
        },
    ]
}

fn draft(case: &Case) -> Draft {
    let url = Url::parse(&format!("https://example.amazonaws.com{}", case.path_and_query)).unwrap();
    let mut headers = HeaderMap::new();
    for (name, value) in case.headers {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_static(value));
    }
    Draft {
        target: Target::of(&url).unwrap(),
        method: case.method.clone(),
        url,
        headers,
        body: bytes::Bytes::from_static(case.body.as_bytes()),
    }
}

fn keys(session_token: Option<&str>) -> AwsKeys {
    AwsKeys {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::from(SECRET),
        session_token: session_token.map(Secret::from),
    }
}

fn scope() -> SigningScope {
    SigningScope { service: "service".to_owned(), region: "us-east-1".to_owned() }
}

fn authorization(signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
        SignedHeaders={signed_headers}, Signature={signature}"
    )
}

#[test]
fn published_cases_are_reproduced() {
    for case in cases() {
        let mut draft = draft(&case);
        sign(&mut draft, &keys(None), &scope(), NOW).unwrap();
        assert_eq!(draft.headers["authorization"], authorization(case.signed_headers, case.signature), "{}", case.name);
        assert_eq!(draft.headers["x-amz-date"], "20150830T123600Z", "{}", case.name);
    }
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let mut draft = draft(&PLAIN);
    sign(&mut draft, &keys(Some(token)), &scope(), NOW).unwrap();
    assert_eq!(draft.headers["x-amz-security-token"], token);
    let signature = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8";
    assert_eq!(draft.headers["authorization"], authorization("host;x-amz-date;x-amz-security-token", signature));
}

#[test]
fn the_body_is_signed() {
    let sign_body = |body| {
        let mut draft = draft(&Case { method: Method::POST, body, ..PLAIN });
        sign(&mut draft, &keys(None), &scope(), NOW).unwrap();
        draft.headers["authorization"].clone()
    };
    assert_ne!(sign_body("one"), sign_body("two"));
}

#[test]
fn only_s3_gets_the_payload_hash_as_a_header() {
    for (service, expected) in [("s3", true), ("ssm", false)] {
        let mut draft = draft(&PLAIN);
        let scope = SigningScope { service: service.to_owned(), ..scope() };
        sign(&mut draft, &keys(None), &scope, NOW).unwrap();
        assert_eq!(draft.headers.contains_key("x-amz-content-sha256"), expected, "{service}");
    }
}

#[test]
fn debug_of_signed_headers_shows_no_signature() {
    let mut draft = draft(&PLAIN);
    sign(&mut draft, &keys(Some("session-token-value")), &scope(), NOW).unwrap();
    let shown = format!("{:?}", draft.headers);
    assert!(!shown.contains("AKIDEXAMPLE") && !shown.contains("session-token-value"), "{shown}");
}

#[test]
fn a_path_is_encoded_twice_for_all_but_s3() {
    let path =
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A892717189312%3Afunction%3Amy-rusty-fun/invocations";
    let url = Url::parse(&format!("https://lambda.us-east-2.amazonaws.com{path}")).unwrap();
    let mut draft = Draft { target: Target::of(&url).unwrap(), url, ..draft(&Case { method: Method::POST, ..PLAIN }) };
    let scope = SigningScope { service: "lambda".to_owned(), region: "us-east-2".to_owned() };
    // 2021-05-11T15:40:45Z
    sign(&mut draft, &keys(None), &scope, Timestamp::from_unix_ms(1_620_747_645_000)).unwrap();
    let authorization = draft.headers["authorization"].to_str().unwrap();
    assert!(authorization.ends_with("Signature=4b93abbcc68be32bd64c18e2c71150660ab4c29bbd6c32a383a7517a88fc1804"));
}
