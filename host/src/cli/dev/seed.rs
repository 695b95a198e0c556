//! The tenant, its environments and a token, made where they are missing.

use crate::app::App;
use crate::cli::exit::Failure;
use crate::domain::name::Slug;
use crate::domain::{Code, Error, Result, Secret};
use crate::service::access::Presented;
use crate::service::context::HostCtx;
use crate::service::environments::NewEnvironment;
use crate::service::tenants::NewTenant;

const ENVIRONMENTS: [&str; 3] = ["dev", "staging", "prod"];

/// Somebody who may do everything.
pub(super) struct Session {
    pub(super) host: HostCtx,
    pub(super) token: Secret<String>,
}

/// The session of this host's developer.
pub(super) async fn session(app: &App) -> Result<Session, Failure> {
    let token = app.services.identities.administrator_token().await?.token;
    let access = &app.services.access;
    let caller = access.authenticate(Presented::Bearer(token.expose()), None).await?;
    let host = access.authorise_host(&caller, "dev")?;
    let slug = |text: &str| text.parse::<Slug>().map_err(Error::internal);
    let tenant = NewTenant { slug: slug(super::TENANT)?, display_name: Some("Development".to_owned()) };
    unless_there(app.services.tenants.create(&host, tenant).await.map(drop))?;
    let ctx = access.authorise(&caller, super::TENANT, "dev").await?;
    for name in ENVIRONMENTS {
        let new = NewEnvironment { slug: slug(name)?, display_name: None, position: None };
        unless_there(app.services.environments.create(&ctx, &new).await.map(drop))?;
    }
    Ok(Session { host, token })
}

fn unless_there(outcome: Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.code() == Code::AlreadyExists => Ok(()),
        outcome => outcome,
    }
}
