//! What a request says of a connection, settled against the integration's metadata and against what is stored already.

use std::collections::{BTreeMap, BTreeSet};

use keyferry_contract::{AuthLevel, AuthMethod, Parameter};
use serde_json::Map;

use crate::domain::binding::{Bound, CredentialBinding};
use crate::domain::error::violation;
use crate::domain::pointer::{Pointer, Violations};
use crate::domain::settings::{self, Given, Settings, Surroundings};
use crate::domain::{Code, Error, Patch, Result, Secret, suggestion};
use crate::records::connections::{AuthState, ConnectionState};
use crate::records::credentials::{CredentialRecord, SecretValues};
use crate::service::integrations::resolve::ResolvedIntegration;

/// A credential as a request carries it.
#[derive(Clone, Debug, Default)]
pub struct GivenAuth {
    pub method: Option<String>,
    pub level: Option<AuthLevel>,
    /// Left out: the stored credential is kept.
    pub parameters: Option<Given>,
}

/// What a request says of a connection.
#[derive(Clone, Debug, Default)]
pub struct Entered {
    pub parameters: Patch<Given>,
    pub auth: Patch<GivenAuth>,
    pub ca_bundle: Patch<String>,
    /// Names of parameters that are left to each sync; nothing said: as they are.
    pub open_parameters: Option<BTreeSet<String>>,
}

/// What is stored of the connection.
#[derive(Clone, Copy, Default)]
pub(in crate::service) struct Standing<'a> {
    pub(in crate::service) state: Option<&'a ConnectionState>,
    pub(in crate::service) credential: Option<&'a CredentialRecord>,
}

impl Standing<'_> {
    fn open_parameters(self) -> BTreeSet<String> {
        self.state.map(|state| state.open_parameters.clone()).unwrap_or_default()
    }
}

/// Where in the request the parts stand, and whether a secret that is not sent is kept.
#[derive(Clone, Debug)]
pub(in crate::service) struct Form {
    pub(in crate::service) parameters: Pointer,
    pub(in crate::service) auth: Pointer,
    pub(in crate::service) keeps_omitted: bool,
}

impl Form {
    /// `parameters` and `auth`, as in a config.
    pub(in crate::service) fn of_connection() -> Self {
        let root = Pointer::root();
        Self { parameters: root.member("parameters"), auth: root.member("auth"), keeps_omitted: false }
    }

    /// `parameters` and `auth` of an integration, whose secrets are never shown, not even as masks.
    pub(in crate::service) fn of_integration() -> Self {
        Self { keeps_omitted: true, ..Self::of_connection() }
    }

    /// `configParameters` and `authConfig`, as in `:verifyConfig`.
    pub(in crate::service) fn of_test() -> Self {
        let root = Pointer::root();
        Self { parameters: root.member("configParameters"), auth: root.member("authConfig"), keeps_omitted: false }
    }
}

/// A connection that holds to its metadata.
pub(in crate::service) struct Settled {
    /// Its credential is the one that is stored, unless `secrets` says otherwise.
    pub(in crate::service) state: ConnectionState,
    pub(in crate::service) secrets: Secrets,
    pub(in crate::service) binding: CredentialBinding,
    /// Whether the secrets are others than those stored.
    pub(in crate::service) is_new_credential: bool,
}

/// The secret part of a connection.
#[derive(Clone, Debug, Default)]
pub(in crate::service) struct Secrets {
    pub(in crate::service) parameters: SecretValues,
    pub(in crate::service) auth: SecretValues,
    /// As [`CredentialRecord::open_auth`].
    pub(in crate::service) open_auth: BTreeSet<String>,
}

impl Secrets {
    pub(in crate::service) fn is_empty(&self) -> bool {
        self.parameters.is_empty() && self.auth.is_empty()
    }

    pub(in crate::service) fn of(credential: Option<&CredentialRecord>) -> Self {
        credential.map_or_else(Self::default, |credential| Self {
            parameters: credential.parameters.clone(),
            auth: credential.auth.clone(),
            open_auth: credential.open_auth.clone(),
        })
    }

    /// The method as these values were entered for it: a parameter that was a secret then stays one.
    pub(in crate::service) fn guarded(&self, mut method: AuthMethod) -> AuthMethod {
        for parameter in &mut method.parameters_metadata {
            parameter.secret |= self.auth.contains_key(&parameter.name) && !self.open_auth.contains(&parameter.name);
        }
        method
    }
}

/// Settles what was entered.
///
/// # Errors
/// `invalid_request` with every violation; `credential_rebind_refused` when a stored secret would be used for something else
/// than it was entered for.
pub(in crate::service) fn settle(
    integration: &ResolvedIntegration,
    entered: Entered,
    standing: Standing<'_>,
    form: &Form,
) -> Result<Settled> {
    let mut violations = Violations::default();
    let (parameters, auth) = (entered.parameters, entered.auth);
    let open_parameters = entered.open_parameters.unwrap_or_else(|| standing.open_parameters());
    let rules = Rules { integration, standing, form, open_parameters: &open_parameters };
    let parameters = rules.parameters(parameters, &mut violations);
    let auth = rules.auth(auth, &parameters, &mut violations);
    let ca_bundle = entered.ca_bundle.apply(standing.state.and_then(|state| state.ca_bundle.clone()));
    check_ca_bundle(ca_bundle.as_deref(), &mut violations);
    let (parameters, auth) = violations.into_result((parameters, auth)).map_err(Error::invalid)?;
    let keeps_secret = parameters.keeps_secret || auth.keeps_secret;
    let secrets = Secrets { parameters: parameters.secrets, auth: auth.values, open_auth: auth.open };
    // Entered anew, a credential is a new one even where it is equal: it is bound to what it was entered for now.
    let is_new_credential = !is_same(standing.credential, &secrets) || (!keeps_secret && !secrets.is_empty());
    let state = ConnectionState {
        parameters: parameters.values,
        secret_parameters: secrets.parameters.keys().cloned().collect(),
        auth: auth.state,
        ca_bundle,
        open_parameters,
        ..standing.state.cloned().unwrap_or_default()
    };
    let mut binding = binding(integration, &state);
    if let Some(credential) = standing.credential.filter(|_| keeps_secret) {
        require_bound(credential, integration, &state)?;
        binding = binding.within(&credential.binding);
    }
    Ok(Settled { state, secrets, binding, is_new_credential })
}

/// What a credential entered for this state is bound to.
fn binding(integration: &ResolvedIntegration, state: &ConnectionState) -> CredentialBinding {
    CredentialBinding::of(Bound {
        plugin: integration.plugin_id.as_str(),
        method: state.auth.as_ref().map(|auth| auth.method.as_str()).unwrap_or_default(),
        parameters: &integration.metadata.parameters_metadata,
        settings: state.parameters.as_ref().unwrap_or(&Map::new()),
        open: &state.open_parameters,
        ca_bundle: state.ca_bundle.as_deref(),
    })
}

/// Refuses to use a credential for something else than it was entered for.
///
/// # Errors
/// `credential_rebind_refused`.
pub(in crate::service) fn require_bound(
    credential: &CredentialRecord,
    integration: &ResolvedIntegration,
    state: &ConnectionState,
) -> Result<()> {
    if credential.binding.permits(&binding(integration, state), integration.entries().as_deref()) {
        return Ok(());
    }
    let detail = "the stored credential was entered for another destination: enter it again, or leave the settings that \
                  name the destination as they are";
    Err(Error::new(Code::CredentialRebindRefused, detail))
}

fn is_same(credential: Option<&CredentialRecord>, secrets: &Secrets) -> bool {
    let same = |left: &SecretValues, right: &SecretValues| {
        left.len() == right.len()
            && left.iter().zip(right).all(|(left, right)| left.0 == right.0 && left.1.expose() == right.1.expose())
    };
    match credential {
        None => secrets.is_empty(),
        Some(credential) => same(&credential.parameters, &secrets.parameters) && same(&credential.auth, &secrets.auth),
    }
}

fn check_ca_bundle(pem: Option<&str>, violations: &mut Violations) {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    const BYTES_MAX: usize = 64 << 10;
    let Some(pem) = pem else { return };
    let mut certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).peekable();
    if pem.len() > BYTES_MAX || certificates.peek().is_none() || !certificates.all(|certificate| certificate.is_ok()) {
        let detail = "must be certificates in PEM, at most 64 KiB";
        violations.add(&Pointer::root().member("caBundle"), violation::MALFORMED, detail);
    }
}

struct Rules<'a> {
    integration: &'a ResolvedIntegration,
    standing: Standing<'a>,
    form: &'a Form,
    open_parameters: &'a BTreeSet<String>,
}

struct SettledParameters {
    values: Option<Map<String, serde_json::Value>>,
    secrets: SecretValues,
    keeps_secret: bool,
}

#[derive(Default)]
struct SettledAuth {
    state: Option<AuthState>,
    values: SecretValues,
    open: BTreeSet<String>,
    keeps_secret: bool,
}

impl Rules<'_> {
    fn parameters(&self, given: Patch<Given>, violations: &mut Violations) -> SettledParameters {
        let nothing = SettledParameters { values: None, secrets: BTreeMap::new(), keeps_secret: false };
        let given = match given {
            Patch::Keep => return self.standing_parameters(),
            Patch::Clear => return nothing,
            Patch::Set(given) => given,
        };
        let surroundings = Surroundings {
            pointer: self.form.parameters.clone(),
            stored: self.standing.credential.map(|credential| &credential.parameters),
            keeps_omitted: self.form.keeps_omitted,
            ..Surroundings::default()
        };
        let checked = violations.keep(settings::validate(&self.parameters_metadata(), given, &surroundings));
        checked.map_or(nothing, |checked| SettledParameters {
            values: Some(checked.values),
            secrets: checked.secrets,
            keeps_secret: !checked.kept.is_empty(),
        })
    }

    fn standing_parameters(&self) -> SettledParameters {
        let secrets = Secrets::of(self.standing.credential).parameters;
        let values = self.standing.state.and_then(|state| state.parameters.clone());
        if values.is_some() {
            return SettledParameters { values, keeps_secret: !secrets.is_empty(), secrets };
        }
        // Nothing was entered yet: where the defaults alone are enough, they stand.
        let parameters = self.parameters_metadata();
        let defaults = settings::validate(&parameters, Given::default(), &Surroundings::default()).ok();
        SettledParameters {
            secrets: defaults.as_ref().map(|defaults| defaults.secrets.clone()).unwrap_or_default(),
            values: defaults.map(|defaults| defaults.values),
            keeps_secret: false,
        }
    }

    /// The parameters, where those that are left to each sync can be left out.
    fn parameters_metadata(&self) -> Vec<Parameter> {
        let parameters = self.integration.metadata.parameters_metadata.iter().cloned();
        let relaxed = parameters.map(|parameter| {
            let is_open = self.open_parameters.contains(&parameter.name);
            if is_open { Parameter { required: false, rules: Vec::new(), ..parameter } } else { parameter }
        });
        relaxed.collect()
    }

    fn auth(
        &self,
        given: Patch<GivenAuth>,
        parameters: &SettledParameters,
        violations: &mut Violations,
    ) -> SettledAuth {
        let given = match given {
            Patch::Keep => return self.standing_auth(),
            Patch::Clear => return SettledAuth::default(),
            Patch::Set(given) => given,
        };
        let Some(method) = self.method(&given, violations) else { return SettledAuth::default() };
        let level = self.level(given.level, method, violations);
        let standing = self.standing_auth();
        let same_method = standing.state.as_ref().is_some_and(|state| state.method == method.id);
        if same_method && given.parameters.is_none() && !standing.values.is_empty() {
            let state = standing.state.map(|state| AuthState { level, ..state });
            return SettledAuth { state, ..standing };
        }
        let surroundings = Surroundings {
            pointer: self.form.auth.member("parameters"),
            wider: parameters.values.as_ref(),
            stored: self.standing.credential.filter(|_| same_method).map(|credential| &credential.auth),
            open: self.standing.credential.map(|credential| &credential.open_auth),
            keeps_omitted: self.form.keeps_omitted,
        };
        let given = given.parameters.unwrap_or_default();
        let checked = violations.keep(settings::validate(&method.parameters_metadata, given, &surroundings));
        let state = AuthState { method: method.id.clone(), level, granted_scopes: Vec::new() };
        checked.map_or_else(SettledAuth::default, |checked| SettledAuth {
            keeps_secret: !checked.kept.is_empty(),
            open: checked.values.keys().cloned().collect(),
            values: as_secrets(checked),
            state: Some(state),
        })
    }

    /// What is stored, as long as there is a method that it is for.
    fn standing_auth(&self) -> SettledAuth {
        let Some(state) = self.standing.state.and_then(|state| state.auth.clone()) else {
            return SettledAuth::default();
        };
        let Secrets { auth: values, open_auth: open, .. } = Secrets::of(self.standing.credential);
        SettledAuth { state: Some(state), keeps_secret: !values.is_empty(), values, open }
    }

    fn method(&self, given: &GivenAuth, violations: &mut Violations) -> Option<&AuthMethod> {
        let place = self.form.auth.member("integrationAuthMetadataId");
        let Some(id) = given.method.as_deref().filter(|id| !id.is_empty()) else {
            violations.add(&place, violation::REQUIRED, "is required: the id of an auth method of the integration");
            return None;
        };
        let method = self.integration.method(id);
        if method.is_none() {
            let known = self.integration.metadata.auth_metadata.iter().map(|method| method.id.as_str());
            let detail = format!("names no auth method of this integration{}", suggestion::hint(id, known));
            violations.add(&place, violation::UNKNOWN_REFERENCE, detail);
        }
        method
    }

    fn level(&self, given: Option<AuthLevel>, method: &AuthMethod, violations: &mut Violations) -> AuthLevel {
        let supported = &method.supported_levels;
        let given = given.filter(|level| *level != AuthLevel::Unspecified);
        let usual = supported.iter().copied().find(|level| *level != AuthLevel::Unspecified);
        let level = given.or(usual.filter(|_| !supported.contains(&AuthLevel::Application)));
        let level = level.unwrap_or(AuthLevel::Application);
        if given.is_some() && usual.is_some() && !supported.contains(&level) {
            let detail = "is not among the method's `supportedLevels`";
            violations.add(&self.form.auth.member("level"), violation::NOT_AN_OPTION, detail);
        }
        level
    }
}

/// All values of an auth method are kept as secrets: what is none today may be one tomorrow.
fn as_secrets(checked: Settings) -> SecretValues {
    let values = checked.values.into_iter().map(|(name, value)| (name, Secret::new(settings::to_text(&value))));
    values.chain(checked.secrets).collect()
}
