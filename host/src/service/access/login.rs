//! A client id and a client secret for an access token.

use std::net::IpAddr;

use super::{Access, AccessToken, rows, unauthenticated};
use crate::domain::id::IdentityUid;
use crate::domain::login::admits;
use crate::domain::{Code, Result, Secret};
use crate::records::View;
use crate::records::access::{AccessKeyRecord, IdentityRecord, KeyPurpose};
use crate::transact;

impl Access {
    /// Exchanges a client id (the identity's uid) and a client secret, presented from this address, for an access token.
    ///
    /// # Errors
    /// `unauthenticated`, the same for every pair that is not good, for a secret whose uses are spent, for an address that the
    /// identity does not admit, and while the identity is locked after too many wrong secrets.
    pub async fn exchange(
        &self,
        client_id: &str,
        client_secret: &Secret<String>,
        address: Option<IpAddr>,
    ) -> Result<AccessToken> {
        let view = self.0.core.records.view().await?;
        // Both are looked up whatever the other is, so that a known client id and an unknown one take the same time.
        let client = self.client(&view, client_id, address).await?;
        let key = match self.stored_key(&view, KeyPurpose::ClientSecret, client_secret.expose()).await {
            Ok(key) => Some(key),
            Err(error) if error.code() == Code::Unauthenticated => None,
            Err(error) => return Err(error),
        };
        let client = client.ok_or_else(unauthenticated)?;
        let Some(key) = key.filter(|key| key.identity == client.uid) else {
            self.count_wrong_secret(&client);
            return Err(unauthenticated());
        };
        self.spend(&key).await?;
        self.0.lockouts.clear(client.uid, self.0.core.clock.now());
        self.issue(&client)
    }

    /// Forgets wrong client secrets of an identity; whether it was locked.
    pub(in crate::service) fn unlock(&self, identity: IdentityUid) -> bool {
        self.0.lockouts.clear(identity, self.0.core.clock.now())
    }

    /// The identity with this client id, if it takes client secrets from this address now.
    async fn client(&self, view: &View, id: &str, address: Option<IpAddr>) -> Result<Option<IdentityRecord>> {
        let uid: IdentityUid = id.parse().unwrap_or(IdentityUid::from_bytes([0; 16]));
        let identity: Option<IdentityRecord> = view.get(&rows::identity(uid)).await?;
        let is_open = |identity: &IdentityRecord| {
            let login = &identity.login;
            !identity.is_disabled
                && login.takes_client_secrets
                && admits(&login.secret_networks, address)
                && !self.0.lockouts.is_locked(identity.uid, self.0.core.clock.now())
        };
        Ok(identity.filter(is_open))
    }

    fn count_wrong_secret(&self, client: &IdentityRecord) {
        if self.0.lockouts.count(client.uid, client.login.lockout, self.0.core.clock.now()) {
            tracing::warn!(identity.id = %client.uid, "client secrets are refused for a time, after too many wrong ones");
        }
    }

    /// Uses a client secret once, where its uses are limited. Of two that race for the last use one loses.
    async fn spend(&self, key: &AccessKeyRecord) -> Result<()> {
        if key.uses_max == 0 {
            return Ok(());
        }
        let place = rows::access_key(key.uid);
        transact!(self.0.core.records, |tx| {
            let mut key: AccessKeyRecord = tx.get(&place).await?.ok_or_else(unauthenticated)?;
            if key.uses >= key.uses_max {
                return Err(unauthenticated());
            }
            key.uses += 1;
            tx.put(&place, &key).await?;
        });
        Ok(())
    }
}
