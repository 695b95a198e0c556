//! Access tokens: issued, checked, renewed, revoked.
//!
//! Tokens that follow each other by renewal are one session: they end together at the latest, are revoked together, and their
//! uses are counted together.

use std::net::IpAddr;
use std::time::Duration;

use super::jwt::{self, Claims, Session, TokenFault, unix_s};
use super::{Access, AccessToken, Caller, active_identity, principal, rows, unauthenticated};
use crate::domain::access::PrincipalSource;
use crate::domain::id::{IdentityUid, TenantUid};
use crate::domain::login::admits;
use crate::domain::{Error, Result, Secret, Timestamp};
use crate::records::access::{IdentityRecord, TokenSessionRecord};
use crate::records::{Key, View};
use crate::service::audit;
use crate::transact;

/// Beyond a session's end its row is kept so long: clocks may be apart.
const KEPT_AFTER_END: Duration = Duration::from_secs(3_600);
/// Rows looked at, at a time, when old ones are dropped.
const SWEEP_PAGE: usize = 500;

/// A token that is good.
struct Good {
    claims: Claims,
    session: Session,
    identity: IdentityRecord,
}

impl Access {
    /// Signs the first access token of a session for an identity.
    pub(in crate::service) fn issue(&self, identity: &IdentityRecord) -> Result<AccessToken> {
        let session = Session::begin(self.0.core.clock.now(), identity.token_max_ttl_s());
        self.signed(identity, &session, identity.token_ttl_s)
    }

    fn signed(&self, identity: &IdentityRecord, session: &Session, lifetime_s: u64) -> Result<AccessToken> {
        let key = self.0.keys.last().ok_or_else(|| Error::internal(TokenFault::Key))?;
        let subject = identity.uid.to_string();
        let now = self.0.core.clock.now();
        let signed = jwt::issue(&self.0.issuer, key, (&subject, session), now, lifetime_s);
        let (token, expires_in_s) = signed.map_err(Error::internal)?;
        Ok(AccessToken { token: Secret::new(token), expires_in_s, max_ttl_s: identity.token_max_ttl_s() })
    }

    /// Who presents this access token.
    pub(super) async fn by_token(&self, view: &View, token: &str, address: Option<IpAddr>) -> Result<Caller> {
        let good = self.good(view, token, address).await?;
        if good.identity.login.token_uses_max > 0 {
            self.count_use(&good).await?;
        }
        let expires_at = from_unix_s(good.claims.exp);
        Ok(Caller { principal: principal(&good.identity, PrincipalSource::AccessToken), key: None, expires_at })
    }

    /// A token that follows this one in its session: good for as long as the first was, but not beyond what the identity
    /// allows now and the session allowed at its beginning. The one before stays good until its own end.
    ///
    /// # Errors
    /// `unauthenticated` for a token that is not good, or whose session can be renewed no further.
    pub async fn renew(&self, token: &Secret<String>, address: Option<IpAddr>) -> Result<AccessToken> {
        let view = self.0.core.records.view().await?;
        let Good { session, identity, .. } = self.good(&view, token.expose(), address).await?;
        let allowed_until_s = session.began_at_s.saturating_add(identity.token_max_ttl_s()).min(session.ends_at_s);
        match allowed_until_s.saturating_sub(unix_s(self.0.core.clock.now())) {
            0 => Err(unauthenticated()),
            left_s => self.signed(&identity, &session, identity.token_ttl_s.min(left_s)),
        }
    }

    /// Refuses a token and all others of its session from now on.
    ///
    /// # Errors
    /// `unauthenticated` for a token that is not good.
    pub async fn revoke(&self, token: &Secret<String>, address: Option<IpAddr>, request_id: &str) -> Result<()> {
        let view = self.0.core.records.view().await?;
        let Good { session, identity, .. } = self.good(&view, token.expose(), address).await?;
        let now = self.0.core.clock.now();
        let place = rows::token_session(session.id.as_bytes());
        let principal = principal(&identity, PrincipalSource::AccessToken);
        transact!(self.0.core.records, |tx| {
            let known: TokenSessionRecord = tx.get(&place).await?.unwrap_or_default();
            let revoked = TokenSessionRecord { is_revoked: true, ends_at: from_unix_s(session.ends_at_s), ..known };
            tx.put(&place, &revoked).await?;
            let event = audit::event(&principal, request_id, now, "tokens.revoke", identity.uid.to_string());
            audit::append(&mut tx, identity.home.unwrap_or(TenantUid::SYSTEM), event).await?;
        });
        Ok(())
    }

    /// What a token says and whose it is, if it is good at this address.
    async fn good(&self, view: &View, token: &str, address: Option<IpAddr>) -> Result<Good> {
        let now = self.0.core.clock.now();
        let claims = jwt::verify(&self.0.issuer, &self.0.keys, token, now).map_err(|fault| refused(&fault))?;
        let session = claims.session().map_err(|fault| refused(&fault))?;
        let uid: IdentityUid = claims.sub.parse().map_err(|_| unauthenticated())?;
        let identity = active_identity(view, uid).await?;
        let known: Option<TokenSessionRecord> = view.get(&rows::token_session(session.id.as_bytes())).await?;
        let known = known.unwrap_or_default();
        let uses_max = identity.login.token_uses_max;
        // By the session's beginning, so that no renewal that races with the revocation escapes it. It has whole seconds: a
        // session of the second in which tokens were revoked is revoked.
        let is_revoked = known.is_revoked || from_unix_s(session.began_at_s) < identity.tokens_valid_from;
        let is_spent = uses_max > 0 && known.uses >= uses_max;
        if is_revoked || is_spent || !admits(&identity.login.token_networks, address) {
            return Err(unauthenticated());
        }
        Ok(Good { claims, session, identity })
    }

    /// Counts one request of a session whose uses are limited. Of two that race for the last one, one is refused.
    async fn count_use(&self, good: &Good) -> Result<()> {
        let uses_max = good.identity.login.token_uses_max;
        let place = rows::token_session(good.session.id.as_bytes());
        let ends_at = from_unix_s(good.session.ends_at_s);
        transact!(self.0.core.records, |tx| {
            let known: TokenSessionRecord = tx.get(&place).await?.unwrap_or_default();
            if known.is_revoked || known.uses >= uses_max {
                return Err(unauthenticated());
            }
            tx.put(&place, &TokenSessionRecord { uses: known.uses + 1, ends_at, ..known }).await?;
        });
        Ok(())
    }

    /// Forgets sessions that are over; answers how many.
    ///
    /// # Errors
    /// `unavailable` when the store fails.
    pub async fn sweep(&self) -> Result<usize> {
        let now = self.0.core.clock.now();
        let prefix = rows::token_sessions();
        let mut after: Option<Vec<u8>> = None;
        let mut swept = 0;
        loop {
            let page: Vec<(Key, TokenSessionRecord)> =
                self.0.core.records.view().await?.scan(&prefix, after.as_deref(), SWEEP_PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(swept) };
            after = Some(last.as_bytes().to_vec());
            let is_over = |session: &TokenSessionRecord| now.since(session.ends_at) > KEPT_AFTER_END;
            let over: Vec<&Key> = page.iter().filter(|(_, session)| is_over(session)).map(|(key, _)| key).collect();
            swept += over.len();
            transact!(self.0.core.records, |tx| over.iter().for_each(|key| tx.delete(key)));
        }
    }
}

fn from_unix_s(seconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(i64::try_from(seconds).unwrap_or(i64::MAX / 1000).saturating_mul(1000))
}

fn refused(fault: &TokenFault) -> Error {
    tracing::debug!(reason = %fault, "an access token was refused");
    unauthenticated()
}
