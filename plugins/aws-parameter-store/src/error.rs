//! What AWS's error codes mean to the host.
//!
//! AWS repeats what it refuses in its messages ("Value '...' at 'value' failed to satisfy constraint"), so they are not
//! passed on, except where access is denied: those name the action and the resource, which is what a person needs.

use keyferry_sdk::http::Response;
use keyferry_sdk::{Error, ErrorKind};
use serde_json::Value;

use crate::xml::element_text;

/// AWS throttles without a hint; a second is what its own clients begin with.
const THROTTLED_RETRY_AFTER_MS: u32 = 1_000;

/// The typed error of an answer that is no success.
pub(crate) fn from_response(response: &Response) -> Error {
    let Fault { code, message } = Fault::read(response);
    let Some((kind, sentence)) = classify(&code) else {
        let error = response.error();
        return if code.is_empty() { error } else { error.with_message(format!("AWS answered with {code}")) };
    };
    let text = match message.filter(|_| kind == ErrorKind::PermissionDenied) {
        Some(message) => format!("{sentence}: {message}"),
        None => format!("{sentence} ({code})"),
    };
    let error = response.error().with_kind(kind).with_message(text);
    match kind {
        ErrorKind::InvalidSetting => error.with_field("kmsKeyId"),
        ErrorKind::RateLimited if error.retry_after_ms().is_none() => {
            error.with_retry_after_ms(THROTTLED_RETRY_AFTER_MS)
        }
        _ => error,
    }
}

/// The action that a denied request would have needed, as AWS's message names it (`ssm:PutParameter`).
pub(crate) fn denied_action(error: &Error) -> Option<&str> {
    let (_, after) = error.message().split_once("not authorized to perform: ")?;
    after.split([' ', ',']).next().filter(|action| action.contains(':'))
}

/// An error of AWS, in whichever of its forms.
struct Fault {
    code: String,
    message: Option<String>,
}

impl Fault {
    /// The JSON protocol has the code in a header or in `__type`, the query protocol and some emulators in XML.
    fn read(response: &Response) -> Self {
        let body = response.text();
        let json = serde_json::from_slice::<Value>(response.body()).unwrap_or(Value::Null);
        let member = |names: [&str; 2]| names.iter().find_map(|name| json.get(name)?.as_str()).map(str::to_owned);
        let code = response
            .header("x-amzn-errortype")
            .map(str::to_owned)
            .or_else(|| member(["__type", "code"]))
            .or_else(|| element_text(&body, "Code"))
            .unwrap_or_default();
        let message = member(["message", "Message"]).or_else(|| element_text(&body, "Message"));
        Self { code: bare_code(&code).to_owned(), message }
    }
}

/// `com.amazonaws.ssm#ParameterNotFound:http://...` without what stands around the code. An odd one is not repeated.
fn bare_code(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default();
    let is_plain = code.len() <= 80 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if is_plain { code } else { "" }
}

/// The kind of a code and a sentence about it; `None` leaves both to the status.
fn classify(code: &str) -> Option<(ErrorKind, &'static str)> {
    use ErrorKind::*;
    Some(match code {
        "UnrecognizedClientException" | "InvalidClientTokenId" | "InvalidAccessKeyId" | "AuthFailure" => {
            (Unauthenticated, "AWS does not know the access key")
        }
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException" => {
            (Unauthenticated, "AWS does not accept the signature; the secret access key is wrong")
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            (Unauthenticated, "the credentials have expired")
        }
        "MissingAuthenticationToken" | "MissingAuthenticationTokenException" | "NotSignedException" => {
            (Unauthenticated, "the request carried no credentials")
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "NotAuthorized" | "OptInRequired" => {
            (PermissionDenied, "AWS does not allow it")
        }
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown" => (RateLimited, "AWS asks to slow down"),
        "TooManyUpdates" => (RateLimited, "the parameter is being changed by someone else"),
        "InternalServerError"
        | "InternalFailure"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "KMSInternalException"
        | "DependencyTimeoutException" => (Unavailable, "AWS failed"),
        "InvalidNextToken" | "InvalidMarkerException" => (Unavailable, "AWS no longer knows the page"),
        "ParameterAlreadyExists" => (Conflict, "the parameter exists already"),
        "ParameterNotFound" | "InvalidResourceId" => (Conflict, "the parameter is gone"),
        "HierarchyTypeMismatchException" => {
            (Conflict, "the parameter exists as another type, which SSM cannot change; delete it first")
        }
        "InvalidKeyId" | "KeyUnavailableException" | "DisabledException" | "KMSInvalidStateException" => {
            (InvalidSetting, "the KMS key cannot be used")
        }
        "NotFoundException" | "InvalidArnException" => (InvalidSetting, "there is no such KMS key"),
        "ParameterMaxVersionLimitExceeded" => {
            (InvalidItem, "the parameter has 100 versions and the oldest has a label, which SSM does not remove")
        }
        "ParameterLimitExceeded" => (InvalidItem, "the account has as many parameters as it may have"),
        "HierarchyLevelLimitExceededException" => (InvalidItem, "the name has more than 15 levels"),
        "ParameterPatternMismatchException" => (InvalidItem, "the value does not match the parameter's own pattern"),
        "ValidationException" | "InvalidParameterValue" | "SerializationException" => {
            (InvalidItem, "SSM refuses the name or the value")
        }
        "TooManyTagsError" => (InvalidItem, "the parameter would have more than 50 tags"),
        "UnknownOperationException"
        | "UnknownOperation"
        | "InvalidAction"
        | "UnsupportedOperation"
        | "UnsupportedOperationException"
        | "NotImplemented" => (Unsupported, "the endpoint does not know this call"),
        _ => return None,
    })
}
